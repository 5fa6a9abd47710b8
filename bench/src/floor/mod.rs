//! The floor broker: the least that a durable broker can do, and so the control of every ratio.
//!
//! It takes a message, copies it into the open group, writes the group over a file that was filled before, and answers when the device has
//! it. One group is in flight (or a few), what arrives meanwhile is the next one, and answers leave in the order of the groups. It keeps no
//! queue, reads nothing back, checks nothing and recovers nothing. It stands on the same ring as the broker (crate `runtime`), so that what
//! lies between the two is what a broker adds, and not the way to the kernel.
//!
//! - [`broker`]: the loop; `connection`: one client; `groups`: what is written; `file`: where
//! - `nats`, `core`: the two protocols, `speech`: which of them a client speaks
//! - `probe`: how it syncs when nobody says
//! - `limits`: every bound, with its reason
//!
//! Must stay true: an answer to a message leaves only after the device has confirmed the write that the message is in (with
//! [`Durability::None`], after the write: such a floor calls itself not durable); nothing of a client takes memory without a bound.

mod broker;
mod connection;
mod core;
pub(crate) mod file;
mod groups;
mod limits;
mod nats;
mod probe;
mod settings;
mod speech;
mod thread;

pub use broker::{Floor, Stopper};
pub use limits::FILE_BYTES;
pub use probe::sync_under;
pub use settings::{Durability, Figures, Settings};
pub use thread::Running;
