//! A fixed stock of block buffers.
//!
//! Owns: the buffers nobody uses now. Takes and gives: [`AlignedBuffer`]s. Must stay true: no more
//! buffers come back than went out; an empty pool is the caller's sign to wait, never to allocate.

use crate::buffer::AlignedBuffer;

/// Free buffers of one size.
#[derive(Debug)]
pub struct BufferPool {
    free: Vec<AlignedBuffer>,
    capacity: usize,
    total: usize,
}

impl BufferPool {
    /// `count` buffers of `capacity` bytes.
    pub fn new(count: usize, capacity: usize) -> Self {
        let free: Vec<_> = (0..count).map(|_| AlignedBuffer::new(capacity)).collect();
        Self { free, capacity, total: count }
    }

    /// A free buffer. Its bytes are whatever its last user left.
    pub fn take(&mut self) -> Option<AlignedBuffer> {
        self.free.pop()
    }

    /// Puts a buffer back. One that did not come from here is freed instead.
    pub fn give(&mut self, buffer: AlignedBuffer) {
        if self.free.len() < self.total && buffer.capacity() >= self.capacity {
            self.free.push(buffer);
        }
    }

    /// How many are free.
    pub fn free(&self) -> usize {
        self.free.len()
    }

    /// How many there are, free or in use.
    pub fn total(&self) -> usize {
        self.total
    }

    pub(crate) fn buffers(&mut self) -> &mut [AlignedBuffer] {
        &mut self.free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_holds_more_than_it_began_with() {
        let mut pool = BufferPool::new(2, 4096);
        let (a, b) = (pool.take().unwrap(), pool.take().unwrap());
        assert!(pool.take().is_none());
        pool.give(a);
        pool.give(b);
        pool.give(AlignedBuffer::new(4096));
        assert_eq!(pool.free(), pool.total());
    }
}
