//! The receive buffers of a core: the kernel picks one per arrival, a room reads it, it goes back.
//!
//! Owns: one arena cut into equal buffers and who holds each. Takes: buffer numbers from completions.
//! Gives: [`ReceivedBuffer`]s, and their bytes. Must stay true: a buffer is either the kernel's or
//! lent to exactly one [`ReceivedBuffer`]; bytes are readable only while it is lent.

use crate::buffer::AlignedBuffer;

/// Bytes that arrived, held until they are given back with `Driver::recycle`.
#[must_use = "a buffer that is not recycled is lost for receiving"]
#[derive(Debug, PartialEq, Eq)]
pub struct ReceivedBuffer {
    driver: u32,
    id: u16,
    loan: u32,
    len: u32,
}

impl ReceivedBuffer {
    /// How many bytes arrived.
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Never true for a buffer from an event.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

#[derive(Clone, Copy)]
struct Place {
    lent: bool,
    loan: u32,
}

/// All receive buffers of a driver.
pub(crate) struct ReceiveBuffers {
    driver: u32,
    arena: AlignedBuffer,
    buffer_len: u32,
    places: Vec<Place>,
    lent: u16,
}

impl ReceiveBuffers {
    pub(crate) fn new(driver: u32, count: u16, buffer_len: u32) -> Self {
        let arena = AlignedBuffer::new(usize::from(count) * buffer_len as usize);
        Self { driver, arena, buffer_len, places: vec![Place { lent: false, loan: 0 }; usize::from(count)], lent: 0 }
    }

    pub(crate) fn base(&self) -> *mut u8 {
        self.arena.address()
    }

    pub(crate) fn buffer_len(&self) -> u32 {
        self.buffer_len
    }

    /// How many are out.
    pub(crate) fn lent(&self) -> u16 {
        self.lent
    }

    /// How many the kernel has.
    pub(crate) fn with_kernel(&self) -> u16 {
        u16::try_from(self.places.len()).unwrap_or(u16::MAX).saturating_sub(self.lent)
    }

    /// Takes buffer `id` from the kernel. None if the kernel named one that it does not have.
    pub(crate) fn lend(&mut self, id: u16, len: u32) -> Option<ReceivedBuffer> {
        let place = self.places.get_mut(usize::from(id)).filter(|place| !place.lent)?;
        place.lent = true;
        place.loan = place.loan.wrapping_add(1);
        self.lent += 1;
        Some(ReceivedBuffer { driver: self.driver, id, loan: place.loan, len: len.min(self.buffer_len) })
    }

    /// The bytes of a lent buffer; none for one of another driver or one that was given back.
    pub(crate) fn bytes(&self, buffer: &ReceivedBuffer) -> &[u8] {
        if !self.holds(buffer) {
            return &[];
        }
        let start = usize::from(buffer.id) * self.buffer_len as usize;
        // SAFETY: the range lies in the arena, as `id` and `len` were checked when the buffer was lent. The
        // kernel writes only buffers it was given, and this one is lent; giving it back needs the
        // `ReceivedBuffer` by value and this driver mutably, which both end this borrow. No reference to
        // the whole arena is ever made, since other parts of it are being written.
        unsafe { std::slice::from_raw_parts(self.arena.address().add(start), buffer.len as usize) }
    }

    /// Ends a loan. Gives the number to hand to the kernel.
    pub(crate) fn take_back(&mut self, buffer: ReceivedBuffer) -> Option<u16> {
        if !self.holds(&buffer) {
            return None;
        }
        self.places.get_mut(usize::from(buffer.id))?.lent = false;
        self.lent -= 1;
        Some(buffer.id)
    }

    fn holds(&self, buffer: &ReceivedBuffer) -> bool {
        let place = self.places.get(usize::from(buffer.id));
        buffer.driver == self.driver && place.is_some_and(|place| place.lent && place.loan == buffer.loan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_lent_once_and_taken_back_once() {
        let mut buffers = ReceiveBuffers::new(1, 2, 4096);
        let lent = buffers.lend(1, 10).unwrap();
        assert!(buffers.lend(1, 10).is_none(), "the kernel cannot fill a lent buffer");
        assert!(buffers.lend(2, 10).is_none(), "there is no such buffer");
        assert_eq!(buffers.bytes(&lent).len(), 10);
        let copy = ReceivedBuffer { driver: lent.driver, id: lent.id, loan: lent.loan, len: lent.len };
        assert_eq!(buffers.take_back(lent), Some(1));
        assert_eq!(buffers.bytes(&copy), &[] as &[u8], "given back: no longer readable");
        assert_eq!(buffers.take_back(copy), None);
        assert_eq!(buffers.with_kernel(), 2);
    }

    #[test]
    fn a_buffer_of_another_core_is_not_readable() {
        let mut mine = ReceiveBuffers::new(1, 2, 4096);
        let mut other = ReceiveBuffers::new(2, 2, 4096);
        let lent = mine.lend(0, 10).unwrap();
        let _also = other.lend(0, 10).unwrap();
        assert!(other.bytes(&lent).is_empty());
        assert_eq!(other.take_back(lent), None);
    }
}
