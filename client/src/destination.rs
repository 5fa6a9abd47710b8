//! Addresses and queues: asking what is there, creating what is missing the way the JMS client does.

use protocol::core::error_code::ErrorCode;
use protocol::core::identity::RoutingType;
use protocol::core::list::List;
use protocol::core::packet::query::{BindingForm, BindingQuery, QueueForm, QueueQuery};
use protocol::core::packet::queue::{
    CreateAddress, CreateQueueV2, DeleteQueue, GroupCount, QueueAttributes, QueueDefinition,
};
use protocol::core::packet::{Packet, PacketType};
use protocol::simple_string::SimpleString;

use crate::error::Error;
use crate::session::Session;

/// What the server knows of a queue.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QueueInfo {
    /// Whether it is there.
    pub exists: bool,
    /// Whether it would be created on first use.
    pub auto_create: bool,
    /// The address it is bound to.
    pub address: Option<String>,
    /// Whether it survives the server.
    pub durable: bool,
    /// How its messages spread.
    pub routing_type: RoutingType,
    /// Its consumers, without browsers.
    pub consumer_count: i32,
    /// Its messages, with those being delivered.
    pub message_count: i64,
}

/// What the server knows of an address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AddressInfo {
    /// Whether it is there.
    pub exists: bool,
    /// The queues bound to it.
    pub queues: Vec<String>,
    /// Whether its queues would be created on first use.
    pub auto_create_queues: bool,
    /// Whether the address would be.
    pub auto_create_addresses: bool,
    /// Whether it takes anycast.
    pub supports_anycast: bool,
    /// Whether it takes multicast.
    pub supports_multicast: bool,
    /// Consumers that new queues may have.
    pub default_max_consumers: i32,
    /// Whether new queues are emptied when their last consumer goes.
    pub default_purge_on_no_consumers: bool,
}

/// A queue to be created.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QueueSpec {
    /// Its name.
    pub name: String,
    /// The address it is bound to.
    pub address: String,
    /// Which messages it takes.
    pub filter: Option<String>,
    /// How its messages spread.
    pub routing_type: RoutingType,
    /// Whether it survives the server.
    pub durable: bool,
    /// Whether it ends with the connection.
    pub temporary: bool,
    /// Whether it counts as made up on first use.
    pub auto_created: bool,
    /// Consumers it may have, -1 for any number.
    pub max_consumers: i32,
    /// Whether it is emptied when its last consumer goes.
    pub purge_on_no_consumers: bool,
}

impl QueueSpec {
    /// A durable queue on the address of the same name, of which each message goes to one consumer.
    pub fn anycast(name: &str) -> QueueSpec {
        QueueSpec {
            name: name.to_owned(),
            address: name.to_owned(),
            filter: None,
            routing_type: RoutingType::ANYCAST,
            durable: true,
            temporary: false,
            auto_created: false,
            max_consumers: -1,
            purge_on_no_consumers: false,
        }
    }
}

impl Session {
    /// Asks about a queue.
    pub async fn query_queue(&self, name: &str) -> Result<QueueInfo, Error> {
        let shared = &self.channel.shared;
        let expects = match QueueForm::for_version(shared.version()) {
            QueueForm::V1 => PacketType::SESS_QUEUEQUERY_RESP,
            QueueForm::V2 => PacketType::SESS_QUEUEQUERY_RESP_V2,
            QueueForm::V3 => PacketType::SESS_QUEUEQUERY_RESP_V3,
        };
        let wire_name = SimpleString::from(name);
        let query = Packet::QueueQuery(QueueQuery { name: wire_name.as_simple() });
        let answer = self.channel.call(&query, expects).await?;
        match answer.packet(shared)? {
            Packet::QueueQueryResponse(response) => Ok(QueueInfo {
                exists: response.queue.exists,
                auto_create: response.auto_create_queues,
                address: response.queue.address.map(|address| address.to_string()),
                durable: response.queue.durable,
                routing_type: response.definition.routing_type,
                consumer_count: response.queue.consumer_count,
                message_count: response.queue.message_count,
            }),
            _ => Err(unexpected("SESS_QUEUEQUERY")),
        }
    }

