//! A kernel that misbehaves by the rules: for tests, from one seed.
//!
//! Owns: queues, operations in flight, sockets and files that exist only here, a clock of its own.
//! Takes: what a driver pushes; what a test scripts (`world.rs`). Gives: completions in random order,
//! with the faults of [`Faults`]. Must stay true: everything it does, a real kernel may do, but for
//! ghosts (a second last completion of an operation that has ended), which show that generations are
//! checked; the same seed and calls give the same run. It watches the driver too: what a sound driver
//! never does is a violation, kept for the test to see.

mod faults;
mod files;
mod flying;
mod world;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use super::{Completion, Entry, Fd, Op, QueueFull, Region, Ring};
use crate::clock::Moment;
use crate::driver::ListenOptions;
#[cfg(test)]
pub(crate) use faults::Dice;
#[cfg(not(test))]
use faults::Dice;
use faults::ENDED_MAX;
pub use faults::{Counts, Faults};
use files::Files;
use flying::Flying;
use world::{FakeSocket, Listener};

/// Fake descriptors start here, far above real ones.
const FIRST_FD: i32 = 1_000_000;

/// Passes over the operations in flight during one enter.
const PASSES: u32 = 4;

/// A ring without a kernel.
pub struct FakeRing {
    pub(super) dice: Dice,
    pub(super) faults: Faults,
    pub(super) counts: Counts,
    now: Moment,
    queue: VecDeque<Vec<Entry>>,
    queue_capacity: usize,
    flying: Vec<Flying>,
    completions: VecDeque<Completion>,
    completion_capacity: usize,
    overflow: VecDeque<Completion>,
    overflows: u64,
    /// Marks of operations that ended: what ghosts are made of.
    ended: VecDeque<u64>,
    buffers: Option<Buffers>,
    /// Registered buffers: first byte and length.
    registered: BTreeMap<u16, (usize, usize)>,
    listeners: BTreeMap<Fd, Listener>,
    sockets: BTreeMap<Fd, FakeSocket>,
    files: Files,
    next_fd: i32,
    next_port: u16,
    violations: Vec<String>,
    powered: bool,
}

/// The receive group.
struct Buffers {
    base: *mut u8,
    len: usize,
    free: VecDeque<u16>,
    with_kernel: Vec<bool>,
}

impl FakeRing {
    /// A ring whose run follows from `seed`, with queues of the given sizes.
    pub fn new(seed: u64, queue_capacity: usize, completion_capacity: usize, faults: Faults) -> Self {
        Self {
            dice: Dice::new(seed),
            faults,
            counts: Counts::default(),
            now: Moment::from_nanoseconds(1),
            queue: VecDeque::new(),
            queue_capacity,
            flying: Vec::new(),
            completions: VecDeque::new(),
            completion_capacity,
            overflow: VecDeque::new(),
            overflows: 0,
            ended: VecDeque::new(),
            buffers: None,
            registered: BTreeMap::new(),
            listeners: BTreeMap::new(),
            sockets: BTreeMap::new(),
            files: Files::default(),
            next_fd: FIRST_FD,
            next_port: 10_000,
            violations: Vec::new(),
            powered: true,
        }
    }

    /// How often each fault was played.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// What the driver did that it must not do.
    pub fn violations(&self) -> &[String] {
        &self.violations
    }

    /// Descriptors that are still open.
    pub fn open_descriptors(&self) -> usize {
        self.listeners.len() + self.sockets.values().filter(|socket| socket.open).count() + self.files.len()
    }

    /// Receive buffers that the kernel has.
    pub fn buffers_with_kernel(&self) -> usize {
        self.buffers.as_ref().map_or(0, |buffers| buffers.with_kernel.iter().filter(|with| **with).count())
    }

    /// Operations in flight.
    pub fn in_flight(&self) -> usize {
        self.flying.len()
    }

    /// Stops all faults.
    pub fn calm(&mut self) {
        self.faults = Faults::none();
    }

    /// Ends every operation without touching its memory: after a violation, that memory may be gone.
    pub fn poison(&mut self) {
        self.queue.clear();
        for flying in std::mem::take(&mut self.flying) {
            for mark in flying.marks() {
                self.completions.push_back(Completion { mark, result: -libc::ECANCELED, buffer: None, more: false });
            }
        }
    }

