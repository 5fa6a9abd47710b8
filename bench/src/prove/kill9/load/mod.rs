//! The load: four producers and two consumers on one broker, until it is gone.
//!
//! Takes the address of a broker and the store's history, gives the workers. Each tells the oracle what it is about to do,
//! does it, and tells what came of it; it ends when its connection does. What must stay true: consumers' acknowledgements are
//! blocking or transactional, since otherwise nothing could be said about messages that come again.

mod consumers;
mod producers;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use ringmq_client::{ConnectOptions, Connection, Endpoint, Error, MessageBuilder};
use tokio::sync::watch;
use tokio::task::{JoinSet, LocalSet};

pub(super) use consumers::Tap;

use super::oracle::{Identity, Kind, Oracle, Outcome, ProducerNumber, QueueNumber, Sequence, TransactionNumber};
use super::payload;
use crate::prove::random::Random;

/// Queues of a store: enough to have some on every lane.
pub(super) const QUEUES: u16 = 8;
/// Messages of this queue have priorities of their own.
const MIXED_PRIORITIES: QueueNumber = QueueNumber(QUEUES - 1);
/// Producers at a time.
pub(super) const PRODUCERS: u16 = 4;
/// Consumers at a time.
pub(super) const CONSUMERS: u16 = 2;

/// What all workers of one store share. They live on one thread.
#[derive(Debug)]
pub(in crate::prove) struct Store {
    /// What was done and seen.
    pub(in crate::prove) oracle: RefCell<Oracle>,
    /// The store's seed.
    pub(in crate::prove) seed: u64,
    /// Each sender's last sequence; consumers that send on have theirs behind the producers'.
    sequences: [Cell<u64>; (PRODUCERS + CONSUMERS) as usize],
}

/// A store as its workers hold it.
pub(in crate::prove) type SharedStore = Rc<Store>;

impl Store {
    /// A store that nobody has used.
    pub(in crate::prove) fn new(seed: u64) -> SharedStore {
        Rc::new(Self { oracle: RefCell::default(), seed, sequences: Default::default() })
    }

    /// One that was used until this history was known.
    pub(in crate::prove) fn with(seed: u64, history: Oracle) -> SharedStore {
        // Messages that are sent from now on have numbers of their own.
        let mut number = 0..;
        let sequences = [(); (PRODUCERS + CONSUMERS) as usize];
        let sequences = sequences.map(|()| Cell::new(history.last_of(ProducerNumber(number.next().unwrap_or(0))).0));
        Rc::new(Self { oracle: RefCell::new(history), seed, sequences })
    }

    fn next_message(&self, producer: ProducerNumber, queue: QueueNumber) -> Identity {
        let last = self.sequences.get(usize::from(producer.0));
        let sequence = last.map_or(0, |last| {
            last.set(last.get() + 1);
            last.get()
        });
        let priority = if queue == MIXED_PRIORITIES { u8::try_from(sequence % 10).unwrap_or(4) } else { 4 };
        Identity { producer, sequence: Sequence(sequence), queue, priority }
    }

    /// The encoded message of this identity.
    fn encode(&self, identity: Identity, random: &mut Random, body: &mut Vec<u8>) -> Vec<u8> {
        payload::write(self.seed, identity, length(random), body);
        let message = MessageBuilder::new(&queue_name(identity.queue)).durable(true).bytes(body);
        let mut encoded = Vec::new();
        message.priority(i8::try_from(identity.priority).unwrap_or(4)).write(&mut encoded);
        encoded
    }
}

/// The name of a queue, and of its address.
pub(super) fn queue_name(queue: QueueNumber) -> String {
    format!("kill.{}", queue.0)
}

/// All queues of a store.
pub(super) fn queues() -> impl Iterator<Item = QueueNumber> {
    (0..QUEUES).map(QueueNumber)
}

