//! Operations in flight, and how each goes on.
//!
//! Must stay true: memory is touched only here, only by operations in flight, and only in the ranges
//! they name; every operation has exactly one completion without `more`.

use super::{FakeRing, faults::Faults};
use crate::error::Errno;
use crate::ring::{Completion, Entry, Fd, Op, Target};

/// An operation that the fake kernel has.
pub(super) struct Flying {
    pub(super) entry: Entry,
    /// What starts when it succeeded in full.
    pub(super) then: Option<Entry>,
    pub(super) cancelled: bool,
}

impl Flying {
    pub(super) fn names(&self, fd: Fd) -> bool {
        names(&self.entry.op, fd) || self.then.is_some_and(|entry| names(&entry.op, fd))
    }

    pub(super) fn marks(&self) -> impl Iterator<Item = u64> {
        [Some(self.entry.mark), self.then.map(|entry| entry.mark)].into_iter().flatten()
    }
}

/// Whether an operation uses a descriptor.
pub(super) fn names(op: &Op, fd: Fd) -> bool {
    match *op {
        Op::Accept { listener } => listener == fd,
        Op::Connect { socket, .. } | Op::Receive { socket } | Op::Send { socket, .. } => socket == fd,
        Op::Write { file, .. } | Op::Read { file, .. } | Op::SyncData { file } => descriptor(file) == fd,
        Op::Wake { .. } | Op::Cancel { .. } => false,
    }
}

fn descriptor(target: Target) -> Fd {
    match target {
        Target::Plain(fd) | Target::Registered { fd, .. } => fd,
    }
}

/// What an operation came to in one pass.
struct Outcome {
    result: i32,
    buffer: Option<u16>,
    more: bool,
}

fn ends(result: i32) -> Option<Outcome> {
    Some(Outcome { result, buffer: None, more: false })
}

fn number(len: usize) -> i32 {
    i32::try_from(len).unwrap_or(i32::MAX)
}

impl FakeRing {
    /// One pass over all operations in flight, in random order.
    pub(super) fn step(&mut self) {
        let mut marks: Vec<u64> = self.flying.iter().map(|flying| flying.entry.mark).collect();
        while !marks.is_empty() {
            let index = self.dice.below(marks.len());
            let mark = marks.swap_remove(index);
            if self.dice.chance(self.faults.delay) {
                continue;
            }
            let Some(position) = self.flying.iter().position(|flying| flying.entry.mark == mark) else { continue };
            let Some(flying) = self.flying.get(position) else { continue };
            let (op, cancelled) = (flying.entry.op, flying.cancelled);
            let Some(outcome) = self.attempt(op, cancelled) else { continue };
            let Outcome { result, buffer, more } = outcome;
            if cancelled && result >= 0 {
                self.counts.late += 1;
            }
            self.post(Completion { mark, result, buffer, more });
            if !more {
                let ended = self.flying.swap_remove(position);
                self.follow(ended, result);
            }
        }
    }

    /// The second half of a chain begins only after the whole of the first.
    fn follow(&mut self, ended: Flying, result: i32) {
        let Some(next) = ended.then else { return };
        let whole = matches!(ended.entry.op, Op::Write { len, .. } if i64::from(result) == i64::from(len));
        if whole {
            self.flying.push(Flying { entry: next, then: None, cancelled: false });
        } else {
            self.post(Completion { mark: next.mark, result: -libc::ECANCELED, buffer: None, more: false });
        }
    }

    /// None: the operation waits.
    fn attempt(&mut self, op: Op, cancelled: bool) -> Option<Outcome> {
        // A cancelled operation may still succeed if it could right now: it was already under way.
        if cancelled && self.dice.chance(500) {
            return ends(-libc::ECANCELED);
        }
        if let Some(error) = self.error(&op) {
            return ends(-error);
        }
        let outcome = match op {
            Op::Accept { listener } => self.try_accept(listener),
            Op::Connect { socket, .. } => self.try_connect(socket),
            Op::Receive { socket } => self.try_receive(socket),
            Op::Send { socket, bytes, len, at_once } => self.try_send(socket, bytes, len as usize, at_once),
            Op::Write { file, bytes, len, offset, dsync, .. } => {
                self.try_write(file, bytes, len as usize, offset, dsync)
            }
            Op::Read { file, bytes, len, offset, .. } => self.try_read(file, bytes, len as usize, offset),
            Op::SyncData { file } => self.try_sync(file),
            // Sleeping is not what is tested here: the flag alone carries the wake.
            Op::Wake { .. } | Op::Cancel { .. } => None,
        };
        if outcome.is_none() && cancelled { ends(-libc::ECANCELED) } else { outcome }
    }

    /// A failure out of nowhere.
    fn error(&mut self, op: &Op) -> Option<i32> {
        let Faults { again, interrupted, canceled, .. } = self.faults;
        if matches!(op, Op::Wake { .. } | Op::Connect { .. }) {
            return None;
        }
        if self.dice.chance(again) {
            self.counts.again += 1;
            return Some(libc::EAGAIN);
        }
        // An interrupted sync is a failed sync; it is not played, as it would end the file's run.
        if !matches!(op, Op::SyncData { .. }) && self.dice.chance(interrupted) {
            self.counts.interrupted += 1;
            return Some(libc::EINTR);
        }
        if self.dice.chance(canceled) {
            self.counts.canceled += 1;
            return Some(libc::ECANCELED);
        }
        None
    }

    fn keeps_on(&mut self) -> bool {
        let lost = self.dice.chance(self.faults.lost_more);
        self.counts.lost_more += u64::from(lost);
        !lost
    }

