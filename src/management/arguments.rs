//! The arguments of an operation: a JSON array whose elements are taken as what the operation wants.

use serde_json::Value;

use crate::limits;
use crate::mail::{RoutingType, RoutingTypes};

/// Reads the array; nothing is an empty one.
pub(super) fn parse(text: Option<&str>) -> Result<Vec<Value>, String> {
    let Some(text) = text else { return Ok(Vec::new()) };
    if text.len() > limits::MANAGEMENT_REQUEST_BYTES_MAX {
        return Err(format!("the arguments are longer than {} bytes", limits::MANAGEMENT_REQUEST_BYTES_MAX));
    }
    match serde_json::from_str(text) {
        Ok(Value::Array(arguments)) => Ok(arguments),
        Ok(_) => Err("the arguments are no JSON array".to_owned()),
        Err(error) => Err(format!("the arguments are no JSON: {error}")),
    }
}

/// A text; numbers and flags are taken as they are written.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// A flag.
pub(super) fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// A whole number.
pub(super) fn number(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// `ANYCAST` or `MULTICAST`.
pub(super) fn routing(text: &str) -> Option<RoutingType> {
    if text.trim().eq_ignore_ascii_case("ANYCAST") {
        Some(RoutingType::Anycast)
    } else if text.trim().eq_ignore_ascii_case("MULTICAST") {
        Some(RoutingType::Multicast)
    } else {
        None
    }
}

/// Some of both, with commas between.
pub(super) fn routing_types(text: &str) -> Option<RoutingTypes> {
    let mut types = RoutingTypes::default();
    for word in text.split(',').filter(|word| !word.trim().is_empty()) {
        types = types.with(RoutingTypes::only(routing(word)?));
    }
    Some(types)
}
