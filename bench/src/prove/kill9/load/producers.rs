//! Producers: one send at a time, many at a time, or some in a transaction.

use std::collections::VecDeque;

use ringmq_client::{Error, Producer, ProducerOptions, SendReceipt, Session, SessionOptions};

use super::{Identity, Outcome, ProducerNumber, QUEUES, QueueNumber, Worker, given_up, outcome, queue_name, queues};
use crate::prove::random::Random;

/// How a producer sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Waits for each answer.
    Blocking,
    /// Lets so many answers be outstanding.
    Windowed(usize),
    /// Commits some sends at a time, to several queues.
    Transacted,
}

/// The first three have a style each, so that none is missing; the others one by chance.
pub(super) fn style(number: u16, random: &mut Random) -> Style {
    let window = usize::try_from(random.between(8, 128)).unwrap_or(8);
    match number {
        0 => Style::Blocking,
        1 => Style::Windowed(window),
        2 => Style::Transacted,
        _ => *random.pick(&[Style::Blocking, Style::Windowed(window), Style::Transacted]).unwrap_or(&Style::Blocking),
    }
}

/// Sends until the connection is lost.
pub(super) async fn run(mut worker: Worker, number: ProducerNumber, style: Style) -> Result<(), Error> {
    let connection = worker.connect().await?;
    let transacted = style == Style::Transacted;
    let options = if transacted { SessionOptions::TRANSACTED } else { SessionOptions::AUTO };
    let session = connection.create_session(options).await?;
    let targets = Targets::open(&session)?;
    match style {
        Style::Blocking => blocking(&mut worker, number, &targets).await,
        Style::Windowed(window) => windowed(&mut worker, number, &targets, window).await,
        Style::Transacted => transactions(&mut worker, number, &session, &targets).await,
    }
}

/// A producer for each queue.
pub(super) struct Targets {
    producers: Vec<Producer>,
}

impl Targets {
    pub(super) fn open(session: &Session) -> Result<Self, Error> {
        let open = |queue| session.producer(&queue_name(queue), ProducerOptions::default());
        Ok(Self { producers: queues().map(open).collect::<Result<_, _>>()? })
    }

    fn to(&self, queue: QueueNumber) -> Result<&Producer, Error> {
        let missing = || Error::WrongDestination(format!("no producer for queue {}", queue.0));
        self.producers.get(usize::from(queue.0)).ok_or_else(missing)
    }

    /// Sends within a transaction; every eighth send waits for its answer.
    pub(super) async fn send_within(&self, message: &[u8], queue: QueueNumber, wait: bool) -> Result<(), Error> {
        let producer = self.to(queue)?;
        if wait { producer.send_encoded(message).await } else { producer.send_encoded_async(message).await.map(drop) }
    }
}

pub(super) fn any_queue(random: &mut Random) -> QueueNumber {
    QueueNumber(u16::try_from(random.between(0, u64::from(QUEUES) - 1)).unwrap_or(0))
}

async fn blocking(worker: &mut Worker, number: ProducerNumber, targets: &Targets) -> Result<(), Error> {
    let mut body = Vec::new();
    loop {
        let identity = worker.store.next_message(number, any_queue(&mut worker.random));
        let message = worker.store.encode(identity, &mut worker.random, &mut body);
        worker.store.oracle.borrow_mut().sending(identity, None);
        let answer = targets.to(identity.queue)?.send_encoded(&message).await;
        worker.store.oracle.borrow_mut().sent(identity, outcome(&answer));
        answer?;
        worker.answered();
    }
}

async fn windowed(worker: &mut Worker, number: ProducerNumber, targets: &Targets, window: usize) -> Result<(), Error> {
    let mut body = Vec::new();
    let mut open: VecDeque<(Identity, SendReceipt)> = VecDeque::new();
    let ended = loop {
        if open.len() >= window
            && let Some((identity, receipt)) = open.pop_front()
        {
            let answer = receipt.await;
            worker.store.oracle.borrow_mut().sent(identity, outcome(&answer));
            if let Err(error) = answer {
                break error;
            }
            worker.answered();
        }
        let identity = worker.store.next_message(number, any_queue(&mut worker.random));
        let message = worker.store.encode(identity, &mut worker.random, &mut body);
        worker.store.oracle.borrow_mut().sending(identity, None);
        match targets.to(identity.queue)?.send_encoded_async(&message).await {
            Ok(receipt) => open.push_back((identity, receipt)),
            Err(error) => {
                worker.store.oracle.borrow_mut().sent(identity, outcome(&Err(error.clone())));
                break error;
            }
        }
    };
    // The answers that came before the end are answers.
    for (identity, receipt) in open {
        let answer = receipt.await;
        worker.store.oracle.borrow_mut().sent(identity, outcome(&answer));
    }
    Err(ended)
}

async fn transactions(
    worker: &mut Worker,
    number: ProducerNumber,
    session: &Session,
    targets: &Targets,
) -> Result<(), Error> {
    let mut body = Vec::new();
    loop {
        let transaction = worker.store.oracle.borrow_mut().open();
        let spread: Vec<QueueNumber> =
            (0..worker.random.between(1, 3)).map(|_| any_queue(&mut worker.random)).collect();
        for _ in 0..worker.random.between(1, 20) {
            let queue = *worker.random.pick(&spread).unwrap_or(&QueueNumber(0));
            let identity = worker.store.next_message(number, queue);
            let message = worker.store.encode(identity, &mut worker.random, &mut body);
            worker.store.oracle.borrow_mut().sending(identity, Some(transaction));
            let wait = worker.random.percent(12);
            if let Err(error) = targets.send_within(&message, queue, wait).await {
                given_up(&worker.store, transaction);
                return Err(error);
            }
        }
        if worker.random.percent(10) {
            given_up(&worker.store, transaction);
            session.rollback().await?;
            continue;
        }
        worker.store.oracle.borrow_mut().committing(transaction);
        let answer = session.commit().await;
        let ended = outcome(&answer);
        worker.store.oracle.borrow_mut().committed(transaction, ended);
        answer?;
        debug_assert_eq!(ended, Outcome::Acked);
        worker.answered();
    }
}
