//! What filters say of messages, and which texts are none.

use super::Filter;
use crate::limits;
use crate::message::{MessageBuilder, PropertyValue, UserId, property_name};

fn message() -> Vec<u8> {
    let mut out = Vec::new();
    MessageBuilder::new("orders")
        .text("body")
        .durable(true)
        .priority(7)
        .timestamp_ms(1_700_000_000_000)
        .user_id(UserId([0xab; 16]))
        .text_property("colour", "red")
        .text_property("empty", "")
        .text_property("quote", "it's")
        .text_property("JMSType", "car")
        .text_property(property_name::GROUP_ID, "g1")
        .property("n", PropertyValue::Int(3))
        .property("big", PropertyValue::Long(1 << 40))
        .property("small", PropertyValue::Byte(-5))
        .property("weight", PropertyValue::Double(2.5))
        .property("half", PropertyValue::Float(0.5))
        .property("yes", PropertyValue::Bool(true))
        .property("no", PropertyValue::Bool(false))
        .property("nothing", PropertyValue::Null)
        .property("raw", PropertyValue::Bytes(&[1]))
        .property("letter", PropertyValue::Char(0x61))
        .write(&mut out);
    out
}

fn matches(filter: &str) -> bool {
    let read = Filter::parse(filter).unwrap_or_else(|error| panic!("{filter}: {error}"));
    assert_eq!(read.text(), filter);
    read.test(&message()).matches
}

#[test]
fn true_of_the_message() {
    for filter in [
        "colour = 'red'",
        "COLOUR IS NULL",
        "colour <> 'blue'",
        "quote = 'it''s'",
        "n = 3 AND big > n",
        "n = 3.0 and 2 < n and n <= 3 and n >= 3 and 4 > n",
        "big = 1099511627776 AND big = 0x10000000000",
        "small = -5 AND -small = +5",
        "weight * 2 = 5 AND weight = 2.5e0 AND half = .5",
        "n + 1 * 2 = 5 AND (n + 1) * 2 = 8 AND 7 / 2 = 3.5 AND 6 / 2 = n AND 1 / 0 > 9 AND 7 % 4 = n AND 7 / 2.0 = 3.5",
        "n - 1 - 1 = 1",
        "yes",
        "NOT no",
        "yes = TRUE AND no = FALSE AND no <> TRUE",
        "TRUE",
        "missing IS NULL AND nothing IS NULL AND colour IS NOT NULL AND empty IS NOT NULL",
        "n BETWEEN 3 AND 4 AND n NOT BETWEEN 4 AND 9",
        "colour IN ('blue', 'red') AND colour NOT IN ('blue') AND empty IN ('')",
        "colour LIKE 'r_d' AND colour LIKE '%' AND colour NOT LIKE 'r'",
        "colour LIKE 'r!ed' ESCAPE '!'",
        "AMQPriority = 7 AND AMQDurable = 'DURABLE' AND AMQTimestamp > 0 AND AMQExpiration = 0",
        "AMQUserID LIKE 'ID:abababab-abab-%' AND AMQGroupID = 'g1' AND AMQSize > 100 AND AMQAddress = 'orders'",
        "JMSType = 'car' AND JMSCorrelationID IS NULL",
        "no OR yes AND yes",
        "(no OR yes) AND yes",
        "colour = 'red' OR missing > 3",
        "NOT (missing = 1)",
        "missing <> 'x'",
        "missing = gone",
        "n = 3 /* three */ -- and that is all\n",
        "raw IS NOT NULL",
        "colour = colour",
        "NULL IS NULL",
    ] {
        assert!(matches(filter), "{filter}");
    }
}

