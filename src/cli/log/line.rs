//! The text of one line, for people or as JSON.
//!
//! Must stay true: one event is one line, whatever stands in its fields.

use std::fmt::Write as _;

use config::LogFormat;
use config::json::quote;
use tracing::Level;

use super::fold::Said;
use super::time::rfc3339;
use crate::event;

/// An event as plain values. Two that are equal are "the same event again".
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) level: Level,
    /// Empty for events of libraries, which have no code.
    pub(super) code: String,
    pub(super) message: String,
    pub(super) fields: Vec<(String, String)>,
}

impl Default for Told {
    fn default() -> Self {
        Self { level: Level::INFO, code: String::new(), message: String::new(), fields: Vec::new() }
    }
}

impl Told {
    /// The log's own event: it could not keep up.
    pub(super) fn dropped(count: u64) -> Self {
        Self {
            level: Level::WARN,
            code: "SV203".to_owned(),
            fields: vec![("dropped".to_owned(), count.to_string())],
            ..Self::default()
        }
    }

    /// The message, or the title of the code's catalogue entry.
    fn text(&self) -> &str {
        if self.message.is_empty() { event::find(&self.code).map_or("", |event| event.title) } else { &self.message }
    }

    /// The code of the same event in Artemis.
    fn artemis(&self) -> Option<&'static str> {
        event::find(&self.code).map(|event| event.artemis).filter(|code| !code.is_empty())
    }
}

/// The line, with its end.
pub(super) fn render(said: &Said, format: LogFormat) -> String {
    match format {
        LogFormat::Text => text(said),
        LogFormat::Json => json(said),
    }
}

fn text(said: &Said) -> String {
    let Said { at, told, repeated } = said;
    let code = if told.code.is_empty() { "-" } else { &told.code };
    let mut line = format!("{} {:5} {code:5} {}", rfc3339(*at), told.level, one_line(told.text()));
    // Writing to a String cannot fail.
    for (name, value) in &told.fields {
        let _ = write!(line, " {name}={}", bare_or_quoted(value));
    }
    if let Some(twin) = told.artemis() {
        let _ = write!(line, " artemis={twin}");
    }
    if let Some((again, over)) = repeated {
        let _ = write!(line, " repeated={again} within={:.1}s", over.as_secs_f64());
    }
    line.push('\n');
    line
}

fn json(said: &Said) -> String {
    let Said { at, told, repeated } = said;
    let mut line = format!(
        "{{\"time\":{},\"level\":{},\"code\":{},\"message\":{}",
        quote(&rfc3339(*at)),
        quote(&told.level.to_string().to_lowercase()),
        quote(&told.code),
        quote(told.text())
    );
    for (name, value) in &told.fields {
        let _ = write!(line, ",{}:{}", quote(name), quote(value));
    }
    if let Some(twin) = told.artemis() {
        let _ = write!(line, ",\"artemis\":{}", quote(twin));
    }
    if let Some((again, over)) = repeated {
        let _ = write!(line, ",\"repeated\":{again},\"within_ms\":{}", over.as_millis());
    }
    line.push_str("}\n");
    line
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The value as it is, or in quotes where a reader could not tell its end.
fn bare_or_quoted(value: &str) -> String {
    let plain =
        !value.is_empty() && value.chars().all(|c| !c.is_whitespace() && !c.is_control() && c != '"' && c != '=');
    if plain { value.to_owned() } else { quote(value) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, SystemTime};

    fn check(told: Told, repeated: Option<(u64, Duration)>, expected_text: &str, expected_json: &str) {
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_764_030_000_123);
        let said = Said { at, told, repeated };
        assert_eq!(render(&said, LogFormat::Text), format!("{expected_text}\n"));
        assert_eq!(render(&said, LogFormat::Json), format!("{expected_json}\n"));
    }

    #[test]
    fn a_line_is_a_line() {
        let told = Told {
            level: Level::WARN,
            code: "NT203".to_owned(),
            message: "bad\nframe".to_owned(),
            fields: vec![("peer".to_owned(), "127.0.0.1:5".to_owned()), ("why".to_owned(), "too \"large\"".to_owned())],
        };
        check(
            told.clone(),
            None,
            "2025-11-25T00:20:00.123Z WARN  NT203 bad frame peer=127.0.0.1:5 why=\"too \\\"large\\\"\"",
            "{\"time\":\"2025-11-25T00:20:00.123Z\",\"level\":\"warn\",\"code\":\"NT203\",\"message\":\"bad\\nframe\",\
             \"peer\":\"127.0.0.1:5\",\"why\":\"too \\\"large\\\"\"}",
        );
        check(
            Told { fields: Vec::new(), message: "x".to_owned(), ..told },
            Some((3, Duration::from_millis(2500))),
            "2025-11-25T00:20:00.123Z WARN  NT203 x repeated=3 within=2.5s",
            "{\"time\":\"2025-11-25T00:20:00.123Z\",\"level\":\"warn\",\"code\":\"NT203\",\"message\":\"x\",\
             \"repeated\":3,\"within_ms\":2500}",
        );
    }

    #[test]
    fn title_and_twin_come_from_the_catalogue() {
        check(
            Told { code: "SV103".to_owned(), ..Told::default() },
            None,
            "2025-11-25T00:20:00.123Z INFO  SV103 ready artemis=AMQ221007",
            "{\"time\":\"2025-11-25T00:20:00.123Z\",\"level\":\"info\",\"code\":\"SV103\",\"message\":\"ready\",\
             \"artemis\":\"AMQ221007\"}",
        );
    }
}
