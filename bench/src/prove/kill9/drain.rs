//! Empties all queues of a store with blocking acknowledgements, and has the oracle judge what was not there.

use std::time::Duration;

use ringmq_client::{ConnectOptions, Connection, ConsumerOptions, ConsumerWindow, Endpoint, Error, SessionOptions};

use super::load::{SharedStore, Tap, queue_name, queues};
use super::oracle::{Identity, Kind, QueueNumber};
use super::payload;

/// Messages acknowledged by one request.
const BATCH: usize = 100;
const WINDOW_BYTES: u32 = 1024 * 1024;
/// How long one delivery or answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Makes sure that all queues are there.
pub(in crate::prove) async fn create_queues(port: u16) -> Result<(), Error> {
    let connection = connect(port).await?;
    let session = connection.create_session(SessionOptions::AUTO).await?;
    for queue in queues() {
        session.ensure_queue(&queue_name(queue)).await?;
    }
    session.close().await?;
    connection.close().await;
    Ok(())
}

/// Takes everything out of every queue. The broker was just started, and nobody else is connected.
pub(in crate::prove) async fn drain(store: &SharedStore, port: u16) -> Result<(), String> {
    let connection = connect(port).await.map_err(|error| format!("cannot drain: {error}"))?;
    for queue in queues() {
        let emptied = tokio::time::timeout(PATIENCE, empty(store, &connection, queue)).await;
        match emptied {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(format!("queue {} cannot be emptied: {error}", queue.0)),
            Err(_) => return Err(format!("queue {} is not empty after {PATIENCE:?}", queue.0)),
        }
    }
    store.oracle.borrow_mut().drained();
    connection.close().await;
    Ok(())
}

/// Browses every queue: what comes, queue by queue, in order.
pub(super) async fn taken(port: u16, seed: u64) -> Result<Vec<Result<Identity, String>>, String> {
    let connection = connect(port).await.map_err(|error| format!("cannot look: {error}"))?;
    let mut all = Vec::new();
    for queue in queues() {
        match tokio::time::timeout(PATIENCE, looked_through(&connection, queue, seed, &mut all)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(format!("queue {} cannot be looked through: {error}", queue.0)),
            Err(_) => return Err(format!("queue {} does not end within {PATIENCE:?}", queue.0)),
        }
    }
    connection.close().await;
    Ok(all)
}

async fn looked_through(
    connection: &Connection,
    queue: QueueNumber,
    seed: u64,
    all: &mut Vec<Result<Identity, String>>,
) -> Result<(), Error> {
    let session = connection.create_session(SessionOptions::AUTO).await?;
    let options = ConsumerOptions {
        window: ConsumerWindow::Bytes(WINDOW_BYTES),
        browse_only: true,
        ..ConsumerOptions::default()
    };
    let mut consumer = session.consumer(&queue_name(queue), &options).await?;
    session.start()?;
    while let Some(delivery) = consumer.receive_now().await? {
        all.push(payload::read(seed, delivery.body()));
    }
    consumer.close().await?;
    session.close().await
}

async fn connect(port: u16) -> Result<Connection, Error> {
    let endpoint = Endpoint { host: "127.0.0.1".to_owned(), port };
    Connection::connect(&endpoint, ConnectOptions { call_timeout: PATIENCE, ..ConnectOptions::default() }).await
}

async fn empty(store: &SharedStore, connection: &Connection, queue: QueueNumber) -> Result<(), Error> {
    let session = connection.create_session(SessionOptions::AUTO).await?;
    let mut tap = Tap::open(&session, queue, WINDOW_BYTES).await?;
    session.start()?;
    let mut batch = Vec::new();
    let mut last = None;
    loop {
        let delivery = tap.consumer.receive_now().await?;
        let empty = delivery.is_none();
        if let Some(delivery) = delivery {
            batch.extend(tap.judge(store, &delivery));
            last = Some(delivery);
        }
        if (empty || batch.len() >= BATCH)
            && let Some(delivery) = last.take()
        {
            store.oracle.borrow_mut().acknowledging(&batch);
            tap.consumer.acknowledge_and_wait(&delivery).await?;
            store.oracle.borrow_mut().acknowledged(&batch, super::oracle::Outcome::Acked);
            batch.clear();
        }
        if empty {
            break;
        }
    }
    let left = session.query_queue(&queue_name(queue)).await?.message_count;
    if left != 0 {
        let text = format!("queue {} is empty and says that it holds {left} messages", queue.0);
        store.oracle.borrow_mut().report(Kind::Broker, text);
    }
    tap.consumer.close().await?;
    session.close().await
}
