//! The CRC32C of bytes and of zeroes behind them, without reading the zeroes: most of a small block is padding.
//!
//! Between inversion at its begin and at its end a CRC is linear over GF(2), and so is what a run of zero bytes does to it. A run of 2^k bytes is a
//! matrix of 32 columns, kept as the sums of each four columns; a run of any length is the product of the matrices of its bits. Readers
//! do not use this: they take the CRC over the bytes that are there.

use crate::limits::PAGE_BYTES;

/// CRC32C, its bits reversed.
const POLYNOMIAL: u32 = 0x82f6_3b78;
/// Runs below 2^6 zeroes are read: that is cheaper than up to six matrices.
const SHORT_BITS: u32 = 6;
const SHORT: usize = 1 << SHORT_BITS;
/// Matrices for runs of 2^6 to 2^11 zeroes; padding is shorter than a page.
const MATRICES: usize = (PAGE_BYTES.ilog2() - SHORT_BITS) as usize;

/// For each half byte of a CRC, from the lowest, what each of its values becomes.
type Matrix = [[u32; 16]; 8];

static RUNS: [Matrix; MATRICES] = runs();

/// The CRC32C of `bytes`, which are zero from `padding` on; less than a page of them. `None` if that is behind their end.
pub(crate) fn crc32c_padded(bytes: &[u8], padding: usize) -> Option<u32> {
    let zeroes = bytes.len().checked_sub(padding)?;
    debug_assert!(zeroes < PAGE_BYTES && bytes.iter().skip(padding).all(|byte| *byte == 0));
    let mut state = !crc32c::crc32c(bytes.get(..padding + zeroes % SHORT)?);
    let mut rest = zeroes / SHORT;
    for run in &RUNS {
        if rest & 1 == 1 {
            state = times(run, state);
        }
        rest >>= 1;
    }
    Some(!state)
}

fn times(matrix: &Matrix, state: u32) -> u32 {
    let half_byte = |at: usize| (state >> (4 * at)) as usize & 15;
    matrix.iter().enumerate().fold(0, |sum, (at, columns)| sum ^ columns.get(half_byte(at)).copied().unwrap_or(0))
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

#[allow(clippy::indexing_slicing, reason = "it runs in the compiler, which refuses an index that is too high")]
const fn runs() -> [Matrix; MATRICES] {
    let mut runs = [[[0; 16]; 8]; MATRICES];
    let mut now = columns(SHORT);
    let mut power = 0;
    while power < MATRICES {
        let mut at = 0;
        while at < 8 * 16 {
            runs[power][at / 16][at % 16] = apply(&now, ((at % 16) as u32) << (4 * (at / 16)));
            at += 1;
        }
        let half = now;
        at = 0;
        while at < 32 {
            now[at] = apply(&half, half[at]);
            at += 1;
        }
        power += 1;
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
