//! A message as the command line shows it: in one line, in several, or as JSON.
//!
//! Takes a delivery, gives text. Must stay true: a message cannot drive the terminal; what is no text is told by its type and length and
//! never printed; scripts can rely on the keys of the JSON.

use std::time::{Duration, UNIX_EPOCH};

use protocol::core::identity::RoutingType;
use protocol::message::{Body, MessageKind, MessageView, PropertyValue, property_name};
use ringmq_client::{Delivery, Error};
use serde_json::{Map, Value, json};

use crate::cli::log::rfc3339;

/// The last millisecond of the year 9999; later ones are shown as numbers.
const LAST_DATE_MS: u64 = 253_402_300_799_999;

/// One line: the id and the text, or the type and the length.
pub(super) fn brief(delivery: &Delivery) -> Result<String, Error> {
    let view = delivery.view().map_err(Error::Unreadable)?;
    Ok(format!("{}  {}", delivery.message_id().0, content(&view)))
}

/// Everything, a line for each part.
pub(super) fn whole(delivery: &Delivery) -> Result<String, Error> {
    let view = delivery.view().map_err(Error::Unreadable)?;
    let header = &view.header;
    let mut lines = vec![format!("message {}", delivery.message_id().0)];
    let mut say = |name: &str, value: &str| lines.push(format!("  {name:<11}  {}", plain(value)));
    if let Some(address) = header.address {
        say("address", &address.to_string());
    }
    if let Some(user_id) = header.user_id {
        say("user id", &user_id.to_string());
    }
    say("durable", if header.durable { "yes" } else { "no" });
    say("priority", &header.priority.to_string());
    say("timestamp", &date(header.timestamp_ms));
    if header.expiration_ms != 0 {
        say("expiration", &date(header.expiration_ms));
    }
    say("deliveries", &delivery.delivery_count().to_string());
    for property in header.properties.iter().map_while(Result::ok) {
        let value = match value(&property.key.to_string(), property.value) {
            Value::String(text) => text,
            other => other.to_string(),
        };
        say("property", &format!("{}={value}", property.key));
    }
    say(type_of(header.kind), &content(&view));
    Ok(lines.join("\n"))
}

/// An object of one line.
pub(super) fn json(delivery: &Delivery) -> Result<Value, Error> {
    let view = delivery.view().map_err(Error::Unreadable)?;
    let header = &view.header;
    let properties = header.properties.iter().map_while(Result::ok).map(|property| {
        let key = property.key.to_string();
        let value = value(&key, property.value);
        (key, value)
    });
    let mut shown = json!({
        "id": delivery.message_id().0,
        "userId": header.user_id.map(|id| id.to_string()),
        "address": header.address.map(|address| address.to_string()),
        "durable": header.durable,
        "priority": header.priority,
        "timestamp": header.timestamp_ms,
        "expiration": header.expiration_ms,
        "deliveries": delivery.delivery_count(),
        "properties": properties.collect::<Map<_, _>>(),
        "type": type_of(header.kind),
        "bytes": view.body().len(),
    });
    if let (Some(text), Some(object)) = (text_of(&view), shown.as_object_mut()) {
        object.insert("text".to_owned(), text.into());
    }
    Ok(shown)
}

/// The text of a text message, which may be none: `Some(None)`. `None`: there is no text to be read.
fn text_of(view: &MessageView<'_>) -> Option<Option<String>> {
    match Body::read(view.header.kind, view.body()) {
        Ok(Body::Text(text)) => Some(text.map(|text| text.to_string())),
        _ => None,
    }
}

/// The text, or how long what is none is.
fn content(view: &MessageView<'_>) -> String {
    match text_of(view) {
        Some(Some(text)) => plain(&text),
        Some(None) => "(no text)".to_owned(),
        None => format!("({}, {} bytes)", type_of(view.header.kind), view.body().len()),
    }
}

fn type_of(kind: MessageKind) -> &'static str {
    match kind {
        MessageKind::PLAIN => "plain",
        MessageKind::OBJECT => "object",
        MessageKind::TEXT => "text",
        MessageKind::BYTES => "bytes",
        MessageKind::MAP => "map",
        MessageKind::STREAM => "stream",
        _ => "unknown",
    }
}

