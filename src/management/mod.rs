//! Requests to look after the broker, as messages to one address: `activemq.management` unless it is named otherwise.
//!
//! A [`Request`] names a resource (`broker`, `queue.<name>`, `address.<name>`) and an operation or an attribute. [`begin`] says what
//! to ask of which home; [`Conversation::answered`] takes the answers and says what is next, until there is a result. No I/O, no
//! messages: the protocol's room reads and writes those. Names, argument counts, texts and shapes are those of the reference
//! (`ActiveMQServerControl`, `QueueControl`, `AddressControl`, `ManagementServiceImpl`).
//! Must stay true: whatever is asked, there is exactly one result, and an unknown name is told as the reference tells it.

mod address;
mod arguments;
mod broker;
mod configuration;
mod listing;
mod queue;
mod text;
mod update;

use serde_json::Value;

use crate::mail::{Ask, Failure, FailureKind, Listing, QueueDefinition, Reply, RoutingTypes, Totals};

/// What somebody wants.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Of what: `broker`, `queue.<name>`, `address.<name>`.
    pub resource: String,
    /// What.
    pub call: Call,
}

/// An operation or an attribute of a resource.
#[derive(Clone, Debug, PartialEq)]
pub enum Call {
    /// Do this.
    Operation {
        /// Its name.
        name: String,
        /// What it is given.
        arguments: Vec<Value>,
    },
    /// Tell this.
    Attribute(String),
}

impl Call {
    /// An operation with its arguments as they came: a JSON array, or nothing.
    ///
    /// # Errors
    /// It is none.
    pub fn operation(name: &str, arguments: Option<&str>) -> Result<Self, String> {
        Ok(Self::Operation { name: name.to_owned(), arguments: arguments::parse(arguments)? })
    }

    /// The property that is asked for, if one is: the attribute `X`, or the operation `getX` or `isX` without arguments. With a
    /// small first letter, as `messageCount`.
    fn property(&self) -> Option<String> {
        match self {
            Self::Attribute(name) => Some(small(name)),
            Self::Operation { name, arguments } if arguments.is_empty() => {
                let rest = name.strip_prefix("get").or_else(|| name.strip_prefix("is"))?;
                rest.starts_with(|first: char| first.is_ascii_uppercase()).then(|| small(rest))
            }
            Self::Operation { .. } => None,
        }
    }

    /// What is said when there is no such operation or attribute.
    fn unknown(&self) -> String {
        match self {
            Self::Operation { name, arguments } => format!("AMQ229069: no operation {name}/{}", arguments.len()),
            Self::Attribute(name) => format!("Problem while retrieving attribute {name}"),
        }
    }

    /// What is said when there is no such resource.
    fn unknown_resource(&self, resource: &str) -> String {
        match self {
            Self::Operation { .. } => format!("AMQ229067: Cannot find resource with name {resource}"),
            Self::Attribute(name) => format!("Problem while retrieving attribute {name}"),
        }
    }
}

/// `NodeID` and `MessageCount` become `nodeID` and `messageCount`.
fn small(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(letters).collect()
}

/// What is known without asking anybody.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// The identity of the logical broker.
    pub node_id: &'a str,
    /// Of this program.
    pub version: &'a str,
    /// Milliseconds since 1970 at the start.
    pub started_unix_ms: i64,
    /// Milliseconds since the start.
    pub uptime_ms: i64,
    /// Where requests go.
    pub management_address: &'a str,
}

/// What came of it: a value, or the text of a failure.
pub type Outcome = Result<Value, String>;

/// What is to be done next.
#[derive(Debug)]
pub enum Step {
    /// Nothing: this is the result.
    Done(Outcome),
    /// The home of an address is to be asked this.
    One(Ask<'static>, Conversation),
    /// Every home is to be asked this.
    All(Question, Conversation),
    /// The disk is to be measured: the answer is a [`Reply::Disk`].
    Disk(Conversation),
}

impl Step {
    fn value(value: impl Into<Value>) -> Self {
        Self::Done(Ok(value.into()))
    }

    fn failed(text: impl Into<String>) -> Self {
        Self::Done(Err(text.into()))
    }
}

/// A question to every home.
#[derive(Clone, Debug)]
pub enum Question {
    /// Which queues are there?
    Queues(Listing),
    /// Which addresses?
    Addresses,
    /// How much in all?
    Totals,
}

impl Question {
    /// The question for one of them.
    pub fn ask(&self) -> Ask<'static> {
        match self {
            Self::Queues(listing) => Ask::ListQueues(Box::new(listing.clone())),
            Self::Addresses => Ask::ListAddresses { only: None },
            Self::Totals => Ask::CountAll,
        }
    }
}

/// A request that waits for answers.
#[derive(Debug)]
pub struct Conversation {
    request: Request,
    then: Then,
}

