//! Sockets and files on a ring: all logic of operations.
//!
//! Owns: listeners, sockets, files, and in slots every operation in flight with its buffer. Takes:
//! operations. Gives: [`Event`]s. Must stay true:
//! - each operation ends in exactly one event, and its buffer comes back in it;
//! - a socket's events end with exactly one [`Event::Closed`] or [`Event::Detached`]; after `close` only
//!   [`Event::Sent`] (to give the buffer back) and that one come;
//! - the kernel never holds memory that the driver does not own; what it still may own when the
//!   driver is dropped is leaked, not freed.
//!
//! The caller's loop: [`Driver::turn`], then [`Driver::next_event`] until it is empty, issuing
//! operations as it goes. Completions are taken from the queue one by one, when asked for: so an
//! operation issued while handling an event already holds for the next event.

mod accept;
mod close;
mod connect;
mod detach;
mod drain;
mod event;
mod file;
mod flight;
mod receive;
mod send;
#[cfg(test)]
mod simulation;
mod turn;

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::buffer::{AlignedBuffer, BufferPool, Place, ReceiveBuffers, ReceivedBuffer};
use crate::clock::Moment;
use crate::limits;
use crate::memlock;
use crate::probe;
use crate::ring::{Region, Ring, Setup, UringRing};
use crate::slots::{Slot, Slots};
use crate::waker::{Sleeper, Waker};

pub use event::{CloseReason, Event, Wait};
pub use file::Sync;
use flight::{Chain, Flight};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub struct $name(pub(crate) Slot);

        impl $name {
            /// Its place in a table; places are reused, ids are not.
            pub fn index(self) -> usize {
                self.0.index as usize
            }
        }
    };
}

id! {
    /// A listening socket of one driver.
    ListenerId
}
id! {
    /// A connection of one driver.
    SocketId
}
id! {
    /// A registered file of one driver.
    FileId
}

/// How to listen.
#[derive(Clone, Copy, Debug)]
pub struct ListenOptions {
    /// Let several cores listen on the same address; the kernel spreads connections over them.
    pub reuse_port: bool,
    /// Connections that may wait to be accepted.
    pub backlog: i32,
}

impl Default for ListenOptions {
    fn default() -> Self {
        Self { reuse_port: false, backlog: limits::ACCEPT_BACKLOG }
    }
}

/// Sizes of a driver.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Submissions in one turn.
    pub submission_entries: u32,
    /// Completions held.
    pub completion_entries: u32,
    /// Receive buffers; a power of two. Zero: this driver receives nothing.
    pub receive_buffers: u16,
    /// Size of each.
    pub receive_buffer_bytes: u32,
    /// Buffers for journal blocks.
    pub block_buffers: usize,
    /// Size of each.
    pub block_buffer_bytes: usize,
    /// Uses of each before it is registered.
    pub uses_before_registration: u8,
    /// Connections at once.
    pub sockets_max: u32,
    /// Files at once.
    pub files_max: u32,
    /// File operations in flight at once.
    pub file_operations_max: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            submission_entries: limits::SUBMISSION_ENTRIES,
            completion_entries: limits::COMPLETION_ENTRIES,
            receive_buffers: limits::RECEIVE_BUFFERS,
            receive_buffer_bytes: limits::RECEIVE_BUFFER_BYTES,
            block_buffers: 0,
            block_buffer_bytes: limits::BLOCK_BUFFER_BYTES,
            uses_before_registration: limits::USES_BEFORE_REGISTRATION,
            sockets_max: limits::SOCKETS_MAX,
            files_max: limits::FILES_MAX,
            file_operations_max: limits::FILE_OPERATIONS_MAX,
        }
    }
}

/// What a driver did so far.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Stats {
    /// Calls of `turn`.
    pub turns: u64,
    /// System calls `io_uring_enter`.
    pub enters: u64,
    /// Entries handed to the kernel.
    pub submissions: u64,
    /// Completions taken.
    pub completions: u64,
    /// Completions for operations that had ended: zero on a sound kernel.
    pub stale: u64,
    /// Connections accepted.
    pub accepted: u64,
    /// Connections closed at once because all places were taken.
    pub refused: u64,
    /// Bytes received.
    pub received_bytes: u64,
    /// Bytes sent.
    pub sent_bytes: u64,
    /// Short transfers that were carried on.
    pub resumed: u64,
    /// Operations tried again after EAGAIN, EINTR or a stray ECANCELED.
    pub retried: u64,
    /// Receives that ended for want of a buffer and waited for one.
    pub starved: u64,
    /// Multishot operations that ended by themselves and were armed again.
    pub rearmed: u64,
    /// Submissions that found the queue full and waited in our memory.
    pub postponed: u64,
    /// Wakes by other threads.
    pub woken: u64,
}

