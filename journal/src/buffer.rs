//! Block buffers: memory that belongs to whoever holds the value.
//!
//! A buffer is moved into a write command and comes back with its completion, so nobody can touch it while the kernel reads it. The journal
//! never allocates one in steady state: a lane gets its buffers when it is opened. The ring driver brings registered memory;
//! [`AlignedBuffer`] is the plain one for the blocking driver, recovery and tests, aligned without `unsafe`.

use crate::limits::{BLOCK_BYTES_MAX, PAGE_BYTES};

/// Memory of at least [`BLOCK_BYTES_MAX`] bytes (256 KiB), aligned to 4096, always the same bytes behind `as_ref` and `as_mut`.
pub trait BlockBuffer: AsRef<[u8]> + AsMut<[u8]> {}

/// Page-aligned memory on the heap.
pub struct AlignedBuffer {
    /// A page more than is needed, so that an aligned part fits.
    memory: Vec<u8>,
    /// Where the aligned part begins. Valid because `memory` is never resized.
    start: usize,
    bytes: usize,
}

impl AlignedBuffer {
    /// A zeroed buffer of `bytes`, rounded up to whole pages.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        let bytes = bytes.next_multiple_of(PAGE_BYTES);
        let memory = vec![0; bytes + PAGE_BYTES];
        let start = memory.as_ptr().align_offset(PAGE_BYTES).min(PAGE_BYTES);
        Self { memory, start, bytes }
    }

    /// A zeroed buffer for one block.
    #[must_use]
    pub fn block() -> Self {
        Self::new(BLOCK_BYTES_MAX)
    }
}

impl AsRef<[u8]> for AlignedBuffer {
    fn as_ref(&self) -> &[u8] {
        self.memory.get(self.start..self.start + self.bytes).unwrap_or_default()
    }
}

impl AsMut<[u8]> for AlignedBuffer {
    fn as_mut(&mut self) -> &mut [u8] {
        self.memory.get_mut(self.start..self.start + self.bytes).unwrap_or_default()
    }
}

impl std::fmt::Debug for AlignedBuffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AlignedBuffer").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl BlockBuffer for AlignedBuffer {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_aligned_and_zero() {
        for bytes in [1, 4096, 5000, BLOCK_BYTES_MAX] {
            let mut buffer = AlignedBuffer::new(bytes);
            assert!(buffer.as_ref().as_ptr().addr().is_multiple_of(PAGE_BYTES));
            assert_eq!(buffer.as_ref().len(), bytes.next_multiple_of(PAGE_BYTES));
            assert!(buffer.as_mut().iter().all(|&byte| byte == 0));
        }
    }
}
