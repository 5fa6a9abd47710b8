//! The bodies that arrived last, in memory, so that a consumer that keeps up never waits for the disk.
//!
//! A ring of bytes of fixed capacity. Adding a body overwrites the oldest ones without a word; the journal holds them all.
//! A slot is 32 bits, so it comes round after 64 GiB: each body is preceded by its message's id, its length and a number that
//! only this window knows, and all three must match.

use crate::message::MessageId;
use crate::queue::HotSlot;

/// Slots count units of this many bytes.
const UNIT: usize = 16;
const HEADER: usize = 16;

/// A ring of recent bodies.
#[derive(Debug)]
pub struct HotWindow {
    bytes: Box<[u8]>,
    /// Units written so far; the next body starts here, modulo the ring.
    head: u64,
    secret: [u8; 4],
}

impl HotWindow {
    /// A window of at least `capacity` bytes (rounded up to a power of two); `secret` is any number hard to guess.
    pub fn new(capacity: usize, secret: u32) -> Self {
        let capacity = capacity.max(UNIT * 64).next_power_of_two();
        Self { bytes: vec![0; capacity].into_boxed_slice(), head: 0, secret: secret.to_le_bytes() }
    }

    /// Bodies above this size are not kept: one of them would push out too much else.
    pub fn body_bytes_max(&self) -> usize {
        self.bytes.len() / 8
    }

    /// Keeps a body; [`HotSlot::COLD`] if it is too large.
    pub fn keep(&mut self, id: MessageId, body: &[u8]) -> HotSlot {
        if body.len() > self.body_bytes_max() {
            return HotSlot::COLD;
        }
        let units = (HEADER + body.len()).div_ceil(UNIT) as u64;
        let ring = self.ring_units();
        // A body lies in one piece: what does not fit before the end of the ring starts at its beginning.
        if (self.head & (ring - 1)) + units > ring {
            self.head = self.head.next_multiple_of(ring);
        }
        // The one number that means "nowhere" is never given out.
        if u64::from(u32::MAX - Self::low_half(self.head)) < units {
            self.head = self.head.next_multiple_of(ring);
        }
        let start = self.offset(self.head);
        let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
        if let Some(place) = self.bytes.get_mut(start..start + HEADER + body.len()) {
            let (header, rest) = place.split_at_mut(HEADER);
            header.copy_from_slice(&Self::header(self.secret, id, length));
            rest.copy_from_slice(body);
        }
        let slot = HotSlot(Self::low_half(self.head));
        self.head += units;
        slot
    }

    /// The body of `size` bytes, if it is still here.
    pub fn get(&self, slot: HotSlot, id: MessageId, size: u32) -> Option<&[u8]> {
        let age = Self::low_half(self.head).wrapping_sub(slot.0);
        if slot == HotSlot::COLD || age == 0 || u64::from(age) > self.ring_units() {
            return None;
        }
        let start = self.offset(u64::from(slot.0));
        let place = self.bytes.get(start..start + HEADER + size as usize)?;
        let (header, body) = place.split_at_checked(HEADER)?;
        (header == Self::header(self.secret, id, size)).then_some(body)
    }

    fn header(secret: [u8; 4], id: MessageId, length: u32) -> [u8; HEADER] {
        let mut header = [0; HEADER];
        let (left, right) = header.split_at_mut(8);
        left.copy_from_slice(&id.0.to_le_bytes());
        let (length_place, secret_place) = right.split_at_mut(4);
        length_place.copy_from_slice(&length.to_le_bytes());
        secret_place.copy_from_slice(&secret);
        header
    }

    fn ring_units(&self) -> u64 {
        (self.bytes.len() / UNIT) as u64
    }

    /// The ring's length is a power of two that divides the slots' range, so a slot alone names the place.
    fn offset(&self, unit: u64) -> usize {
        // A mask, and no division: the compiler does not see that it is a power of two.
        usize::try_from(unit & (self.ring_units() - 1)).unwrap_or(0) * UNIT
    }

    fn low_half(unit: u64) -> u32 {
        (unit & u64::from(u32::MAX)) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_found_until_newer_ones_push_it_out() {
        let mut window = HotWindow::new(4_096, 77);
        let body = |number: u8| vec![number; 200 + usize::from(number)];
        let mut kept = Vec::new();
        for number in 0..100u8 {
            let id = MessageId(u64::from(number));
            kept.push((id, window.keep(id, &body(number)), body(number)));
            let found: Vec<bool> = kept
                .iter()
                .map(|(id, slot, body)| window.get(*slot, *id, body.len() as u32).is_some_and(|found| found == body))
                .collect();
            let oldest_found = found.iter().position(|found| *found).unwrap();
            assert!(found[oldest_found..].iter().all(|found| *found), "a hole after {number}");
            assert!(found.len() - oldest_found >= 8 || oldest_found == 0, "too few kept after {number}");
        }
    }

    #[test]
    fn a_stale_slot_or_a_wrong_id_finds_nothing() {
        let mut window = HotWindow::new(4_096, 77);
        let slot = window.keep(MessageId(1), b"one");
        assert_eq!(window.get(slot, MessageId(2), 3), None);
        assert_eq!(window.get(slot, MessageId(1), 4), None);
        assert_eq!(window.get(HotSlot::COLD, MessageId(1), 3), None);
        assert_eq!(window.get(slot, MessageId(1), 3), Some(&b"one"[..]));
        assert_eq!(window.keep(MessageId(3), &[0; 4_096]), HotSlot::COLD);
    }

    #[test]
    fn slots_come_round_after_four_billion_units() {
        let mut window = HotWindow::new(4_096, 77);
        window.head = u64::from(u32::MAX) - 3;
        for number in 0..20 {
            let id = MessageId(number);
            let slot = window.keep(id, &[7; 40]);
            assert_ne!(slot, HotSlot::COLD);
            assert_eq!(window.get(slot, id, 40), Some(&[7; 40][..]), "after {number}");
        }
    }
}
