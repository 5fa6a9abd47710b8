//! A hash for fingerprints: short writes in great number, which is what derived hashes are made of.

use std::hash::{Hash, Hasher};

/// Odd, half of its bits set.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
/// Not zero, so that a zero moves it.
const SEED: u64 = 0x243f_6a88_85a3_08d3;

/// Each word is mixed in by one multiplication to 128 bits, whose halves are folded. No hash against an adversary: what it hashes, a model makes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Folding(u64);

impl Default for Folding {
    fn default() -> Self {
        Self(SEED)
    }
}

fn fold(word: u64) -> u64 {
    let product = u128::from(word) * u128::from(FACTOR);
    #[allow(clippy::cast_possible_truncation)] // The two halves.
    let (low, high) = (product as u64, (product >> 64) as u64);
    low ^ high
}

impl Hasher for Folding {
    fn finish(&self) -> u64 {
        // Once more, so that the last word reaches every bit.
        fold(self.0 ^ SEED)
    }

    fn write(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(8) {
            let mut word = [0; 8];
            word.iter_mut().zip(part).for_each(|(place, byte)| *place = *byte);
            self.write_u64(u64::from_le_bytes(word));
        }
        self.write_u64(bytes.len() as u64);
    }

    fn write_u8(&mut self, number: u8) {
        self.write_u64(u64::from(number));
    }

    fn write_u16(&mut self, number: u16) {
        self.write_u64(u64::from(number));
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = fold(self.0.rotate_left(23) ^ number).wrapping_add(SEED);
    }

    fn write_u128(&mut self, number: u128) {
        #[allow(clippy::cast_possible_truncation)] // The two halves.
        let (low, high) = (number as u64, (number >> 64) as u64);
        self.write_u64(low);
        self.write_u64(high);
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    fn write_isize(&mut self, number: isize) {
        #[allow(clippy::cast_sign_loss)] // All bits are kept.
        self.write_u64(number as u64);
    }
}

/// The hash of a value.
pub(crate) fn hash_of<T: Hash + ?Sized>(value: &T) -> u64 {
    let mut hasher = Folding::default();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn values_that_differ_little_have_hashes_that_differ() {
        let small = (0u8..40).flat_map(|a| (0u8..40).flat_map(move |b| (0u8..40).map(move |c| (a, b, c))));
        let hashes: HashSet<u64> = small.map(|value| hash_of(&value)).collect();
        assert_eq!(hashes.len(), 40 * 40 * 40);
        let lists: HashSet<u64> = (0..200).map(|length| hash_of(&vec![0u64; length])).collect();
        assert_eq!(lists.len(), 200);
        // Every bit of the hash takes part in telling a million numbers apart.
        let low: HashSet<u32> = (0u64..1_000_000).map(|number| (hash_of(&number) & 0xff_ffff) as u32).collect();
        // As many as a random function would leave: 16 Mi places, a million thrown.
        assert!((960_000..980_000).contains(&low.len()), "{}", low.len());
    }
}
