//! The resource `broker` (`ActiveMQServerControl`).

use serde_json::Value;

use super::{
    Call, Conversation, Facts, Question, Request, Step, Then, address, arguments, configuration, listing, text, update,
};
use crate::mail::{
    Ask, Column, Comparison, Filter, Lifetime, QueueDefinition, Reply, RoutingType, RoutingTypes, Totals,
};

/// Begins a request about the broker.
pub(super) fn begin(request: Request, facts: &Facts<'_>) -> Step {
    if let Some(property) = request.call.property() {
        if let Some(value) = known(&property, facts) {
            return Step::value(value);
        }
        return match property.as_str() {
            "queueNames" => match listing::all_queues() {
                Some(all) => Conversation::all(request, Question::Queues(all), Then::QueueNames),
                None => Step::failed(request.call.unknown()),
            },
            "diskStoreUsage" => Conversation::disk(request, Then::DiskUsage),
            "addressNames" => Conversation::all(request, Question::Addresses, Then::AddressNames),
            other => match total(other) {
                Some(of) => Conversation::all(request, Question::Totals, Then::Total(of)),
                None => Step::failed(request.call.unknown()),
            },
        };
    }
    let Call::Operation { name, arguments } = &request.call else { return Step::failed(request.call.unknown()) };
    let (name, arguments) = (name.clone(), arguments.clone());
    operation(request, &name, &arguments)
}

/// What needs no answer of a home.
fn known(property: &str, facts: &Facts<'_>) -> Option<Value> {
    Some(match property {
        "nodeID" => facts.node_id.into(),
        "version" => facts.version.into(),
        "name" => "ringmq".into(),
        "started" | "active" | "persistenceEnabled" => true.into(),
        "backup" | "clustered" | "sharedStore" | "replicaSync" => false.into(),
        "currentTimeMillis" => (facts.started_unix_ms + facts.uptime_ms).into(),
        "uptimeMillis" => facts.uptime_ms.into(),
        // There is no limit below the whole disk: producers wait when a segment finds no room.
        "maxDiskUsage" => 100.into(),
        "managementAddress" => facts.management_address.into(),
        _ => return None,
    })
}

/// Which number of all homes is asked for.
fn total(property: &str) -> Option<fn(&Totals) -> i64> {
    Some(match property {
        "queueCount" => |totals| totals.queues,
        "addressCount" => |totals| totals.addresses,
        "totalMessageCount" => |totals| totals.messages,
        "totalConsumerCount" => |totals| totals.consumers,
        "totalMessagesAdded" => |totals| totals.added,
        "addressMemoryUsage" => |totals| totals.memory,
        "globalMaxSize" => |totals| totals.memory_max,
        "addressMemoryUsagePercentage" => |totals| totals.memory_percent,
        "totalMessagesAcknowledged" => |totals| totals.acknowledged,
        _ => return None,
    })
}

/// From 0 to 1.
#[allow(clippy::cast_precision_loss, reason = "a share needs no more digits")]
pub(super) fn disk_usage(replies: &[Reply]) -> Step {
    let share = replies.iter().find_map(|reply| match reply {
        Reply::Disk(disk) => Some(disk.used as f64 / disk.total.max(1) as f64),
        _ => None,
    });
    share.map_or_else(|| Step::failed("the disk was not measured"), Step::value)
}

