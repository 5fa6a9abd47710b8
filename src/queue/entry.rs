//! One message in one queue: where its body is and what happened to it, in 32 bytes.

use journal::Location;

use crate::message::MessageId;

/// The place of a message in its queue: the order of arrival, kept when the message is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place(pub u64);

/// Where the hot window keeps a body; only the window can say whether it still does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HotSlot(pub u32);

impl HotSlot {
    /// The slot that no body has.
    pub const COLD: Self = Self(u32::MAX);
}

const SIZE_BITS: u32 = 27;
const SIZE_MASK: u32 = (1 << SIZE_BITS) - 1;
const PRIORITY_MASK: u32 = 0x0f;
const DURABLE: u32 = 1 << 31;

const PROMISED: u16 = 1 << 15;
const LARGE: u16 = 1 << 14;
const DELIVERIES_MAX: u16 = LARGE - 1;

/// One message in one queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The message's identity.
    pub id: MessageId,
    /// The record that holds the body now. Starts as the place the id was made of; compaction moves it.
    pub location: Location,
    /// Where the body may still be in memory.
    pub hot: HotSlot,
    /// Encoded size (27 bits), priority (4 bits), durable (1 bit).
    shape: u32,
    /// Deliveries (14 bits), large, promised.
    progress: u16,
    /// The place in the queue, 48 bits, little endian.
    place: [u8; 6],
}

// The promise of the design: a million waiting messages cost 32 MB.
const _: () = assert!(size_of::<Entry>() == 32);
// Every message that a frame can carry has a size that fits.
const _: () = assert!(crate::limits::FRAME_BYTES_MAX <= SIZE_MASK as usize);

impl Entry {
    /// An entry that is neither promised nor in the hot window, and has no place yet.
    pub fn new(id: MessageId, location: Location, size: u32, priority: u8, durable: bool) -> Self {
        let durable = if durable { DURABLE } else { 0 };
        let shape = (size & SIZE_MASK) | (u32::from(priority.min(9)) << SIZE_BITS) | durable;
        Self { id, location, hot: HotSlot::COLD, shape, progress: 0, place: [0; 6] }
    }

    /// Encoded size of the message in bytes, as credits count it.
    pub fn size(&self) -> u32 {
        self.shape & SIZE_MASK
    }

    /// 0 to 9.
    pub fn priority(&self) -> u8 {
        u8::try_from((self.shape >> SIZE_BITS) & PRIORITY_MASK).unwrap_or(0)
    }

    /// Is the message in the journal?
    pub fn is_durable(&self) -> bool {
        self.shape & DURABLE != 0
    }

    /// The place in the queue.
    pub fn place(&self) -> Place {
        let [a, b, c, d, e, f] = self.place;
        Place(u64::from_le_bytes([a, b, c, d, e, f, 0, 0]))
    }

    /// Gives the entry its place.
    pub fn set_place(&mut self, place: Place) {
        let [a, b, c, d, e, f, _, _] = place.0.to_le_bytes();
        self.place = [a, b, c, d, e, f];
    }

    /// How often it was handed to a consumer.
    pub fn deliveries(&self) -> u16 {
        self.progress & DELIVERIES_MAX
    }

    /// It is handed to a consumer: once more.
    pub fn count_delivery(&mut self) {
        if self.deliveries() < DELIVERIES_MAX {
            self.progress += 1;
        }
    }

    /// It came back without having been consumed: once less.
    pub fn forget_delivery(&mut self) {
        if self.deliveries() > 0 {
            self.progress -= 1;
        }
    }

    /// May it be delivered, as far as the journal is concerned?
    pub fn is_promised(&self) -> bool {
        self.progress & PROMISED != 0
    }

    /// From now on it may be delivered.
    pub fn set_promised(&mut self) {
        self.progress |= PROMISED;
    }

    /// Does its body lie in a lane for large bodies?
    pub fn is_large(&self) -> bool {
        self.progress & LARGE != 0
    }

    /// Its body lies in a lane for large bodies.
    pub fn set_large(&mut self) {
        self.progress |= LARGE;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_fields_do_not_touch_each_other() {
        let location = Location::new(journal::Lsn(5 * 4_096), 64);
        let mut entry = Entry::new(MessageId::durable(1, location), location, 100 << 20, 9, true);
        entry.set_place(Place((1 << 48) - 1));
        entry.set_large();
        for _ in 0..20_000 {
            entry.count_delivery();
        }
        assert_eq!((entry.size(), entry.priority(), entry.is_durable()), (100 << 20, 9, true));
        assert_eq!((entry.deliveries(), entry.is_large(), entry.is_promised()), (DELIVERIES_MAX, true, false));
        entry.set_promised();
        entry.forget_delivery();
        assert_eq!((entry.deliveries(), entry.is_promised()), (DELIVERIES_MAX - 1, true));
        assert_eq!(entry.place(), Place((1 << 48) - 1));
    }
}
