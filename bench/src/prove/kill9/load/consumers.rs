//! Consumers: one acknowledges and waits, the other takes and sends on in transactions. Each queue belongs to one of them.

use std::pin::pin;
use std::task::Poll;

use ringmq_client::{Consumer, ConsumerOptions, ConsumerWindow, Delivery, Error, Session, SessionOptions};

use super::producers::{Targets, any_queue};
use super::{Identity, ProducerNumber, QUEUES, QueueNumber, Store, Worker, given_up, outcome, queue_name, queues};
use crate::prove::kill9::oracle::Stream;
use crate::prove::kill9::payload;
use crate::prove::random::Random;

/// Messages acknowledged by one request, or taken by one transaction.
const BATCH_MAX: u64 = 20;

/// Which queues the two consumers get: all of them, each one once.
pub(super) fn share(random: &mut Random) -> (Vec<QueueNumber>, Vec<QueueNumber>) {
    let mut all: Vec<QueueNumber> = queues().collect();
    for at in 0..all.len() {
        let other = usize::try_from(random.between(at as u64, u64::from(QUEUES) - 1)).unwrap_or(at);
        all.swap(at, other);
    }
    let second = all.split_off(usize::from(QUEUES / 2));
    (all, second)
}

/// A consumer and what it has got.
pub(in crate::prove::kill9) struct Tap {
    pub(in crate::prove::kill9) consumer: Consumer,
    pub(in crate::prove::kill9) stream: Stream,
}

impl Tap {
    pub(in crate::prove::kill9) async fn open(
        session: &Session,
        queue: QueueNumber,
        bytes: u32,
    ) -> Result<Self, Error> {
        let options = ConsumerOptions { window: ConsumerWindow::Bytes(bytes), ..ConsumerOptions::default() };
        let consumer = session.consumer(&queue_name(queue), &options).await?;
        Ok(Self { consumer, stream: Stream::new(queue) })
    }

    /// The oracle sees a delivery; nothing if it cannot be read.
    pub(in crate::prove::kill9) fn judge(&mut self, store: &Store, delivery: &Delivery) -> Option<Identity> {
        let mut oracle = store.oracle.borrow_mut();
        match payload::read(store.seed, delivery.body()) {
            Ok(identity) => {
                oracle.delivered(&mut self.stream, identity);
                Some(identity)
            }
            Err(what) => {
                oracle.delivered_corrupt(&self.stream, &what);
                None
            }
        }
    }

    /// A delivery that is here already.
    async fn at_hand(&mut self) -> Result<Option<Delivery>, Error> {
        let mut next = pin!(self.consumer.next());
        std::future::poll_fn(|context| match next.as_mut().poll(context) {
            Poll::Ready(delivery) => Poll::Ready(delivery.map(Some)),
            Poll::Pending => Poll::Ready(Ok(None)),
        })
        .await
    }
}

/// The next delivery of any of these, asked in turn from `first` on.
async fn next_of(taps: &mut [Tap], first: usize) -> Result<(usize, Delivery), Error> {
    std::future::poll_fn(|context| {
        let (before, after) = taps.split_at_mut_checked(first).unwrap_or((&mut [], &mut []));
        let from = before.len();
        let in_turn = after.iter_mut().enumerate().map(|(at, tap)| (from + at, tap));
        for (at, tap) in in_turn.chain(before.iter_mut().enumerate()) {
            // Nothing is lost by dropping a `next` that is not ready.
            if let Poll::Ready(delivery) = pin!(tap.consumer.next()).poll(context) {
                return Poll::Ready(delivery.map(|delivery| (at, delivery)));
            }
        }
        Poll::Pending
    })
    .await
}

async fn open_all(worker: &mut Worker, session: &Session, queues: &[QueueNumber]) -> Result<Vec<Tap>, Error> {
    let mut taps = Vec::new();
    for queue in queues {
        let bytes = u32::try_from(worker.random.between(16 * 1024, 1024 * 1024)).unwrap_or(1024 * 1024);
        taps.push(Tap::open(session, *queue, bytes).await?);
    }
    session.start()?;
    Ok(taps)
}

