//! The bytes that wait to be written to one client.

use crate::limits;

/// Bytes on their way to a client: collected here, one buffer at a time in the hands of the ring.
#[derive(Debug, Default)]
pub struct Output {
    /// Collected since the last buffer was handed over.
    pub bytes: Vec<u8>,
    /// A buffer is being written.
    in_flight: usize,
    /// A buffer that came back, to be used again.
    spare: Vec<u8>,
}

impl Output {
    /// The buffer to write next, if there is something and nothing is being written.
    pub fn take(&mut self) -> Option<Vec<u8>> {
        if self.in_flight > 0 || self.bytes.is_empty() {
            return None;
        }
        self.in_flight = self.bytes.len();
        Some(std::mem::replace(&mut self.bytes, std::mem::take(&mut self.spare)))
    }

    /// A buffer was written.
    pub fn written(&mut self, mut buffer: Vec<u8>) {
        self.in_flight = 0;
        // One that had to grow far beyond the usual is not kept.
        if buffer.capacity() <= limits::OUTPUT_BYTES_HARD {
            buffer.clear();
            self.spare = buffer;
        }
    }

    /// Nothing is waiting and nothing is being written.
    pub fn is_idle(&self) -> bool {
        self.in_flight == 0 && self.bytes.is_empty()
    }

    /// Does anything wait for the buffer that is being written: other bytes, the close that follows it, or deliveries that pause because
    /// so much is on its way?
    pub fn holds_up(&self, closing: bool) -> bool {
        self.in_flight > 0 && (!self.bytes.is_empty() || closing || self.in_flight > limits::OUTPUT_BYTES_SOFT)
    }

    /// Bytes that the client has not taken yet.
    pub fn backlog(&self) -> usize {
        self.in_flight + self.bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_is_waited_for_only_when_something_follows_it() {
        let mut output = Output::default();
        assert!(output.take().is_none() && !output.holds_up(true), "nothing is being written");
        output.bytes.extend([1; 100]);
        let buffer = output.take().unwrap();
        assert!(!output.holds_up(false) && output.holds_up(true));
        output.bytes.push(2);
        assert!(output.holds_up(false) && output.take().is_none(), "one buffer at a time");
        output.written(buffer);
        assert!(!output.holds_up(false));
        output.bytes.resize(limits::OUTPUT_BYTES_SOFT + 1, 3);
        let _buffer = output.take().unwrap();
        assert!(output.holds_up(false), "deliveries pause until it is written");
    }
}
