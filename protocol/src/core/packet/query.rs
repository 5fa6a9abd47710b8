//! Questions about queues and addresses, and their answers in the forms that clients of each version insist on.

use super::layout::layout;
use super::queue::{AttributeGroup, GroupCount, QueueAttributes};
use crate::core::cursor::{CursorError, Reader, Writer};
use crate::core::identity::RoutingType;
use crate::core::list::{List, ListItem};
use crate::core::version::Version;
use crate::core::wire::Wire;
use crate::limits;
use crate::simple_string::SimpleStr;

impl<'a> ListItem<'a> for SimpleStr<'a> {
    const COUNT_MAX: usize = limits::BOUND_QUEUES_MAX;
}

layout! {
    /// `SESS_QUEUEQUERY`.
    QueueQuery<'a> {
        /// The queue, also in the form `address::queue`.
        name: SimpleStr<'a>;
    }
}

layout! {
    /// `SESS_BINDINGQUERY`.
    BindingQuery<'a> {
        /// The address.
        address: SimpleStr<'a>;
    }
}

/// The forms of [`QueueQueryResponse`], each with what it adds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum QueueForm {
    /// Clients below 126.
    V1,
    /// Whether it would be created on first use; clients 126 to 128.
    V2,
    /// Everything else; clients from 129 on.
    V3,
}

impl QueueForm {
    /// The form that a client of this version waits for.
    pub fn for_version(version: Version) -> QueueForm {
        match version.0 {
            129.. => QueueForm::V3,
            126..129 => QueueForm::V2,
            _ => QueueForm::V1,
        }
    }
}

/// `SESS_QUEUEQUERY_RESP` to `SESS_QUEUEQUERY_RESP_V3`; also the answer to opening a consumer.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct QueueQueryResponse<'a> {
    /// Which of the three packets.
    pub form: QueueForm,
    /// What all have.
    pub queue: QueueState<'a>,
    /// Whether the queue would be created on first use (V2).
    pub auto_create_queues: bool,
    /// What V3 adds and always has.
    pub definition: QueueDefinitionState,
    /// The window of consumers that do not choose one (V3).
    pub default_consumer_window: Option<i32>,
    /// Settings (V3).
    pub attributes: QueueAttributes<'a>,
    /// Whether the queue comes from the configuration (V3).
    pub configuration_managed: Option<bool>,
    /// How much of the optional rest of V3 is there.
    pub groups: GroupCount,
}

layout! {
    /// The part of a [`QueueQueryResponse`] that is in every form.
    QueueState<'a> {
        /// Whether the queue is there.
        exists: bool;
        /// Whether it survives the server; true for one that is not there.
        durable: bool;
        /// Whether it ends with its connection.
        temporary: bool;
        /// Its consumers, without browsers.
        consumer_count: i32;
        /// Its messages, with those being delivered.
        message_count: i64;
        /// Which messages it takes.
        filter: Option<SimpleStr<'a>>;
        /// The address it is bound to.
        address: Option<SimpleStr<'a>>;
        /// Its name.
        name: Option<SimpleStr<'a>>;
    }
}

layout! {
    /// The part of a [`QueueQueryResponse`] that every V3 has.
    QueueDefinitionState {
        /// Whether a client made it up on first use.
        auto_created: bool;
        /// Whether it is emptied when its last consumer goes.
        purge_on_no_consumers: bool;
        /// How its messages spread; never "not given".
        routing_type: RoutingType;
        /// Consumers it may have, -1 for any number.
        max_consumers: i32;
    }
}

impl Default for QueueDefinitionState {
    fn default() -> QueueDefinitionState {
        QueueDefinitionState {
            auto_created: false,
            purge_on_no_consumers: false,
            routing_type: RoutingType::MULTICAST,
            max_consumers: -1,
        }
    }
}

/// A group at the end of a V3 answer.
enum ResponseGroup {
    Attributes(AttributeGroup),
    ConsumerWindow,
    ConfigurationManaged,
}

