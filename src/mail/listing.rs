//! Lists of queues and addresses, for those who look after the broker: what can be asked of a home, and the rows that it gives.
//!
//! Column names, and what a filter means, are those of the reference's `listQueues` (`QueueView`, `QueueFilterPredicate`).

use std::cmp::Ordering;

use super::{QueueState, RoutingType, RoutingTypes};

/// A queue as its keepers see it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueDetail {
    /// Its number in the store.
    pub id: u32,
    /// What clients may know of it.
    pub state: QueueState,
    /// Messages in the hands of consumers.
    pub delivering: i64,
    /// Messages that came since the start, and those that were there at the start.
    pub added: i64,
    /// Messages that were consumed since the start.
    pub acknowledged: i64,
    /// Messages that were removed without a consumer since the start.
    pub removed: i64,
}

impl QueueDetail {
    fn routing(&self) -> &'static str {
        match RoutingType::from_number(self.state.routing) {
            Some(RoutingType::Anycast) => "ANYCAST",
            _ => "MULTICAST",
        }
    }
}

/// One column of the list of queues.
#[derive(Clone, Copy)]
pub struct Column {
    /// Its name in lists, such as `messageCount`.
    pub key: &'static str,
    value: fn(&QueueDetail) -> String,
}

impl Column {
    /// What stands in it.
    pub fn of(&self, queue: &QueueDetail) -> String {
        (self.value)(queue)
    }

    /// The column that a client names, as `messageCount` or as `MESSAGE_COUNT`.
    pub fn named(name: &str) -> Option<&'static Self> {
        let plain = |text: &str| text.replace('_', "").to_ascii_lowercase();
        let wanted = plain(name);
        COLUMNS.iter().find(|column| plain(column.key) == wanted)
    }
}

impl std::fmt::Debug for Column {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.key)
    }
}

const fn column(key: &'static str, value: fn(&QueueDetail) -> String) -> Column {
    Column { key, value }
}

fn no(_: &QueueDetail) -> String {
    "false".to_owned()
}

fn zero(_: &QueueDetail) -> String {
    "0".to_owned()
}

fn unlimited(_: &QueueDetail) -> String {
    "-1".to_owned()
}

fn nothing(_: &QueueDetail) -> String {
    String::new()
}

/// Every column, in the reference's order. What this broker does not do stands at its default.
pub static COLUMNS: [Column; 35] = [
    column("id", |queue| queue.id.to_string()),
    column("name", |queue| queue.state.name.clone()),
    column("address", |queue| queue.state.address.clone()),
    column("filter", nothing),
    column("durable", |queue| queue.state.durable.to_string()),
    column("paused", no),
    column("persistedPause", no),
    column("temporary", |queue| queue.state.temporary.to_string()),
    column("purgeOnNoConsumers", |queue| queue.state.purge_on_no_consumers.to_string()),
    column("consumerCount", |queue| queue.state.consumers.to_string()),
    column("maxConsumers", |queue| queue.state.max_consumers.to_string()),
    column("autoCreated", |queue| queue.state.auto_created.to_string()),
    column("user", nothing),
    column("routingType", |queue| queue.routing().to_owned()),
    column("messagesAdded", |queue| queue.added.to_string()),
    column("messageCount", |queue| queue.state.messages.to_string()),
    column("messagesAcked", |queue| queue.acknowledged.to_string()),
    column("messagesExpired", zero),
    column("deliveringCount", |queue| queue.delivering.to_string()),
    column("messagesKilled", |queue| queue.removed.to_string()),
    column("directDeliver", no),
    column("exclusive", no),
    column("lastValue", no),
    column("lastValueKey", nothing),
    column("scheduledCount", zero),
    column("groupRebalance", no),
    column("groupRebalancePauseDispatch", no),
    column("groupBuckets", unlimited),
    column("groupFirstKey", nothing),
    column("enabled", |_| "true".to_owned()),
    column("ringSize", unlimited),
    column("consumersBeforeDispatch", zero),
    column("delayBeforeDispatch", unlimited),
    column("autoDelete", |queue| queue.state.auto_delete.to_string()),
    column("internalQueue", no),
];

/// How a filter compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// The column contains the text.
    Contains,
    /// It does not.
    NotContains,
    /// The column is the text.
    Equals,
    /// It is not.
    NotEquals,
    /// The column is a greater number.
    Greater,
    /// The column is a smaller number.
    Less,
}

impl Comparison {
    /// From its name in a filter.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "CONTAINS" => Self::Contains,
            "NOT_CONTAINS" => Self::NotContains,
            "EQUALS" => Self::Equals,
            "NOT_EQUALS" => Self::NotEquals,
            "GREATER_THAN" => Self::Greater,
            "LESS_THAN" => Self::Less,
            _ => return None,
        })
    }
}

/// Which queues are wanted.
#[derive(Clone, Debug)]
pub struct Filter {
    /// What is looked at.
    pub column: &'static Column,
    /// How.
    pub comparison: Comparison,
    /// What it is compared with.
    pub value: String,
}

impl Filter {
    /// Is this queue wanted?
    pub fn takes(&self, queue: &QueueDetail) -> bool {
        let found = self.column.of(queue);
        match self.comparison {
            Comparison::Contains => found.contains(&self.value),
            Comparison::NotContains => !found.contains(&self.value),
            Comparison::Equals => found == self.value,
            Comparison::NotEquals => found != self.value,
            Comparison::Greater => numbers(&found, &self.value).is_some_and(|(found, bound)| found > bound),
            Comparison::Less => numbers(&found, &self.value).is_some_and(|(found, bound)| found < bound),
        }
    }
}

