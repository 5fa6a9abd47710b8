//! What a session has sent and its client has not confirmed: kept to be sent again on another connection.
//!
//! Both sides number the packets that count, from 0. Takes packets as they go out and the numbers that the client confirms; gives
//! what to send again. What must stay true: the packets kept are those behind the last confirmed one, without a gap, byte for byte
//! as they went out.

use std::collections::VecDeque;

use crate::limits;

/// Unconfirmed packets of one session.
#[derive(Debug)]
pub struct Unconfirmed {
    bytes: VecDeque<u8>,
    /// Of each packet, in bytes.
    lengths: VecDeque<u32>,
    /// The number of the oldest packet kept.
    first: i32,
    /// The client confirms at the latest when it has received so many bytes.
    window: usize,
}

impl Unconfirmed {
    /// Nothing was sent yet to a client that confirms after so many bytes.
    pub fn new(window: u32) -> Self {
        let window = usize::try_from(window).unwrap_or(usize::MAX);
        Self { bytes: VecDeque::new(), lengths: VecDeque::new(), first: 0, window }
    }

    /// A packet goes out, or would if there were a connection.
    pub fn push(&mut self, packet: &[u8]) {
        if let Some(length) = u32::try_from(packet.len()).ok().filter(|length| *length > 0) {
            self.bytes.extend(packet);
            self.lengths.push_back(length);
        }
    }

    /// Can this be the last packet that the client has received?
    pub fn is_plausible(&self, last: i32) -> bool {
        self.newly(last).is_some()
    }

    /// The client has received everything up to this packet. False: it names one that was never sent.
    pub fn confirm(&mut self, last: i32) -> bool {
        let Some(count) = self.newly(last) else {
            // One that was confirmed before says nothing new.
            return last.wrapping_sub(self.first) < 0;
        };
        for length in self.lengths.drain(..count) {
            let length = usize::try_from(length).unwrap_or(usize::MAX).min(self.bytes.len());
            self.bytes.drain(..length);
        }
        self.first = last.wrapping_add(1);
        if self.bytes.is_empty() && self.bytes.capacity() > limits::OUTPUT_BYTES_HARD {
            self.bytes = VecDeque::new();
        }
        true
    }

    /// How many packets become confirmed with this one.
    fn newly(&self, last: i32) -> Option<usize> {
        let count = last.wrapping_sub(self.first).wrapping_add(1);
        usize::try_from(count).ok().filter(|count| *count <= self.lengths.len())
    }

    /// Writes all of it.
    pub fn write(&self, out: &mut Vec<u8>) {
        let (front, back) = self.bytes.as_slices();
        out.extend_from_slice(front);
        out.extend_from_slice(back);
    }

    /// Gives memory back if nothing is kept.
    pub fn rest(&mut self) {
        if self.lengths.is_empty() {
            (self.bytes, self.lengths) = (VecDeque::new(), VecDeque::new());
        }
    }

    /// Bytes kept.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes beyond which deliveries pause. A client that has received what was sent has confirmed all but its window, so whoever
    /// reads and confirms never waits for long. `scarce`: the core keeps as much as it may.
    pub fn enough(&self, scarce: bool) -> usize {
        let slack = limits::OUTPUT_BYTES_SOFT;
        if scarce {
            self.window.min(limits::OUTPUT_BYTES_HARD) + slack
        } else {
            self.window.saturating_mul(2).saturating_add(2 * slack).min(limits::UNCONFIRMED_BYTES_SOFT)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rest(kept: &Unconfirmed) -> Vec<u8> {
        let mut out = Vec::new();
        kept.write(&mut out);
        out
    }

    #[test]
    fn what_is_confirmed_is_dropped_and_the_rest_stays_in_order() {
        let mut kept = Unconfirmed::new(100);
        assert!(kept.is_plausible(-1) && !kept.is_plausible(0) && !kept.is_plausible(-2));
        for byte in 0..5 {
            kept.push(&vec![byte; 1 + usize::from(byte)]);
        }
        kept.push(&[]);
        assert!(kept.confirm(1));
        assert_eq!(rest(&kept), [2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 4]);
        assert!(kept.confirm(0), "late, and nothing new");
        assert_eq!(kept.bytes(), 12);
        assert!(!kept.confirm(5), "never sent");
        for (last, plausible) in [(0, false), (1, true), (4, true), (5, false), (i32::MAX, false), (i32::MIN, false)] {
            assert_eq!(kept.is_plausible(last), plausible, "{last}");
        }
        assert!(kept.confirm(4));
        assert!(rest(&kept).is_empty());
        kept.push(&[9]);
        assert!(kept.is_plausible(5) && kept.is_plausible(4) && !kept.is_plausible(6));
    }

    #[test]
    fn numbers_go_round() {
        let mut kept = Unconfirmed::new(1);
        kept.first = i32::MAX;
        kept.push(&[1]);
        kept.push(&[2]);
        assert!(kept.confirm(i32::MAX));
        assert_eq!(rest(&kept), [2]);
        assert!(kept.is_plausible(i32::MIN) && kept.confirm(i32::MIN));
        assert_eq!(kept.bytes(), 0);
    }
}