/// What is made of the answers.
#[derive(Debug)]
enum Then {
    /// A page of a list of queues.
    Page { listing: Listing, skip: usize },
    /// Names of queues.
    QueueNames,
    /// Names of addresses.
    AddressNames,
    /// The same, joined.
    AddressesJoined(String),
    /// The share of the disk that is used.
    DiskUsage,
    /// A number.
    Total(fn(&Totals) -> i64),
    /// A property of a queue.
    QueueProperty(String),
    /// A property of an address.
    AddressProperty(String),
    /// An address as a text.
    AddressText,
    /// The bindings of an address as a text.
    BindingsText,
    /// Nothing.
    Void,
    /// Connections were closed.
    Closed,
    /// The queue that was made, as its configuration.
    QueueAsConfiguration,
    /// The queue was changed: it is to be described.
    QueueChanged { name: String, as_configuration: bool },
    /// A queue as a text.
    QueueText,
    /// The queue was made.
    QueueMade(Box<QueueDefinition<'static>>),
    /// The queue may be made if there is such an address.
    QueueNeedsAddress(Box<QueueDefinition<'static>>),
    /// The address may be made if there is none.
    AddressMustBeNew { name: String, routing: RoutingTypes },
    /// The address was made.
    AddressMade { name: String, routing: RoutingTypes },
    /// So many messages are gone; the rest follows.
    Purging { total: u64 },
    /// The queues of an address go, one by one.
    AddressIsEmptied { name: String, left: Option<Vec<String>> },
    /// An emptied address is gone, if it did not go with its last queue.
    AddressGone,
}

/// Begins to deal with a request.
pub fn begin(request: Request, facts: &Facts<'_>) -> Step {
    let resource = request.resource.clone();
    if resource == "broker" {
        broker::begin(request, facts)
    } else if let Some(name) = resource.strip_prefix("queue.") {
        queue::begin(request, name)
    } else if let Some(name) = resource.strip_prefix("address.") {
        address::begin(request, name)
    } else {
        Step::failed(request.call.unknown_resource(&resource))
    }
}

impl Conversation {
    fn one(request: Request, ask: Ask<'static>, then: Then) -> Step {
        Step::One(ask, Self { request, then })
    }

    fn all(request: Request, question: Question, then: Then) -> Step {
        Step::All(question, Self { request, then })
    }

    fn disk(request: Request, then: Then) -> Step {
        Step::Disk(Self { request, then })
    }

    /// Every home that was asked has answered.
    pub fn answered(self, replies: Vec<Result<Reply, Failure>>) -> Step {
        let Self { request, then } = self;
        let mut told = Vec::with_capacity(replies.len());
        for reply in replies {
            match (reply, &then) {
                (Ok(reply), _) => told.push(reply),
                (Err(failure), Then::AddressGone) if failure.kind == FailureKind::NoSuchAddress => {}
                (Err(failure), _) => return Step::failed(failure.message),
            }
        }
        match then {
            Then::Void | Then::AddressGone => Step::value(Value::Null),
            Then::Page { listing, skip } => listing::page(told, &listing, skip),
            Then::QueueNames => listing::queue_names(told),
            Then::AddressNames => Step::value(listing::address_names(told)),
            Then::AddressesJoined(separator) => listing::joined_addresses(told, &separator),
            Then::Total(of) => Step::value(of(&listing::totals(told))),
            Then::DiskUsage => broker::disk_usage(&told),
            Then::QueueProperty(name) => queue::property(&request, told, &name),
            Then::Purging { total } => queue::purged(request, told, total),
            Then::QueueChanged { name, as_configuration } => {
                let ask = Ask::DescribeQueue { address: name.clone().into(), queue: name.into() };
                Self::one(request, ask, if as_configuration { Then::QueueAsConfiguration } else { Then::QueueText })
            }
            Then::QueueText => queue::as_text(&request, told),
            Then::QueueMade(definition) => broker::tell_of_queue(request, &definition),
            Then::QueueAsConfiguration => configuration::told(&request, told),
            Then::Closed => Step::value(told.iter().any(|reply| matches!(reply, Reply::Count(1..)))),
            Then::QueueNeedsAddress(definition) => broker::make_queue_if_address(request, told, &definition),
            Then::AddressMustBeNew { name, routing } => broker::make_address_if_new(request, told, name, routing),
            Then::AddressMade { name, routing } => Step::value(text::address(&name, routing, false)),
            Then::AddressIsEmptied { name, left } => broker::empty_address(request, told, name, left),
            Then::AddressProperty(name) => address::property(&request, told, &name),
            Then::AddressText => address::as_text(told, &request),
            Then::BindingsText => address::bindings_as_text(told, &request),
        }
    }
}

#[cfg(test)]
mod tests;
