//! Files: reads and writes at a position, with the three ways to make a write durable.
//!
//! Must stay true: a short transfer is carried on from a multiple of 4096, as a direct transfer needs;
//! repeating a part is harmless, since the bytes and the place are the same. A write that says
//! durable is durable in whole. A failed sync is never tried again: the kernel may have forgotten the
//! dirty pages, and the second try would then lie. (Tried again are only syncs that never began:
//! ECANCELED behind a short write, and EAGAIN.)

use std::io;
use std::os::fd::OwnedFd;

use super::flight::{Chain, Flight, Part, mark};
use super::{Driver, Event, FileId, OpenFile};
use crate::buffer::AlignedBuffer;
use crate::error::{Errno, IoError, Refused, Step, Why};
use crate::limits::{BLOCK_ALIGNMENT, RETRIES_MAX};
use crate::ring::{Completion, Entry, Fd, Op, Ring, Target};
use crate::slots::Slot;

/// How a write becomes durable before it is reported.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sync {
    /// Not at all.
    None,
    /// One write with RWF_DSYNC: the better one at depth, and on disks with FUA.
    Dsync,
    /// A write and a linked `fdatasync`: the better one at depth 1 on disks without FUA.
    Fdatasync,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Read,
    Write(Sync),
}

/// A file operation and how far it came.
pub(super) struct FileFlight {
    file: FileId,
    kind: Kind,
    token: u64,
    buffer: AlignedBuffer,
    offset: u64,
    len: usize,
    done: usize,
    retries: u8,
    /// Entries of this round whose completion is still to come.
    waiting: u8,
    main: Option<i32>,
    sync: Option<i32>,
}

/// What follows from a round.
enum Verdict {
    Again,
    Finished(Result<usize, IoError>),
}

impl<R: Ring> Driver<R> {
    /// Takes a file over. For direct I/O it was opened with O_DIRECT.
    pub fn register_file(&mut self, file: impl Into<OwnedFd>) -> io::Result<FileId> {
        if self.files.is_full() {
            let max = self.config.files_max;
            return Err(io::Error::other(format!("this core already has its maximum of {max} files")));
        }
        let fd = self.ring.adopt(file.into());
        let Ok(slot) = self.files.insert(OpenFile { fd, registered: false, in_flight: 0, closing: false }) else {
            self.ring.close(fd);
            return Err(io::Error::other("no place for a file"));
        };
        let registered = self.file_table && self.ring.set_file(slot.index, Some(fd)).is_ok();
        if let Some(open) = self.files.get_mut(slot) {
            open.registered = registered;
        }
        Ok(FileId(slot))
    }

    /// Closes a file once its operations have ended; they still report. Takes no further operation.
    pub fn unregister_file(&mut self, id: FileId) {
        let Some(file) = self.files.get_mut(id.0) else { return };
        file.closing = true;
        self.finish_file(id);
    }

    /// Writes the first `len` bytes of `buffer` at `offset`. Ends in `Written`.
    pub fn write(
        &mut self,
        file: FileId,
        offset: u64,
        buffer: AlignedBuffer,
        len: usize,
        sync: Sync,
        token: u64,
    ) -> Result<(), Refused<AlignedBuffer>> {
        self.start_file(file, Kind::Write(sync), offset, buffer, len, token)
    }

    /// Reads up to `len` bytes at `offset` into `buffer`. Ends in `Read`.
    pub fn read(
        &mut self,
        file: FileId,
        offset: u64,
        buffer: AlignedBuffer,
        len: usize,
        token: u64,
    ) -> Result<(), Refused<AlignedBuffer>> {
        self.start_file(file, Kind::Read, offset, buffer, len, token)
    }

    fn start_file(
        &mut self,
        id: FileId,
        kind: Kind,
        offset: u64,
        mut buffer: AlignedBuffer,
        len: usize,
        token: u64,
    ) -> Result<(), Refused<AlignedBuffer>> {
        let Some(file) = self.files.get_mut(id.0).filter(|file| !file.closing) else {
            return Err(Refused { buffer, why: Why::Gone });
        };
        if len == 0 || len > buffer.capacity() || u32::try_from(len).is_err() {
            return Err(Refused { buffer, why: Why::Length });
        }
        if self.file_operations >= self.config.file_operations_max {
            return Err(Refused { buffer, why: Why::FileOperationsFull });
        }
        file.in_flight += 1;
        self.file_operations += 1;
        self.register_if_used(&mut buffer);
        let (waiting, main, sync) = (0, None, None);
        self.launch_file(FileFlight {
            file: id,
            kind,
            token,
            buffer,
            offset,
            len,
            done: 0,
            retries: 0,
            waiting,
            main,
            sync,
        });
        Ok(())
    }

    /// Issues what is still to do: the rest of the transfer, the sync behind it, or only the sync.
    fn launch_file(&mut self, mut flight: FileFlight) {
        let Some(target) = self.target(flight.file) else {
            return self.end_file(flight, Err(IoError { step: Step::Write, errno: Errno(libc::EBADF) }));
        };
        let transfer = flight.transfer(target, self.number);
        let sync = matches!(flight.kind, Kind::Write(Sync::Fdatasync)).then_some(Op::SyncData { file: target });
        flight.main = None;
        flight.sync = None;
        flight.waiting = u8::from(transfer.is_some()) + u8::from(sync.is_some());
        let slot = match self.flights.insert(Flight::File(flight)) {
            Ok(slot) => slot,
            // The slots are as many as all owners may have in flight, so one is always free.
            Err(Flight::File(flight)) => {
                return self.end_file(flight, Err(IoError { step: Step::Write, errno: Errno(libc::ENOMEM) }));
            }
            Err(_) => return,
        };
        let transfer = transfer.map(|op| Entry { op, mark: mark(slot, Part::Main) });
        let sync = sync.map(|op| Entry { op, mark: mark(slot, Part::Sync) });
        match (transfer, sync) {
            (Some(first), second) => self.issue(Chain { first, second }),
            (None, Some(first)) => self.issue(Chain { first, second: None }),
            (None, None) => {}
        }
    }

