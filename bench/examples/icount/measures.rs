//! The measures: what is done for each message, and which part of it is counted.

use journal::{Commands, LaneId, Now, Record, RecordKind, Vector};
use protocol::limits::FRAME_BYTES_MAX;
use ringmq::message::ConnectionKey;
use ringmq::net::core::{Connection, Event, ServerFacts, lower};
use ringmq::session::Modes;

use crate::broker::{Broker, settle_lane, started_lane};
use crate::client;
use crate::consumer::Consumer;
use crate::measured_work;

/// How much is done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    /// Messages that are counted; as many go before, for warmth.
    messages: usize,
    /// Messages that arrive together and become one group of the lane.
    group: usize,
}

impl Run {
    /// From the command line. `None`: they are no numbers above zero.
    pub(crate) fn new(messages: &str, group: &str) -> Option<Self> {
        let (messages, group) = (messages.parse().ok()?, group.parse().ok()?);
        (messages > 0 && group > 0).then_some(Self { messages, group })
    }

    fn groups(self) -> usize {
        self.messages.div_ceil(self.group)
    }

    fn done(self) -> usize {
        self.groups() * self.group
    }
}

/// Does a run; gives how many messages were counted, or `None` if an answer was missing.
pub(crate) type Measure = fn(Run) -> Option<usize>;

/// Every measure by its name.
pub(crate) const MEASURES: &[(&str, Measure)] = &[
    ("decode", decode),
    ("append", append),
    ("publish", publish),
    ("ack", ack),
    ("whole", whole),
    ("whole-and-a-loop", whole_and_a_loop),
    ("consume", consume),
];

/// The measure of this name.
pub(crate) fn find(name: &str) -> Option<Measure> {
    MEASURES.iter().find(|(known, _)| *known == name).map(|(_, measure)| *measure)
}

/// From bytes to the command of a session: the frame is found, the packet decoded, the message's header looked into.
fn decode(run: Run) -> Option<usize> {
    let facts = ServerFacts { node_id: String::new(), started_unix_ms: 0, auto_create: true };
    let modes = Modes {
        auto_commit_sends: true,
        auto_commit_acknowledgements: true,
        pre_acknowledge: false,
        confirmation_window: None,
    };
    let (mut names, mut out) = (String::with_capacity(1_024), Vec::with_capacity(1_024));
    let mut connection = Connection::new(0, FRAME_BYTES_MAX);
    connection.next_frame(&client::hello()).ok()??;
    connection.version = client::VERSION;
    connection.logged_in();
    let frame = client::send(0);
    for _ in 0..run.done() {
        let is_session = measured_work(|| {
            let at = connection.next_frame(&frame).ok()??;
            match connection.handle(frame.get(at.frame)?, &facts, &mut out).ok()? {
                Event::Session { packet, .. } => lower(&packet, modes, &mut names).map(|_| ()),
                _ => None,
            }
        });
        is_session?;
    }
    Some(run.done())
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

/// A core with a producer, whose queue has held twice the messages of the run before and is empty.
struct Warm {
    broker: Broker,
    producer: ConnectionKey,
    /// The frames of one group.
    frames: Vec<u8>,
}

impl Warm {
    fn new(run: Run) -> Option<Self> {
        let mut broker = Broker::new()?;
        let producer = broker.connect()?;
        broker.receive(producer, &client::hello());
        broker.settle(|_, _| {});
        let frames = (0..run.group as u64).flat_map(client::send).collect();
        let mut warm = Self { broker, producer, frames };
        for _ in 0..2 * run.groups() {
            warm.broker.receive(warm.producer, &warm.frames);
            warm.broker.settle(|_, _| {});
        }
        let mut consumer = Consumer::new(&mut warm.broker)?;
        let consumed = consumer.consume_all(&mut warm.broker);
        warm.broker.disconnect(consumer.connection);
        warm.broker.settle(|_, _| {});
        (consumed == 2 * run.done()).then_some(warm)
    }

    /// One group through everything; gives the bytes of the answers.
    fn group(&mut self) -> usize {
        let mut answers = 0;
        self.broker.receive(self.producer, &self.frames);
        self.broker.settle(|_, bytes| answers += bytes.len());
        answers
    }
}

/// From received bytes to the appended record and the queue's entry: decode, route, append, index.
fn publish(run: Run) -> Option<usize> {
    let mut warm = Warm::new(run)?;
    for _ in 0..run.groups() {
        measured_work(|| warm.broker.receive(warm.producer, &warm.frames));
        warm.broker.settle(|_, _| {});
    }
    Some(run.done())
}

/// From the appended record to the answer: seal and submit, then, the write being durable, promise, gate, reply.
fn ack(run: Run) -> Option<usize> {
    let mut warm = Warm::new(run)?;
    let mut answers = 0;
    for _ in 0..run.groups() {
        warm.broker.receive(warm.producer, &warm.frames);
        measured_work(|| warm.broker.settle(|_, bytes| answers += bytes.len()));
    }
    answered(run, answers)
}

/// Decode, route, append, ack.
fn whole(run: Run) -> Option<usize> {
    let mut warm = Warm::new(run)?;
    let mut answers = 0;
    for _ in 0..run.groups() {
        answers += measured_work(|| warm.group());
    }
    answered(run, answers)
}

/// The control of the gate: as `whole`, and a loop that nobody asked for.
fn whole_and_a_loop(run: Run) -> Option<usize> {
    let mut warm = Warm::new(run)?;
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
    let mut warm = Warm::new(run)?;
    for _ in 0..2 * run.groups() {
        warm.group();
    }
    let mut consumer = Consumer::new(&mut warm.broker)?;
    let credit = client::credit(i32::try_from(client::delivery_bytes() * run.group).ok()?);
    let mut acknowledged = 0;
    // The first groups make the room that later ones find.
    for group in 0..2 * run.groups() {
        let warm_up = group < run.groups();
        let count = |work: &mut dyn FnMut()| if warm_up { work() } else { measured_work(work) };
        count(&mut || {
            warm.broker.receive(consumer.connection, &credit);
            warm.broker.turn();
        });
        let delivered = consumer.hear(&warm.broker);
        count(&mut || {
            warm.broker.carry_out(|_, _| {});
            warm.broker.receive(consumer.connection, &consumer.acknowledgements);
            warm.broker.settle(|_, _| {});
        });
        if delivered != run.group {
            return None;
        }
        acknowledged += if warm_up { 0 } else { delivered };
    }
    Some(acknowledged)
}
