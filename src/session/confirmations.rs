//! How far a session has handled what its client keeps to send again, and when the client is told that it need not keep it.
//!
//! The client numbers the packets that it keeps, from 0, and so does the session. What must stay true: a number is said only when
//! everything up to it is done for good, since the client will never send it again.

/// Confirmations of one session.
#[derive(Debug)]
pub struct Confirmations {
    /// The client is told at the latest when it keeps so many bytes that are handled.
    window: usize,
    /// The number of the last packet that was handled; −1 before the first.
    last: i32,
    /// Bytes that were handled since the client was told.
    bytes: usize,
}

impl Confirmations {
    /// Confirmations for a client that wants to be told after so many bytes.
    pub fn new(window: u32) -> Self {
        Self { window: usize::try_from(window).unwrap_or(usize::MAX), last: -1, bytes: 0 }
    }

    /// The next packet, of so many bytes, was handled. Gives the number that the client is told now, if it is.
    pub fn handled(&mut self, bytes: usize) -> Option<i32> {
        self.last = self.last.wrapping_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes >= self.window { self.flush() } else { None }
    }

    /// The number of the last packet that was handled, of which the client is told now; −1 before the first.
    pub fn tell(&mut self) -> i32 {
        self.bytes = 0;
        self.last
    }

    /// Gives the number that the client is told now, if there is one that it was not told.
    pub fn flush(&mut self) -> Option<i32> {
        (std::mem::take(&mut self.bytes) > 0).then_some(self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_told_when_its_window_is_full_or_when_asked_for() {
        let mut confirmations = Confirmations::new(100);
        assert_eq!(confirmations.flush(), None);
        assert_eq!([60, 39, 1, 99].map(|bytes| confirmations.handled(bytes)), [None, None, Some(2), None]);
        assert_eq!(confirmations.flush(), Some(3));
        assert_eq!(confirmations.flush(), None);
        assert_eq!(Confirmations::new(0).handled(13), Some(0));
    }
}