fn numbers(one: &str, other: &str) -> Option<(f64, f64)> {
    Some((one.parse().ok()?, other.parse().ok()?))
}

/// A list of queues that is wanted.
#[derive(Clone, Debug)]
pub struct Listing {
    /// Which queues; all without one.
    pub filter: Option<Filter>,
    /// In the order of which column.
    pub sort: &'static Column,
    /// Greatest first.
    pub descending: bool,
    /// How many rows at most, of the first ones.
    pub limit: usize,
}

impl Listing {
    /// The order of two rows: numbers by value, all else by letters, and equals by name.
    pub fn order(&self, one: &QueueDetail, other: &QueueDetail) -> Ordering {
        let (left, right) = (self.sort.of(one), self.sort.of(other));
        let order = match numbers(&left, &right) {
            Some((left, right)) => left.total_cmp(&right),
            None => left.cmp(&right),
        };
        let order = if self.descending { order.reverse() } else { order };
        order.then_with(|| one.state.name.cmp(&other.state.name))
    }
}

/// What a home has of a wanted list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueuePage {
    /// Queues that the filter takes, listed or not.
    pub count: usize,
    /// The first of them.
    pub rows: Vec<QueueDetail>,
}

/// An address as its keepers see it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressDetail {
    /// Its name.
    pub name: String,
    /// How it may hand out messages.
    pub routing: RoutingTypes,
    /// Made by a client's first use of its name.
    pub auto_created: bool,
    /// Its queues.
    pub queues: Vec<String>,
    /// Messages in all of them.
    pub messages: i64,
}

/// The addresses that a home has of a wanted list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressPage {
    /// All of them.
    pub rows: Vec<AddressDetail>,
}

/// What a home holds in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Addresses.
    pub addresses: i64,
    /// Queues.
    pub queues: i64,
    /// Messages.
    pub messages: i64,
    /// Consumers.
    pub consumers: i64,
    /// Messages that came.
    pub added: i64,
    /// Messages that were consumed.
    pub acknowledged: i64,
    /// Bytes of messages that lie in memory alone: the non-durable ones.
    pub memory: i64,
    /// Bytes that such messages may have.
    pub memory_max: i64,
    /// How full the memory of the fullest home is, in percent: each has a part of its own, and refuses what does not fit.
    pub memory_percent: i64,
}

impl Totals {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            addresses: self.addresses + other.addresses,
            queues: self.queues + other.queues,
            messages: self.messages + other.messages,
            consumers: self.consumers + other.consumers,
            added: self.added + other.added,
            acknowledged: self.acknowledged + other.acknowledged,
            memory: self.memory + other.memory,
            memory_max: self.memory_max + other.memory_max,
            memory_percent: self.memory_percent.max(other.memory_percent),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(name: &str, messages: i64) -> QueueDetail {
        let state = QueueState { name: name.to_owned(), messages, ..QueueState::default() };
        QueueDetail { state, ..QueueDetail::default() }
    }

    fn filter(column: &str, comparison: &str, value: &str) -> Filter {
        let (column, comparison) = (Column::named(column).unwrap(), Comparison::named(comparison).unwrap());
        Filter { column, comparison, value: value.to_owned() }
    }

    #[test]
    fn a_column_is_found_by_both_of_its_names() {
        assert_eq!(Column::named("messageCount").unwrap().key, "messageCount");
        assert_eq!(Column::named("MESSAGE_COUNT").unwrap().key, "messageCount");
        assert!(Column::named("message").is_none());
        for column in &COLUMNS {
            assert_eq!(Column::named(column.key).unwrap().key, column.key);
        }
    }

    #[test]
    fn filters_compare_texts_and_numbers() {
        let queue = queue("orders", 10);
        for (column, comparison, value, takes) in [
            ("NAME", "CONTAINS", "der", true),
            ("NAME", "CONTAINS", "Der", false),
            ("NAME", "NOT_CONTAINS", "der", false),
            ("NAME", "EQUALS", "orders", true),
            ("NAME", "NOT_EQUALS", "orders", false),
            ("MESSAGE_COUNT", "GREATER_THAN", "9", true),
            ("MESSAGE_COUNT", "GREATER_THAN", "10", false),
            ("MESSAGE_COUNT", "LESS_THAN", "11", true),
            ("MESSAGE_COUNT", "LESS_THAN", "many", false),
        ] {
            assert_eq!(filter(column, comparison, value).takes(&queue), takes, "{column} {comparison} {value}");
        }
    }

    #[test]
    fn numbers_are_sorted_by_value() {
        let sort = Column::named("messageCount").unwrap();
        let mut rows = [queue("a", 10), queue("b", 9), queue("c", 100), queue("d", 9)];
        let up = Listing { filter: None, sort, descending: false, limit: 10 };
        rows.sort_by(|one, other| up.order(one, other));
        assert_eq!(rows.each_ref().map(|row| row.state.name.as_str()), ["b", "d", "a", "c"]);
        let down = Listing { descending: true, ..up };
        rows.sort_by(|one, other| down.order(one, other));
        assert_eq!(rows.each_ref().map(|row| row.state.name.as_str()), ["c", "a", "b", "d"]);
    }
}