/// The groups of a V3 answer in wire order.
const RESPONSE_GROUPS: [ResponseGroup; 8] = [
    ResponseGroup::Attributes(AttributeGroup::Exclusivity),
    ResponseGroup::ConsumerWindow,
    ResponseGroup::Attributes(AttributeGroup::Dispatch),
    ResponseGroup::Attributes(AttributeGroup::GroupFirstKey),
    ResponseGroup::Attributes(AttributeGroup::RingSize),
    ResponseGroup::Attributes(AttributeGroup::Enabled),
    ResponseGroup::Attributes(AttributeGroup::RebalancePause),
    ResponseGroup::ConfigurationManaged,
];

impl<'a> QueueQueryResponse<'a> {
    pub(super) fn read(reader: &mut Reader<'a>, version: Version, form: QueueForm) -> Result<Self, CursorError> {
        let mut response = QueueQueryResponse {
            form,
            queue: QueueState::read(reader, version)?,
            auto_create_queues: false,
            definition: QueueDefinitionState::default(),
            default_consumer_window: None,
            attributes: QueueAttributes::default(),
            configuration_managed: None,
            groups: GroupCount(0),
        };
        if form >= QueueForm::V2 {
            response.auto_create_queues = reader.bool().map_err(|error| error.in_field("auto_create_queues"))?;
        }
        if form >= QueueForm::V3 {
            response.definition = QueueDefinitionState::read(reader, version)?;
            response.read_groups(reader, version)?;
        }
        Ok(response)
    }

    fn read_groups(&mut self, reader: &mut Reader<'a>, version: Version) -> Result<(), CursorError> {
        for group in &RESPONSE_GROUPS {
            if reader.is_empty() {
                break;
            }
            match group {
                ResponseGroup::Attributes(group) => self.attributes.read_group(*group, reader, version)?,
                ResponseGroup::ConsumerWindow => {
                    let window = Wire::read(reader, version);
                    self.default_consumer_window = window.map_err(|error| error.in_field("default_consumer_window"))?;
                }
                ResponseGroup::ConfigurationManaged => {
                    let managed = Wire::read(reader, version);
                    self.configuration_managed = managed.map_err(|error| error.in_field("configuration_managed"))?;
                }
            }
            self.groups.0 += 1;
        }
        Ok(())
    }

    pub(super) fn write(&self, writer: &mut Writer<'_>, version: Version) {
        self.queue.write(writer, version);
        if self.form >= QueueForm::V2 {
            self.auto_create_queues.write(writer, version);
        }
        if self.form < QueueForm::V3 {
            return;
        }
        self.definition.write(writer, version);
        for group in RESPONSE_GROUPS.iter().take(usize::from(self.groups.0)) {
            match group {
                ResponseGroup::Attributes(group) => self.attributes.write_group(*group, writer, version),
                ResponseGroup::ConsumerWindow => self.default_consumer_window.write(writer, version),
                ResponseGroup::ConfigurationManaged => self.configuration_managed.write(writer, version),
            }
        }
    }
}

/// The forms of [`BindingQueryResponse`], each with what it adds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum BindingForm {
    /// Clients below 126.
    V1,
    /// Whether queues would be created on first use; 126.
    V2,
    /// Whether addresses would be; 127 and 128.
    V3,
    /// Defaults of new queues; 129 to 134.
    V4,
    /// What the address routes; from 135 on.
    V5,
}

impl BindingForm {
    /// The form that a client of this version waits for.
    pub fn for_version(version: Version) -> BindingForm {
        match version.0 {
            135.. => BindingForm::V5,
            129..135 => BindingForm::V4,
            127..129 => BindingForm::V3,
            126 => BindingForm::V2,
            _ => BindingForm::V1,
        }
    }
}

/// `SESS_BINDINGQUERY_RESP` to `SESS_BINDINGQUERY_RESP_V5`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct BindingQueryResponse<'a> {
    /// Which of the five packets.
    pub form: BindingForm,
    /// Whether the address is there.
    pub exists: bool,
    /// The queues bound to it.
    pub queue_names: List<'a, SimpleStr<'a>>,
    /// Whether its queues would be created on first use (V2).
    pub auto_create_queues: bool,
    /// Whether the address would be (V3).
    pub auto_create_addresses: bool,
    /// Whether new queues are emptied when their last consumer goes (V4).
    pub default_purge_on_no_consumers: bool,
    /// Consumers that new queues may have (V4).
    pub default_max_consumers: i32,
    /// Settings of new queues: exclusivity and dispatch, up to the delay (V4).
    pub defaults: QueueAttributes<'a>,
    /// How many of the two groups of settings are there. V5 has both.
    pub groups: GroupCount,
    /// Whether the address takes multicast (V5).
    pub supports_multicast: bool,
    /// Whether the address takes anycast (V5).
    pub supports_anycast: bool,
}

