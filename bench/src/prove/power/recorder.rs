//! The disk as its users see it, and everything that was asked of it, in order.
//!
//! Takes writes and flushes, gives the log. Must stay true: from the cut on nothing is taken and nothing is answered, so that whoever heard of a
//! flush heard of one that is in the log. Once nobody is left who could hear it, what still waits is answered with an error.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// One request that changes what is safe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// Bytes at a place.
    Write { at: u64, bytes: Vec<u8> },
    /// All writes before it are safe.
    Flush,
}

/// A moment: so many entries of the log had been answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(pub(super) usize);

/// The disk.
#[derive(Debug)]
pub(super) struct Recorder {
    /// What a reader gets.
    now: Vec<u8>,
    log: Vec<Entry>,
    power: Power,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Power {
    On,
    /// Nothing is answered.
    Cut,
    /// Everything is answered with an error.
    Gone,
}

/// The disk as the kernel's requests and the proof share it.
#[derive(Debug)]
pub(super) struct Shared {
    recorder: Mutex<Recorder>,
    changed: Condvar,
}

impl Shared {
    /// A disk that holds this.
    pub(super) fn new(now: Vec<u8>) -> Self {
        Self { recorder: Mutex::new(Recorder::new(now)), changed: Condvar::new() }
    }

    /// For a look, or for the cut.
    pub(super) fn recorder(&self) -> MutexGuard<'_, Recorder> {
        self.recorder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For a request: not while the power is cut.
    pub(super) fn for_request(&self) -> MutexGuard<'_, Recorder> {
        let waits = |recorder: &mut Recorder| recorder.power == Power::Cut;
        self.changed.wait_while(self.recorder(), waits).unwrap_or_else(PoisonError::into_inner)
    }

    /// Nobody is left who could hear an answer: what waits is answered with an error.
    pub(super) fn release(&self) {
        self.recorder().power = Power::Gone;
        self.changed.notify_all();
    }
}

/// The power is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut;

impl Recorder {
    /// A disk that holds this.
    pub(super) fn new(now: Vec<u8>) -> Self {
        Self { now, log: Vec::new(), power: Power::On }
    }

    /// Its size in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.now.len() as u64
    }

    /// Reads; nothing behind the end.
    pub(super) fn read(&self, at: u64, count: usize) -> Result<&[u8], Cut> {
        if self.power != Power::On {
            return Err(Cut);
        }
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        let end = at.saturating_add(count).min(self.now.len());
        Ok(self.now.get(at..end).unwrap_or_default())
    }

    /// Writes as much as fits, and says how much that is.
    pub(super) fn write(&mut self, at: u64, bytes: &[u8]) -> Result<usize, Cut> {
        if self.power != Power::On {
            return Err(Cut);
        }
        let from = usize::try_from(at).unwrap_or(usize::MAX).min(self.now.len());
        let fits = bytes.len().min(self.now.len() - from);
        let bytes = bytes.get(..fits).unwrap_or_default();
        if let Some(place) = self.now.get_mut(from..from + fits) {
            place.copy_from_slice(bytes);
        }
        self.log.push(Entry::Write { at, bytes: bytes.to_vec() });
        Ok(fits)
    }

    /// Makes all that was written safe.
    pub(super) fn flush(&mut self) -> Result<(), Cut> {
        if self.power != Power::On {
            return Err(Cut);
        }
        self.log.push(Entry::Flush);
        Ok(())
    }

    /// This moment.
    pub(super) fn moment(&self) -> Moment {
        Moment(self.log.len())
    }

    /// Cuts the power, now.
    pub(super) fn cut(&mut self) -> Moment {
        self.power = Power::Cut;
        self.moment()
    }

    /// What was asked for until a moment.
    pub(super) fn until(&self, moment: Moment) -> &[Entry] {
        self.log.get(..moment.0).unwrap_or(&self.log)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_taken_after_the_cut() {
        let mut disk = Recorder::new(vec![0; 1024]);
        assert_eq!(disk.write(1000, &[7; 100]), Ok(24));
        assert_eq!(disk.flush(), Ok(()));
        assert_eq!(disk.read(1000, 100).unwrap(), [7; 24]);
        let cut = disk.cut();
        assert_eq!((disk.write(0, &[1]), disk.flush(), disk.read(0, 1)), (Err(Cut), Err(Cut), Err(Cut)));
        assert_eq!((cut, disk.until(cut).len(), disk.until(Moment(1)).len()), (Moment(2), 2, 1));
    }
}
