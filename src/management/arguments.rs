//! The arguments of an operation: a JSON array whose elements are taken as what the operation wants.

use serde_json::Value;

use crate::limits;
use crate::mail::{RoutingType, RoutingTypes};

/// Reads the array; nothing is an empty one.
pub(super) fn parse(text: Option<&str>) -> Result<Vec<Value>, String> {
    let Some(text) = text else { return Ok(Vec::new()) };
    match json(text).map_err(|problem| format!("the arguments {problem}"))? {
        Value::Array(arguments) => Ok(arguments),
        _ => Err("the arguments are no JSON array".to_owned()),
    }
}

/// Reads JSON of somebody else: as values it may take a hundred times the room that it takes as text, so both are bounded.
pub(super) fn json(text: &str) -> Result<Value, String> {
    let most = limits::MANAGEMENT_REQUEST_BYTES_MAX;
    if text.len() > most {
        return Err(format!("are longer than {most} bytes"));
    }
    let most = limits::MANAGEMENT_VALUES_MAX;
    if !has_at_most(text, most) {
        return Err(format!("are more than {most} values"));
    }
    serde_json::from_str(text).map_err(|error| format!("are no JSON: {error}"))
}

/// Whether there are no more than so many values, counted by what stands in front of each: a bracket, a comma or a colon.
fn has_at_most(text: &str, most: usize) -> bool {
    let (mut quoted, mut escaped, mut count) = (false, false, 1);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'[' | b'{' | b',' | b':' if !quoted => count += 1,
            _ => {}
        }
    }
    count <= most
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

#[cfg(test)]
mod tests {
    use super::{json, parse};
    use crate::limits::MANAGEMENT_VALUES_MAX;

    #[test]
    fn values_are_bounded_and_what_is_in_texts_does_not_count() {
        let zeros = |count: usize| format!("[{}0]", "0,".repeat(count - 1));
        assert_eq!(parse(Some(&zeros(MANAGEMENT_VALUES_MAX - 1))).unwrap().len(), MANAGEMENT_VALUES_MAX - 1);
        let refused = format!("the arguments are more than {MANAGEMENT_VALUES_MAX} values");
        assert_eq!(parse(Some(&zeros(MANAGEMENT_VALUES_MAX))), Err(refused));
        assert!(json(&"[".repeat(MANAGEMENT_VALUES_MAX + 1)).unwrap_err().contains("values"));
        assert!(json(&format!("[{}0]", "{\"\":0},".repeat(4_500))).unwrap_err().contains("values"));
        let text = format!(r#"["\"{}\\"]"#, "[,:{".repeat(1_000));
        assert_eq!(parse(Some(&text)).unwrap().len(), 1);
    }
}