fn operation(request: Request, name: &str, arguments: &[Value]) -> Step {
    match (name, arguments) {
        // A broker that stands alone has no pair to tell of.
        ("listNetworkTopology", []) => Step::value("[]"),
        ("listQueues", [options, page, size]) => match listing::wanted(options, page, size) {
            Ok(wanted) => {
                let then = Then::Page { listing: wanted.listing.clone(), skip: wanted.skip };
                Conversation::all(request, Question::Queues(wanted.listing), then)
            }
            Err(problem) => Step::failed(problem),
        },
        ("getQueueNames", [routing]) => queue_names(request, routing),
        ("listAddresses", [separator]) => {
            let separator = arguments::text(separator).unwrap_or_default();
            Conversation::all(request, Question::Addresses, Then::AddressesJoined(separator))
        }
        ("createQueue", [Value::String(wanted)]) => create_configured(request, wanted, false),
        ("createQueue", [Value::String(wanted), Value::Bool(exists_is_fine)]) => {
            create_configured(request, wanted, *exists_is_fine)
        }
        ("createQueue", arguments) => create_queue(request, arguments),
        ("closeConsumerConnectionsForAddress", [name]) => match arguments::text(name) {
            Some(name) => Conversation::one(request, Ask::CloseConnections { address: name.into() }, Then::Closed),
            None => Step::failed(request.call.unknown()),
        },
        ("updateQueue", arguments) => update::begin(request, arguments),
        ("destroyQueue", [name]) => destroy_queue(request, name, false),
        ("destroyQueue", [name, remove_consumers] | [name, remove_consumers, _]) => {
            destroy_queue(request, name, arguments::flag(remove_consumers).unwrap_or(false))
        }
        ("createAddress", [name, routing]) => create_address(request, name, routing),
        ("deleteAddress", [name]) => delete_address(request, name, false),
        ("deleteAddress", [name, force]) => delete_address(request, name, arguments::flag(force).unwrap_or(false)),
        ("getAddressInfo", [name]) => match arguments::text(name) {
            Some(name) => Conversation::one(request, address::one(&name), Then::AddressText),
            None => Step::failed(request.call.unknown()),
        },
        ("listBindingsForAddress", [name]) => match arguments::text(name) {
            Some(name) => Conversation::one(request, address::one(&name), Then::BindingsText),
            None => Step::failed(request.call.unknown()),
        },
        _ => Step::failed(request.call.unknown()),
    }
}

/// The names of the queues of one routing type; of all without one.
fn queue_names(request: Request, routing: &Value) -> Step {
    let word = arguments::text(routing).unwrap_or_default();
    let Some(mut listing) = listing::all_queues() else { return Step::failed(request.call.unknown()) };
    if !word.is_empty() {
        let (Some(routing), Some(column)) = (arguments::routing(&word), Column::named("routingType")) else {
            return Step::failed(format!("there is no routing type {word}"));
        };
        let value = text::routing_word(routing).to_owned();
        listing.filter = Some(Filter { column, comparison: Comparison::Equals, value });
    }
    Conversation::all(request, Question::Queues(listing), Then::QueueNames)
}

/// A queue that is to be made, and whether its address may be made with it.
pub(super) struct NewQueue {
    pub(super) definition: QueueDefinition<'static>,
    pub(super) make_address: bool,
}

/// The forms of `createQueue`: address and name; with a routing type; with everything.
fn new_queue(arguments: &[Value]) -> Option<Result<NewQueue, String>> {
    let (address, name, routing, rest) = match arguments {
        [address, name] => (address, name, None, None),
        [address, name, routing] => (address, name, Some(routing), None),
        [address, routing, name, filter, durable, max, purge, make_address] => {
            (address, name, Some(routing), Some((filter, durable, max, purge, make_address)))
        }
        _ => return None,
    };
    let address = arguments::text(address)?;
    let name = arguments::text(name).filter(|name| !name.is_empty()).unwrap_or_else(|| address.clone());
    let routing = match routing {
        Some(routing) => {
            let word = arguments::text(routing).unwrap_or_default();
            match arguments::routing(&word) {
                Some(routing) => routing,
                None => return Some(Err(format!("there is no routing type {word}"))),
            }
        }
        None => RoutingType::Multicast,
    };
    let mut new = NewQueue {
        definition: QueueDefinition {
            address: address.into(),
            name: name.into(),
            routing,
            lifetime: Lifetime::Durable,
            auto_created: false,
            purge_on_no_consumers: false,
            max_consumers: -1,
            filter: None,
            exists_is_fine: false,
            makes_address: true,
        },
        make_address: true,
    };
    if let Some((filter, durable, max, purge, make_address)) = rest {
        let filter = arguments::text(filter).map(|filter| filter.trim().to_owned());
        new.definition.filter = filter.filter(|filter| !filter.is_empty()).map(Into::into);
        if arguments::flag(durable) == Some(false) {
            new.definition.lifetime = Lifetime::Run;
        }
        let max = arguments::number(max).and_then(|max| i32::try_from(max).ok());
        new.definition.max_consumers = max.unwrap_or(-1);
        new.definition.purge_on_no_consumers = arguments::flag(purge).unwrap_or(false);
        new.make_address = arguments::flag(make_address).unwrap_or(false);
    }
    Some(Ok(new))
}