    fn shorten(&mut self, len: usize) -> usize {
        if len > 1 && self.dice.chance(self.faults.short) {
            self.counts.short += 1;
            return 1 + self.dice.below(len - 1);
        }
        len
    }

    fn try_accept(&mut self, listener: Fd) -> Option<Outcome> {
        if self.dice.chance(self.faults.no_descriptors) {
            self.counts.no_descriptors += 1;
            return ends(-libc::EMFILE);
        }
        let Some(found) = self.listeners.get_mut(&listener) else { return ends(-libc::EBADF) };
        let fd = found.waiting.pop_front()?;
        if let Some(socket) = self.sockets.get_mut(&fd) {
            socket.open = true;
        }
        Some(Outcome { result: fd.0, buffer: None, more: self.keeps_on() })
    }

    fn try_connect(&mut self, socket: Fd) -> Option<Outcome> {
        let refused = self.dice.chance(300);
        if let Some(found) = self.sockets.get_mut(&socket) {
            found.reset = refused;
        }
        ends(if refused { -libc::ECONNREFUSED } else { 0 })
    }

    fn try_receive(&mut self, fd: Fd) -> Option<Outcome> {
        let Some(socket) = self.sockets.get(&fd).filter(|socket| socket.open) else { return ends(-libc::EBADF) };
        if socket.reset {
            return ends(-libc::ECONNRESET);
        }
        let (waiting, ended) = (socket.incoming.len(), socket.ended);
        if waiting == 0 && !ended {
            return None;
        }
        if self.dice.chance(self.faults.no_buffers) {
            self.counts.no_buffers += 1;
            return ends(-libc::ENOBUFS);
        }
        let Some(buffers) = self.buffers.as_mut() else { return ends(-libc::ENOBUFS) };
        let Some(id) = buffers.free.pop_front() else { return ends(-libc::ENOBUFS) };
        if let Some(with) = buffers.with_kernel.get_mut(usize::from(id)) {
            *with = false;
        }
        let (base, room) = (buffers.base, buffers.len);
        if waiting == 0 {
            // Some kernels name the buffer they had picked for the end of the stream.
            return Some(Outcome { result: 0, buffer: Some(id), more: false });
        }
        let len = self.shorten(waiting.min(room));
        let bytes: Vec<u8> = self.sockets.get_mut(&fd)?.incoming.drain(..len).collect();
        // SAFETY: the group's memory is valid as long as the driver that opened it lives, which owns this
        // ring; buffer `id` was with the kernel until the line above, so nobody else looks at it; `len` is
        // at most one buffer.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), base.add(usize::from(id) * room), len) };
        Some(Outcome { result: number(len), buffer: Some(id), more: self.keeps_on() })
    }

    fn try_send(&mut self, fd: Fd, bytes: *const u8, len: usize, at_once: bool) -> Option<Outcome> {
        let Some(socket) = self.sockets.get(&fd).filter(|socket| socket.open) else { return ends(-libc::EBADF) };
        if socket.reset {
            return ends(-libc::EPIPE);
        }
        let room = socket.room;
        if room == 0 {
            return if at_once { ends(-libc::EAGAIN) } else { None };
        }
        let len = self.shorten(len.min(room));
        // SAFETY: the operation is in flight, so the driver keeps these bytes alive and unchanged.
        let sent = unsafe { std::slice::from_raw_parts(bytes, len) };
        let socket = self.sockets.get_mut(&fd)?;
        socket.outgoing.extend_from_slice(sent);
        socket.room -= len;
        ends(number(len))
    }

    fn try_write(&mut self, file: Target, bytes: *const u8, len: usize, offset: u64, dsync: bool) -> Option<Outcome> {
        if self.dice.chance(self.faults.broken) {
            self.counts.broken += 1;
            return ends(-libc::EIO);
        }
        let len = self.shorten(len);
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        // SAFETY: the operation is in flight, so the driver keeps these bytes alive and unchanged.
        let bytes = unsafe { std::slice::from_raw_parts(bytes, len) };
        let durable = dsync && !self.is_hollow();
        match self.files.write(descriptor(file), start, bytes, durable) {
            Some(Ok(())) => ends(number(len)),
            Some(Err(error)) => ends(-Errno::of(&error).0),
            None => ends(-libc::EBADF),
        }
    }

    fn try_read(&mut self, file: Target, bytes: *mut u8, len: usize, offset: u64) -> Option<Outcome> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let found = match self.files.read(descriptor(file), start, len) {
            Some(Ok(found)) => found,
            Some(Err(error)) => return ends(-Errno::of(&error).0),
            None => return ends(-libc::EBADF),
        };
        if found.is_empty() {
            return ends(0);
        }
        // Short by whole blocks, as a direct read is; else a short read looks like the end of the file.
        let short = self.shorten(found.len());
        let len = if short < found.len() && short >= 4096 { short - short % 4096 } else { found.len() };
        // SAFETY: the operation is in flight, so the driver keeps the bytes it asked for there for us alone; `len` is at most as many.
        unsafe { std::ptr::copy_nonoverlapping(found.as_ptr(), bytes, len) };
        ends(number(len))
    }

    fn try_sync(&mut self, file: Target) -> Option<Outcome> {
        if self.dice.chance(self.faults.broken) {
            self.counts.broken += 1;
            return ends(-libc::EIO);
        }
        if self.is_hollow() {
            return ends(0);
        }
        match self.files.sync(descriptor(file)) {
            Some(Ok(())) => ends(0),
            Some(Err(error)) => ends(-Errno::of(&error).0),
            None => ends(-libc::EBADF),
        }
    }

    fn is_hollow(&mut self) -> bool {
        let hollow = self.faults.hollow > 0 && self.dice.chance(self.faults.hollow);
        self.counts.hollow += u64::from(hollow);
        hollow
    }
}
