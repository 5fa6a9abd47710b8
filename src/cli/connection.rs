//! Sessions of `producer` and `consumer` over the CORE client, one connection for each thread.
//!
//! Takes: options of the command line. Gives: [`Sending`] and [`Receiving`]. Must stay true: every error says what
//! failed, where, why, and what to do, and has its exit code.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use protocol::message::PropertyValue;
use ringmq_client::{
    BrokerUrl, ConnectOptions, Connection, Consumer, ConsumerOptions, Credentials, Delivery, Error, ErrorCode,
    MessageBuilder, Producer, ProducerOptions, RoutingType, Session, SessionOptions,
};
use tokio::runtime::Runtime;

use super::arguments::{BrokerOptions, MessageOptions};
use super::consumer::{Received, Receiving};
use super::destination::Destination;
use super::exit::Exit;
use super::producer::{Body, Outgoing, Sending};
use super::work::Failure;

/// Outside a transaction, the answer to each such acknowledgement is waited for, so that the broker is never further
/// behind than this.
const ACKNOWLEDGED_UNANSWERED_MAX: u64 = 100;

/// The connection of one thread. Its tasks run while the thread waits for something.
struct Open {
    session: Session,
    connection: Connection,
    url: String,
    runtime: Runtime,
}

impl Open {
    /// Connects and opens a session.
    fn new(options: &MessageOptions, thread: u16) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| Failure {
            exit: Exit::Failed,
            text: format!("the event loop of thread {thread} cannot be started: {error}"),
        })?;
        let url = BrokerUrl::without_passwords(&options.broker.url);
        let transacted = options.commit_interval > 0;
        let session_options = if transacted { SessionOptions::TRANSACTED } else { SessionOptions::AUTO };
        let opened = runtime.block_on(async {
            let (place, connect) = connect_options(&options.broker, thread)?;
            let connection = Connection::connect_url(&place, &connect).await?;
            let session = connection.create_session(session_options).await?;
            ensure(&session, &options.destination).await?;
            Ok((connection, session))
        });
        match opened {
            Ok((connection, session)) => Ok(Self { session, connection, url, runtime }),
            Err(error) => Err(failure(&url, "cannot start", &error, true)),
        }
    }

    fn commit(&mut self) -> Result<(), Failure> {
        let committed = self.runtime.block_on(self.session.commit());
        committed.map_err(|error| failure(&self.url, "commit", &error, false))
    }

    /// Waits, and keeps the connection alive meanwhile.
    fn pause(&self, time: Duration) {
        self.runtime.block_on(tokio::time::sleep(time));
    }

    fn close(self) -> Result<(), Failure> {
        let Self { session, connection, url, runtime } = self;
        runtime.block_on(async {
            let closed = session.close().await;
            connection.close().await;
            closed.map_err(|error| failure(&url, "close", &error, false))
        })
    }
}

/// A session that sends.
pub(super) struct Sender {
    producer: Producer,
    address: String,
    open: Open,
}

impl Sender {
    pub(super) fn open(options: &MessageOptions, thread: u16) -> Result<Self, Failure> {
        let open = Open::new(options, thread)?;
        // `ADDRESS::QUEUE` reaches that one queue of the address.
        let address = options.destination.to_string();
        let producer = open.runtime.block_on(async { open.session.producer(&address, ProducerOptions::default()) });
        match producer {
            Ok(producer) => Ok(Self { producer, address, open }),
            Err(error) => Err(failure(&open.url, "open a producer", &error, true)),
        }
    }
}

impl Sending for Sender {
    fn send(&mut self, message: &Outgoing<'_>) -> Result<(), Failure> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let encoded = MessageBuilder::new(&self.address)
            .durable(message.durable)
            .timestamp_ms(i64::try_from(now).unwrap_or(i64::MAX))
            .routing_type(RoutingType::ANYCAST)
            .property("count", PropertyValue::Long(i64::try_from(message.count).unwrap_or(i64::MAX)))
            .text_property("ThreadSent", message.thread);
        let encoded = match message.body {
            Body::Text(text) => encoded.text(text),
            Body::Bytes(bytes) => encoded.bytes(bytes),
        };
        let sent = self.open.runtime.block_on(self.producer.send(&encoded));
        sent.map_err(|error| failure(&self.open.url, &format!("send message {}", message.count), &error, false))
    }

    fn commit(&mut self) -> Result<(), Failure> {
        self.open.commit()
    }