/// Bytes are shown as hexadecimal digits, what JSON has no number for as text.
fn value(key: &str, value: PropertyValue<'_>) -> Value {
    let float =
        |number: f64| serde_json::Number::from_f64(number).map_or_else(|| number.to_string().into(), Value::Number);
    match value {
        PropertyValue::Null => Value::Null,
        PropertyValue::Bool(value) => value.into(),
        PropertyValue::Byte(number) if key == property_name::ROUTING_TYPE => match RoutingType(number) {
            RoutingType::ANYCAST => "ANYCAST".into(),
            RoutingType::MULTICAST => "MULTICAST".into(),
            _ => number.into(),
        },
        PropertyValue::Byte(number) => number.into(),
        PropertyValue::Bytes(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into(),
        PropertyValue::Short(number) => number.into(),
        PropertyValue::Int(number) => number.into(),
        PropertyValue::Long(number) => number.into(),
        // The shortest text that means this number, and not the longer one that it is as a double.
        PropertyValue::Float(number) => number.to_string().parse().map_or(Value::Null, float),
        PropertyValue::Double(number) => float(number),
        PropertyValue::String(text) => text.to_string().into(),
        PropertyValue::Char(unit) => {
            char::from_u32(unit.into()).unwrap_or(char::REPLACEMENT_CHARACTER).to_string().into()
        }
    }
}

/// Milliseconds since 1970 as a date.
fn date(ms: i64) -> String {
    let date = u64::try_from(ms).ok().filter(|ms| *ms <= LAST_DATE_MS);
    let at = date.and_then(|ms| UNIX_EPOCH.checked_add(Duration::from_millis(ms)));
    at.map_or_else(|| ms.to_string(), rfc3339)
}

/// One line, without what drives a terminal.
fn plain(text: &str) -> String {
    text.replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::message::MessageBuilder;

    fn check(property: PropertyValue<'_>, expected: &Value) {
        assert_eq!(value("k", property), *expected, "{property:?}");
    }

    #[test]
    fn properties_keep_their_types_where_json_has_them() {
        check(PropertyValue::Null, &Value::Null);
        check(PropertyValue::Bool(true), &json!(true));
        check(PropertyValue::Byte(-1), &json!(-1));
        check(PropertyValue::Bytes(&[0, 255]), &json!("00ff"));
        check(PropertyValue::Long(i64::MIN), &json!(i64::MIN));
        check(PropertyValue::Float(0.1), &json!(0.1));
        check(PropertyValue::Double(f64::NAN), &json!("NaN"));
        check(PropertyValue::Float(f32::INFINITY), &json!("inf"));
        check(PropertyValue::Char(0x78), &json!("x"));
        check(PropertyValue::Char(0xd800), &json!("\u{fffd}"));
        assert_eq!(value("_AMQ_ROUTING_TYPE", PropertyValue::Byte(1)), json!("ANYCAST"));
    }

    #[test]
    fn bodies_are_told_by_type_and_length_unless_they_are_text() {
        let told = |message: MessageBuilder| {
            let mut encoded = Vec::new();
            message.write(&mut encoded);
            content(&MessageView::parse(&encoded).unwrap())
        };
        let message = || MessageBuilder::new("q");
        assert_eq!(told(message().text("a\u{1b}[2Jb")), "a [2Jb");
        assert_eq!(told(message().null_text()), "(no text)");
        assert_eq!(told(message().bytes(b"abc")), "(bytes, 3 bytes)");
        assert_eq!(told(message().body(MessageKind::MAP, &[0])), "(map, 1 bytes)");
        assert_eq!(told(message().body(MessageKind(99), &[1])), "(unknown, 1 bytes)");
        // A body that is not of its kind: a compressed one, for example.
        assert_eq!(told(message().body(MessageKind::TEXT, &[9, 9])), "(text, 2 bytes)");
    }

    #[test]
    fn dates_are_dates_as_long_as_there_are_any() {
        assert_eq!(date(0), "1970-01-01T00:00:00.000Z");
        assert!(date(253_402_300_799_999).starts_with("9999-12-31T23:59:59.999"));
        assert_eq!(date(253_402_300_800_000), "253402300800000");
        assert_eq!(date(-1), "-1");
        assert_eq!(date(i64::MAX), i64::MAX.to_string());
    }
}
