//! The shared ring through which receive buffers go back to the kernel.
//!
//! Owns: one page-aligned array of entries and its tail. Takes: buffer numbers. Must stay true: an
//! entry is complete before the tail passes it, and a number is in the ring at most once.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::types::BufRingEntry;

use crate::limits::{BLOCK_ALIGNMENT, RECEIVE_BUFFERS_MAX};

/// The entries the kernel takes receive buffers from.
pub(crate) struct ProvidedRing {
    entries: NonNull<BufRingEntry>,
    layout: Layout,
    count: u16,
    tail: u16,
    base: *mut u8,
    buffer_len: u32,
}

impl ProvidedRing {
    /// An empty ring for `count` buffers that lie one after the other from `base`.
    pub(crate) fn new(base: *mut u8, buffer_len: u32, count: u16) -> io::Result<Self> {
        if !count.is_power_of_two() || count > RECEIVE_BUFFERS_MAX || buffer_len == 0 {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{count} receive buffers of {buffer_len} bytes: the count must be a power of two up to 32768"),
            ));
        }
        let bytes = usize::from(count) * size_of::<BufRingEntry>();
        let layout = Layout::from_size_align(bytes, BLOCK_ALIGNMENT).map_err(io::Error::other)?;
        // SAFETY: the layout has a size above zero, since count is a power of two and so at least 1.
        let memory = unsafe { alloc_zeroed(layout) };
        let entries = NonNull::new(memory.cast::<BufRingEntry>()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { entries, layout, count, tail: 0, base, buffer_len })
    }

    /// The address the kernel registers.
    pub(crate) fn address(&self) -> u64 {
        self.entries.as_ptr() as u64
    }

    pub(crate) fn count(&self) -> u16 {
        self.count
    }

    /// Puts buffer `id` at the tail.
    pub(crate) fn provide(&mut self, id: u16) {
        debug_assert!(id < self.count);
        let place = usize::from(self.tail & (self.count - 1));
        // SAFETY: `place` is below `count`, so the entry lies in our allocation. The kernel reads an entry
        // only once the tail has passed it, and the tail has not yet; at most `count` buffers exist and
        // each is in the ring at most once, so this entry is not one the kernel still has to read.
        unsafe {
            let entry = &mut *self.entries.as_ptr().add(place);
            entry.set_addr(self.base as u64 + u64::from(id) * u64::from(self.buffer_len));
            entry.set_len(self.buffer_len);
            entry.set_bid(id);
        }
        self.tail = self.tail.wrapping_add(1);
        // SAFETY: the tail lies in the first entry's reserved field, in our allocation and aligned to two
        // bytes; only we write it, the kernel reads it, hence the atomic with release order.
        unsafe {
            let tail = BufRingEntry::tail(self.entries.as_ptr()).cast_mut().cast::<AtomicU16>();
            (*tail).store(self.tail, Ordering::Release);
        }
    }
}

impl Drop for ProvidedRing {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout in `new`. The kernel pinned the pages when it registered
        // them, so it would keep its own reference even if the ring outlived this value.
        unsafe { dealloc(self.entries.as_ptr().cast(), self.layout) }
    }
}
