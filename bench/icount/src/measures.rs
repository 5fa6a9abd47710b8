//! The measures: what is done for each message, and which part of it is counted.

use std::borrow::Cow;

use journal::{Commands, LaneId, Now, Record, RecordKind, Vector};
use protocol::limits::FRAME_BYTES_MAX;
use ringmq::home::Outcome;
use ringmq::mail::{Answer, Ask, Publish, Reply, Request, RoutingType, SessionRef, Token};
use ringmq::message::{CoreId, SessionKey, SessionNumber};
use ringmq::net::core::{Connection, LastAddress, lower};
use ringmq::routing;
use ringmq::session::Modes;
use ringmq::store::record::Operation;

use crate::broker::{Broker, Nobody, settle_home, settle_lane, started_home, started_lane};
use crate::client;
use crate::consumer::Consumer;
use crate::measured_work;
use crate::warm::Warm;

/// How much is done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    /// Messages that are counted; as many go before, for warmth.
    messages: usize,
    /// Messages that arrive together and become one group of the lane.
    group: usize,
    /// Messages that wait in the queue before anything is counted, for the measure that asks for it.
    deep: usize,
}

impl Run {
    /// From the command line. `None`: they are no numbers, or nothing is to be done.
    pub(crate) fn new(messages: &str, group: &str, deep: &str) -> Option<Self> {
        let (messages, group, deep) = (messages.parse().ok()?, group.parse().ok()?, deep.parse().ok()?);
        (messages > 0 && group > 0).then_some(Self { messages, group, deep })
    }

    fn groups(self) -> usize {
        self.messages.div_ceil(self.group)
    }

    fn done(self) -> usize {
        self.groups() * self.group
    }

    /// A core that had twice as much to do.
    fn warm(self) -> Option<Warm> {
        Warm::new(2 * self.groups(), self.group)
    }
}

/// Does a run; gives how many messages were counted, or `None` if an answer was missing.
pub(crate) type Measure = fn(Run) -> Option<usize>;

/// Every measure by its name.
pub(crate) const MEASURES: &[(&str, Measure)] = &[
    ("decode", decode),
    ("route", route),
    ("append", append),
    ("publish", publish),
    ("ack", ack),
    ("whole", whole),
    ("whole-and-a-loop", whole_and_a_loop),
    ("deep", deep),
    ("deep-round", deep_round),
    ("consume", consume),
];

/// The measure of this name.
pub(crate) fn find(name: &str) -> Option<Measure> {
    MEASURES.iter().find(|(known, _)| *known == name).map(|(_, measure)| *measure)
}

/// From bytes to the command of a session: the frame is found, the packet decoded, the message's header looked into.
fn decode(run: Run) -> Option<usize> {
    let modes = Modes {
        auto_commit_sends: true,
        auto_commit_acknowledgements: true,
        pre_acknowledge: false,
        confirmation_window: None,
    };
    let mut last = LastAddress::default();
    let mut connection = Connection::new(0, FRAME_BYTES_MAX);
    connection.next_frame(&client::hello()).ok()??;
    connection.version = client::VERSION;
    connection.logged_in();
    let frame = client::send(0);
    for _ in 0..run.done() {
        let is_session = measured_work(|| {
            let at = connection.next_frame(&frame).ok()??;
            let decoded = connection.decode(frame.get(at.frame)?);
            lower(&decoded.as_ref().ok()?.packet, modes, &mut last).map(|_| ())
        });
        is_session?;
    }
    Some(run.done())
}

/// The way of a send without its bytes: from the session's command to the queue's entry, for a message of no length. The lane is
/// found, the address, its queues; the record's head is appended, the entry put where the promise will find it.
fn route(run: Run) -> Option<usize> {
    let mut home = started_home()?;
    let from = SessionRef { core: CoreId(0), key: SessionKey::default() };
    let mut stored = 0;
    for number in 0..2 * run.done() as u64 {
        let publish = Publish {
            address: Cow::Borrowed(client::ADDRESS),
            queue: None,
            message: Cow::Borrowed(&[]),
            durable: true,
            priority: 4,
            routing: Some(RoutingType::Anycast),
            in_transaction: false,
        };
        let send = || {
            let home_core = routing::core_of_lane(routing::home_lane(client::ADDRESS, 1), 1);
            let operation = Operation { session: SessionNumber(1), command: number };
            let (token, permissions, ask) = (Some(Token(number)), None, Ask::Publish(publish));
            let request = Request { from, operation, token, permissions, ask };
            (home_core == from.core).then(|| home.ask(request, &mut Nobody))
        };
        let is_warm = number >= run.done() as u64;
        let outcome = if is_warm { measured_work(send) } else { send() };
        if let Some(Outcome::Done(Answer { reply: Ok(Reply::Done), .. })) = outcome {
            stored += usize::from(is_warm);
        }
        settle_home(&mut home, Now(10 + number));
    }
    (stored == run.done()).then_some(stored)
}

