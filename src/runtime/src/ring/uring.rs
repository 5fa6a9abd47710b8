//! The real ring.
//!
//! Owns: the io_uring of one thread, its file table, the provided buffer ring. Takes: [`Entry`]s.
//! Gives: [`Completion`]s. Must stay true: one `io_uring_enter` for each `enter`, none for `push` and
//! `pop`; only the thread that made the ring uses it (SINGLE_ISSUER), hence the value is not `Send`.

use std::io;
use std::marker::PhantomData;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd};
use std::time::Duration;

use io_uring::squeue::{self, Flags};
use io_uring::types::{Fd as RingFd, Fixed, SubmitArgs, Timespec};
use io_uring::{IoUring, cqueue, opcode};
use nix::sys::socket::SockaddrLike as _;

use super::provided::ProvidedRing;
use super::{Completion, Entry, Fd, Op, QueueFull, Region, Ring, Target};
use crate::clock::{Clock, Moment};
use crate::driver::ListenOptions;
use crate::memlock;

/// The only group of receive buffers.
const RECEIVE_GROUP: u16 = 0;

/// A smaller submission queue is not tried.
const SUBMISSION_ENTRIES_MIN: u32 = 32;

/// Write, then complete when durable. The value is the kernel's; libc types it as a signed int.
const RWF_DSYNC: i32 = libc::RWF_DSYNC;

/// Sizes of the two queues.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// Entries handed over in one turn without an extra system call.
    pub submission_entries: u32,
    /// Completions the queue holds before the kernel keeps them in its own memory.
    pub completion_entries: u32,
}

/// An io_uring with deferred task work, for the thread that makes it.
pub struct UringRing {
    ring: IoUring,
    provided: Option<ProvidedRing>,
    clock: Clock,
    overflows: u64,
    // A ring with SINGLE_ISSUER answers only the thread that made it.
    _not_send: PhantomData<*const ()>,
}

impl UringRing {
    /// Sets a ring up. Where locked memory is short it is made smaller, down to a useful minimum.
    /// `probe::explain_setup` turns a failure into a line that names the fix.
    pub fn new(setup: Setup) -> io::Result<Self> {
        let mut size = setup;
        let ring = loop {
            match Self::build(size) {
                Err(error)
                    if error.raw_os_error() == Some(libc::ENOMEM)
                        && size.submission_entries > SUBMISSION_ENTRIES_MIN =>
                {
                    size.submission_entries /= 2;
                    size.completion_entries = (size.completion_entries / 2).max(size.submission_entries);
                }
                result => break result?,
            }
        };
        if size.submission_entries < setup.submission_entries {
            memlock::warn_small_ring(setup.submission_entries, size.submission_entries);
        }
        Ok(Self { ring, provided: None, clock: Clock::monotonic(), overflows: 0, _not_send: PhantomData })
    }

    fn build(setup: Setup) -> io::Result<IoUring> {
        IoUring::builder()
            .setup_cqsize(setup.completion_entries)
            .setup_single_issuer()
            .setup_coop_taskrun()
            .setup_defer_taskrun()
            .setup_taskrun_flag()
            .setup_submit_all()
            .setup_clamp()
            .build(setup.submission_entries)
    }
}

impl Ring for UringRing {
    unsafe fn push(&mut self, chain: &[Entry]) -> Result<(), QueueFull> {
        let mut queue = self.ring.submission();
        if queue.capacity() - queue.len() < chain.len() {
            return Err(QueueFull);
        }
        for (position, entry) in chain.iter().enumerate() {
            let mut sqe = encode(entry.op).user_data(entry.mark);
            if position + 1 < chain.len() {
                sqe = sqe.flags(Flags::IO_LINK);
            }
            // SAFETY: our caller keeps the memory alive until the completion; the room was checked above.
            unsafe { queue.push(&sqe) }.map_err(|_| QueueFull)?;
        }
        Ok(())
    }

