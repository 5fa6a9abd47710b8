//! What one core does with bytes.

use std::hint::black_box;
use std::time::Duration;

use super::disk::now;

/// More than a core's own caches hold.
const BYTES: usize = 16 * 1024 * 1024;
/// Bytes of a checksum: a group of a journal.
const GROUP_BYTES: usize = 64 * 1024;

/// Bytes a second, copied.
pub(super) fn copy(time: Duration) -> f64 {
    let (from, mut to) = (vec![7u8; BYTES], vec![0u8; BYTES]);
    per_second(time, || {
        to.copy_from_slice(black_box(&from));
        black_box(&to);
    })
}

/// Bytes a second, summed by CRC-32C in groups.
pub(super) fn crc32c(time: Duration) -> f64 {
    let bytes = vec![7u8; BYTES];
    per_second(time, || {
        for group in bytes.chunks_exact(GROUP_BYTES) {
            black_box(crc32c::crc32c(black_box(group)));
        }
    })
}

fn per_second(time: Duration, mut pass: impl FnMut()) -> f64 {
    // The first pass touches every page.
    pass();
    let (begun, mut passes) = (now(), 0u32);
    loop {
        pass();
        passes += 1;
        let elapsed = now().since(begun);
        if elapsed >= time {
            return f64::from(passes) * BYTES as f64 / elapsed.as_secs_f64().max(1e-9);
        }
    }
}