fn create_queue(request: Request, arguments: &[Value]) -> Step {
    match new_queue(arguments) {
        None => Step::failed(request.call.unknown()),
        Some(Err(problem)) => Step::failed(problem),
        Some(Ok(new)) => make_new(request, new),
    }
}

/// The form with the configuration of the queue.
fn create_configured(request: Request, wanted: &str, exists_is_fine: bool) -> Step {
    match configuration::wanted(wanted, exists_is_fine) {
        Ok(new) => make_new(request, new),
        Err(problem) => Step::failed(problem),
    }
}

fn make_new(request: Request, new: NewQueue) -> Step {
    let NewQueue { definition, make_address } = new;
    if make_address {
        return make_queue(request, definition);
    }
    let question = address::one(&definition.address);
    Conversation::one(request, question, Then::QueueNeedsAddress(Box::new(definition)))
}

/// The queue was made: whoever described it by its configuration is told that.
pub(super) fn tell_of_queue(request: Request, definition: &QueueDefinition<'static>) -> Step {
    let by_configuration = match &request.call {
        Call::Operation { arguments, .. } => {
            matches!(arguments.as_slice(), [Value::String(_)] | [Value::String(_), Value::Bool(_)])
        }
        Call::Attribute(_) => false,
    };
    if !by_configuration {
        return Step::value(text::queue(definition));
    }
    let (address, queue) = (definition.address.clone(), definition.name.clone());
    Conversation::one(request, Ask::DescribeQueue { address, queue }, Then::QueueAsConfiguration)
}

fn make_queue(request: Request, definition: QueueDefinition<'static>) -> Step {
    let then = Then::QueueMade(Box::new(definition.clone()));
    Conversation::one(request, Ask::CreateQueue(Box::new(definition)), then)
}

/// The address of a new queue is there, or it is not.
pub(super) fn make_queue_if_address(
    request: Request,
    replies: Vec<Reply>,
    definition: &QueueDefinition<'static>,
) -> Step {
    if listing::addresses(replies).is_empty() {
        return Step::failed(address::does_not_exist(&definition.address));
    }
    make_queue(request, definition.clone())
}

fn destroy_queue(request: Request, name: &Value, force: bool) -> Step {
    let Some(name) = arguments::text(name) else { return Step::failed(request.call.unknown()) };
    let ask = Ask::DeleteQueue { address: name.clone().into(), queue: name.into(), force };
    Conversation::one(request, ask, Then::Void)
}

fn create_address(request: Request, name: &Value, routing: &Value) -> Step {
    let (Some(name), Some(words)) = (arguments::text(name), arguments::text(routing)) else {
        return Step::failed(request.call.unknown());
    };
    match arguments::routing_types(&words) {
        Some(routing) => Conversation::one(request, address::one(&name), Then::AddressMustBeNew { name, routing }),
        None => Step::failed(format!("there is no routing type in {words}")),
    }
}

/// There is an address of that name, or there is none.
pub(super) fn make_address_if_new(request: Request, replies: Vec<Reply>, name: String, routing: RoutingTypes) -> Step {
    if !listing::addresses(replies).is_empty() {
        return Step::failed(format!("AMQ229204: Address already exists: {name}"));
    }
    let ask = Ask::CreateAddress { name: name.clone().into(), routing, auto_created: false };
    Conversation::one(request, ask, Then::AddressMade { name, routing })
}

fn delete_address(request: Request, name: &Value, force: bool) -> Step {
    let Some(name) = arguments::text(name) else { return Step::failed(request.call.unknown()) };
    if force {
        Conversation::one(request, address::one(&name), Then::AddressIsEmptied { name, left: None })
    } else {
        Conversation::one(request, Ask::DeleteAddress { name: name.into() }, Then::Void)
    }
}

/// The queues of an address go one after the other, then the address.
pub(super) fn empty_address(request: Request, replies: Vec<Reply>, name: String, left: Option<Vec<String>>) -> Step {
    let left = left.or_else(|| listing::addresses(replies).into_iter().next().map(|found| found.queues));
    let Some(mut left) = left else { return Step::failed(address::does_not_exist(&name)) };
    match left.pop() {
        Some(queue) => {
            let ask = Ask::DeleteQueue { address: name.clone().into(), queue: queue.into(), force: true };
            Conversation::one(request, ask, Then::AddressIsEmptied { name, left: Some(left) })
        }
        None => Conversation::one(request, Ask::DeleteAddress { name: name.into() }, Then::AddressGone),
    }
}
