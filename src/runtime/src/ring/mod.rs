//! The kernel as the driver sees it: entries go in, completions come out.
//!
//! Owns: the trait [`Ring`] and the values that cross it. Takes: [`Entry`]s, each naming memory by
//! address. Gives: [`Completion`]s. Must stay true: a ring knows nothing of sockets' or files'
//! states; all decisions about retries, generations and buffers are the driver's, so that the fake
//! ring tests the very code that runs on the real one.

#[cfg(any(test, feature = "testing"))]
pub mod fake;
mod listen;
mod provided;
mod uring;

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use nix::sys::socket::SockaddrStorage;

use crate::clock::Moment;
use crate::driver::ListenOptions;
pub use uring::{Setup, UringRing};

/// A descriptor by its number. The ring that opened or adopted it closes it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Fd(pub i32);

/// A file, by number or by its place in the ring's table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    /// An ordinary descriptor.
    Plain(Fd),
    /// A place in the table of registered files; `fd` is what was put there.
    Registered {
        /// The place.
        index: u32,
        /// What was put there.
        fd: Fd,
    },
}

/// One thing to ask of the kernel. Addresses must stay valid until the operation's last completion.
#[derive(Clone, Copy, Debug)]
pub enum Op {
    /// Accept until cancelled, one completion a connection; the result is a descriptor.
    Accept {
        /// A listening socket.
        listener: Fd,
    },
    /// Connect a socket.
    Connect {
        /// A socket that is not connected.
        socket: Fd,
        /// Where to.
        address: *const SockaddrStorage,
    },
    /// Receive until cancelled into provided buffers; the result is a length.
    Receive {
        /// A connected socket.
        socket: Fd,
    },
    /// Send bytes.
    Send {
        /// A connected socket.
        socket: Fd,
        /// First byte.
        bytes: *const u8,
        /// How many.
        len: u32,
        /// True: answer at once, EAGAIN if the socket is full. False: wait until all is sent.
        at_once: bool,
    },
    /// Write at a position.
    Write {
        /// Where to.
        file: Target,
        /// First byte.
        bytes: *const u8,
        /// How many.
        len: u32,
        /// Position in the file.
        offset: u64,
        /// The registered buffer that holds the bytes.
        registered: Option<u16>,
        /// Complete only when the bytes are durable.
        dsync: bool,
    },
    /// Read at a position.
    Read {
        /// Where from.
        file: Target,
        /// First byte to fill.
        bytes: *mut u8,
        /// How many.
        len: u32,
        /// Position in the file.
        offset: u64,
        /// The registered buffer to fill.
        registered: Option<u16>,
    },
    /// Make what was written durable (`fdatasync`).
    SyncData {
        /// Which file.
        file: Target,
    },
    /// Read an eventfd's counter.
    Wake {
        /// The eventfd, in blocking mode.
        eventfd: Fd,
        /// Where the counter goes.
        counter: *mut u64,
    },
    /// Cancel the operation with this mark. Only a failure to find it is completed.
    Cancel {
        /// The mark.
        target: u64,
    },
}

/// An operation and the mark its completions carry.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// What to do.
    pub op: Op,
    /// Comes back in each completion.
    pub mark: u64,
}

/// What the kernel says about an operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Completion {
    /// The mark of the entry.
    pub mark: u64,
    /// Length or descriptor; a negative error number on failure.
    pub result: i32,
    /// The provided buffer that was filled.
    pub buffer: Option<u16>,
    /// More completions of the same operation follow. When false, the kernel is done with its memory.
    pub more: bool,
}

/// No room for the entries now: enter, then push again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct QueueFull;

/// A memory range, by address.
#[derive(Clone, Copy, Debug)]
pub struct Region {
    /// First byte.
    pub base: *mut u8,
    /// Bytes.
    pub len: usize,
}

/// The kernel's side of a driver: a real io_uring, or a fake one.
pub trait Ring {
    /// Queues `chain`, all of it or nothing. Each entry of a chain starts when the one before it succeeded in full.
    ///
    /// # Safety
    /// The memory that an entry names must stay valid, and untouched by others, until the completion
    /// of that entry that has `more` unset.
    unsafe fn push(&mut self, chain: &[Entry]) -> Result<(), QueueFull>;

    /// Hands all queued entries to the kernel and waits until `want` completions are there or `timeout`
    /// has passed. With `want` 0 it does not wait. Being interrupted, or the time running out, is no error.
    fn enter(&mut self, want: u32, timeout: Option<Duration>) -> io::Result<()>;

    /// The next completion, if one is there.
    fn pop(&mut self) -> Option<Completion>;

    /// Whether a completion can be popped without entering.
    fn has_completions(&mut self) -> bool;

    /// Whether entering would produce something even without new entries: the completion queue has
    /// overflowed into the kernel's memory, or deferred work waits.
    fn needs_enter(&mut self) -> bool;

    /// How often the completion queue was found overflowed.
    fn overflows(&self) -> u64;

    /// What time it is.
    fn now(&self) -> Moment;

    /// Opens a listening socket; gives its real address.
    fn listen(&mut self, address: SocketAddr, options: ListenOptions) -> io::Result<(Fd, SocketAddr)>;

    /// Opens a socket that can be connected to `address`.
    fn open_socket(&mut self, address: SocketAddr) -> io::Result<Fd>;

    /// Who is at the other end of a connected socket.
    fn peer(&mut self, socket: Fd) -> io::Result<SocketAddr>;

    /// Takes a descriptor over.
    fn adopt(&mut self, descriptor: OwnedFd) -> Fd;

    /// Gives a descriptor away that nothing is in flight on; the ring forgets it.
    fn release(&mut self, fd: Fd) -> Option<OwnedFd>;

    /// Closes a descriptor that came from `listen`, `open_socket`, `adopt` or an accept. No operation uses it any more.
    fn close(&mut self, fd: Fd);

    /// Opens a table of `count` registered files.
    fn open_file_table(&mut self, count: u32) -> io::Result<()>;

    /// Puts a file into the table, or takes it out.
    fn set_file(&mut self, index: u32, fd: Option<Fd>) -> io::Result<()>;

    /// Opens a table of `count` places for buffers, of `bytes` in all; nothing is registered yet.
    fn open_buffer_table(&mut self, count: u16, bytes: usize) -> io::Result<()>;

    /// Registers a buffer at a place where there is none.
    ///
    /// # Safety
    /// The region's address must not be reused for another purpose while the ring lives and operations
    /// name its index.
    unsafe fn register_buffer(&mut self, index: u16, region: Region) -> io::Result<()>;

    /// Opens the group of receive buffers: `count` of `buffer_len` bytes, one after the other from `base`.
    ///
    /// # Safety
    /// The memory must stay valid until the ring is dropped.
    unsafe fn open_receive_group(&mut self, base: *mut u8, buffer_len: u32, count: u16) -> io::Result<()>;

    /// Gives receive buffer `id` to the kernel.
    ///
    /// # Safety
    /// Nobody else may touch the buffer until a completion names it.
    unsafe fn provide(&mut self, id: u16);
}