    /// Whether an operation in flight, or a queued one, names memory in this range.
    pub fn holds(&self, bytes: &[u8]) -> bool {
        let range = bytes.as_ptr_range();
        let inside = |op: &Op| match *op {
            Op::Send { bytes, .. } | Op::Write { bytes, .. } => range.contains(&bytes),
            Op::Read { bytes, .. } => range.contains(&bytes.cast_const()),
            _ => false,
        };
        self.flying.iter().any(|flying| inside(&flying.entry.op))
            || self.queue.iter().flatten().any(|entry| inside(&entry.op))
    }

    pub(super) fn violation(&mut self, what: String) {
        self.violations.push(what);
    }

    fn next_fd(&mut self) -> Fd {
        self.next_fd += 1;
        Fd(self.next_fd)
    }

    /// Delivers a completion; the queue may overflow.
    fn post(&mut self, completion: Completion) {
        if !completion.more && self.dice.chance(self.faults.swallow) {
            return;
        }
        if !completion.more {
            self.ended.push_back(completion.mark);
            if self.ended.len() > ENDED_MAX {
                self.ended.pop_front();
            }
        }
        if self.completions.len() < self.completion_capacity && self.overflow.is_empty() {
            self.completions.push_back(completion);
        } else {
            if self.overflow.is_empty() {
                self.overflows += 1;
            }
            self.overflow.push_back(completion);
        }
    }

    fn flush_overflow(&mut self) {
        while self.completions.len() < self.completion_capacity
            && let Some(completion) = self.overflow.pop_front()
        {
            self.completions.push_back(completion);
        }
    }

    fn submit(&mut self) {
        // As the real one does while its overflow is not taken: nothing is lost, but nothing begins.
        if !self.overflow.is_empty() && self.dice.chance(500) {
            self.counts.busy += 1;
            return;
        }
        while let Some(chain) = self.queue.pop_front() {
            self.begin(chain);
        }
    }

    fn begin(&mut self, chain: Vec<Entry>) {
        if !self.powered {
            let ended = chain.iter().filter(|entry| !matches!(entry.op, Op::Cancel { .. }));
            return ended.for_each(|entry| self.end_unpowered(entry.mark));
        }
        let mut entries = chain.into_iter();
        let Some(entry) = entries.next() else { return };
        if let Op::Cancel { target } = entry.op {
            return self.cancel(target, entry.mark);
        }
        if self.flying.iter().any(|flying| flying.entry.mark == entry.mark) {
            self.violation(format!("mark {:x} is in flight twice", entry.mark));
        }
        self.flying.push(Flying { entry, then: entries.next(), cancelled: false });
    }

    fn end_unpowered(&mut self, mark: u64) {
        self.completions.push_back(Completion { mark, result: -libc::EIO, buffer: None, more: false });
    }

    /// An operation names a registered buffer only if its bytes lie there.
    fn look_for_registration(&mut self, op: Op) {
        let (index, first, len) = match op {
            Op::Write { registered: Some(index), bytes, len, .. } => (index, bytes.addr(), len as usize),
            Op::Read { registered: Some(index), bytes, len, .. } => (index, bytes.addr(), len as usize),
            _ => return,
        };
        let place = self.registered.get(&index);
        if !place.is_some_and(|(base, all)| *base <= first && first + len <= base + all) {
            self.violation(format!("an operation names buffer {index}, and its bytes are not registered there"));
        }
        self.counts.registered += 1;
    }

    /// Marks the target; it ends later, maybe with a success that came first.
    fn cancel(&mut self, target: u64, mark: u64) {
        match self.flying.iter_mut().find(|flying| flying.entry.mark == target) {
            Some(flying) => flying.cancelled = true,
            None => self.post(Completion { mark, result: -libc::ENOENT, buffer: None, more: false }),
        }
    }

    fn ghost(&mut self) {
        if self.ended.is_empty() || !self.dice.chance(self.faults.ghost) {
            return;
        }
        let index = self.dice.below(self.ended.len());
        let Some(&mark) = self.ended.get(index) else { return };
        let result = i32::try_from(1 + self.dice.below(5000)).unwrap_or(1);
        self.counts.ghosts += 1;
        let ghost = Completion { mark, result, buffer: None, more: false };
        if self.completions.len() < self.completion_capacity && self.overflow.is_empty() {
            self.completions.push_back(ghost);
        } else {
            self.overflow.push_back(ghost);
        }
    }
}

impl Ring for FakeRing {
    unsafe fn push(&mut self, chain: &[Entry]) -> Result<(), QueueFull> {
        let queued: usize = self.queue.iter().map(Vec::len).sum();
        if queued + chain.len() > self.queue_capacity {
            self.counts.queue_full += 1;
            return Err(QueueFull);
        }
        for entry in chain {
            self.look_for_registration(entry.op);
        }
        self.queue.push_back(chain.to_vec());
        Ok(())
    }

