//! The clients that behave: producers and consumers at a fixed pace, and a client that comes anew now and then.
//!
//! The pace is fixed so that what the broker spends on a message can be compared: one that is busier handles more at once. All of them
//! live on one thread of their own. They note how long each waited for what it was owed. Must stay true: whoever is kept waiting is
//! seen, also one who is never answered.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ringmq_client::{
    ConnectOptions, Connection, ConsumerOptions, Endpoint, Error, MessageBuilder, ProducerOptions, SendReceipt,
    SessionOptions,
};
use tokio::sync::Notify;
use tokio::task::{JoinSet, LocalSet};

/// Pairs of a producer and a consumer; every other one sends durable messages.
const PAIRS: usize = 4;
/// Bytes of a body.
const BODY_BYTES: usize = 1024;
/// Between two batches of a producer.
const TICK: Duration = Duration::from_millis(5);
/// Messages of a batch.
const BATCH: usize = 5;
/// Between two acknowledgements that a consumer waits for.
const WAITED_FOR: u64 = 64;
/// Between two visits of a client that comes anew.
const VISIT_EVERY: Duration = Duration::from_millis(200);
/// Nobody waits longer than this before that is told.
const PATIENCE: Duration = Duration::from_secs(60);

/// What they did and saw, for whoever looks on.
#[derive(Debug, Default)]
pub(super) struct Seen {
    sent: AtomicU64,
    answered: AtomicU64,
    delivered: AtomicU64,
    visits: AtomicU64,
    /// The longest wait since it was last asked for, in nanoseconds.
    longest: AtomicU64,
}

impl Seen {
    fn waited(&self, since: Instant) {
        let nanos = u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.longest.fetch_max(nanos, Ordering::Relaxed);
    }

    fn more(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// The running clients.
#[derive(Debug)]
pub(super) struct Bystanders {
    seen: Arc<Seen>,
    stop: Arc<AtomicBool>,
    visits: bool,
    thread: Option<JoinHandle<Result<(), String>>>,
}

impl Bystanders {
    /// Has them come to a broker, and waits until messages flow. With visits, a client comes anew now and then.
    pub(super) fn come(port: u16, visits: bool) -> Result<Self, String> {
        let (seen, stop) = (Arc::new(Seen::default()), Arc::new(AtomicBool::new(false)));
        let theirs = (Arc::clone(&seen), Arc::clone(&stop));
        let thread = std::thread::Builder::new()
            .name("bystanders".to_owned())
            .spawn(move || run(port, visits, &theirs.0, &theirs.1))
            .map_err(|error| format!("no thread for the bystanders: {error}"))?;
        let this = Self { seen, stop, visits, thread: Some(thread) };
        this.until("messages flow", |seen| seen.delivered.load(Ordering::Relaxed) > 10 * PAIRS as u64)?;
        Ok(this)
    }

    /// Messages that came to their end: to a consumer.
    pub(super) fn delivered(&self) -> u64 {
        self.seen.delivered.load(Ordering::Relaxed)
    }

    /// Waits until all that was sent by now has come to its end, and gives the longest wait since the last call.
    pub(super) fn longest_wait(&self) -> Result<Duration, String> {
        let sent = self.seen.sent.load(Ordering::Relaxed);
        let visits = self.seen.visits.load(Ordering::Relaxed);
        self.until("everybody has what he is owed", |seen| {
            let came = seen.answered.load(Ordering::Relaxed).min(seen.delivered.load(Ordering::Relaxed));
            came >= sent && (!self.visits || seen.visits.load(Ordering::Relaxed) > visits)
        })?;
        Ok(Duration::from_nanos(self.seen.longest.swap(0, Ordering::Relaxed)))
    }

    /// Waits until so many messages have come to their end.
    pub(super) fn until_delivered(&self, count: u64) -> Result<(), String> {
        self.until("the messages have come", |seen| seen.delivered.load(Ordering::Relaxed) >= count)
    }

    /// Has them leave when they have all that they are owed.
    pub(super) fn leave(mut self) -> Result<(), String> {
        self.stop.store(true, Ordering::Relaxed);
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(ended)) => ended,
            Some(Err(_)) => Err("the bystanders' thread panicked".to_owned()),
            None => Ok(()),
        }
    }

