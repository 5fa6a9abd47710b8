//! A buffer that a direct write accepts.
//!
//! Owns: zeroed memory aligned to 4096 bytes, of fixed capacity, and the place it is registered at, if
//! it is. Must stay true: its address never changes, so that the kernel may hold it across moves of
//! the value; the registered place goes with the memory and is never given to another.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use crate::limits::BLOCK_ALIGNMENT;

/// Where a buffer is registered: a ring, by the number of its driver, and a place there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Registration {
    pub(crate) driver: u32,
    pub(crate) index: u16,
}

/// Zeroed memory, aligned to 4096 bytes.
pub struct AlignedBuffer {
    memory: NonNull<u8>,
    layout: Layout,
    registration: Option<Registration>,
}

// SAFETY: the value owns its memory alone, as a `Box<[u8]>` does.
unsafe impl Send for AlignedBuffer {}
// SAFETY: a shared reference gives only shared access to the bytes.
unsafe impl Sync for AlignedBuffer {}

impl AlignedBuffer {
    /// A zeroed buffer of `capacity` bytes, rounded up to a multiple of 4096; at least 4096.
    pub fn new(capacity: usize) -> Self {
        let bytes = capacity.max(1).next_multiple_of(BLOCK_ALIGNMENT);
        let layout = Layout::from_size_align(bytes, BLOCK_ALIGNMENT)
            .unwrap_or_else(|_| handle_alloc_error(Layout::new::<[u8; BLOCK_ALIGNMENT]>()));
        // SAFETY: the size is at least 4096.
        let memory = unsafe { alloc_zeroed(layout) };
        let Some(memory) = NonNull::new(memory) else { handle_alloc_error(layout) };
        Self { memory, layout, registration: None }
    }

    /// Its size in bytes.
    pub fn capacity(&self) -> usize {
        self.layout.size()
    }

    /// Whether a ring has it registered, which saves the kernel the mapping of its pages at each write.
    pub fn is_registered(&self) -> bool {
        self.registration.is_some()
    }

    pub(crate) fn address(&self) -> *mut u8 {
        self.memory.as_ptr()
    }

    pub(crate) fn registration(&self) -> Option<Registration> {
        self.registration
    }

    pub(crate) fn set_registration(&mut self, registration: Option<Registration>) {
        self.registration = registration;
    }
}

impl Deref for AlignedBuffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the memory is ours, initialised (zeroed at first), and `layout.size()` bytes long. While an
        // operation is in flight the driver's slot owns the value, so nobody can call this.
        unsafe { std::slice::from_raw_parts(self.memory.as_ptr(), self.layout.size()) }
    }
}

impl DerefMut for AlignedBuffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `deref`, and `&mut self` makes the access exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.memory.as_ptr(), self.layout.size()) }
    }
}

impl AsRef<[u8]> for AlignedBuffer {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl AsMut<[u8]> for AlignedBuffer {
    fn as_mut(&mut self) -> &mut [u8] {
        self
    }
}

impl journal::BlockBuffer for AlignedBuffer {}

impl fmt::Debug for AlignedBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AlignedBuffer({} bytes, {:?})", self.capacity(), self.registration)
    }
}

impl Drop for AlignedBuffer {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout. No operation is in flight, since its slot would own the value;
        // a ring that has the pages registered holds its own reference to them, and the place in its
        // table is lost with this value, so that it is never named again.
        unsafe { dealloc(self.memory.as_ptr(), self.layout) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_aligned_zeroed_and_keeps_its_address_when_moved() {
        let mut buffer = AlignedBuffer::new(5000);
        assert_eq!(buffer.capacity(), 8192);
        assert_eq!(buffer.address() as usize % BLOCK_ALIGNMENT, 0);
        assert!(buffer.iter().all(|byte| *byte == 0));
        buffer[8191] = 7;
        let address = buffer.address();
        let moved = Box::new(buffer);
        assert_eq!(moved.address(), address);
        assert_eq!(moved[8191], 7);
    }
}
