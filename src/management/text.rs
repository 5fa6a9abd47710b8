//! Texts that the reference gives to people: how it prints a queue and an address.

use crate::mail::{Lifetime, QueueDefinition, QueueState, RoutingType, RoutingTypes};

/// A queue, as `QueueImpl` and `QueueConfiguration` are told to those who made one.
pub(super) fn queue(definition: &QueueDefinition<'_>) -> String {
    described(&QueueState {
        name: definition.name.to_string(),
        address: definition.address.to_string(),
        routing: definition.routing.number(),
        durable: definition.lifetime == Lifetime::Durable,
        max_consumers: definition.max_consumers,
        purge_on_no_consumers: definition.purge_on_no_consumers,
        ..QueueState::default()
    })
}

/// The same of one that is there.
pub(super) fn described(queue: &QueueState) -> String {
    let routing = routing_word(RoutingType::from_number(queue.routing).unwrap_or(RoutingType::Multicast));
    let QueueState { name, address, durable, purge_on_no_consumers: purge, .. } = queue;
    let limit = match queue.max_consumers {
        ..0 => String::new(),
        count => format!(" maxConsumers={count},"),
    };
    format!(
        "Queue [name={name}, address={address}, routingType={routing}, durable={durable},{limit} purgeOnNoConsumers={purge}, \
         autoCreateAddress=false, exclusive=false, lastValue=false, lastValueKey=null, nonDestructive=false, \
         consumersBeforeDispatch=0, delayBeforeDispatch=-1, autoCreateAddress=false]"
    )
}

/// An address, as `AddressInfo` prints itself.
pub(super) fn address(name: &str, routing: RoutingTypes, auto_created: bool) -> String {
    format!("Address [name={name}, routingTypes={{{}}}, autoCreated={auto_created}]", words(routing).join(","))
}

/// The names of routing types, in the reference's order.
pub(super) fn words(routing: RoutingTypes) -> Vec<&'static str> {
    let all = [RoutingType::Multicast, RoutingType::Anycast];
    all.into_iter().filter(|one| routing.contains(*one)).map(routing_word).collect()
}

/// The name of a routing type.
pub(super) fn routing_word(routing: RoutingType) -> &'static str {
    match routing {
        RoutingType::Multicast => "MULTICAST",
        RoutingType::Anycast => "ANYCAST",
    }
}