impl<'a> BindingQueryResponse<'a> {
    pub(super) fn read(reader: &mut Reader<'a>, version: Version, form: BindingForm) -> Result<Self, CursorError> {
        let mut response = BindingQueryResponse {
            form,
            exists: reader.bool().map_err(|error| error.in_field("exists"))?,
            queue_names: List::read(reader, version).map_err(|error| error.in_field("queue_names"))?,
            auto_create_queues: false,
            auto_create_addresses: false,
            default_purge_on_no_consumers: false,
            default_max_consumers: -1,
            defaults: QueueAttributes::default(),
            groups: GroupCount(0),
            supports_multicast: false,
            supports_anycast: false,
        };
        if form >= BindingForm::V2 {
            response.auto_create_queues = reader.bool().map_err(|error| error.in_field("auto_create_queues"))?;
        }
        if form >= BindingForm::V3 {
            response.auto_create_addresses = reader.bool().map_err(|error| error.in_field("auto_create_addresses"))?;
        }
        if form >= BindingForm::V4 {
            response.read_defaults(reader, version)?;
        }
        if form >= BindingForm::V5 {
            response.supports_multicast = reader.bool().map_err(|error| error.in_field("supports_multicast"))?;
            response.supports_anycast = reader.bool().map_err(|error| error.in_field("supports_anycast"))?;
        }
        Ok(response)
    }

    fn read_defaults(&mut self, reader: &mut Reader<'a>, version: Version) -> Result<(), CursorError> {
        let named = |error: CursorError| error.in_field("defaults");
        self.default_purge_on_no_consumers = reader.bool().map_err(named)?;
        self.default_max_consumers = reader.i32().map_err(named)?;
        if reader.is_empty() {
            return Ok(());
        }
        self.defaults.read_group(AttributeGroup::Exclusivity, reader, version)?;
        self.groups.0 = 1;
        if reader.is_empty() {
            return Ok(());
        }
        // The dispatch group of this packet ends early, so it is not the one that the other packets share.
        self.defaults.last_value_key = Wire::read(reader, version).map_err(named)?;
        self.defaults.non_destructive = Wire::read(reader, version).map_err(named)?;
        self.defaults.consumers_before_dispatch = Wire::read(reader, version).map_err(named)?;
        self.defaults.delay_before_dispatch = Wire::read(reader, version).map_err(named)?;
        self.groups.0 = 2;
        Ok(())
    }

    pub(super) fn write(&self, writer: &mut Writer<'_>, version: Version) {
        self.exists.write(writer, version);
        self.queue_names.write(writer, version);
        if self.form >= BindingForm::V2 {
            self.auto_create_queues.write(writer, version);
        }
        if self.form >= BindingForm::V3 {
            self.auto_create_addresses.write(writer, version);
        }
        if self.form >= BindingForm::V4 {
            self.write_defaults(writer, version);
        }
        if self.form >= BindingForm::V5 {
            self.supports_multicast.write(writer, version);
            self.supports_anycast.write(writer, version);
        }
    }

    fn write_defaults(&self, writer: &mut Writer<'_>, version: Version) {
        self.default_purge_on_no_consumers.write(writer, version);
        writer.i32(self.default_max_consumers);
        if self.groups >= GroupCount(1) {
            self.defaults.write_group(AttributeGroup::Exclusivity, writer, version);
        }
        if self.groups >= GroupCount(2) {
            self.defaults.last_value_key.write(writer, version);
            self.defaults.non_destructive.write(writer, version);
            self.defaults.consumers_before_dispatch.write(writer, version);
            self.defaults.delay_before_dispatch.write(writer, version);
        }
    }
}