/// Mostly around 1 KiB, some up to 100 KiB, a few above what one record holds.
fn length(random: &mut Random) -> usize {
    let bytes = match random.between(0, 999) {
        0..850 => random.between(0, 2 * 1024),
        850..960 => random.between(0, 16 * 1024),
        960..995 => random.between(0, 100 * 1024),
        _ => random.between(128 * 1024, 1024 * 1024),
    };
    usize::try_from(bytes).unwrap_or(0)
}

/// What an answer means to the sender.
fn outcome(answer: &Result<(), Error>) -> Outcome {
    match answer {
        Ok(()) => Outcome::Acked,
        Err(error) if error.outcome_unknown() => Outcome::Unknown,
        Err(_) => Outcome::Rejected,
    }
}

/// One connection's worth of work.
struct Worker {
    store: SharedStore,
    endpoint: Endpoint,
    random: Random,
    begun: Rc<watch::Sender<u16>>,
    has_begun: bool,
}

impl Worker {
    async fn connect(&self) -> Result<Connection, Error> {
        Connection::connect(&self.endpoint, ConnectOptions::default()).await
    }

    /// It has got its first answer: the load is on it.
    fn answered(&mut self) {
        if !std::mem::replace(&mut self.has_begun, true) {
            self.begun.send_modify(|count| *count += 1);
        }
    }

    /// A refusal is not part of this load: it is a finding. A lost connection is what the load is for.
    fn ended(store: &Store, who: &str, with: Result<(), Error>) {
        match with {
            Err(error) if !error.connection_lost() && !matches!(error, Error::Unreachable { .. }) => {
                store.oracle.borrow_mut().report(Kind::Broker, format!("{who}: {error}"));
            }
            Err(error @ Error::TimedOut { .. }) => {
                store.oracle.borrow_mut().report(Kind::Broker, format!("{who}: {error}"));
            }
            _ => {}
        }
    }
}

/// The running workers.
pub(in crate::prove) struct Load {
    workers: JoinSet<()>,
    begun: watch::Receiver<u16>,
    count: u16,
}

impl Load {
    /// Starts all workers, on this thread's local set.
    pub(in crate::prove) fn start(set: &LocalSet, store: &SharedStore, port: u16, random: &mut Random) -> Self {
        let (begun, seen) = watch::channel(0);
        let begun = Rc::new(begun);
        let mut workers = JoinSet::new();
        let worker = |random: &mut Random| Worker {
            store: Rc::clone(store),
            endpoint: Endpoint { host: "127.0.0.1".to_owned(), port },
            random: Random::new(random.number()),
            begun: Rc::clone(&begun),
            has_begun: false,
        };
        for number in 0..PRODUCERS {
            let style = producers::style(number, random);
            let (worker, store) = (worker(random), Rc::clone(store));
            let work = producers::run(worker, ProducerNumber(number), style);
            workers.spawn_local_on(
                async move { Worker::ended(&store, &format!("producer {number} ({style:?})"), work.await) },
                set,
            );
        }
        let (first, second) = consumers::share(random);
        let (worker_1, worker_2) = (worker(random), worker(random));
        let shared = (Rc::clone(store), Rc::clone(store));
        let blocking = consumers::blocking(worker_1, first);
        workers.spawn_local_on(async move { Worker::ended(&shared.0, "blocking consumer", blocking.await) }, set);
        let transacted = consumers::transacted(worker_2, ProducerNumber(PRODUCERS), second);
        workers.spawn_local_on(async move { Worker::ended(&shared.1, "transacted consumer", transacted.await) }, set);
        Self { workers, begun: seen, count: PRODUCERS + CONSUMERS }
    }

    /// Waits until every worker has got an answer. False: one of them ended before.
    pub(in crate::prove) async fn begun(&mut self) -> bool {
        let count = self.count;
        self.begun.wait_for(|begun| *begun >= count).await.is_ok()
    }

    /// Waits until all workers have ended.
    pub(in crate::prove) async fn ended(mut self) {
        while self.workers.join_next().await.is_some() {}
    }
}

/// Ends a transaction's work for the oracle when a step of it failed before its commit.
fn given_up(store: &Store, number: TransactionNumber) {
    store.oracle.borrow_mut().rolled_back(number);
}