    fn target(&self, id: FileId) -> Option<Target> {
        let file = self.files.get(id.0)?;
        let fd: Fd = file.fd;
        Some(if file.registered { Target::Registered { index: id.0.index, fd } } else { Target::Plain(fd) })
    }

    pub(super) fn on_file(&mut self, slot: Slot, part: Part, completion: Completion) {
        let Some(Flight::File(flight)) = self.flights.get_mut(slot) else { return };
        let place = match part {
            Part::Main => &mut flight.main,
            Part::Sync => &mut flight.sync,
        };
        if place.is_some() {
            // One of two parts completing twice must not count for the other: the sync would be skipped.
            self.stats.stale += 1;
            return;
        }
        *place = Some(completion.result);
        flight.waiting = flight.waiting.saturating_sub(1);
        if flight.waiting > 0 {
            return;
        }
        let Some(Flight::File(mut flight)) = self.flights.remove(slot) else { return };
        let done = flight.done;
        match flight.judge() {
            Verdict::Finished(result) => self.end_file(flight, result),
            Verdict::Again => {
                if flight.done > done {
                    self.stats.resumed += 1
                } else {
                    self.stats.retried += 1
                }
                self.launch_file(flight);
            }
        }
    }

    fn end_file(&mut self, flight: FileFlight, result: Result<usize, IoError>) {
        self.file_operations = self.file_operations.saturating_sub(1);
        let FileFlight { file, kind, token, buffer, .. } = flight;
        self.ready.push_back(match kind {
            Kind::Read => Event::Read { token, buffer, result },
            Kind::Write(_) => Event::Written { token, buffer, result: result.map(|_| ()) },
        });
        if let Some(open) = self.files.get_mut(file.0) {
            open.in_flight = open.in_flight.saturating_sub(1);
        }
        self.finish_file(file);
    }

    fn finish_file(&mut self, id: FileId) {
        if self.files.get(id.0).is_none_or(|file| !file.closing || file.in_flight > 0) {
            return;
        }
        let Some(file) = self.files.remove(id.0) else { return };
        if file.registered {
            // Cannot fail for a place that is taken; and if it did, the next file there would replace it.
            let _ = self.ring.set_file(id.0.index, None);
        }
        self.ring.close(file.fd);
    }
}

impl FileFlight {
    /// The rest of the transfer; none when only the sync is missing.
    fn transfer(&self, file: Target, driver: u32) -> Option<Op> {
        if self.done >= self.len {
            return None;
        }
        let registered = self.buffer.registered_at(driver);
        let bytes = self.buffer.address().wrapping_add(self.done);
        // Both fit: `start_file` checked that `len` fits 32 bits.
        let (len, offset) = ((self.len - self.done) as u32, self.offset + self.done as u64);
        Some(match self.kind {
            Kind::Read => Op::Read { file, bytes, len, offset, registered },
            Kind::Write(sync) => Op::Write { file, bytes, len, offset, registered, dsync: sync == Sync::Dsync },
        })
    }

    fn judge(&mut self) -> Verdict {
        if let Some(result) = self.main
            && let Some(verdict) = self.judge_transfer(result)
        {
            return verdict;
        }
        match self.sync {
            Some(result) if result < 0 => {
                let errno = Errno(-result);
                let never_began = errno == Errno::CANCELED || errno.0 == libc::EAGAIN;
                if never_began && self.may_retry() {
                    return Verdict::Again;
                }
                Verdict::Finished(Err(IoError { step: Step::Sync, errno }))
            }
            _ => Verdict::Finished(Ok(self.done)),
        }
    }

    /// None: the transfer is complete.
    fn judge_transfer(&mut self, result: i32) -> Option<Verdict> {
        let step = if self.kind == Kind::Read { Step::Read } else { Step::Write };
        let Ok(moved) = usize::try_from(result) else {
            let errno = Errno(-result);
            let again = errno.is_transient() || errno == Errno::CANCELED;
            if again && self.may_retry() {
                return Some(Verdict::Again);
            }
            return Some(Verdict::Finished(Err(IoError { step, errno })));
        };
        let reached = (self.done + moved).min(self.len);
        if reached == self.len {
            self.done = reached;
            return None;
        }
        let aligned = reached - reached % BLOCK_ALIGNMENT;
        if self.kind == Kind::Read && aligned <= self.done {
            // Less than a block came, twice from the same place or at the end of the file: nothing follows.
            if moved == 0 || !self.may_retry_read_end() {
                self.done = reached;
                return Some(Verdict::Finished(Ok(reached)));
            }
            return Some(Verdict::Again);
        }
        if aligned > self.done {
            self.done = aligned;
            self.retries = 0;
            return Some(Verdict::Again);
        }
        if !self.may_retry() {
            return Some(Verdict::Finished(Err(IoError { step, errno: Errno::IO })));
        }
        Some(Verdict::Again)
    }

    fn may_retry(&mut self) -> bool {
        self.retries = self.retries.saturating_add(1);
        self.retries <= RETRIES_MAX
    }

    /// A read that stopped inside a block is tried once more, to tell a short read from the end of the file.
    fn may_retry_read_end(&mut self) -> bool {
        self.retries = self.retries.saturating_add(1);
        self.retries <= 1
    }
}
