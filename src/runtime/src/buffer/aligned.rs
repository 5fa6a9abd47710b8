//! A buffer that a direct write accepts.
//!
//! Owns: zeroed memory aligned to 4096 bytes, of fixed capacity, and its place in a ring's table, if
//! it has one. Must stay true: its address never changes, so that the kernel may hold it across moves of
//! the value; the place goes with the memory and is never given to another.
//!
//! The memory comes from the kernel as zeros that take no room: a page costs memory from its first use on. A registered
//! buffer is pinned, and so costs all of its pages.

use std::alloc::{Layout, handle_alloc_error};
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::ptr::{NonNull, null_mut};

use crate::limits::BLOCK_ALIGNMENT;

/// A buffer's own place in the table of a ring, which is named by the number of its driver.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    pub(crate) driver: u32,
    pub(crate) index: u16,
    /// Uses that are still to come before it is registered there.
    uses_left: u8,
    registered: bool,
}

impl Place {
    /// A place where nothing is registered before it was used so often.
    pub(crate) fn new(driver: u32, index: u16, uses: u8) -> Self {
        Self { driver, index, uses_left: uses, registered: false }
    }
}

/// Zeroed memory, aligned to 4096 bytes.
pub struct AlignedBuffer {
    memory: NonNull<u8>,
    layout: Layout,
    place: Option<Place>,
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
        let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a new mapping of at least one page, which nothing else can know.
        let memory = unsafe { libc::mmap(null_mut(), layout.size(), protection, flags, -1, 0) };
        let mapped = NonNull::new(memory.cast::<u8>()).filter(|_| memory != libc::MAP_FAILED);
        let Some(memory) = mapped else { handle_alloc_error(layout) };
        Self { memory, layout, place: None }
    }

    /// Its size in bytes.
    pub fn capacity(&self) -> usize {
        self.layout.size()
    }

    /// Whether a ring has it registered, which saves the kernel the mapping of its pages at each write.
    pub fn is_registered(&self) -> bool {
        self.place.is_some_and(|place| place.registered)
    }

    pub(crate) fn address(&self) -> *mut u8 {
        self.memory.as_ptr()
    }

    /// Its index in the table of this driver, if it is registered there.
    pub(crate) fn registered_at(&self, driver: u32) -> Option<u16> {
        self.place.filter(|place| place.registered && place.driver == driver).map(|place| place.index)
    }

    /// Gives it a place in a table, or none.
    pub(crate) fn set_place(&mut self, place: Option<Place>) {
        self.place = place;
    }

    /// It is about to be used on the ring of this driver. Gives its index in the table if it is to be registered now.
    #[inline]
    pub(crate) fn wants_registration(&mut self, driver: u32) -> Option<u16> {
        let place = self.place.as_mut().filter(|place| !place.registered && place.driver == driver)?;
        match place.uses_left.checked_sub(1) {
            Some(left) => {
                place.uses_left = left;
                None
            }
            None => Some(place.index),
        }
    }

    /// It was registered at its place.
    pub(crate) fn set_registered(&mut self) {
        if let Some(place) = &mut self.place {
            place.registered = true;
        }
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
        write!(f, "AlignedBuffer({} bytes, {:?})", self.capacity(), self.place)
    }
}

impl Drop for AlignedBuffer {
    fn drop(&mut self) {
        // SAFETY: mapped with this size. No operation is in flight, since its slot would own the value;
        // a ring that has the pages registered holds its own reference to them, and the place in its
        // table is lost with this value, so that it is never named again.
        let _unmapped = unsafe { libc::munmap(self.memory.as_ptr().cast(), self.layout.size()) };
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

    /// Pages of this process that are in memory, of the mapping that an address lies in.
    fn resident(address: usize) -> usize {
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let mut inside = false;
        for line in maps.lines() {
            if let Some((from, to)) = line.split_once(' ').and_then(|(range, _)| range.split_once('-')) {
                let bound = |text| usize::from_str_radix(text, 16);
                inside = bound(from).is_ok_and(|from| from <= address) && bound(to).is_ok_and(|to| address < to);
            } else if let Some(rest) = line.strip_prefix("Rss:").filter(|_| inside) {
                return rest.trim().trim_end_matches(" kB").parse::<usize>().unwrap() / 4;
            }
        }
        panic!("nothing is mapped at {address:x}");
    }

    #[test]
    fn memory_that_nobody_used_takes_none() {
        const PAGES: usize = 4096;
        let mut buffer = AlignedBuffer::new(PAGES * BLOCK_ALIGNMENT);
        let before = resident(buffer.address() as usize);
        for page in 0..PAGES / 4 {
            buffer[page * BLOCK_ALIGNMENT] = 1;
        }
        let after = resident(buffer.address() as usize);
        // The kernel may have put other memory into the same mapping.
        assert!(before < PAGES / 2, "{before} of {PAGES} pages before any use");
        assert!(after >= before + PAGES / 8, "{before} pages, then {after}: nothing was measured");
    }

    #[test]
    fn a_buffer_is_registered_where_it_has_a_place_once_it_was_used_often() {
        let mut buffer = AlignedBuffer::new(4096);
        buffer.set_place(Some(Place::new(7, 3, 2)));
        for _ in 0..2 {
            assert_eq!((buffer.wants_registration(7), buffer.wants_registration(8)), (None, None));
        }
        assert_eq!((buffer.wants_registration(7), buffer.registered_at(7)), (Some(3), None));
        buffer.set_registered();
        assert_eq!((buffer.wants_registration(7), buffer.registered_at(7)), (None, Some(3)));
        assert_eq!(buffer.registered_at(8), None);
    }
}
