//! Texts that the reference gives to people: how it prints a queue and an address.

use crate::mail::{Lifetime, QueueDefinition, RoutingType, RoutingTypes};

/// A queue, as `QueueImpl` and `QueueConfiguration` are told to those who made one.
pub(super) fn queue(definition: &QueueDefinition<'_>) -> String {
    let routing = routing_word(definition.routing);
    let durable = definition.lifetime == Lifetime::Durable;
    let limit = match definition.max_consumers {
        ..0 => String::new(),
        count => format!(" maxConsumers={count},"),
    };
    format!(
        "Queue [name={}, address={}, routingType={routing}, durable={durable},{limit} purgeOnNoConsumers={}, \
         autoCreateAddress=false, exclusive=false, lastValue=false, lastValueKey=null, nonDestructive=false, \
         consumersBeforeDispatch=0, delayBeforeDispatch=-1, autoCreateAddress=false]",
        definition.name, definition.address, definition.purge_on_no_consumers
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
