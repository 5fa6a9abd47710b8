//! The bytes that wait to be written to one client, and the buffers for them that all clients of a core share.
//!
//! A client for whom nothing waits holds no buffer: of ten thousand that are idle each would keep its own.

use crate::limits;

/// Bytes on their way to a client: collected here, one buffer at a time in the hands of the ring.
#[derive(Debug, Default)]
pub struct Output {
    /// Collected since the last buffer was handed over.
    pub bytes: Vec<u8>,
    /// Bytes of the buffer that is being written.
    in_flight: u32,
    /// Memory of that buffer.
    lent: u32,
}

/// Buffers that came back, to be used again by whoever is written to next.
#[derive(Debug)]
pub struct Spares {
    buffers: Vec<Vec<u8>>,
    /// Their capacities together.
    bytes: usize,
    /// The bound of those.
    most: usize,
}

impl Spares {
    /// None, and never more than so many bytes.
    pub fn within(most: usize) -> Self {
        Self { buffers: Vec::new(), bytes: 0, most }
    }

    /// An empty buffer, the one that came back last; a new one if there is none.
    #[inline]
    pub fn take(&mut self) -> Vec<u8> {
        match self.buffers.pop() {
            Some(buffer) => {
                self.bytes -= buffer.capacity();
                buffer
            }
            None => Vec::new(),
        }
    }

    /// Keeps a buffer, unless there are enough, it had to grow far beyond the usual, or little was in it that is large: whoever has little
    /// to say would hold much.
    #[inline]
    pub fn give(&mut self, mut buffer: Vec<u8>) {
        if buffer.capacity() > limits::OUTPUT_BYTES_FREE && buffer.len() < buffer.capacity() / 4 {
            return;
        }
        let bytes = self.bytes + buffer.capacity();
        if buffer.capacity() > 0 && self.buffers.len() < limits::SPARE_OUTPUTS_MAX && bytes <= self.most {
            buffer.clear();
            self.bytes = bytes;
            self.buffers.push(buffer);
        }
    }
}

impl Output {
    /// The buffer to write next, if there is something and nothing is being written.
    pub fn take(&mut self) -> Option<Vec<u8>> {
        if self.in_flight > 0 || self.bytes.is_empty() {
            return None;
        }
        (self.in_flight, self.lent) = (small(self.bytes.len()), small(self.bytes.capacity()));
        Some(std::mem::take(&mut self.bytes))
    }

    /// The buffer was written.
    pub fn written(&mut self) {
        (self.in_flight, self.lent) = (0, 0);
    }

    /// Something is about to be collected: without a buffer it gets one.
    #[inline]
    pub fn begin(&mut self, spares: &mut Spares) {
        if self.bytes.capacity() == 0 {
            self.bytes = spares.take();
        }
    }

    /// Nothing is waiting and nothing is being written.
    pub fn is_idle(&self) -> bool {
        self.in_flight == 0 && self.bytes.is_empty()
    }

    /// Does anything wait for the buffer that is being written: other bytes, the close that follows it, or deliveries that pause because
    /// more than `soft` is on its way?
    pub fn holds_up(&self, closing: bool, soft: usize) -> bool {
        self.in_flight > 0 && (!self.bytes.is_empty() || closing || self.in_flight() > soft)
    }

    /// Bytes of the buffer that is being written.
    pub fn in_flight(&self) -> usize {
        self.in_flight as usize
    }

    /// Memory that it takes.
    #[inline]
    pub fn held(&self) -> usize {
        self.lent as usize + self.bytes.capacity()
    }

    /// Bytes that the client has not taken yet.
    pub fn backlog(&self) -> usize {
        self.in_flight() + self.bytes.len()
    }
}

/// As it is kept: there are as many of these as there are clients.
fn small(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOFT: usize = limits::OUTPUT_BYTES_SOFT;

    #[test]
    fn a_write_is_waited_for_only_when_something_follows_it() {
        let mut output = Output::default();
        assert!(output.take().is_none() && !output.holds_up(true, SOFT), "nothing is being written");
        output.bytes.extend([1; 100]);
        let buffer = output.take().unwrap();
        assert!(!output.holds_up(false, SOFT) && output.holds_up(true, SOFT));
        output.bytes.push(2);
        assert!(output.holds_up(false, SOFT) && output.take().is_none(), "one buffer at a time");
        drop(buffer);
        output.written();
        assert!(!output.holds_up(false, SOFT));
        output.bytes.resize(limits::OUTPUT_BYTES_SOFT + 1, 3);
        let _buffer = output.take().unwrap();
        assert!(output.holds_up(false, SOFT), "deliveries pause until it is written");
    }

    #[test]
    fn a_client_for_whom_nothing_waits_holds_no_buffer_and_the_next_one_gets_it() {
        let (mut spares, mut one, mut other) =
            (Spares::within(limits::SPARE_OUTPUT_BYTES_MAX), Output::default(), Output::default());
        one.begin(&mut spares);
        one.bytes.extend([1; 100]);
        let buffer = one.take().unwrap();
        let (address, capacity) = (buffer.as_ptr(), buffer.capacity());
        assert_eq!(one.bytes.capacity(), 0);
        one.written();
        spares.give(buffer);
        other.begin(&mut spares);
        assert_eq!((other.bytes.as_ptr(), other.bytes.capacity(), other.bytes.len()), (address, capacity, 0));
        assert_eq!((spares.bytes, spares.buffers.len()), (0, 0));
    }

    #[test]
    fn no_more_is_kept_than_one_core_may() {
        let mut spares = Spares::within(limits::SPARE_OUTPUT_BYTES_MAX);
        for _ in 0..limits::SPARE_OUTPUTS_MAX + 5 {
            spares.give(Vec::with_capacity(10));
        }
        assert_eq!((spares.buffers.len(), spares.bytes), (limits::SPARE_OUTPUTS_MAX, 10 * limits::SPARE_OUTPUTS_MAX));
        let mut spares = Spares::within(limits::SPARE_OUTPUT_BYTES_MAX);
        for _ in 0..limits::SPARE_OUTPUTS_MAX {
            spares.give(vec![1; limits::OUTPUT_BYTES_HARD]);
        }
        assert!(spares.bytes <= limits::SPARE_OUTPUT_BYTES_MAX && spares.buffers.len() > 1);
        let mut large = spares.take();
        large.push(1);
        let before = spares.buffers.len();
        spares.give(large);
        assert_eq!(spares.buffers.len(), before, "it had little to carry");
    }
}
