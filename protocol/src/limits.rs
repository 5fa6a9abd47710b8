//! Every bound of the wire in one place: how long a thing from a socket may be, and why that long.
//!
//! A length above its bound is a decode error before anything is allocated or copied. All values are in the unit their name
//! ends with. The relations between them are asserted at the bottom, at compile time.

/// Body of a frame (type, channel and fields) before the client has logged in. The packets of that phase are a few hundred
/// bytes; a stranger may not make us hold more.
pub const FRAME_BEFORE_LOGIN_BYTES_MAX: usize = 64 * 1024;

/// Body of a frame after login: an ordinary message travels in one frame, larger ones come in chunks of 100 KiB.
pub const FRAME_BYTES_MAX: usize = 100 * 1024 * 1024;

/// Type byte and channel id: the least that a length field may announce.
pub const FRAME_BYTES_MIN: usize = 9;

/// The length field in front of a frame.
pub const LENGTH_PREFIX_BYTES: usize = 4;

/// Names, addresses and filters in packets (`SimpleString`): 32,768 UTF-16 units.
pub const SIMPLE_STRING_BYTES_MAX: usize = 64 * 1024;

/// Strings in packets (user, password, metadata, error text), in UTF-16 units.
pub const TEXT_UNITS_MAX: usize = 32 * 1024;

/// Properties of one message. The least property is six bytes, so this is also bounded by the frame.
pub const PROPERTIES_MAX: usize = 16 * 1024;

/// One property value. It is borrowed, never copied by the codec, so only the frame bounds it.
pub const PROPERTY_VALUE_BYTES_MAX: usize = FRAME_BYTES_MAX;

/// The text of a filter in UTF-8: a list of some hundred ids fits.
pub const FILTER_BYTES_MAX: usize = 32 * 1024;

/// Brackets, signs and NOT around one value of a filter. Reading it recurses as deep.
pub const FILTER_DEPTH_MAX: usize = 128;

/// What the test of one message may cost: properties read, operators, units of text compared. It takes a few milliseconds at most; a
/// message that costs more does not match.
pub const FILTER_WORK_MAX: usize = 1 << 20;

/// Parameters of one transport configuration in a topology packet.
pub const TRANSPORT_PARAMETERS_MAX: usize = 256;

/// Each half of an XA transaction id, as the XA specification has it.
pub const XID_PART_BYTES_MAX: usize = 64;

/// Prepared transactions in one answer to a recovery scan.
pub const XIDS_MAX: usize = 64 * 1024;

/// Routing types in one `CREATE_ADDRESS`; there are two, the rest is room for repeats.
pub const ROUTING_TYPES_MAX: usize = 16;

/// Queue names in one answer to a binding query.
pub const BOUND_QUEUES_MAX: usize = 256 * 1024;

const _: () = assert!(FRAME_BEFORE_LOGIN_BYTES_MAX <= FRAME_BYTES_MAX);
const _: () = assert!(FRAME_BYTES_MIN < FRAME_BEFORE_LOGIN_BYTES_MAX);
const _: () = assert!(SIMPLE_STRING_BYTES_MAX.is_multiple_of(2));
// A frame length is a positive i32 on the wire.
const _: () = assert!(FRAME_BYTES_MAX + LENGTH_PREFIX_BYTES <= i32::MAX as usize);