    fn pause(&mut self, time: Duration) {
        self.open.pause(time);
    }

    fn close(self) -> Result<(), Failure> {
        self.open.close()
    }
}

/// A session that receives.
pub(super) struct Receiver {
    consumer: Consumer,
    last: Option<Delivery>,
    transacted: bool,
    unanswered: u64,
    open: Open,
}

impl Receiver {
    pub(super) fn open(options: &MessageOptions, filter: Option<&str>, thread: u16) -> Result<Self, Failure> {
        let open = Open::new(options, thread)?;
        let wanted = ConsumerOptions { filter: filter.map(str::to_owned), ..ConsumerOptions::default() };
        let consumer = open.runtime.block_on(async {
            let consumer = open.session.consumer(&options.destination.queue, &wanted).await?;
            open.session.start()?;
            Ok(consumer)
        });
        let transacted = options.commit_interval > 0;
        match consumer {
            Ok(consumer) => Ok(Self { consumer, last: None, transacted, unanswered: 0, open }),
            Err(error) => Err(failure(&open.url, "open a consumer", &error, true)),
        }
    }
}

impl Receiving for Receiver {
    fn receive(&mut self, timeout: Option<Duration>) -> Result<Option<Received>, Failure> {
        let consumer = &mut self.consumer;
        let delivery = self.open.runtime.block_on(async {
            match timeout {
                Some(timeout) => consumer.receive(timeout).await,
                None => consumer.next().await.map(Some),
            }
        });
        self.last = delivery.map_err(|error| failure(&self.open.url, "receive", &error, false))?;
        Ok(self.last.as_ref().map(|delivery| Received {
            text: delivery.text(),
            id: delivery.message_id().0,
            bytes: delivery.body().len(),
        }))
    }

    fn acknowledge(&mut self, last: bool) -> Result<(), Failure> {
        let Some(delivery) = &self.last else { return Ok(()) };
        self.unanswered += 1;
        let waits = !self.transacted && (last || self.unanswered >= ACKNOWLEDGED_UNANSWERED_MAX);
        let consumer = &self.consumer;
        let acknowledged = self.open.runtime.block_on(async {
            if waits {
                consumer.acknowledge_individually_and_wait(delivery).await
            } else {
                consumer.acknowledge_individually(delivery)
            }
        });
        if waits {
            self.unanswered = 0;
        }
        acknowledged.map_err(|error| failure(&self.open.url, "acknowledge", &error, false))
    }

    fn commit(&mut self) -> Result<(), Failure> {
        self.open.commit()
    }

    fn pause(&mut self, time: Duration) {
        self.open.pause(time);
    }

    fn close(self) -> Result<(), Failure> {
        self.open.close()
    }
}

/// Makes sure that the queue is there, so that no message is sent into nothing. Only a plain name is created here:
/// `ADDRESS::QUEUE` names something that somebody made on purpose.
async fn ensure(session: &Session, destination: &Destination) -> Result<(), Error> {
    if destination.address == destination.queue {
        return session.ensure_queue(&destination.queue).await;
    }
    belongs(session, destination).await
}

/// Makes sure that the queue is there and is one of this address.
pub(super) async fn belongs(session: &Session, destination: &Destination) -> Result<(), Error> {
    let Destination { address, queue } = destination;
    let found = session.query_queue(queue).await?;
    match found.address {
        _ if !found.exists => Err(Error::WrongDestination(format!("queue {queue} does not exist"))),
        Some(other) if other != *address => {
            Err(Error::WrongDestination(format!("queue {queue} belongs to the address {other}, not to {address}")))
        }
        _ => Ok(()),
    }
}

/// The place and the connection's options, from the URL and the options beside it.
pub(super) fn connect_options(options: &BrokerOptions, thread: u16) -> Result<(BrokerUrl, ConnectOptions), Error> {
    let url: BrokerUrl = options.url.parse()?;
    let mut connect = ConnectOptions::from_url(&url)?;
    if let Some(user) = &options.user {
        let password = options.password.as_ref().map(|password| password.0.clone()).unwrap_or_default();
        connect.credentials = Some(Credentials { user: user.clone(), password });
    }
    if let Some(id) = &options.client_id {
        connect.client_id = Some(id.clone());
    }
    // A client id belongs to one connection at a time, and each thread has its own.
    if let Some(id) = connect.client_id.as_mut().filter(|_| thread > 0) {
        id.push_str(&format!("-{thread}"));
    }
    Ok((url, connect))
}

