//! The load of an audit: durable messages one after the other over one connection, with the times of their sends and acks.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::peers::wire::core::{Core, CoreProducer};
use crate::peers::wire::nats::Nats;
use crate::peers::wire::stomp::Stomp;
use crate::targets::{Protocol, Target};

/// Bytes of a body.
const BODY: [u8; 1024] = [b'a'; 1024];

/// Between an ack and the next send where messages go one at a time: a flush that comes too late is over by then, and is not taken for that
/// of the next message.
const GAP: Duration = Duration::from_millis(3);

/// When messages were sent and acked, in microseconds since 1970: the clock that `strace` prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acks {
    /// Before the first send.
    pub begun_us: u64,
    /// Behind the last ack.
    pub done_us: u64,
    /// Of each message, its send and its ack.
    pub each: Vec<(u64, u64)>,
}

/// A connection that sends to one queue and hears acks in the order of its sends.
pub(crate) enum Line {
    Core(Core, Box<CoreProducer>),
    Stomp(Stomp, String),
    Nats(Nats, String),
}

impl Line {
    pub(crate) fn connect(target: &dyn Target, port: u16, queue: &str, window: u32) -> Result<Self, String> {
        let destination = target.destination(queue);
        match target.protocol() {
            Protocol::Core => {
                let core = Core::connect(port)?;
                let producer = core.producer(&destination, usize::try_from(window).unwrap_or(usize::MAX))?;
                Ok(Self::Core(core, Box::new(producer)))
            }
            Protocol::Stomp => Ok(Self::Stomp(Stomp::connect(port)?, destination)),
            Protocol::Nats => Ok(Self::Nats(Nats::connect(port)?, destination)),
        }
    }

    pub(crate) fn send(&mut self) -> Result<(), String> {
        match self {
            Self::Core(core, producer) => core.send(producer, &BODY),
            Self::Stomp(stomp, destination) => stomp.send(destination, &BODY),
            Self::Nats(nats, subject) => nats.publish(subject, &BODY),
        }
    }

    pub(crate) fn acked(&mut self) -> Result<(), String> {
        match self {
            Self::Core(core, producer) => core.acked(producer),
            Self::Stomp(stomp, _) => stomp.receipt(),
            Self::Nats(nats, _) => nats.acked(),
        }
    }
}

/// Sends so many messages, `window` of them unanswered at a time.
pub(super) fn run(target: &dyn Target, port: u16, queue: &str, messages: u32, window: u32) -> Result<Acks, String> {
    let mut line = Line::connect(target, port, queue, window)?;
    let begun_us = now_us();
    let mut open = VecDeque::new();
    let mut each = Vec::new();
    for _ in 0..messages {
        if open.len() as u64 >= u64::from(window) {
            line.acked()?;
            each.extend(open.pop_front().map(|sent| (sent, now_us())));
            if window == 1 {
                std::thread::sleep(GAP);
            }
        }
        open.push_back(now_us());
        line.send()?;
    }
    while let Some(sent) = open.pop_front() {
        line.acked()?;
        each.push((sent, now_us()));
    }
    Ok(Acks { begun_us, done_us: now_us(), each })
}

fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