/// Takes one message or some, acknowledges, waits for the answer.
pub(super) async fn blocking(mut worker: Worker, queues: Vec<QueueNumber>) -> Result<(), Error> {
    let connection = worker.connect().await?;
    let session = connection.create_session(SessionOptions::AUTO).await?;
    let mut taps = open_all(&mut worker, &session, &queues).await?;
    for turn in 0.. {
        let (at, mut delivery) = next_of(&mut taps, turn % queues.len()).await?;
        let Some(tap) = taps.get_mut(at) else { continue };
        let mut batch: Vec<Identity> = tap.judge(&worker.store, &delivery).into_iter().collect();
        if worker.random.percent(50) {
            acknowledge_one(&mut worker, tap, &delivery, &batch).await?;
            continue;
        }
        let most = usize::try_from(worker.random.between(1, BATCH_MAX)).unwrap_or(1);
        while batch.len() < most
            && let Some(next) = tap.at_hand().await?
        {
            batch.extend(tap.judge(&worker.store, &next));
            delivery = next;
        }
        worker.store.oracle.borrow_mut().acknowledging(&batch);
        let answer = tap.consumer.acknowledge_and_wait(&delivery).await;
        worker.store.oracle.borrow_mut().acknowledged(&batch, outcome(&answer));
        answer?;
        worker.answered();
    }
    Ok(())
}

async fn acknowledge_one(worker: &mut Worker, tap: &Tap, delivery: &Delivery, one: &[Identity]) -> Result<(), Error> {
    worker.store.oracle.borrow_mut().acknowledging(one);
    let answer = tap.consumer.acknowledge_individually_and_wait(delivery).await;
    worker.store.oracle.borrow_mut().acknowledged(one, outcome(&answer));
    answer?;
    worker.answered();
    Ok(())
}

/// Takes some messages in a transaction, often sends some to other queues in the same one, and commits or rolls back.
pub(super) async fn transacted(
    mut worker: Worker,
    sender: ProducerNumber,
    queues: Vec<QueueNumber>,
) -> Result<(), Error> {
    let connection = worker.connect().await?;
    let session = connection.create_session(SessionOptions::TRANSACTED).await?;
    let targets = Targets::open(&session)?;
    let mut taps = open_all(&mut worker, &session, &queues).await?;
    for turn in 0.. {
        let transaction = worker.store.oracle.borrow_mut().open();
        let sends_on = worker.random.percent(40);
        let mut body = Vec::new();
        for taken in 0..worker.random.between(1, BATCH_MAX) {
            let Some((at, delivery)) = wanted(&mut taps, turn % queues.len(), taken == 0).await? else { break };
            let Some(tap) = taps.get_mut(at) else { break };
            if let Some(identity) = tap.judge(&worker.store, &delivery) {
                worker.store.oracle.borrow_mut().taking(identity, transaction);
            }
            tap.consumer.acknowledge(&delivery)?;
            if sends_on && worker.random.percent(50) {
                let queue = any_queue(&mut worker.random);
                let identity = worker.store.next_message(sender, queue);
                let message = worker.store.encode(identity, &mut worker.random, &mut body);
                worker.store.oracle.borrow_mut().sending(identity, Some(transaction));
                let wait = worker.random.percent(12);
                targets.send_within(&message, queue, wait).await?;
            }
        }
        if worker.random.percent(10) {
            given_up(&worker.store, transaction);
            session.rollback().await?;
            taps.iter_mut().for_each(|tap| tap.stream.begin_again());
            continue;
        }
        worker.store.oracle.borrow_mut().committing(transaction);
        let answer = session.commit().await;
        worker.store.oracle.borrow_mut().committed(transaction, outcome(&answer));
        answer?;
        worker.answered();
    }
    Ok(())
}

/// The first message of a transaction is waited for, the others are taken if they are here.
async fn wanted(taps: &mut [Tap], first: usize, wait: bool) -> Result<Option<(usize, Delivery)>, Error> {
    if wait {
        return next_of(taps, first).await.map(Some);
    }
    for (at, tap) in taps.iter_mut().enumerate() {
        if let Some(delivery) = tap.at_hand().await? {
            return Ok(Some((at, delivery)));
        }
    }
    Ok(None)
}
