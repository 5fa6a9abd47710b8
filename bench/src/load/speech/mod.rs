//! What a connection says and hears: one dialect for each protocol.
//!
//! A [`Dialect`] appends the frames of one connection to a buffer and takes answers apart, without any I/O. Must stay true: nothing is
//! allocated for a message, and bytes that are no answer of this protocol end the connection with an error that says so.

pub mod core;
mod core_open;
mod nats;
mod stomp;
mod talk;

use std::fmt::Debug;
use std::net::TcpStream;

use super::template::Marks;
use crate::targets::Protocol;
use talk::Talk;

/// What came from the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply<'b> {
    /// The message with this token is acked.
    Acked(u64),
    /// The oldest unanswered acknowledgement of a delivery is done.
    AckDone,
    /// A delivery.
    Delivered {
        /// What its sender put into its body.
        stamp: u64,
        /// What an acknowledgement names it by.
        name: &'b [u8],
        /// What it cost in credit.
        cost: usize,
    },
    /// A sign of life that asks for one.
    AnswerWith(&'static [u8]),
    /// Nothing that matters here.
    Nothing,
}

/// What a message is.
#[derive(Clone, Debug)]
pub struct Message {
    /// Bytes of its body; the first eight of them are the stamp.
    pub body: Vec<u8>,
    /// Where it goes.
    pub destination: Destination,
    /// Headers beside those that every message has, as `NAME:VALUE`, where the protocol has such.
    pub headers: Vec<String>,
    /// Whether each send is answered; otherwise the commit is.
    pub answered: bool,
    /// Who sends it, where the broker asks.
    pub login: Option<Login>,
}

/// What a client says of itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The user.
    pub user: String,
    /// The password.
    pub password: String,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Login({})", self.user)
    }
}

/// The queues of a load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The name of the queue, or what the names of several begin with.
    pub base: String,
    /// How many.
    pub queues: u32,
}

/// Digits of a queue's number.
pub const QUEUE_DIGITS: usize = 5;

impl Destination {
    /// The name of one of the queues: the base alone where there is one.
    pub fn name(&self, queue: u32) -> String {
        if self.queues <= 1 { self.base.clone() } else { format!("{}{queue:0QUEUE_DIGITS$}", self.base) }
    }
}

/// A protocol on one connection.
pub trait Dialect: Debug {
    /// Appends one message.
    fn send(&self, marks: Marks, out: &mut Vec<u8>);

    /// Appends the begin of a transaction, where the protocol has such.
    fn begin(&self, out: &mut Vec<u8>);

    /// Appends the commit of what was sent since the last one; its answer carries the token.
    fn commit(&self, token: u64, out: &mut Vec<u8>);

    /// Appends the acknowledgement of a delivery.
    fn acknowledge(&self, name: &[u8], out: &mut Vec<u8>);

    /// Appends credit for deliveries, where the protocol has such.
    fn credit(&self, bytes: usize, out: &mut Vec<u8>);

    /// The first whole answer in these bytes and how many it took; nothing if there is none.
    ///
    /// # Errors
    ///
    /// A refusal, in the broker's own words, or bytes that are no answer.
    fn reply<'b>(&self, bytes: &'b [u8]) -> Result<Option<(usize, Reply<'b>)>, String>;
}

/// What a connection is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Messages are sent.
    Producer,
    /// One queue is consumed.
    Consumer {
        /// Its number.
        queue: u32,
    },
    /// Nothing.
    Idle,
}

/// A connection that is ready for its load.
#[derive(Debug)]
pub struct Opened {
    /// Its socket.
    pub stream: TcpStream,
    /// What came from the broker and was not needed so far.
    pub heard: Vec<u8>,
    /// Its frames.
    pub dialect: Box<dyn Dialect>,
}

/// Opens a connection in this role. No two connections of a broker may have the same name.
///
/// # Errors
///
/// Nobody listens there, the broker refuses, or the protocol cannot say such a message.
pub fn open(protocol: Protocol, address: &str, name: &str, role: Role, message: &Message) -> Result<Opened, String> {
    let mut talk = Talk::to(address)?;
    let dialect: Box<dyn Dialect> = match protocol {
        Protocol::Core => {
            core_open::open(&mut talk, name, role, message)?;
            Box::new(core::Core::new(message)?)
        }
        Protocol::Stomp => {
            stomp::open(&mut talk, role, message)?;
            Box::new(stomp::Stomp::new(message)?)
        }
        Protocol::Nats => {
            nats::open(&mut talk, name, role, message)?;
            Box::new(nats::Nats::new(message, name)?)
        }
    };
    let (stream, heard) = talk.over();
    Ok(Opened { stream, heard, dialect })
}

/// Makes sure that the queues of a destination are there. With STOMP they are made by whoever starts the broker.
///
/// # Errors
///
/// As [`open`].
pub fn make_queues(protocol: Protocol, address: &str, name: &str, message: &Message) -> Result<(), String> {
    let mut talk = Talk::to(address)?;
    match protocol {
        Protocol::Core => core_open::make_queues(&mut talk, name, message),
        Protocol::Nats => nats::make_queues(&mut talk, name, message),
        Protocol::Stomp => Ok(()),
    }
}

/// Takes them away, with all that is in them, where [`make_queues`] made them.
///
/// # Errors
///
/// As [`open`].
pub fn remove_queues(protocol: Protocol, address: &str, name: &str, message: &Message) -> Result<(), String> {
    let mut talk = Talk::to(address)?;
    match protocol {
        Protocol::Core => core_open::remove_queues(&mut talk, name, message),
        Protocol::Nats => nats::remove_queues(&mut talk, name, message),
        Protocol::Stomp => Ok(()),
    }
}