#[test]
fn not_true_of_the_message() {
    for filter in [
        "colour = 'RED'",
        "missing > 3",
        "NOT (missing > 3)",
        "missing > 3 OR no",
        "missing > 3 AND yes",
        "NOT (missing > 3 AND yes)",
        "missing LIKE '%'",
        "missing NOT LIKE 'x'",
        "missing IN ('a')",
        "missing NOT IN ('a')",
        "missing BETWEEN 1 AND 2",
        "missing NOT BETWEEN 1 AND 2",
        "missing",
        "NOT missing",
        "colour",
        "n",
        "n = '3'",
        "colour > 1",
        "n LIKE '3'",
        "yes = 'true'",
        "letter = 'a'",
        "raw = raw",
        "n / 0 = 0",
        "n % 0 = 0",
        "colour + 1 = 1",
        "-colour = 1",
        "NULL",
        "FALSE",
    ] {
        assert!(!matches(filter), "{filter}");
    }
}

#[test]
fn texts_that_are_no_filters() {
    for text in [
        "",
        " ",
        "n =",
        "= 1",
        "n = = 1",
        "n = 1)",
        "(n = 1",
        "n = 1 AND",
        "AND n",
        "n IN ()",
        "n IN (1)",
        "n IN 'a'",
        "1 IN ('a')",
        "n LIKE 1",
        "n LIKE 'a' ESCAPE 'bc'",
        "n LIKE 'a' ESCAPE",
        "n BETWEEN 1",
        "n BETWEEN 1 OR 2",
        "n IS",
        "n IS 1",
        "n IS NOT",
        "n NOT",
        "n NOT = 1",
        "n = NULL",
        "n <> NULL",
        "1",
        "'a'",
        "n + 1",
        "NOT 1",
        "n AND 1",
        "'a' < n",
        "n < TRUE",
        "n BETWEEN 'a' AND 'b'",
        "(n = 1) < 2",
        "TRUE = 1",
        "XPATH 'a'",
        "a-b",
        "a.b = 1",
        "n = 'a",
        "n == 1",
        "n != 1",
        "\"n\" = 1",
        "ä = 1",
        "n = 08",
    ] {
        assert!(Filter::parse(text).is_err(), "{text}");
    }
    let error = Filter::parse("n = 1 AND").unwrap_err();
    assert_eq!(error.to_string(), "a value is missing at byte 9 of the filter");
}

#[test]
fn length_depth_and_time_have_bounds() {
    let nested = |depth: usize| Filter::parse(&format!("{}n{} = 3", "(".repeat(depth), ")".repeat(depth)));
    assert!(nested(limits::FILTER_DEPTH_MAX - 1).unwrap().test(&message()).matches);
    assert!(nested(limits::FILTER_DEPTH_MAX).is_err());
    assert!(Filter::parse(&format!("{}yes", "NOT ".repeat(limits::FILTER_DEPTH_MAX))).is_err());
    // A long row is not deep.
    let row = format!("n = 3{}", " AND n = 3".repeat(3_000));
    assert!(matches(&row));
    assert!(Filter::parse(&format!("{row}{}", " ".repeat(limits::FILTER_BYTES_MAX))).is_err());
    let long = "a".repeat(40_000);
    let mut slow = Vec::new();
    MessageBuilder::new("q").text_property("text", &long).write(&mut slow);
    let filter = |end: &str| Filter::parse(&format!("text LIKE '%{}{end}'", "a".repeat(10_000))).unwrap();
    let tested = filter("b").test(&slow);
    assert!(!tested.matches && tested.work >= limits::FILTER_WORK_MAX, "{tested:?}");
    assert!(filter("%").test(&slow).matches, "the control: a test of the same size that ends");
}

#[test]
fn what_cannot_be_read_does_not_match() {
    let all = Filter::parse("missing IS NULL").unwrap();
    let whole = message();
    assert!(all.test(&whole).matches);
    for cut in 0..whole.len() {
        assert!(!all.test(&whole[..cut]).matches, "cut at {cut}");
    }
    // Of several of one name the last counts.
    let mut twice = Vec::new();
    MessageBuilder::new("q").text_property("a", "1").text_property("a", "2").write(&mut twice);
    assert!(Filter::parse("a = '2'").unwrap().test(&twice).matches);
}
