//! Creating and deleting addresses and queues.
//!
//! The newer packets end in groups of nullable settings; a client stops after the group that its release knew. [`GroupCount`]
//! keeps how many there were; null and absent both mean the default of the address.

use super::layout::layout;
use crate::core::cursor::{CursorError, Reader, Writer};
use crate::core::identity::RoutingType;
use crate::core::list::{List, ListItem};
use crate::core::version::Version;
use crate::core::wire::Wire;
use crate::limits;
use crate::simple_string::SimpleStr;

impl ListItem<'_> for RoutingType {
    const COUNT_MAX: usize = limits::ROUTING_TYPES_MAX;
}

layout! {
    /// `CREATE_ADDRESS`: must not fail merely because the address exists, since two clients race.
    CreateAddress<'a> {
        /// The address.
        address: SimpleStr<'a>;
        /// What it shall route.
        routing_types: List<'a, RoutingType>;
        /// Whether an answer is waited for.
        requires_response: bool;
        /// Whether the client made it up on first use.
        auto_created: bool;
    }
}

layout! {
    /// `CREATE_QUEUE`: clients below 129.
    CreateQueue<'a> {
        /// The address it is bound to.
        address: SimpleStr<'a>;
        /// Its name.
        name: SimpleStr<'a>;
        /// Which messages it takes.
        filter: Option<SimpleStr<'a>>;
        /// Whether it survives the server.
        durable: bool;
        /// Whether it ends with the connection.
        temporary: bool;
        /// Whether an answer is waited for.
        requires_response: bool;
    }
}

layout! {
    /// `CREATE_SHARED_QUEUE`: clients below 129.
    CreateSharedQueue<'a> {
        /// The address it is bound to.
        address: SimpleStr<'a>;
        /// Its name.
        name: SimpleStr<'a>;
        /// Which messages it takes.
        filter: Option<SimpleStr<'a>>;
        /// Whether it survives its consumers.
        durable: bool;
        /// Whether an answer is waited for.
        requires_response: bool;
    }
}

layout! {
    /// `DELETE_QUEUE`: always answered.
    DeleteQueue<'a> {
        /// The queue.
        name: SimpleStr<'a>;
    }
}

/// How many of the optional groups at the end of a packet are there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct GroupCount(pub u8);

impl GroupCount {
    /// All that this codec knows.
    pub const ALL: GroupCount = GroupCount(u8::MAX);
}

impl Default for GroupCount {
    fn default() -> GroupCount {
        GroupCount::ALL
    }
}

/// Settings of a queue; nothing means the default of the address.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct QueueAttributes<'a> {
    /// One consumer at a time gets everything.
    pub exclusive: Option<bool>,
    /// Only the newest message of each key stays.
    pub last_value: Option<bool>,
    /// The property that is the key.
    pub last_value_key: Option<SimpleStr<'a>>,
    /// Acknowledged messages stay.
    pub non_destructive: Option<bool>,
    /// Consumers to wait for before the first delivery.
    pub consumers_before_dispatch: Option<i32>,
    /// How long to wait for them, in ms; -1 for ever.
    pub delay_before_dispatch: Option<i64>,
    /// Groups are dealt out anew when a consumer comes.
    pub group_rebalance: Option<bool>,
    /// Buckets that groups fall into, -1 for none.
    pub group_buckets: Option<i32>,
    /// The queue goes when it is no longer used.
    pub auto_delete: Option<bool>,
    /// How long after that, in ms.
    pub auto_delete_delay: Option<i64>,
    /// With at most this many messages, -1 for any number.
    pub auto_delete_message_count: Option<i64>,
    /// The property that marks the first message of a group to its consumer.
    pub group_first_key: Option<SimpleStr<'a>>,
    /// The oldest goes when there are more messages, -1 for no bound.
    pub ring_size: Option<i64>,
    /// Whether it takes messages.
    pub enabled: Option<bool>,
    /// Delivery pauses while groups are dealt out anew.
    pub group_rebalance_pause_dispatch: Option<bool>,
}