/// What a client error means to the person at the command line. `opening`: nothing was sent yet.
pub(super) fn failure(url: &str, doing: &str, error: &Error, opening: bool) -> Failure {
    let (exit, help) = match error {
        Error::Url(_) => (Exit::Usage, "a URL looks like tcp://localhost:61616"),
        Error::Tls(_) => (
            Exit::Usage,
            "sslEnabled=true needs trustStorePath=FILE, a PEM file with the certificate of who signs for the broker",
        ),
        Error::Unreachable { cause, .. } if cause.kind() == std::io::ErrorKind::InvalidData => (
            Exit::CannotConnect,
            "TLS did not begin: trustStorePath names who signs for the broker, keyStorePath what the broker asks for",
        ),
        Error::Unreachable { .. } => {
            (Exit::CannotConnect, "is the broker running there? It is started with `ringmq run`")
        }
        Error::TimedOut { .. } => (Exit::TimedOut, "the broker is there and does not answer; its log says more"),
        Error::Refused { code, .. } => refused(*code),
        Error::WrongDestination(why) if why.contains("does not exist") => {
            (Exit::NotFound, "create it, or let the broker create what is missing: address.auto-create-queues")
        }
        Error::WrongDestination(_) => (Exit::Conflict, ""),
        Error::Lost(_) | Error::NotSent(_) if opening => (Exit::CannotConnect, "is it a broker that listens there?"),
        _ => (Exit::Failed, ""),
    };
    let help = if help.is_empty() { String::new() } else { format!("\n  help: {help}") };
    Failure { exit, text: format!("{url}: {doing}: {error}{help}") }
}

fn refused(code: ErrorCode) -> (Exit, &'static str) {
    match code {
        ErrorCode::SECURITY_EXCEPTION => {
            (Exit::NotAuthorised, "give --user, and the password of a user who may in RINGMQ_PASSWORD")
        }
        ErrorCode::QUEUE_DOES_NOT_EXIST | ErrorCode::ADDRESS_DOES_NOT_EXIST => (Exit::NotFound, ""),
        ErrorCode::QUEUE_EXISTS | ErrorCode::ADDRESS_EXISTS | ErrorCode::DUPLICATE_METADATA => (Exit::Conflict, ""),
        ErrorCode::INVALID_FILTER_EXPRESSION => (
            Exit::Usage,
            "a filter is like a JMS selector, with AMQPriority for JMSPriority: colour='red' AND AMQPriority>4",
        ),
        ErrorCode::CONNECTION_TIMEDOUT => (Exit::TimedOut, ""),
        _ => (Exit::Failed, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(error: &Error, opening: bool, exit: Exit, text: &str) {
        let failure = failure("tcp://a:1", "send", error, opening);
        assert_eq!(failure.exit, exit, "{error}");
        assert!(failure.text.starts_with("tcp://a:1: send: ") && failure.text.contains(text), "{}", failure.text);
    }

    #[test]
    fn every_error_has_its_exit_code() {
        let refused = |code| Error::Refused { code, message: "no".to_owned() };
        let lost = || Error::Lost(ringmq_client::Loss::ClosedByPeer);
        let late = Error::TimedOut { what: "SEND", after: Duration::from_secs(1) };
        check(&refused(ErrorCode::SECURITY_EXCEPTION), true, Exit::NotAuthorised, "--user");
        check(&refused(ErrorCode::QUEUE_DOES_NOT_EXIST), true, Exit::NotFound, "no");
        check(&refused(ErrorCode::INVALID_FILTER_EXPRESSION), true, Exit::Usage, "selector");
        check(&refused(ErrorCode::DUPLICATE_METADATA), true, Exit::Conflict, "no");
        check(&refused(ErrorCode::ADDRESS_FULL), false, Exit::Failed, "no");
        check(&late, false, Exit::TimedOut, "help: ");
        check(&lost(), true, Exit::CannotConnect, "is it a broker");
        check(&lost(), false, Exit::Failed, "outcome unknown");
        check(
            &Error::WrongDestination("queue q does not exist and may not".to_owned()),
            true,
            Exit::NotFound,
            "create",
        );
        check(&Error::WrongDestination("q is a topic".to_owned()), true, Exit::Conflict, "q is a topic");
        check(&"amqp://a".parse::<BrokerUrl>().unwrap_err().into(), true, Exit::Usage, "tcp://");
    }
}
