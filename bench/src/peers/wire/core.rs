//! The CORE protocol through the client crate, with blocking calls.

use std::collections::VecDeque;

use ringmq_client::{ConnectOptions, Connection, Endpoint, Error, ErrorCode, MessageBuilder};
use ringmq_client::{Producer, ProducerOptions, QueueSpec, SendReceipt, Session, SessionOptions};
use tokio::runtime::Runtime;

/// A connection with one session.
pub struct Core {
    runtime: Runtime,
    session: Session,
    /// It lives as long as its sessions are used.
    _connection: Connection,
}

/// A producer that has so many sends unanswered.
pub struct CoreProducer {
    producer: Producer,
    address: String,
    receipts: VecDeque<SendReceipt>,
}

impl Core {
    /// Connects.
    ///
    /// # Errors
    ///
    /// It does not listen, speaks something else, or refuses.
    pub fn connect(port: u16) -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| format!("no runtime: {error}"))?;
        let opened: Result<_, Error> = runtime.block_on(async {
            let endpoint = Endpoint { host: "127.0.0.1".to_owned(), port };
            let connection = Connection::connect(&endpoint, ConnectOptions::default()).await?;
            let session = connection.create_session(SessionOptions::AUTO).await?;
            Ok((connection, session))
        });
        let (connection, session) = opened.map_err(|error| format!("127.0.0.1:{port}: {error}"))?;
        Ok(Self { runtime, session, _connection: connection })
    }

    /// Makes sure that an anycast queue is there; it is not one that goes by itself.
    ///
    /// # Errors
    ///
    /// What the broker says.
    pub fn make_queue(&self, name: &str) -> Result<(), String> {
        match self.runtime.block_on(self.session.create_queue(&QueueSpec::anycast(name))) {
            Err(error) if error.code() != Some(ErrorCode::QUEUE_EXISTS) => {
                Err(format!("queue {name} cannot be made: {error}"))
            }
            _ => Ok(()),
        }
    }

    /// How many messages wait in a queue.
    ///
    /// # Errors
    ///
    /// There is no such queue.
    pub fn depth(&self, queue: &str) -> Result<i64, String> {
        let info = self.runtime.block_on(self.session.query_queue(queue)).map_err(|error| error.to_string())?;
        if info.exists { Ok(info.message_count) } else { Err(format!("there is no queue {queue}")) }
    }

    /// A producer for a queue.
    ///
    /// # Errors
    ///
    /// A lost connection.
    pub fn producer(&self, queue: &str, window: usize) -> Result<CoreProducer, String> {
        // No credits: the window alone is the bound.
        let options = ProducerOptions { credit_bytes: 0, in_flight_max: window };
        let producer = self.runtime.block_on(async { self.session.producer(queue, options) });
        let producer = producer.map_err(|error| format!("no producer: {error}"))?;
        Ok(CoreProducer { producer, address: queue.to_owned(), receipts: VecDeque::new() })
    }

    /// Sends a durable message.
    ///
    /// # Errors
    ///
    /// A lost connection.
    pub fn send(&self, to: &mut CoreProducer, body: &[u8]) -> Result<(), String> {
        let message = MessageBuilder::new(&to.address).durable(true).bytes(body);
        let receipt = self.runtime.block_on(to.producer.send_async(&message));
        to.receipts.push_back(receipt.map_err(|error| format!("cannot send: {error}"))?);
        Ok(())
    }

    /// Waits for the answer to the oldest send.
    ///
    /// # Errors
    ///
    /// It was refused, or none is unanswered.
    pub fn acked(&self, to: &mut CoreProducer) -> Result<(), String> {
        let receipt = to.receipts.pop_front().ok_or("nothing was sent")?;
        self.runtime.block_on(receipt).map_err(|error| format!("a send failed: {error}"))
    }
}