/// The journal alone: a record of 1 KiB and its share of the group: seal, submit, promise.
fn append(run: Run) -> Option<usize> {
    let mut lane = started_lane(LaneId::JOURNAL)?;
    let mut commands = Commands::with_capacity(16);
    let (head, body) = ([7; 18], [7; 1_100]);
    let parts: [&[u8]; 2] = [&head, &body];
    let (record, none) = (Record::alone(RecordKind(0x41), &parts), Vector::new());
    for turn in 0..2 * run.groups() {
        let now = Now(10 + turn as u64);
        let mut group = || {
            for _ in 0..run.group {
                lane.append(record, &none).ok()?;
            }
            settle_lane(&mut lane, &mut commands, now);
            Some(())
        };
        if turn < run.groups() { group() } else { measured_work(group) }?;
    }
    (lane.promised() >= lane.appended()).then_some(run.done())
}

/// From received bytes to the appended record and the queue's entry: decode, route, append, index.
fn publish(run: Run) -> Option<usize> {
    let mut warm = run.warm()?;
    for _ in 0..run.groups() {
        measured_work(|| warm.broker.receive(warm.producer, &warm.frames));
        warm.broker.settle(|_, _| {});
    }
    Some(run.done())
}

/// From the appended record to the answer: seal and submit, then, the write being durable, promise, gate, reply.
fn ack(run: Run) -> Option<usize> {
    let mut warm = run.warm()?;
    let mut answers = 0;
    for _ in 0..run.groups() {
        warm.broker.receive(warm.producer, &warm.frames);
        measured_work(|| warm.broker.settle(|_, bytes| answers += bytes.len()));
    }
    answered(run, answers)
}

/// Decode, route, append, ack.
fn whole(run: Run) -> Option<usize> {
    let mut warm = run.warm()?;
    let mut answers = 0;
    for _ in 0..run.groups() {
        answers += measured_work(|| warm.group());
    }
    answered(run, answers)
}

/// Enough for warmth, and few enough that a queue of them is consumed from memory: no disk reads are carried out here.
const WARM_GROUPS: usize = 64;

/// As `whole`, into a queue that is as long as it was asked for, with what the core writes of its index meanwhile.
fn deep(run: Run) -> Option<usize> {
    let mut warm = Warm::deep(run.groups().min(WARM_GROUPS), run.group, run.deep)?;
    let mut answers = 0;
    for _ in 0..run.groups() {
        answers += measured_work(|| warm.group());
    }
    answered(run, answers)
}

/// As `deep`, for as many messages as come from one writing of the index to the next: each has its share of one, whole.
fn deep_round(run: Run) -> Option<usize> {
    let mut warm = Warm::deep(WARM_GROUPS, run.group, run.deep)?;
    let mut index = Index { blocks: warm.broker.index_blocks(), quiet: 0 };
    (0..ROUND_GROUPS_MAX).find(|_| {
        warm.group();
        index.begins(&warm.broker)
    })?;
    let (mut answers, mut groups) = (0, 0);
    while groups < ROUND_GROUPS_MAX {
        answers += measured_work(|| warm.group());
        groups += 1;
        if index.begins(&warm.broker) {
            let done = groups * run.group;
            return (answers == client::answer_bytes() * done).then_some(done);
        }
    }
    None
}

/// Groups without a block of the index between two writings of it, at least.
const QUIET_GROUPS: usize = 64;
/// More than come between two writings.
const ROUND_GROUPS_MAX: usize = 1 << 20;

/// Sees when the index begins to be written.
struct Index {
    blocks: u64,
    /// Groups since the last block of it.
    quiet: usize,
}

impl Index {
    /// Did it, with the last group?
    fn begins(&mut self, broker: &Broker) -> bool {
        let written = broker.index_blocks() > self.blocks;
        let begins = written && self.quiet >= QUIET_GROUPS;
        self.quiet = if written { 0 } else { self.quiet + 1 };
        self.blocks = broker.index_blocks();
        begins
    }
}

/// The control of the gate: as `whole`, and a loop that nobody asked for.
fn whole_and_a_loop(run: Run) -> Option<usize> {
    let mut warm = run.warm()?;
    let mut answers = 0;
    for _ in 0..run.groups() {
        answers += measured_work(|| {
            for message in 0..run.group {
                for step in 0..100 {
                    std::hint::black_box(message * step);
                }
            }
            warm.group()
        });
    }
    answered(run, answers)
}

/// Every message has its answer.
fn answered(run: Run, answer_bytes: usize) -> Option<usize> {
    let one = client::answer_bytes();
    (answer_bytes == one * run.done()).then_some(run.done())
}

/// Delivery and the consumer's durable acknowledgement, from a queue that was filled before.
fn consume(run: Run) -> Option<usize> {
    let mut warm = run.warm()?;
    for _ in 0..2 * run.groups() {
        warm.group();
    }
    let mut consumer = Consumer::new(&mut warm.broker)?;
    let mut acknowledged = 0;
    // The first half makes the room that the second finds.
    for group in 0..2 * run.groups() {
        let is_warm = group >= run.groups();
        let delivered = consumer
            .consume_group(&mut warm.broker, run.group, |work| if is_warm { measured_work(work) } else { work() });
        if delivered != run.group {
            return None;
        }
        acknowledged += if is_warm { delivered } else { 0 };
    }
    Some(acknowledged)
}
