//! The CRC32C of bytes and of zeroes behind them, without reading the zeroes: most of a small block is padding.
//!
//! Between inversion at its begin and at its end a CRC is linear over GF(2), and so is what a run of zero bytes does to it: a matrix of 32
//! columns, kept as the sums of each four columns. A run shorter than a page is a number of units in base eight with two digits, and each
//! value of each digit has its matrix: two products, whatever the length. Readers do not use this: they take the CRC over the bytes
//! that are there.

use crate::limits::PAGE_BYTES;

/// CRC32C, its bits reversed.
const POLYNOMIAL: u32 = 0x82f6_3b78;
/// Zeroes below a unit of 2^6 are read.
const UNIT_BITS: u32 = 6;
const UNIT: usize = 1 << UNIT_BITS;
/// Values of a digit.
const BASE: usize = 8;
/// Padding is shorter than a page.
const DIGITS: usize = 2;
const _: () = assert!(BASE * BASE * UNIT == PAGE_BYTES);

/// For each half byte of a CRC, from the lowest, what each of its values becomes.
type Matrix = [[u32; 16]; 8];

/// For each digit, from the lowest, the matrix of each of its values but zero, which changes nothing.
static RUNS: [[Matrix; BASE - 1]; DIGITS] = runs();

/// The CRC32C of `bytes`, which are zero from `padding` on; less than a page of them. `None` if that is behind their end.
pub(crate) fn crc32c_padded(bytes: &[u8], padding: usize) -> Option<u32> {
    let zeroes = bytes.len().checked_sub(padding)?;
    debug_assert!(zeroes < PAGE_BYTES && bytes.iter().skip(padding).all(|byte| *byte == 0));
    let mut state = !crc32c::crc32c(bytes.get(..padding + zeroes % UNIT)?);
    let mut rest = zeroes / UNIT;
    for digit in &RUNS {
        if let Some(run) = (rest % BASE).checked_sub(1).and_then(|value| digit.get(value)) {
            state = times(run, state);
        }
        rest /= BASE;
    }
    Some(!state)
}

fn times(matrix: &Matrix, state: u32) -> u32 {
    let [a, b, c, d, e, f, g, h] = matrix;
    let of = |columns: &[u32; 16], at: u32| columns.get((state >> (4 * at)) as usize & 15).copied().unwrap_or(0);
    of(a, 0) ^ of(b, 1) ^ of(c, 2) ^ of(d, 3) ^ of(e, 4) ^ of(f, 5) ^ of(g, 6) ^ of(h, 7)
}

/// What one zero byte makes of a CRC.
const fn byte(mut state: u32) -> u32 {
    let mut bit = 0;
    while bit < 8 {
        state = (state >> 1) ^ (POLYNOMIAL & (state & 1).wrapping_neg());
        bit += 1;
    }
    state
}

/// The images of the 32 single bits under a run of `bytes` zeroes.
#[allow(clippy::indexing_slicing, reason = "it runs in the compiler, which refuses an index that is too high")]
const fn columns(bytes: usize) -> [u32; 32] {
    let mut columns = [0; 32];
    let mut at = 0;
    while at < 32 {
        let mut state = 1 << at;
        let mut count = 0;
        while count < bytes {
            state = byte(state);
            count += 1;
        }
        columns[at] = state;
        at += 1;
    }
    columns
}

#[allow(clippy::indexing_slicing, reason = "it runs in the compiler, which refuses an index that is too high")]
const fn apply(columns: &[u32; 32], state: u32) -> u32 {
    let (mut sum, mut at) = (0, 0);
    while at < 32 {
        sum ^= columns[at] & ((state >> at) & 1).wrapping_neg();
        at += 1;
    }
    sum
}

/// What `first` and then `second` make of the 32 single bits.
#[allow(clippy::indexing_slicing, reason = "it runs in the compiler, which refuses an index that is too high")]
const fn product(first: &[u32; 32], second: &[u32; 32]) -> [u32; 32] {
    let mut columns = [0; 32];
    let mut at = 0;
    while at < 32 {
        columns[at] = apply(second, first[at]);
        at += 1;
    }
    columns
}

#[allow(clippy::indexing_slicing, reason = "it runs in the compiler, which refuses an index that is too high")]
const fn runs() -> [[Matrix; BASE - 1]; DIGITS] {
    let mut runs = [[[[0; 16]; 8]; BASE - 1]; DIGITS];
    let mut one = columns(UNIT);
    let mut digit = 0;
    while digit < DIGITS {
        let mut now = one;
        let mut value = 0;
        while value < BASE - 1 {
            let mut at = 0;
            while at < 8 * 16 {
                runs[digit][value][at / 16][at % 16] = apply(&now, ((at % 16) as u32) << (4 * (at / 16)));
                at += 1;
            }
            now = product(&now, &one);
            value += 1;
        }
        one = now;
        digit += 1;
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_crc_of_the_padded_bytes() {
        for length in [0, 1, 63, 64, 65, 1_196, 4_095] {
            let bytes: Vec<u8> = (0..length).map(|at| (at * 7 + 3) as u8).collect();
            for zeroes in 0..PAGE_BYTES {
                let padded = [bytes.as_slice(), &vec![0; zeroes]].concat();
                let expected = Some(crc32c::crc32c(&padded));
                assert_eq!(crc32c_padded(&padded, length), expected, "{length} bytes, {zeroes} zeroes");
            }
        }
    }
}
