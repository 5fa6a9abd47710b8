//! The page of all events, made from the catalogue: `docs/events.md`.

use std::fmt::Write as _;

use super::CATALOGUE;

const HEAD: &str = "\
# Events

<!-- Generated from the catalogue: RINGMQ_REGENERATE=1 cargo test -p ringmq --lib event -->

What the broker says on standard error, one line each: time, level, code, message, `key=value` pairs (`--log-format json` for
one JSON object a line). Codes never change their meaning. An *error* means that a person must look. The same event again
within ten seconds is counted, not repeated. Codes `CF0..` belong to errors in the configuration itself; they are printed with
the place in the file and not listed here. Codes `HA...` belong to a pair of brokers; none is told yet, since no broker runs
as one of a pair.
";

/// The whole page.
#[must_use]
pub fn page() -> String {
    let mut page = HEAD.to_owned();
    for event in CATALOGUE {
        // Writing to a String cannot fail.
        let _ = writeln!(page, "\n## {}: {}\n", event.code, event.title);
        let twin = if event.artemis.is_empty() { String::new() } else { format!(" (Artemis {})", event.artemis) };
        let _ = writeln!(page, "{}{twin}. {}\n\nWhat to do: {}", event.level.word(), event.cause, event.action);
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_not_stale() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/events.md");
        if std::env::var_os("RINGMQ_REGENERATE").is_some() {
            std::fs::write(path, page()).unwrap();
        }
        let on_disk = std::fs::read_to_string(path).unwrap_or_default();
        assert!(on_disk == page(), "stale: RINGMQ_REGENERATE=1 cargo test -p ringmq --lib event");
    }

    #[test]
    fn codes_are_well_formed_and_unique() {
        let well_formed = |code: &str| {
            let (area, number) = code.split_at(2);
            code.len() == 5
                && area.chars().all(|c| c.is_ascii_uppercase())
                && number.chars().all(|c| c.is_ascii_digit())
        };
        for (at, event) in CATALOGUE.iter().enumerate() {
            assert!(well_formed(event.code), "{}", event.code);
            assert!(CATALOGUE.iter().skip(at + 1).all(|later| later.code != event.code), "{} twice", event.code);
            assert!(event.cause.ends_with('.') && event.action.ends_with('.'), "{}: no sentences", event.code);
            assert_eq!(super::super::find(event.code), Some(event));
        }
    }
}