    fn enter(&mut self, want: u32, timeout: Option<Duration>) -> io::Result<()> {
        if self.ring.submission().cq_overflow() {
            self.overflows += 1;
        }
        let result = match timeout {
            Some(timeout) if want > 0 => {
                let timespec = Timespec::from(timeout);
                let arguments = SubmitArgs::new().timespec(&timespec);
                self.ring.submitter().submit_with_args(want as usize, &arguments)
            }
            _ => self.ring.submit_and_wait(want as usize),
        };
        match result {
            Ok(_) => Ok(()),
            // EBUSY and EAGAIN: the kernel wants its completions taken first. The entries stay queued.
            Err(error) => match error.raw_os_error() {
                Some(libc::ETIME | libc::EINTR | libc::EBUSY | libc::EAGAIN) => Ok(()),
                _ => Err(error),
            },
        }
    }

    fn pop(&mut self) -> Option<Completion> {
        let entry = self.ring.completion().next()?;
        let flags = entry.flags();
        Some(Completion {
            mark: entry.user_data(),
            result: entry.result(),
            buffer: cqueue::buffer_select(flags),
            more: cqueue::more(flags),
        })
    }

    fn has_completions(&mut self) -> bool {
        !self.ring.completion().is_empty()
    }

    fn needs_enter(&mut self) -> bool {
        let queue = self.ring.submission();
        queue.cq_overflow() || queue.taskrun()
    }

    fn overflows(&self) -> u64 {
        self.overflows
    }

    fn now(&self) -> Moment {
        self.clock.now()
    }

    fn listen(&mut self, address: SocketAddr, options: ListenOptions) -> io::Result<(Fd, SocketAddr)> {
        let (socket, bound) = super::listen::open(address, options)?;
        Ok((Fd(socket.into_raw_fd()), bound))
    }

    fn open_socket(&mut self, address: SocketAddr) -> io::Result<Fd> {
        super::listen::open_unconnected(address).map(|socket| Fd(socket.into_raw_fd()))
    }

    fn peer(&mut self, socket: Fd) -> io::Result<SocketAddr> {
        // SAFETY: the descriptor is open, it came from an accept completion and was not closed yet.
        // ManuallyDrop keeps this borrowed view from closing it.
        let stream = std::mem::ManuallyDrop::new(unsafe { TcpStream::from_raw_fd(socket.0) });
        stream.peer_addr()
    }

    fn adopt(&mut self, descriptor: OwnedFd) -> Fd {
        Fd(descriptor.into_raw_fd())
    }

    fn release(&mut self, fd: Fd) -> Option<OwnedFd> {
        // SAFETY: the driver owns this descriptor and forgets it with this call.
        Some(unsafe { OwnedFd::from_raw_fd(fd.0) })
    }

    fn close(&mut self, fd: Fd) {
        // SAFETY: the driver owns this descriptor and forgets it with this call.
        drop(unsafe { OwnedFd::from_raw_fd(fd.0) });
    }

    fn open_file_table(&mut self, count: u32) -> io::Result<()> {
        self.ring.submitter().register_files_sparse(count)
    }

    fn set_file(&mut self, index: u32, fd: Option<Fd>) -> io::Result<()> {
        let number = fd.map_or(-1, |fd| fd.0);
        self.ring.submitter().register_files_update(index, &[number]).map(drop)
    }

    fn open_buffer_table(&mut self, count: u16, bytes: usize) -> io::Result<()> {
        memlock::check(bytes)?;
        self.ring.submitter().register_buffers_sparse(u32::from(count))
    }

    unsafe fn register_buffer(&mut self, index: u16, region: Region) -> io::Result<()> {
        let vector = libc::iovec { iov_base: region.base.cast(), iov_len: region.len };
        // SAFETY: the kernel pins the pages now; our caller vouches for the address's later use.
        unsafe { self.ring.submitter().register_buffers_update(u32::from(index), &[vector], None) }
    }