struct Listener {
    fd: crate::ring::Fd,
    address: std::net::SocketAddr,
    accepting: Option<Slot>,
    closing: bool,
    /// Set while the listener rests after an error.
    rest_until: Option<Moment>,
}

/// One connection. It is removed when `closing` is set and nothing is in flight.
struct Socket {
    fd: crate::ring::Fd,
    connecting: Option<Slot>,
    receiving: Option<Slot>,
    sending: Option<Slot>,
    closing: Option<CloseReason>,
    close_after_send: bool,
    /// To be given away once nothing is in flight on it.
    detaching: bool,
    paused: bool,
    /// In the queue of those that wait for a receive buffer.
    starved: bool,
    retries: u8,
}

struct OpenFile {
    fd: crate::ring::Fd,
    registered: bool,
    in_flight: u32,
    closing: bool,
}

/// Sockets and files of one core.
pub struct Driver<R: Ring = UringRing> {
    number: u32,
    ring: R,
    config: Config,
    flights: Slots<Flight>,
    listeners: Slots<Listener>,
    sockets: Slots<Socket>,
    files: Slots<OpenFile>,
    file_operations: u32,
    receive: ReceiveBuffers,
    pool: BufferPool,
    file_table: bool,
    starving: VecDeque<SocketId>,
    /// Chains that found the submission queue full, oldest first.
    backlog: VecDeque<Chain>,
    ready: VecDeque<Event>,
    /// Pushed and not yet entered.
    queued: u32,
    /// Of those, sends that complete while they are entered.
    quick_sends: u32,
    sleeper: Sleeper,
    /// The kernel writes an eventfd's counter here. On the heap, since the driver moves.
    wake_counter: Box<u64>,
    waking: Option<Slot>,
    draining: bool,
    stats: Stats,
    #[cfg(test)]
    check_generations: bool,
}

impl Driver<UringRing> {
    /// A driver on a real ring, for the thread that calls this.
    pub fn open(config: Config) -> Result<Self, probe::Unsupported> {
        let sleeper = Sleeper::new().map_err(|error| probe::Unsupported::new("making an eventfd", &error))?;
        Self::open_with(config, sleeper)
    }

    /// A driver whose wakers are known already.
    pub fn open_with(config: Config, sleeper: Sleeper) -> Result<Self, probe::Unsupported> {
        let setup =
            Setup { submission_entries: config.submission_entries, completion_entries: config.completion_entries };
        let ring = UringRing::new(setup).map_err(|error| probe::explain_setup(&error))?;
        Self::with_ring(ring, config, sleeper)
            .map_err(|error| probe::Unsupported::new("io_uring: preparing buffers", &error))
    }
}

impl<R: Ring> Driver<R> {
    /// A driver on `ring`.
    pub fn with_ring(ring: R, config: Config, sleeper: Sleeper) -> io::Result<Self> {
        static NUMBERS: AtomicU32 = AtomicU32::new(1);
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        // A connection has at most a connect or a receive, and a send; a listener an accept; and one wake.
        let flights_max = 2 * config.sockets_max + limits::LISTENERS_MAX + config.file_operations_max + 1;
        let mut driver = Self {
            number,
            ring,
            config,
            flights: Slots::new(flights_max.min(flight::FLIGHTS_MAX)),
            listeners: Slots::new(limits::LISTENERS_MAX),
            sockets: Slots::new(config.sockets_max),
            files: Slots::new(config.files_max),
            file_operations: 0,
            receive: ReceiveBuffers::new(number, config.receive_buffers, config.receive_buffer_bytes),
            pool: BufferPool::new(config.block_buffers, config.block_buffer_bytes),
            file_table: false,
            starving: VecDeque::new(),
            backlog: VecDeque::new(),
            ready: VecDeque::with_capacity(64),
            queued: 0,
            quick_sends: 0,
            sleeper,
            wake_counter: Box::new(0),
            waking: None,
            draining: false,
            stats: Stats::default(),
            #[cfg(test)]
            check_generations: true,
        };
        driver.open_tables()?;
        Ok(driver)
    }

