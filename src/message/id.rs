//! Identities: each is its own type, so that no two can be swapped.

use journal::Location;

/// A data core of this process, counted from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CoreId(pub u16);

slotmap::new_key_type! {
    /// A connection of one core.
    pub struct ConnectionKey;
    /// A session of one core.
    pub struct SessionKey;
    /// A consumer of one home.
    pub struct ConsumerKey;
    /// A queue of one home.
    pub struct QueueKey;
    /// An address of one home.
    pub struct AddressKey;
}

/// The number that names a session in journal records; unique among the sessions of one process run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionNumber(pub u32);

impl SessionNumber {
    /// No session: what the broker does by itself.
    pub const NONE: Self = Self(0);

    /// The first session of a core, one of so many: the numbers of different cores never meet.
    pub const fn first(core: CoreId, cores: u16) -> Self {
        Self(core.0 as u32 + cores as u32)
    }

    /// The number of the core's next session. After four thousand million sessions they begin again.
    #[must_use]
    pub fn next(self, cores: u16) -> Self {
        let own = self.0.checked_rem(u32::from(cores)).unwrap_or(0);
        self.0.checked_add(u32::from(cores)).map_or(Self(own + u32::from(cores)), Self)
    }
}

/// A consumer as its client numbers it, per session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConsumerId(pub i64);

/// A queue, numbered by the bindings lane; never used twice in a store. One that no record names, since a restart does not find it
/// again, has bit 31 and a counter that starts anew in each run of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueId(pub u32);

impl QueueId {
    /// The first one that no record names.
    pub const FIRST_UNSTORED: Self = Self(1 << 31);

    /// Does a record make it again at the next start?
    #[inline]
    pub fn is_stored(self) -> bool {
        self < Self::FIRST_UNSTORED
    }

    /// The next one that no record names. After two thousand million the first ones are long gone.
    #[must_use]
    pub fn next_unstored(self) -> Self {
        Self(self.0.wrapping_add(1) | Self::FIRST_UNSTORED.0)
    }
}

/// A message, unique in its store and never used twice for messages that anybody saw.
///
/// For a durable message the id is the place of its first record: lane (7 bits), block (37 bits), offset (18 bits). A lane's
/// positions never go back below what was promised, and nothing is delivered before it is promised, so no id is seen twice,
/// also after a crash, and no counter has to be kept. Ids of one lane grow in the order of arrival. A non-durable message has
/// bit 62 and a counter that starts anew, at another place, in each run of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub u64);

const NON_DURABLE_BIT: u64 = 1 << 62;
const LOCATION_BITS: u32 = 55;
const LOCATION_MASK: u64 = (1 << LOCATION_BITS) - 1;

impl MessageId {
    /// The id of a durable message that was first stored at `location` of the `lane_index`-th journal lane.
    pub fn durable(lane_index: u16, location: Location) -> Self {
        debug_assert!(location.to_bits() <= LOCATION_MASK, "a lane of more than 512 TiB");
        Self((u64::from(lane_index) << LOCATION_BITS) | (location.to_bits() & LOCATION_MASK))
    }

    /// The id of the `count`-th non-durable message of a process run whose first was numbered `start`.
    pub fn non_durable(count: u64) -> Self {
        Self(NON_DURABLE_BIT | (count & (NON_DURABLE_BIT - 1)))
    }

    /// Does the id belong to a message that is not in the journal?
    pub fn is_non_durable(self) -> bool {
        self.0 & NON_DURABLE_BIT != 0
    }

    /// The journal lane on which a durable message was first stored.
    pub fn lane_index(self) -> Option<u16> {
        let index = u16::try_from((self.0 & !NON_DURABLE_BIT) >> LOCATION_BITS).ok()?;
        (!self.is_non_durable()).then_some(index)
    }

    /// As the wire carries it: always positive.
    pub fn to_wire(self) -> i64 {
        self.0.cast_signed()
    }

    /// From the wire; any number is accepted and finds a message or none.
    pub fn from_wire(value: i64) -> Self {
        Self(value.cast_unsigned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use journal::Lsn;

    fn at(block: u64, offset: u32) -> Location {
        Location::new(Lsn(block * 4_096), offset)
    }

    #[test]
    fn ids_of_one_lane_grow_with_the_place_and_are_positive() {
        let first = MessageId::durable(3, at(5, 64));
        let later = MessageId::durable(3, at(5, 2_000));
        let next_block = MessageId::durable(3, at(6, 64));
        assert!(first < later && later < next_block);
        assert!(first.to_wire() > 0 && MessageId::non_durable(u64::MAX).to_wire() > 0);
        assert_eq!(MessageId::from_wire(first.to_wire()), first);
        assert_eq!((first.lane_index(), MessageId::non_durable(7).lane_index()), (Some(3), None));
        assert!(MessageId::non_durable(7).is_non_durable() && !first.is_non_durable());
    }

    #[test]
    fn session_numbers_of_different_cores_never_meet_and_none_is_zero() {
        for cores in [1, 2, 3, 64] {
            for core in 0..cores {
                let first = SessionNumber::first(CoreId(core), cores);
                let last = SessionNumber(u32::MAX - 1).0 / u32::from(cores) * u32::from(cores) + u32::from(core);
                for number in [first, first.next(cores), SessionNumber(last).next(cores)] {
                    assert_ne!(number, SessionNumber::NONE);
                    assert_eq!(number.0 % u32::from(cores), u32::from(core));
                }
            }
        }
    }
}