    /// Asks about an address.
    pub async fn query_address(&self, address: &str) -> Result<AddressInfo, Error> {
        let shared = &self.channel.shared;
        let expects = match BindingForm::for_version(shared.version()) {
            BindingForm::V1 => PacketType::SESS_BINDINGQUERY_RESP,
            BindingForm::V2 => PacketType::SESS_BINDINGQUERY_RESP_V2,
            BindingForm::V3 => PacketType::SESS_BINDINGQUERY_RESP_V3,
            BindingForm::V4 => PacketType::SESS_BINDINGQUERY_RESP_V4,
            BindingForm::V5 => PacketType::SESS_BINDINGQUERY_RESP_V5,
        };
        let wire_address = SimpleString::from(address);
        let query = Packet::BindingQuery(BindingQuery { address: wire_address.as_simple() });
        let answer = self.channel.call(&query, expects).await?;
        match answer.packet(shared)? {
            Packet::BindingQueryResponse(response) => {
                // Servers that do not tell what an address supports take both.
                let told = response.form == BindingForm::V5;
                Ok(AddressInfo {
                    exists: response.exists,
                    queues: response.queue_names.iter().map(|name| name.to_string()).collect(),
                    auto_create_queues: response.auto_create_queues,
                    auto_create_addresses: response.auto_create_addresses,
                    supports_anycast: response.supports_anycast || !told,
                    supports_multicast: response.supports_multicast || !told,
                    default_max_consumers: response.default_max_consumers,
                    default_purge_on_no_consumers: response.default_purge_on_no_consumers,
                })
            }
            _ => Err(unexpected("SESS_BINDINGQUERY")),
        }
    }

    /// Creates an address, or adds to what it routes.
    pub async fn create_address(
        &self,
        address: &str,
        routing_type: RoutingType,
        auto_created: bool,
    ) -> Result<(), Error> {
        let wire_address = SimpleString::from(address);
        let routing_types = [routing_type];
        let create = CreateAddress {
            address: wire_address.as_simple(),
            routing_types: List::of(&routing_types),
            requires_response: true,
            auto_created,
        };
        self.ask(&Packet::CreateAddress(create)).await
    }

    /// Creates a queue.
    pub async fn create_queue(&self, spec: &QueueSpec) -> Result<(), Error> {
        let (address, name) = (SimpleString::from(spec.address.as_str()), SimpleString::from(spec.name.as_str()));
        let filter = spec.filter.as_deref().map(SimpleString::from);
        let create = CreateQueueV2 {
            definition: QueueDefinition {
                address: address.as_simple(),
                name: name.as_simple(),
                filter: filter.as_ref().map(SimpleString::as_simple),
                durable: spec.durable,
                temporary: spec.temporary,
                requires_response: true,
                auto_created: spec.auto_created,
                routing_type: spec.routing_type,
                max_consumers: spec.max_consumers,
                purge_on_no_consumers: spec.purge_on_no_consumers,
            },
            attributes: QueueAttributes::default(),
            groups: GroupCount::ALL,
        };
        self.ask(&Packet::CreateQueueV2(create)).await
    }

    /// Deletes a queue that has no consumers.
    pub async fn delete_queue(&self, name: &str) -> Result<(), Error> {
        let wire_name = SimpleString::from(name);
        self.ask(&Packet::DeleteQueue(DeleteQueue { name: wire_name.as_simple() })).await
    }

    /// Makes sure that an anycast queue and its address of the same name are there, with the questions and in the order of the
    /// JMS client. Two clients may do so at once.
    pub async fn ensure_queue(&self, name: &str) -> Result<(), Error> {
        let defaults = self.ensure_address(name, RoutingType::ANYCAST).await?;
        let queue = self.query_queue(name).await?;
        if queue.exists {
            return match queue.routing_type {
                RoutingType::ANYCAST => Ok(()),
                _ => Err(Error::WrongDestination(format!("{name} is a queue of a topic, not a queue to send to"))),
            };
        }
        if !queue.auto_create {
            return Err(Error::WrongDestination(format!("queue {name} does not exist and may not be created")));
        }
        let spec = QueueSpec {
            auto_created: true,
            max_consumers: defaults.default_max_consumers,
            purge_on_no_consumers: defaults.default_purge_on_no_consumers,
            ..QueueSpec::anycast(name)
        };
        match self.create_queue(&spec).await {
            Err(error) if error.code() == Some(ErrorCode::QUEUE_EXISTS) => Ok(()),
            outcome => outcome,
        }
    }

    /// Makes sure that a multicast address is there.
    pub async fn ensure_topic(&self, name: &str) -> Result<(), Error> {
        self.ensure_address(name, RoutingType::MULTICAST).await.map(drop)
    }

    async fn ensure_address(&self, name: &str, routing_type: RoutingType) -> Result<AddressInfo, Error> {
        let address = self.query_address(name).await?;
        let anycast = routing_type == RoutingType::ANYCAST;
        if address.exists {
            let supported = if anycast { address.supports_anycast } else { address.supports_multicast };
            if supported {
                return Ok(address);
            }
            let kind = if anycast { "queue" } else { "topic" };
            return Err(Error::WrongDestination(format!("address {name} exists and cannot be used as a {kind}")));
        }
        if !address.auto_create_addresses || (anycast && !address.auto_create_queues) {
            return Err(Error::WrongDestination(format!("address {name} does not exist and may not be created")));
        }
        self.create_address(name, routing_type, true).await?;
        Ok(address)
    }
}

/// The channel matches answers by type, so another packet here is a fault of this crate; the caller still gets an error.
fn unexpected(request: &str) -> Error {
    Error::WrongDestination(format!("the answer to {request} is of another kind"))
}
