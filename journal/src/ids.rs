//! The names and positions of the journal, each its own type: no function takes two bare integers.

use std::fmt;
use std::str::FromStr;

use crate::limits::{LANES_PER_KIND_MAX, PAGE_BYTES};

/// A position in a lane: bytes since the lane was created. At block borders it is a multiple of 4096; inside a block it names the byte
/// behind a record, so that `promised >= end` says whether the whole record is promised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lsn(pub u64);

impl Lsn {
    /// The first position of every lane.
    pub const ZERO: Self = Self(0);

    /// Whether a block may begin or end here.
    #[must_use]
    pub const fn is_block_border(self) -> bool {
        self.0.is_multiple_of(PAGE_BYTES as u64)
    }

    /// The position `bytes` further on.
    #[must_use]
    pub const fn plus(self, bytes: u64) -> Self {
        Self(self.0.saturating_add(bytes))
    }

    /// How many bytes lie between `earlier` and this position; 0 if it is not earlier.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl FromStr for Lsn {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// The directories of a store that hold lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Directory {
    /// Queues, addresses, settings that clients made.
    Bindings,
    /// Messages and everything about them; the checkpoint lane lies here too.
    Journal,
    /// Bodies above the record limit.
    LargeMessages,
    /// Durable bodies of paged addresses.
    Paging,
}

/// What a lane holds: the first digit of its number and the letter of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LaneKind {
    /// `b00`
    Bindings,
    /// `j00` and on
    Journal,
    /// `l00`
    Large,
    /// `p00`
    Paging,
    /// `c00`: index checkpoints
    Checkpoint,
}

impl LaneKind {
    /// All kinds in the order of their numbers.
    pub const ALL: [Self; 5] = [Self::Bindings, Self::Journal, Self::Large, Self::Paging, Self::Checkpoint];

    const fn base(self) -> u16 {
        match self {
            Self::Bindings => 0x000,
            Self::Journal => 0x100,
            Self::Large => 0x200,
            Self::Paging => 0x300,
            Self::Checkpoint => 0x400,
        }
    }

    const fn letter(self) -> char {
        match self {
            Self::Bindings => 'b',
            Self::Journal => 'j',
            Self::Large => 'l',
            Self::Paging => 'p',
            Self::Checkpoint => 'c',
        }
    }
}

/// A lane of a store: one number space over all directories.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LaneId(u16);

impl LaneId {
    /// The lane of this kind with this index; `None` above [`LANES_PER_KIND_MAX`].
    #[must_use]
    pub const fn new(kind: LaneKind, index: u16) -> Option<Self> {
        if index < LANES_PER_KIND_MAX { Some(Self(kind.base() + index)) } else { None }
    }

    /// The bindings lane.
    pub const BINDINGS: Self = Self(0x000);
    /// The first journal lane.
    pub const JOURNAL: Self = Self(0x100);
    /// The lane of large bodies.
    pub const LARGE: Self = Self(0x200);
    /// The lane of paged durable bodies.
    pub const PAGING: Self = Self(0x300);
    /// The lane of index checkpoints.
    pub const CHECKPOINT: Self = Self(0x400);

    /// The lane with this number, if such a lane can exist.
    #[must_use]
    pub const fn from_number(number: u16) -> Option<Self> {
        if number >> 8 <= 4 && number & 0xff < LANES_PER_KIND_MAX { Some(Self(number)) } else { None }
    }

    /// The number that stands in block headers.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }

    /// What the lane holds.
    #[must_use]
    pub const fn kind(self) -> LaneKind {
        match self.0 >> 8 {
            0 => LaneKind::Bindings,
            1 => LaneKind::Journal,
            2 => LaneKind::Large,
            3 => LaneKind::Paging,
            _ => LaneKind::Checkpoint,
        }
    }

    /// Its place among the lanes of its kind.
    #[must_use]
    pub const fn index(self) -> u16 {
        self.0 & 0xff
    }

    /// Where its segments lie.
    #[must_use]
    pub const fn directory(self) -> Directory {
        match self.kind() {
            LaneKind::Bindings => Directory::Bindings,
            LaneKind::Journal | LaneKind::Checkpoint => Directory::Journal,
            LaneKind::Large => Directory::LargeMessages,
            LaneKind::Paging => Directory::Paging,
        }
    }

    /// The lane's name, as in `j03`.
    #[must_use]
    pub fn name(self) -> String {
        self.to_string()
    }
}

impl fmt::Display for LaneId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:02}", self.kind().letter(), self.index())
    }
}

