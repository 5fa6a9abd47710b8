//! Filters: texts that say which messages are wanted, and messages that are held against them.

use protocol::filter::Filter;
use protocol::limits;
use protocol::message::{MessageBuilder, PropertyValue, UserId, property_name};

use super::{refused, walk};
use crate::prove::fuzz::target::Target;

/// A step of the program for each character or two, and the vector that it grew from.
const PROGRAM_FACTOR: u64 = 128;

const EXAMPLES: [&str; 12] = [
    "colour = 'red' AND n > 3",
    "NOT (n BETWEEN 1 AND 2 OR weight NOT BETWEEN .5 AND 2e1)",
    "colour IN ('red', 'it''s') OR colour NOT IN ('a')",
    "colour LIKE 'r_d%' ESCAPE '!' OR colour NOT LIKE '%!%' ESCAPE '!'",
    "colour IS NULL OR nothing IS NOT NULL",
    "n + 1 - 2 * 3 / 4 % 5 = -1 AND n <> 0x1F AND n >= 017 AND n <= 5L AND n < 5.",
    "yes AND yes = TRUE AND yes <> FALSE",
    "AMQPriority = 4 AND AMQDurable = 'DURABLE' AND AMQTimestamp > 0 AND AMQExpiration = 0",
    "AMQUserID LIKE 'ID:%' AND AMQGroupID = 'g' AND AMQSize > 1 AND AMQAddress = 'orders'",
    "__AMQ_CID<>'client' -- not mine\n AND /* nor */ $x_1 = _AMQX",
    "((((n = 1))))",
    "_AMQX=-1",
];

fn message() -> Vec<u8> {
    let mut out = Vec::new();
    MessageBuilder::new("orders")
        .text("body")
        .durable(true)
        .user_id(UserId([7; 16]))
        .text_property("colour", "red")
        .text_property(property_name::GROUP_ID, "g")
        .property("n", PropertyValue::Int(3))
        .property("weight", PropertyValue::Double(2.5))
        .property("yes", PropertyValue::Bool(true))
        .property("nothing", PropertyValue::Null)
        .property("raw", PropertyValue::Bytes(&[1]))
        .property("letter", PropertyValue::Char(0x61))
        .write(&mut out);
    out
}

pub(super) fn targets() -> Vec<Target> {
    vec![text(), held_against()]
}

fn text() -> Target {
    let message = message();
    Target::new("filter", EXAMPLES.map(|text| text.as_bytes().to_vec()).into(), move |bytes, _| {
        let Ok(text) = std::str::from_utf8(bytes) else { return false };
        match Filter::parse(text) {
            Ok(filter) => walk(&filter) && walk(&filter.test(&message)),
            Err(error) => refused(&error),
        }
    })
    .repaired(super::texts::to_text)
    .allowed(PROGRAM_FACTOR)
}

/// Messages that others send, tested by filters that ask for everything that a message has.
fn held_against() -> Target {
    let filters: Vec<Filter> = EXAMPLES.iter().filter_map(|text| Filter::parse(text).ok()).collect();
    Target::new("filtered message", vec![message()], move |bytes, choice| {
        let at = usize::try_from(choice % filters.len().max(1) as u64).unwrap_or(0);
        let tested = filters.get(at).map(|filter| filter.test(bytes));
        // Beyond its bound a test ends; one more step may be the one that goes beyond it.
        assert!(tested.is_none_or(|tested| tested.work <= limits::FILTER_WORK_MAX + bytes.len() + 1));
        tested.is_some_and(|tested| tested.matches)
    })
}