    unsafe fn open_receive_group(&mut self, base: *mut u8, buffer_len: u32, count: u16) -> io::Result<()> {
        let provided = ProvidedRing::new(base, buffer_len, count)?;
        // SAFETY: the entries live in `provided`, which is kept until this ring is dropped, after its io_uring.
        unsafe {
            self.ring.submitter().register_buf_ring_with_flags(
                provided.address(),
                provided.count(),
                RECEIVE_GROUP,
                0,
            )?
        };
        self.provided = Some(provided);
        Ok(())
    }

    unsafe fn provide(&mut self, id: u16) {
        if let Some(provided) = &mut self.provided {
            provided.provide(id);
        }
    }
}

fn encode(op: Op) -> squeue::Entry {
    match op {
        Op::Accept { listener } => opcode::AcceptMulti::new(RingFd(listener.0)).flags(libc::SOCK_CLOEXEC).build(),
        Op::Connect { socket, address } => {
            // SAFETY: the driver keeps the address alive until the connect completes, and only reads it.
            let len = unsafe { (*address).len() };
            opcode::Connect::new(RingFd(socket.0), address.cast(), len).build()
        }
        Op::Receive { socket } => opcode::RecvMulti::new(RingFd(socket.0), RECEIVE_GROUP).build(),
        Op::Send { socket, bytes, len, at_once } => {
            let how = if at_once { libc::MSG_DONTWAIT } else { libc::MSG_WAITALL };
            opcode::Send::new(RingFd(socket.0), bytes, len).flags(libc::MSG_NOSIGNAL | how).build()
        }
        Op::Write { file, bytes, len, offset, registered, dsync } => {
            encode_write(file, bytes, len, offset, registered, if dsync { RWF_DSYNC } else { 0 })
        }
        Op::Read { file, bytes, len, offset, registered } => encode_read(file, bytes, len, offset, registered),
        Op::SyncData { file } => match file {
            Target::Plain(fd) => opcode::Fsync::new(RingFd(fd.0)).flags(io_uring::types::FsyncFlags::DATASYNC).build(),
            Target::Registered { index, .. } => {
                opcode::Fsync::new(Fixed(index)).flags(io_uring::types::FsyncFlags::DATASYNC).build()
            }
        },
        Op::Wake { eventfd, counter } => {
            opcode::Read::new(RingFd(eventfd.0), counter.cast(), size_of::<u64>() as u32).build()
        }
        Op::Cancel { target } => opcode::AsyncCancel::new(target).build().flags(Flags::SKIP_SUCCESS),
    }
}

fn encode_write(
    file: Target,
    bytes: *const u8,
    len: u32,
    offset: u64,
    registered: Option<u16>,
    flags: i32,
) -> squeue::Entry {
    match (file, registered) {
        (Target::Plain(fd), None) => {
            opcode::Write::new(RingFd(fd.0), bytes, len).offset(offset).rw_flags(flags).build()
        }
        (Target::Registered { index, .. }, None) => {
            opcode::Write::new(Fixed(index), bytes, len).offset(offset).rw_flags(flags).build()
        }
        (Target::Plain(fd), Some(buffer)) => {
            opcode::WriteFixed::new(RingFd(fd.0), bytes, len, buffer).offset(offset).rw_flags(flags).build()
        }
        (Target::Registered { index, .. }, Some(buffer)) => {
            opcode::WriteFixed::new(Fixed(index), bytes, len, buffer).offset(offset).rw_flags(flags).build()
        }
    }
}

fn encode_read(file: Target, bytes: *mut u8, len: u32, offset: u64, registered: Option<u16>) -> squeue::Entry {
    match (file, registered) {
        (Target::Plain(fd), None) => opcode::Read::new(RingFd(fd.0), bytes, len).offset(offset).build(),
        (Target::Registered { index, .. }, None) => opcode::Read::new(Fixed(index), bytes, len).offset(offset).build(),
        (Target::Plain(fd), Some(buffer)) => {
            opcode::ReadFixed::new(RingFd(fd.0), bytes, len, buffer).offset(offset).build()
        }
        (Target::Registered { index, .. }, Some(buffer)) => {
            opcode::ReadFixed::new(Fixed(index), bytes, len, buffer).offset(offset).build()
        }
    }
}