/// The text is not the name of a lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneNameError {
    /// What was given.
    pub text: String,
}

impl fmt::Display for LaneNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "'{}' is no lane name: expected one of the letters b, j, l, p, c and two digits below {LANES_PER_KIND_MAX}, as in j00",
            self.text
        )
    }
}

impl std::error::Error for LaneNameError {}

impl FromStr for LaneId {
    type Err = LaneNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || LaneNameError { text: text.to_owned() };
        let mut letters = text.chars();
        let letter = letters.next().ok_or_else(error)?;
        let kind = LaneKind::ALL.into_iter().find(|kind| kind.letter() == letter).ok_or_else(error)?;
        let digits = letters.as_str();
        if digits.len() != 2 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(error());
        }
        let index = digits.parse().map_err(|_| error())?;
        Self::new(kind, index).ok_or_else(error)
    }
}

/// The number of a segment within its lane, counted from the lane's creation. It is the LSN divided by the payload of a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentSequence(pub u64);

impl SegmentSequence {
    /// The one after this.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// `count` further on.
    #[must_use]
    pub const fn plus(self, count: u64) -> Self {
        Self(self.0.saturating_add(count))
    }
}

impl fmt::Display for SegmentSequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Where a record begins: the number of its block (block LSN / 4096) and the offset of its first fragment in that block, in eight bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location(u64);

const OFFSET_BITS: u32 = 18;

impl Location {
    /// The place `offset` bytes into the block at `block`. The offset is below 256 KiB.
    #[must_use]
    pub const fn new(block: Lsn, offset: u32) -> Self {
        debug_assert!(block.is_block_border());
        debug_assert!(offset < 1 << OFFSET_BITS);
        Self(((block.0 / PAGE_BYTES as u64) << OFFSET_BITS) | offset as u64)
    }

    /// From the packed form.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The packed form.
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// Where its block begins.
    #[must_use]
    pub const fn block(self) -> Lsn {
        Lsn((self.0 >> OFFSET_BITS) * PAGE_BYTES as u64)
    }

    /// Where its first fragment begins within the block.
    #[must_use]
    pub const fn offset(self) -> u32 {
        (self.0 & ((1 << OFFSET_BITS) - 1)) as u32
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}", self.block(), self.offset())
    }
}

/// An epoch: a number that grows, and the random id of the activation that made it. Two hosts can make the same number, never the pair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EpochId {
    /// Grows with every activation.
    pub number: u64,
    /// Random, 128 bits.
    pub activation: u128,
}

impl fmt::Display for EpochId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{:032x}", self.number, self.activation)
    }
}

/// The identity of one store directory, made when it is created.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct StoreId(pub u128);

impl fmt::Display for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// The identity of the logical broker: equal on both members of a pair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct NodeId(pub u128);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// The identity of one installation on one host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct InstanceId(pub u128);

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// The running 128-bit hash of a lane: equal chains at a position mean equal lanes up to there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Chain(pub u128);

/// A run of records in one lane that counts only when its COMMIT is there. Unique within an epoch of its lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub u64);

/// One write of a lane, from command to completion. Consecutive within a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// Monotonic time in nanoseconds, given by the driver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Now(pub u64);

impl Now {
    /// `nanos` later.
    #[must_use]
    pub const fn plus_nanos(self, nanos: u64) -> Self {
        Self(self.0.saturating_add(nanos))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lane_names_go_both_ways() {
        for kind in LaneKind::ALL {
            for index in 0..LANES_PER_KIND_MAX {
                let lane = LaneId::new(kind, index).unwrap();
                assert_eq!(lane.name().parse::<LaneId>().unwrap(), lane);
                assert_eq!(LaneId::from_number(lane.number()), Some(lane));
                assert_eq!((lane.kind(), lane.index()), (kind, index));
            }
        }
        assert_eq!(LaneId::new(LaneKind::Journal, 3).unwrap().name(), "j03");
        for wrong in ["", "j", "j3", "j003", "x00", "j64", "j+1", "j 1"] {
            assert!(wrong.parse::<LaneId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn locations_pack_into_eight_bytes() {
        let location = Location::new(Lsn(4096 * 0x3fff_ffff_ffff), (1 << 18) - 1);
        assert_eq!(location.block(), Lsn(4096 * 0x3fff_ffff_ffff));
        assert_eq!(location.offset(), (1 << 18) - 1);
        assert_eq!(Location::from_bits(location.to_bits()), location);
    }
}