    fn until(&self, what: &str, done: impl Fn(&Seen) -> bool) -> Result<(), String> {
        let begun = Instant::now();
        while !done(&self.seen) {
            if self.thread.as_ref().is_none_or(JoinHandle::is_finished) {
                return Err(format!("a client that behaves gave up before {what}"));
            }
            if begun.elapsed() > PATIENCE {
                return Err(format!("{PATIENCE:?} have passed before {what}: {:?}", self.seen));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }
}

impl Drop for Bystanders {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// A client comes, asks, and goes.
pub(super) fn visit_once(port: u16) -> Result<(), String> {
    runtime()?.block_on(call(port)).map_err(|error| format!("a new client cannot come: {error}"))
}

fn runtime() -> Result<tokio::runtime::Runtime, String> {
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    built.map_err(|error| format!("no runtime for the bystanders: {error}"))
}

fn run(port: u16, visits: bool, seen: &Arc<Seen>, stop: &Arc<AtomicBool>) -> Result<(), String> {
    let runtime = runtime()?;
    let set = LocalSet::new();
    let ended = set.block_on(&runtime, async {
        let mut all = JoinSet::new();
        for number in 0..PAIRS {
            let (seen, stop) = (Arc::clone(seen), Arc::clone(stop));
            all.spawn_local(async move { pair(port, number, &seen, &stop).await });
        }
        let (seen, stop) = (Arc::clone(seen), Arc::clone(stop));
        if visits {
            all.spawn_local(async move { visit(port, &seen, &stop).await });
        }
        while let Some(ended) = all.join_next().await {
            ended.map_err(|error| format!("a bystander fell over: {error}"))?.map_err(|error| error.to_string())?;
        }
        Ok(())
    });
    ended.inspect_err(|what| eprintln!("a client that behaves gives up: {what}"))
}

async fn connect(port: u16) -> Result<Connection, Error> {
    let endpoint = Endpoint { host: "127.0.0.1".to_owned(), port };
    Connection::connect(&endpoint, ConnectOptions { call_timeout: PATIENCE, ..ConnectOptions::default() }).await
}

/// What waits for its answer, in the order in which it was sent.
#[derive(Default)]
struct Owed {
    receipts: RefCell<VecDeque<(Instant, SendReceipt)>>,
    more: Notify,
}

async fn pair(port: u16, number: usize, seen: &Seen, stop: &AtomicBool) -> Result<(), Error> {
    let queue = format!("bystanders.{number}");
    let (sending, taking) = (connect(port).await?, connect(port).await?);
    let (sender, taker) =
        (sending.create_session(SessionOptions::AUTO).await?, taking.create_session(SessionOptions::AUTO).await?);
    taker.ensure_queue(&queue).await?;
    let mut consumer = taker.consumer(&queue, &ConsumerOptions::default()).await?;
    taker.start()?;
    let producer = sender.producer(&queue, ProducerOptions::default())?;
    let (epoch, owed, sent) = (Instant::now(), Rc::new(Owed::default()), AtomicU64::new(0));
    let produce = async {
        let mut ticks = tokio::time::interval(TICK);
        while !stop.load(Ordering::Relaxed) {
            ticks.tick().await;
            for _ in 0..BATCH {
                let message = message(&queue, number.is_multiple_of(2), epoch);
                let begun = Instant::now();
                Seen::more(&seen.sent);
                Seen::more(&sent);
                let receipt = producer.send_async(&message).await?;
                owed.receipts.borrow_mut().push_back((begun, receipt));
                owed.more.notify_one();
            }
        }
        // An empty place wakes who waits for answers.
        owed.more.notify_one();
        Ok::<(), Error>(())
    };
    let hear = async {
        loop {
            let next = owed.receipts.borrow_mut().pop_front();
            match next {
                Some((begun, receipt)) => {
                    receipt.await?;
                    seen.waited(begun);
                    Seen::more(&seen.answered);
                }
                None if stop.load(Ordering::Relaxed) => return Ok(()),
                None => owed.more.notified().await,
            }
        }
    };
    let consume = async {
        let mut taken = 0;
        while !(stop.load(Ordering::Relaxed) && taken >= sent.load(Ordering::Relaxed)) {
            let Some(delivery) = consumer.receive(VISIT_EVERY).await? else { continue };
            if let Some(begun) = delivery.body().first_chunk::<8>().map(|nanos| u64::from_be_bytes(*nanos)) {
                seen.waited(epoch + Duration::from_nanos(begun));
            }
            taken += 1;
            if taken % WAITED_FOR == 0 {
                let begun = Instant::now();
                consumer.acknowledge_and_wait(&delivery).await?;
                seen.waited(begun);
            } else {
                consumer.acknowledge(&delivery)?;
            }
            Seen::more(&seen.delivered);
        }
        Ok(())
    };
    tokio::try_join!(produce, hear, consume)?;
    sending.close().await;
    taking.close().await;
    Ok(())
}

/// A message that carries the time at which it was made.
fn message(queue: &str, durable: bool, epoch: Instant) -> MessageBuilder {
    let mut body = [0_u8; BODY_BYTES];
    let nanos = u64::try_from(epoch.elapsed().as_nanos()).unwrap_or(u64::MAX);
    if let Some(start) = body.first_chunk_mut::<8>() {
        *start = nanos.to_be_bytes();
    }
    MessageBuilder::new(queue).durable(durable).bytes(&body)
}

/// Comes, asks for something, and goes, again and again.
async fn visit(port: u16, seen: &Seen, stop: &AtomicBool) -> Result<(), Error> {
    while !stop.load(Ordering::Relaxed) {
        let begun = Instant::now();
        call(port).await?;
        seen.waited(begun);
        Seen::more(&seen.visits);
        tokio::time::sleep(VISIT_EVERY).await;
    }
    Ok(())
}

async fn call(port: u16) -> Result<(), Error> {
    let connection = connect(port).await?;
    let session = connection.create_session(SessionOptions::AUTO).await?;
    session.query_queue("bystanders.0").await?;
    session.close().await?;
    connection.close().await;
    Ok(())
}