    fn open_tables(&mut self) -> io::Result<()> {
        if self.config.receive_buffers > 0 {
            let (base, len) = (self.receive.base(), self.receive.buffer_len());
            // SAFETY: the arena belongs to this driver, which drops the ring first or, when the kernel may
            // still hold buffers, leaks the arena (see `drain`).
            unsafe { self.ring.open_receive_group(base, len, self.config.receive_buffers)? };
            for id in 0..self.config.receive_buffers {
                // SAFETY: no buffer is lent yet; from here on `ReceiveBuffers` tracks who holds each.
                unsafe { self.ring.provide(id) };
            }
        }
        self.file_table = self.config.files_max > 0 && self.ring.open_file_table(self.config.files_max).is_ok();
        self.open_buffer_table();
        Ok(())
    }

    /// Gives the block buffers their places; where the memlock limit forbids it they are used as they are.
    fn open_buffer_table(&mut self) {
        let (number, uses) = (self.number, self.config.uses_before_registration);
        let buffers = self.pool.buffers();
        let Some(count) = u16::try_from(buffers.len()).ok().filter(|count| *count > 0) else { return };
        let bytes = buffers.iter().map(AlignedBuffer::capacity).sum();
        match self.ring.open_buffer_table(count, bytes) {
            Ok(()) => {
                for (buffer, index) in self.pool.buffers().iter_mut().zip(0u16..) {
                    buffer.set_place(Some(Place::new(number, index, uses)));
                }
            }
            Err(error) => memlock::warn_unregistered(bytes, &error),
        }
    }

    /// A buffer is about to be used: registers it, if it has a place and was used often enough.
    pub(super) fn register_if_used(&mut self, buffer: &mut AlignedBuffer) {
        let Some(index) = buffer.wants_registration(self.number) else { return };
        let region = Region { base: buffer.address(), len: buffer.capacity() };
        // SAFETY: the place in the kernel's table goes with its buffer: only operations on that very
        // buffer name it, and a dropped buffer takes its place with it.
        match unsafe { self.ring.register_buffer(index, region) } {
            Ok(()) => buffer.set_registered(),
            Err(error) => {
                memlock::warn_unregistered(self.config.block_buffers * self.config.block_buffer_bytes, &error);
                buffer.set_place(None);
            }
        }
    }

    /// A free block buffer; none when all are in use.
    pub fn take_buffer(&mut self) -> Option<AlignedBuffer> {
        self.pool.take()
    }

    /// Puts a block buffer back.
    pub fn give_buffer(&mut self, buffer: AlignedBuffer) {
        self.pool.give(buffer);
    }

    /// Free block buffers.
    pub fn free_buffers(&self) -> usize {
        self.pool.free()
    }

    /// The bytes of a received buffer.
    pub fn bytes(&self, buffer: &ReceivedBuffer) -> &[u8] {
        self.receive.bytes(buffer)
    }

    /// How many received buffers are out, so not yet recycled.
    pub fn received_buffers_out(&self) -> u16 {
        self.receive.lent()
    }

    /// A handle for other threads to wake this loop with.
    pub fn waker(&self) -> Waker {
        self.sleeper.waker()
    }

    /// What time it is for this driver.
    pub fn now(&self) -> Moment {
        self.ring.now()
    }

    /// What the driver did so far.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// How often the completion queue overflowed into the kernel's memory. More than a few: enlarge it.
    pub fn completion_overflows(&self) -> u64 {
        self.ring.overflows()
    }

    /// Open connections, closing ones included.
    pub fn sockets(&self) -> u32 {
        self.sockets.len()
    }

    /// Open files.
    pub fn files(&self) -> u32 {
        self.files.len()
    }

    /// Operations that the kernel has not finished.
    pub fn in_flight(&self) -> u32 {
        self.flights.len()
    }

    /// The ring, for tests that script it.
    #[cfg(any(test, feature = "testing"))]
    pub fn ring_mut(&mut self) -> &mut R {
        &mut self.ring
    }

    /// Turns the check of generations off: a control that shows that the tests need it.
    #[cfg(test)]
    pub fn without_generation_check(&mut self) {
        self.check_generations = false;
    }
}
