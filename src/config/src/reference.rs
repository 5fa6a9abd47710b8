//! The reference page of all attributes, made from the table: `docs/configuration.md`.

use std::fmt::Write as _;

use crate::attribute::{Attribute, Kind, Scope, TakesEffect};
use crate::table::TABLE;

const HEAD: &str = "\
# Configuration

<!-- Generated from the table of attributes: cargo run -p config --example reference > docs/configuration.md -->

One file in TOML, by default `ringmq.toml` in the working directory; `--config FILE` or the variable `RINGMQ_CONFIG`
names another. Every attribute can be left out. An environment variable overrides the file, an option of the command
line overrides both. `ringmq config show` prints the values in effect and where each comes from. Every error of a file
is reported at once, with its place.

Sizes are plain bytes or a string with a unit (`\"64MiB\"`; `K`, `M` and `G` count in 1024s). Times are plain
milliseconds or a string with a unit (`\"10s\"`, `\"500ms\"`, `\"2m\"`, `\"1h\"`).

When a change takes effect: *now*, while the broker runs; *reload*, at the next start; *never*, only when a store is
created: an existing store keeps what it was created with.

```toml
data-directory = \"/var/lib/ringmq\"
journal-file-size = \"64MiB\"

[acceptor]
host = \"127.0.0.1\"
port = 61616

[address.\"#\"]
auto-create-queues = true

[address.\"orders.#\"]
max-size-messages = 100000
address-full-policy = \"BLOCK\"
```
";

const MATCHES: &str = "
A table for each match of names. In a match `*` stands for one word and `#` for any number of words, none included; words are separated
by dots. An address takes each attribute from the most specific match that covers it and sets the attribute, and what none sets
from `#` or the default. More specific is a match without wildcards, then one without `#`; of two alike the one whose wildcard comes
later, then the longer one. `[address.\"#\"]` holds for all addresses; environment variables and options of the command line set its
attributes.
";

/// The whole page.
#[must_use]
pub fn reference() -> String {
    let mut page = HEAD.to_owned();
    for (scope, title) in [
        (Scope::Server, "The server: top of the file"),
        (Scope::Acceptor, "Where clients connect: `[acceptor]`"),
        (Scope::Address, "Addresses and their queues: `[address.\"#\"]`, `[address.\"orders.#\"]`"),
    ] {
        section(&mut page, scope, title);
    }
    page
}

fn section(page: &mut String, scope: Scope, title: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(page, "\n## {title}");
    if scope == Scope::Address {
        page.push_str(MATCHES);
    }
    for row in TABLE.iter().filter(|row| row.scope == scope) {
        entry(page, row);
    }
}

fn entry(page: &mut String, row: &Attribute) {
    let _ = writeln!(page, "\n### {}\n\n{}\n", row.name, row.help);
    if let Some(choices) = choices(&row.kind) {
        let _ = writeln!(page, "{choices}");
    }
    let default = if row.default.is_empty() { "nothing".to_owned() } else { format!("`{}`", row.default) };
    let _ = writeln!(page, "- values: {}; default {default}", accepts(&row.kind));
    let effect = match row.takes_effect {
        TakesEffect::Never => "never: fixed when the store is created",
        other => other.word(),
    };
    let _ = writeln!(page, "- takes effect: {effect}");
    let _ = writeln!(page, "- environment: `{}`", row.environment_name());
    if !row.aliases.is_empty() {
        let names: Vec<String> = row.aliases.iter().map(|name| format!("`{name}`")).collect();
        let _ = writeln!(page, "- also called: {}", names.join(", "));
    }
    if !row.requirements.is_empty() {
        let _ = writeln!(page, "- required by: {}", row.requirements.join(", "));
    }
}

/// The list of words with their meanings, where the kind has one.
fn choices(kind: &Kind) -> Option<String> {
    let Kind::Choice(choices) = kind else { return None };
    let mut list = String::new();
    for choice in *choices {
        let note = if choice.built { "" } else { " (refused: not built yet)" };
        let _ = writeln!(list, "- `{}`: {}{note}", choice.word, choice.meaning);
    }
    Some(list)
}

/// What a kind accepts, in words.
fn accepts(kind: &Kind) -> String {
    use crate::types::ByteSize;
    use crate::value::duration_text;
    use std::time::Duration;

    match kind {
        Kind::Flag => "`true` or `false`".to_owned(),
        Kind::Integer { min, max } => format!("{min} to {max}"),
        Kind::Bytes { min, max, .. } => format!("{} to {}", ByteSize::new(*min), ByteSize::new(*max)),
        Kind::Duration { min_ms, max_ms } => format!(
            "{} to {}",
            duration_text(Duration::from_millis(*min_ms)),
            duration_text(Duration::from_millis(*max_ms))
        ),
        Kind::Choice(_) => "one of the above, in any case".to_owned(),
        Kind::Directory => "a path".to_owned(),
        Kind::File => "a path, or nothing".to_owned(),
        Kind::Name => "a name".to_owned(),
        Kind::Host => "an IP address, or `localhost`".to_owned(),
        Kind::Auto(inner) => format!("`auto`, or {}", accepts(inner)),
        Kind::OrNone(inner) => format!("`-1`, or {}", accepts(inner)),
    }
}