/// A group of settings that is there as a whole or not at all.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum AttributeGroup {
    Exclusivity,
    Dispatch,
    GroupFirstKey,
    RingSize,
    Enabled,
    RebalancePause,
}

impl AttributeGroup {
    /// The groups that every packet with attributes ends in.
    pub(super) const LATER: [AttributeGroup; 5] = [
        AttributeGroup::Dispatch,
        AttributeGroup::GroupFirstKey,
        AttributeGroup::RingSize,
        AttributeGroup::Enabled,
        AttributeGroup::RebalancePause,
    ];
}

/// Visits the fields of a group in wire order, to read or to write them.
macro_rules! group_fields {
    ($group:expr, $visit:ident) => {
        match $group {
            AttributeGroup::Exclusivity => {
                $visit!(exclusive);
                $visit!(last_value);
            }
            AttributeGroup::Dispatch => {
                $visit!(last_value_key);
                $visit!(non_destructive);
                $visit!(consumers_before_dispatch);
                $visit!(delay_before_dispatch);
                $visit!(group_rebalance);
                $visit!(group_buckets);
                $visit!(auto_delete);
                $visit!(auto_delete_delay);
                $visit!(auto_delete_message_count);
            }
            AttributeGroup::GroupFirstKey => $visit!(group_first_key),
            AttributeGroup::RingSize => $visit!(ring_size),
            AttributeGroup::Enabled => $visit!(enabled),
            AttributeGroup::RebalancePause => $visit!(group_rebalance_pause_dispatch),
        }
    };
}

impl<'a> QueueAttributes<'a> {
    pub(super) fn read_group(
        &mut self,
        group: AttributeGroup,
        reader: &mut Reader<'a>,
        version: Version,
    ) -> Result<(), CursorError> {
        macro_rules! read {
            ($field:ident) => {{
                self.$field = Wire::read(reader, version).map_err(|error| error.in_field(stringify!($field)))?;
            }};
        }
        group_fields!(group, read);
        Ok(())
    }

    pub(super) fn write_group(&self, group: AttributeGroup, writer: &mut Writer<'_>, version: Version) {
        macro_rules! write {
            ($field:ident) => {
                self.$field.write(writer, version)
            };
        }
        group_fields!(group, write);
    }

    /// Reads groups while there are bytes, adding to `count`.
    fn read_groups(
        &mut self,
        groups: &[AttributeGroup],
        count: &mut u8,
        reader: &mut Reader<'a>,
        version: Version,
    ) -> Result<(), CursorError> {
        for group in groups {
            if reader.is_empty() {
                break;
            }
            self.read_group(*group, reader, version)?;
            *count += 1;
        }
        Ok(())
    }
}

layout! {
    /// The part of a [`CreateQueueV2`] that is always there.
    QueueDefinition<'a> {
        /// The address it is bound to.
        address: SimpleStr<'a>;
        /// Its name.
        name: SimpleStr<'a>;
        /// Which messages it takes.
        filter: Option<SimpleStr<'a>>;
        /// Whether it survives the server.
        durable: bool;
        /// Whether it ends with the connection.
        temporary: bool;
        /// Whether an answer is waited for.
        requires_response: bool;
        /// Whether the client made it up on first use.
        auto_created: bool;
        /// How its messages spread.
        routing_type: RoutingType;
        /// Consumers it may have, -1 for any number.
        max_consumers: i32;
        /// Whether it is emptied when its last consumer goes.
        purge_on_no_consumers: bool;
    }
}

/// `CREATE_QUEUE_V2`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct CreateQueueV2<'a> {
    /// What every client sends.
    pub definition: QueueDefinition<'a>,
    /// The rest.
    pub attributes: QueueAttributes<'a>,
    /// How much of the rest is there.
    pub groups: GroupCount,
}

