//! What a disk holds after the power was cut.
//!
//! Takes what it held before, what was asked of it until the cut, and choices; gives its bytes. Must stay true: what a flush covers is whole;
//! of what came after the last flush any part may be there: all of a write, none of it, its beginning, its end, or any of its sectors.

use super::recorder::Entry;
use crate::prove::random::Random;

/// No disk tears what is smaller.
const SECTOR: usize = 512;
/// A file system's first block holds what it cannot mend: it counts on a disk that writes it whole or not at all.
const WHOLE: u64 = 4096;

/// A state, and how much of it was open.
#[derive(Debug)]
pub(super) struct State {
    pub(super) bytes: Vec<u8>,
    /// Writes that no flush covered.
    pub(super) open: u64,
    /// Those of them of which something is missing.
    pub(super) damaged: u64,
}

/// Decides what is there.
pub(super) fn after(before: &[u8], asked: &[Entry], random: &mut Random) -> State {
    let mut state = State { bytes: before.to_vec(), open: 0, damaged: 0 };
    let safe = asked.iter().rposition(|entry| *entry == Entry::Flush).unwrap_or(0);
    // A whole cache is sometimes lost, sometimes written out.
    let (keep, drop) = *random.pick(&[(100, 0), (0, 100), (34, 33), (34, 33), (34, 33), (80, 10)]).unwrap_or(&(34, 33));
    for (number, entry) in asked.iter().enumerate() {
        let Entry::Write { at, bytes } = entry else { continue };
        if number < safe {
            put(&mut state.bytes, *at, bytes);
            continue;
        }
        state.open += 1;
        let turn = random.between(0, 99);
        if turn < keep {
            put(&mut state.bytes, *at, bytes);
        } else {
            state.damaged += 1;
            if turn >= keep + drop && *at >= WHOLE {
                tear(&mut state.bytes, *at, bytes, random);
            }
        }
    }
    state
}

fn tear(disk: &mut [u8], at: u64, bytes: &[u8], random: &mut Random) {
    let sectors = bytes.len().div_ceil(SECTOR) as u64;
    let (way, border) = (random.between(0, 2), random.between(0, sectors));
    for (number, sector) in bytes.chunks(SECTOR).enumerate() {
        let number = number as u64;
        let lands = match way {
            0 => number < border,
            1 => number >= border,
            _ => random.percent(50),
        };
        if lands {
            put(disk, at + number * SECTOR as u64, sector);
        }
    }
}

/// Writes; what does not fit is left out.
pub(super) fn put(disk: &mut [u8], at: u64, bytes: &[u8]) {
    let place = usize::try_from(at).ok().and_then(|at| disk.get_mut(at..at + bytes.len()));
    place.into_iter().for_each(|place| place.copy_from_slice(bytes));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_flushed_is_there_and_of_the_rest_any_part() {
        let write = |at, byte| Entry::Write { at, bytes: vec![byte; 2048] };
        let asked = [write(4096, 1), Entry::Flush, write(8192, 2), write(0, 3)];
        let (mut whole, mut none, mut torn) = (0, 0, 0);
        for seed in 0..200 {
            let State { bytes, open, .. } = after(&[0; 16_384], &asked, &mut Random::new(seed));
            assert_eq!(open, 2);
            assert!(bytes[4096..6144].iter().all(|byte| *byte == 1), "seed {seed}");
            match bytes[8192..10_240].iter().filter(|byte| **byte == 2).count() {
                0 => none += 1,
                2048 => whole += 1,
                some => torn += usize::from(some.is_multiple_of(SECTOR)),
            }
            let first = bytes[..2048].iter().filter(|byte| **byte == 3).count();
            assert!([0, 2048].contains(&first), "the first block is never torn");
        }
        assert!(whole > 20 && none > 20 && torn > 20 && whole + none + torn == 200, "{whole} {none} {torn}");
    }
}
