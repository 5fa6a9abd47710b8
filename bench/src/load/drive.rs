//! The sockets of a load: one thread and one ring for all of them.
//!
//! Each connection has a task that reads and one that writes; between them stands its [`Line`]. Must stay true: a connection that does not
//! take what is written holds up neither its own answers nor other connections; the first failure ends the run and is what is told.

use std::cell::RefCell;
use std::rc::Rc;

use tokio::sync::Notify;
use tokio_uring::buf::BoundedBuf;
use tokio_uring::net::TcpStream;

use super::clock::{self, Alarm};
use super::line::Line;
use super::schedule::Schedule;
use super::tally::Tally;

/// Room for what a busy connection reads at a time.
const READ_BYTES: usize = 64 * 1024;
/// The same for one that only stands there.
const READ_BYTES_IDLE: usize = 512;
/// In flight beyond this, latencies tell of the client's memory and of nothing else.
const IN_FLIGHT_MAX: u64 = 1_000_000;
/// How long a client that is behind its schedule lets the ring work before it goes on, in nanoseconds.
const BREATH_NS: u64 = 1_000;

/// What all connections of a run share.
#[derive(Debug, Default)]
pub(super) struct Common {
    /// What is counted.
    pub(super) tally: RefCell<Tally>,
    failure: RefCell<Option<String>>,
    /// Told when something failed, or the load cannot go on.
    pub(super) ended: Notify,
}

impl Common {
    /// Notes the first failure.
    pub(super) fn fail(&self, why: String) {
        self.failure.borrow_mut().get_or_insert(why);
        self.ended.notify_one();
    }

    /// Why the run failed, if it has.
    pub(super) fn failure(&self) -> Option<String> {
        self.failure.borrow().clone()
    }
}

/// A connection with its socket.
pub(super) struct Wire {
    stream: TcpStream,
    /// What it says and hears.
    pub(super) line: RefCell<Line>,
    more: Notify,
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Wire").field("line", &self.line).finish_non_exhaustive()
    }
}

impl Wire {
    /// Takes a connection over and starts its tasks.
    pub(super) fn start(stream: TcpStream, mut heard: Vec<u8>, line: Line, common: &Rc<Common>) -> Rc<Self> {
        let is_idle = line.is_idle();
        let wire = Rc::new(Self { stream, line: RefCell::new(line), more: Notify::new() });
        heard.reserve_exact(if is_idle { READ_BYTES_IDLE } else { READ_BYTES });
        let (reading, shared) = (Rc::clone(&wire), Rc::clone(common));
        tokio_uring::spawn(async move {
            let ended = reading.read(heard, &shared).await;
            ended.unwrap_or_else(|why| shared.fail(why));
        });
        if !is_idle {
            let (writing, shared) = (Rc::clone(&wire), Rc::clone(common));
            tokio_uring::spawn(async move {
                let ended = writing.write(&shared).await;
                ended.unwrap_or_else(|why| shared.fail(why));
            });
        }
        wire
    }

    /// The writer has something to do.
    pub(super) fn wake(&self) {
        self.more.notify_one();
    }

    async fn read(&self, mut buffer: Vec<u8>, common: &Common) -> Result<(), String> {
        loop {
            {
                // What came before the load comes first.
                let mut line = self.line.borrow_mut();
                let taken = line.receive(&buffer, clock::now(), &mut common.tally.borrow_mut())?;
                buffer.drain(..taken);
                if !line.out.is_empty() {
                    self.wake();
                }
            }
            if buffer.len() == buffer.capacity() {
                buffer.reserve(READ_BYTES.max(buffer.len()));
            }
            let held = buffer.len();
            let (result, slice) = self.stream.read(buffer.slice(held..)).await;
            buffer = slice.into_inner();
            match result {
                Ok(0) => return Err("the broker ended the connection".to_owned()),
                Ok(_) => {}
                Err(error) => return Err(format!("the connection broke: {error}")),
            }
        }
    }

    async fn write(&self, common: &Common) -> Result<(), String> {
        let (mut out, mut due) = (Vec::new(), Vec::new());
        loop {
            {
                let mut line = self.line.borrow_mut();
                std::mem::swap(&mut line.out, &mut out);
                std::mem::swap(&mut line.written, &mut due);
            }
            if out.is_empty() {
                self.more.notified().await;
                continue;
            }
            let (result, written) = self.stream.write_all(out).await;
            result.map_err(|error| format!("the connection broke: {error}"))?;
            out = written;
            out.clear();
            if !due.is_empty() {
                let (now, mut tally) = (clock::now(), common.tally.borrow_mut());
                due.drain(..).for_each(|due| tally.on_written(due, now));
            }
        }
    }
}

/// Hands out what is due, to one connection after the other, until too much is in flight.
pub(super) async fn pace(mut schedule: Schedule, wires: Rc<[Rc<Wire>]>, common: Rc<Common>) {
    let paced = pace_until_overload(&mut schedule, &wires, &common).await;
    match paced {
        Ok(()) => common.ended.notify_one(),
        Err(why) => common.fail(why),
    }
}

async fn pace_until_overload(schedule: &mut Schedule, wires: &[Rc<Wire>], common: &Common) -> Result<(), String> {
    let alarm = Alarm::new()?;
    let mut turn = wires.iter().cycle();
    loop {
        let now = clock::now();
        while let Some(due) = schedule.take_due(now) {
            let Some(wire) = turn.next() else { return Ok(()) };
            let mut tally = common.tally.borrow_mut();
            wire.line.borrow_mut().due(due, &mut tally);
            wire.wake();
            if tally.in_flight() > IN_FLIGHT_MAX {
                tally.overload = true;
                return Ok(());
            }
        }
        // Always a wait: the ring is only told of new work when the thread has nothing else to do.
        alarm.until(schedule.next_due().max(clock::now() + BREATH_NS)).await?;
    }
}