/// The groups of a [`CreateQueueV2`] in wire order.
const CREATE_QUEUE_GROUPS: [AttributeGroup; 6] = [
    AttributeGroup::Exclusivity,
    AttributeGroup::Dispatch,
    AttributeGroup::GroupFirstKey,
    AttributeGroup::RingSize,
    AttributeGroup::Enabled,
    AttributeGroup::RebalancePause,
];

impl<'a> Wire<'a> for CreateQueueV2<'a> {
    fn read(reader: &mut Reader<'a>, version: Version) -> Result<Self, CursorError> {
        let definition = QueueDefinition::read(reader, version)?;
        let mut attributes = QueueAttributes::default();
        let mut count = 0;
        attributes.read_groups(&CREATE_QUEUE_GROUPS, &mut count, reader, version)?;
        Ok(CreateQueueV2 { definition, attributes, groups: GroupCount(count) })
    }

    fn write(&self, writer: &mut Writer<'_>, version: Version) {
        self.definition.write(writer, version);
        for group in CREATE_QUEUE_GROUPS.iter().take(usize::from(self.groups.0)) {
            self.attributes.write_group(*group, writer, version);
        }
    }
}

layout! {
    /// The part of a [`CreateSharedQueueV2`] that is always there.
    SharedQueueDefinition<'a> {
        /// The address it is bound to.
        address: SimpleStr<'a>;
        /// Its name.
        name: SimpleStr<'a>;
        /// Which messages it takes.
        filter: Option<SimpleStr<'a>>;
        /// Whether it survives its consumers.
        durable: bool;
        /// How its messages spread.
        routing_type: RoutingType;
        /// Whether an answer is waited for.
        requires_response: bool;
    }
}

/// `CREATE_SHARED_QUEUE_V2`: success when the queue is there with the same address and filter.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct CreateSharedQueueV2<'a> {
    /// What every client sends.
    pub definition: SharedQueueDefinition<'a>,
    /// Consumers it may have, -1 for any number.
    pub max_consumers: Option<i32>,
    /// Whether it is emptied when its last consumer goes.
    pub purge_on_no_consumers: Option<bool>,
    /// The rest.
    pub attributes: QueueAttributes<'a>,
    /// How much of the rest is there; the first group holds the two fields above, too.
    pub groups: GroupCount,
}

impl<'a> Wire<'a> for CreateSharedQueueV2<'a> {
    fn read(reader: &mut Reader<'a>, version: Version) -> Result<Self, CursorError> {
        let mut shared = CreateSharedQueueV2 {
            definition: SharedQueueDefinition::read(reader, version)?,
            max_consumers: None,
            purge_on_no_consumers: None,
            attributes: QueueAttributes::default(),
            groups: GroupCount(0),
        };
        if reader.is_empty() {
            return Ok(shared);
        }
        shared.max_consumers = Wire::read(reader, version).map_err(|error| error.in_field("max_consumers"))?;
        shared.purge_on_no_consumers =
            Wire::read(reader, version).map_err(|error| error.in_field("purge_on_no_consumers"))?;
        shared.attributes.read_group(AttributeGroup::Exclusivity, reader, version)?;
        let mut count = 1;
        shared.attributes.read_groups(&AttributeGroup::LATER, &mut count, reader, version)?;
        shared.groups = GroupCount(count);
        Ok(shared)
    }

    fn write(&self, writer: &mut Writer<'_>, version: Version) {
        self.definition.write(writer, version);
        let Some(later) = self.groups.0.checked_sub(1) else { return };
        self.max_consumers.write(writer, version);
        self.purge_on_no_consumers.write(writer, version);
        self.attributes.write_group(AttributeGroup::Exclusivity, writer, version);
        for group in AttributeGroup::LATER.iter().take(usize::from(later)) {
            self.attributes.write_group(*group, writer, version);
        }
    }
}
