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

    /// Bytes that the client has not taken yet.
    pub fn backlog(&self) -> usize {
        self.in_flight + self.bytes.len()
    }
}
