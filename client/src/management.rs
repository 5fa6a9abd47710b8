//! Requests to look after the broker, over its management address.
//!
//! Takes a resource (`broker`, `queue.NAME`), an operation and its arguments as a JSON array; gives the result, a JSON array of one value.
//! The answers come to a temporary queue of the connection. Must stay true: an answer belongs to the request before it, so one request
//! is under way at a time, and none is sent again by itself.

use protocol::message::{MessageBuilder, PropertyValue, property_name};

use crate::consumer::{Consumer, Delivery};
use crate::destination::QueueSpec;
use crate::error::Error;
use crate::options::{ConsumerOptions, ProducerOptions};
use crate::producer::Producer;
use crate::session::Session;
use crate::session_name::new_session_name;

/// Where requests go, unless the broker is set up otherwise (`ActiveMQDefaultConfiguration.DEFAULT_MANAGEMENT_ADDRESS`).
const ADDRESS: &str = "activemq.management";

/// Asks the broker about itself and has it do things.
#[derive(Debug)]
pub struct Manager {
    producer: Producer,
    answers: Consumer,
    reply_to: String,
}

impl Session {
    /// Prepares a queue for the answers and starts the session.
    pub async fn manager(&self) -> Result<Manager, Error> {
        let reply_to = new_session_name().map_err(|cause| Error::NoName(std::sync::Arc::new(cause)))?;
        let answers = QueueSpec { durable: false, temporary: true, ..QueueSpec::anycast(&reply_to) };
        self.create_queue(&answers).await?;
        let answers = self.consumer(&reply_to, &ConsumerOptions::default()).await?;
        self.start()?;
        Ok(Manager { producer: self.producer(ADDRESS, ProducerOptions::default())?, answers, reply_to })
    }
}

impl Manager {
    /// Has an operation carried out. `arguments` is a JSON array, the result too; it is empty when there is no result.
    ///
    /// # Errors
    /// [`Error::NotDone`] with the broker's words, or what any call ends with.
    pub async fn invoke(&mut self, resource: &str, operation: &str, arguments: &str) -> Result<String, Error> {
        let request = MessageBuilder::new(ADDRESS)
            .text(arguments)
            .text_property(property_name::RESOURCE, resource)
            .text_property(property_name::OPERATION, operation)
            .text_property(property_name::REPLY_TO, &self.reply_to);
        // The answer to the send comes behind the result, or just before it.
        self.producer.send(&request).await?;
        let after = self.producer.call_timeout();
        let answer =
            self.answers.receive(after).await?.ok_or(Error::TimedOut { what: "a management request", after })?;
        self.answers.acknowledge(&answer)?;
        read(&answer)
    }
}

fn read(answer: &Delivery) -> Result<String, Error> {
    let view = answer.view().map_err(Error::Unreadable)?;
    let result = view.text().map(|text| text.to_string()).unwrap_or_default();
    match view.header.properties.get(property_name::SUCCEEDED) {
        Ok(Some(PropertyValue::Bool(true))) => Ok(result),
        _ => Err(Error::NotDone(result)),
    }
}