    fn enter(&mut self, want: u32, timeout: Option<Duration>) -> io::Result<()> {
        self.flush_overflow();
        self.submit();
        for _ in 0..PASSES {
            self.step();
            if self.completions.len() >= (want as usize).max(1) {
                break;
            }
        }
        self.ghost();
        self.now = self.now + Duration::from_micros(1);
        if want > 0 && self.completions.is_empty() {
            self.now = self.now + timeout.unwrap_or(Duration::from_millis(1));
        }
        Ok(())
    }

    fn pop(&mut self) -> Option<Completion> {
        self.completions.pop_front()
    }

    fn has_completions(&mut self) -> bool {
        !self.completions.is_empty()
    }

    fn needs_enter(&mut self) -> bool {
        !self.overflow.is_empty() || !self.flying.is_empty()
    }

    fn overflows(&self) -> u64 {
        self.overflows
    }

    fn now(&self) -> Moment {
        self.now
    }

    fn listen(&mut self, _address: SocketAddr, _options: ListenOptions) -> io::Result<(Fd, SocketAddr)> {
        let fd = self.next_fd();
        self.listeners.insert(fd, Listener::default());
        Ok((fd, self.fresh_address()))
    }

    fn open_socket(&mut self, _address: SocketAddr) -> io::Result<Fd> {
        let fd = self.next_fd();
        let peer = self.fresh_address();
        self.sockets.insert(fd, FakeSocket::new(peer));
        Ok(fd)
    }

    fn peer(&mut self, socket: Fd) -> io::Result<SocketAddr> {
        match self.sockets.get(&socket) {
            Some(found) if !found.reset => Ok(found.peer),
            Some(_) => Err(io::Error::from_raw_os_error(libc::ENOTCONN)),
            None => Err(io::Error::from_raw_os_error(libc::EBADF)),
        }
    }

    fn adopt(&mut self, descriptor: OwnedFd) -> Fd {
        self.files.adopt(descriptor)
    }

    fn release(&mut self, fd: Fd) -> Option<OwnedFd> {
        self.close(fd);
        // Its world ends here: whoever has it may open and close it, and nothing more.
        std::fs::File::open("/dev/null").ok().map(OwnedFd::from)
    }

    fn close(&mut self, fd: Fd) {
        if self.flying.iter().any(|flying| flying.names(fd))
            || self.queue.iter().flatten().any(|e| flying::names(&e.op, fd))
        {
            self.violation(format!("{fd:?} was closed with an operation in flight"));
        }
        let was_open = match self.sockets.get_mut(&fd) {
            Some(socket) => std::mem::replace(&mut socket.open, false),
            None => self.listeners.remove(&fd).is_some() || self.files.close(fd),
        };
        if !was_open {
            self.violation(format!("{fd:?} was closed but is not open"));
        }
    }

    fn open_file_table(&mut self, _count: u32) -> io::Result<()> {
        Ok(())
    }

    fn set_file(&mut self, _index: u32, _fd: Option<Fd>) -> io::Result<()> {
        // Some files are registered and some are not.
        if self.dice.chance(500) { Ok(()) } else { Err(io::Error::from_raw_os_error(libc::ENOMEM)) }
    }

    fn open_buffer_table(&mut self, _count: u16, _bytes: usize) -> io::Result<()> {
        Ok(())
    }

    unsafe fn register_buffer(&mut self, index: u16, region: Region) -> io::Result<()> {
        // Some buffers are registered and some are not.
        if self.dice.chance(500) {
            return Err(io::Error::from_raw_os_error(libc::ENOMEM));
        }
        if self.registered.insert(index, (region.base.addr(), region.len)).is_some() {
            self.violation(format!("buffer {index} was registered twice"));
        }
        Ok(())
    }

    unsafe fn open_receive_group(&mut self, base: *mut u8, buffer_len: u32, count: u16) -> io::Result<()> {
        let with_kernel = vec![false; usize::from(count)];
        self.buffers = Some(Buffers { base, len: buffer_len as usize, free: VecDeque::new(), with_kernel });
        Ok(())
    }

    unsafe fn provide(&mut self, id: u16) {
        let with = self.buffers.as_mut().and_then(|buffers| {
            buffers.free.push_back(id);
            buffers.with_kernel.get_mut(usize::from(id))
        });
        match with {
            Some(with) if !*with => *with = true,
            _ => self.violation(format!("receive buffer {id} was given to the kernel twice")),
        }
    }
}
