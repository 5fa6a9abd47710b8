//! Settings from the TOML file.
//!
//! Takes: the text of one file. Gives: settings with their places to the draft, and every error in the file. Must stay
//! true: a file of any content is answered with a report; at most [`FILE_BYTES_MAX`] bytes of it are read.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read as _;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::attribute::{Attribute, Scope};
use crate::diagnostic::{Code, Diagnostic, Report, Severity};
use crate::excerpt::Excerpt;
use crate::load::Draft;
use crate::origin::Origin;
use crate::suggest;
use crate::table::TABLE;
use crate::text::Raw;

/// The largest configuration file that is read. All rows with their comments take less than a tenth of it.
pub const FILE_BYTES_MAX: u64 = 1 << 20;

/// Matches of addresses in one file, those of every address included. A lookup goes through all of them.
pub const ADDRESS_MATCHES_MAX: usize = 1_024;

/// Bytes of a match: as many as a name may have.
const MATCH_BYTES_MAX: usize = 1_024;

/// The text of a configuration file and the name under which errors point at it.
#[derive(Debug, Clone)]
pub struct FileText {
    name: Arc<str>,
    text: String,
}

impl FileText {
    /// A text that is already at hand.
    #[must_use]
    pub fn new(name: &str, text: impl Into<String>) -> Self {
        Self { name: Arc::from(name), text: text.into() }
    }

    /// Reads the file.
    ///
    /// # Errors
    /// If it cannot be read, is too large, or is not UTF-8 text.
    pub fn read(path: &Path) -> Result<Self, Report> {
        Self::read_as("configuration file", path)
    }

    /// Reads a users file.
    ///
    /// # Errors
    /// If it cannot be read, is too large, or is not UTF-8 text.
    pub fn read_users(path: &Path) -> Result<Self, Report> {
        Self::read_as("users file", path)
    }

    fn read_as(what: &str, path: &Path) -> Result<Self, Report> {
        let name = path.display().to_string();
        Self::read_bytes(what, path).and_then(|bytes| Self::decode(what, &name, bytes)).map_err(|diagnostic| {
            let mut report = Report::default();
            report.push(diagnostic.source(name));
            report
        })
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Another text under the same name.
    pub(crate) fn renewed(&self, text: String) -> Self {
        Self { name: Arc::clone(&self.name), text }
    }

    fn read_bytes(what: &str, path: &Path) -> Result<Vec<u8>, Box<Diagnostic>> {
        let unreadable = |error: std::io::Error| {
            let message = format!("the {what} cannot be read");
            Box::new(Diagnostic::error(Code::UNREADABLE, message).note(error.to_string()))
        };
        let mut bytes = Vec::new();
        let mut file = File::open(path).map_err(unreadable)?.take(FILE_BYTES_MAX + 1);
        file.read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > FILE_BYTES_MAX {
            let message = format!("the {what} is too large");
            let error = Diagnostic::error(Code::TOO_LARGE, message);
            let note = format!("more than {} KiB", FILE_BYTES_MAX >> 10);
            return Err(Box::new(error.note(note).help("is it the right file?")));
        }
        Ok(bytes)
    }

    fn decode(what: &str, name: &str, bytes: Vec<u8>) -> Result<Self, Box<Diagnostic>> {
        String::from_utf8(bytes).map(|text| Self::new(name, text)).map_err(|error| {
            let message = format!("the {what} is not UTF-8 text");
            let note = format!("at byte {}", error.utf8_error().valid_up_to());
            Box::new(Diagnostic::error(Code::NOT_TEXT, message).note(note))
        })
    }

    /// A diagnostic that points at a part of the text.
    pub(crate) fn at(&self, range: &Range<usize>, code: Code, message: impl Into<String>) -> Diagnostic {
        let (place, excerpt) = Excerpt::new(&self.name, &self.text, range);
        Diagnostic { place: Some(place), excerpt: Some(excerpt), ..Diagnostic::error(code, message) }
    }

    /// The same without the line itself, which may hold what nobody should read.
    pub(crate) fn at_blind(&self, range: &Range<usize>, code: Code, message: impl Into<String>) -> Diagnostic {
        Diagnostic { excerpt: None, ..self.at(range, code, message) }
    }
}

pub(crate) type Key<'i> = Spanned<Cow<'i, str>>;

/// Takes every setting of the file into the draft.
pub(crate) fn apply(file: &FileText, draft: &mut Draft) {
    let (document, errors) = DeTable::parse_recoverable(&file.text);
    let mut reader = Reader { file, draft, seen: Vec::new(), broken_lines: Vec::new() };
    for error in errors {
        if reader.is_done() {
            return;
        }
        reader.syntax(&error);
    }
    for (key, value) in in_file_order(document.get_ref()) {
        match (key.get_ref().as_ref(), value.get_ref()) {
            ("acceptor", DeValue::Table(table)) => reader.table(Scope::Acceptor, None, table),
            ("address", DeValue::Table(patterns)) => reader.addresses(patterns),
            _ => reader.setting(Scope::Server, None, key, value),
        }
    }
    reader.draft.report.sort_by_place();
}

/// The parser sorts by key; people read from the top.
pub(crate) fn in_file_order<'t, 'i>(table: &'t DeTable<'i>) -> Vec<(&'t Key<'i>, &'t Spanned<DeValue<'i>>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

/// Walks one file.
struct Reader<'a> {
    file: &'a FileText,
    draft: &'a mut Draft,
    /// The rows set so far and the name each was set under: a second name for the same row is an error.
    seen: Vec<(&'static Attribute, String)>,
    /// Lines that are not TOML: the first error says it, what the parser made of the rest says nothing.
    broken_lines: Vec<u32>,
}

impl Reader<'_> {
    /// Whether the report is full; looking up more places would only take time.
    fn is_done(&mut self) -> bool {
        let full = self.draft.report.is_full();
        if full {
            self.draft.report.cut();
        }
        full
    }

    fn syntax(&mut self, error: &toml::de::Error) {
        let message = format!("not TOML: {}", error.message().lines().next().unwrap_or("syntax error"));
        let range = error.span().unwrap_or(0..0);
        let error = self.file.at(&range, Code::SYNTAX, message);
        let line = error.place.as_ref().map_or(0, |place| place.line);
        if !self.broken_lines.contains(&line) {
            self.broken_lines.push(line);
            self.draft.report.push(error);
        }
    }

    fn table(&mut self, scope: Scope, addresses: Option<&Arc<str>>, table: &DeTable<'_>) {
        for (key, value) in in_file_order(table) {
            self.setting(scope, addresses, key, value);
        }
    }

    fn addresses(&mut self, patterns: &DeTable<'_>) {
        for (number, (pattern, settings)) in in_file_order(patterns).into_iter().enumerate() {
            if self.is_done() {
                return;
            }
            if number >= ADDRESS_MATCHES_MAX {
                let error = self.file.at(&pattern.span(), Code::OUT_OF_RANGE, "too many matches of addresses");
                self.draft.report.push(error.note(format!("at most {ADDRESS_MATCHES_MAX}")));
                return;
            }
            match (pattern.get_ref().as_ref(), settings.get_ref()) {
                (name, DeValue::Table(table)) => {
                    if self.may_match(name, pattern) {
                        // The same row may stand in the table of each match.
                        self.seen.retain(|(row, _)| row.scope != Scope::Address);
                        self.table(Scope::Address, Some(&Arc::from(name)), table);
                    }
                }
                (name, _) => {
                    let message = format!("`{}` stands in [address] without a pattern", shorten(name));
                    let error = self.file.at(&pattern.span(), Code::WRONG_TABLE, message);
                    self.draft.report.push(error.note("expected in [address.\"#\"]"));
                }
            }
        }
    }

    /// Can this be a match of addresses? A wildcard that is only part of a word is none, which is hardly ever what is meant.
    fn may_match(&mut self, name: &str, pattern: &Key<'_>) -> bool {
        let problem = if name.is_empty() {
            Some("it is empty")
        } else if name.len() > MATCH_BYTES_MAX {
            Some("it is longer than 1024 bytes")
        } else if name.chars().any(char::is_control) {
            Some("it contains a control character")
        } else {
            None
        };
        if let Some(problem) = problem {
            let error = self.file.at(&pattern.span(), Code::PATTERN, "this matches no address").note(problem);
            self.draft.report.push(error);
            return false;
        }
        let within = |word: &&str| word.len() > 1 && word.contains(['*', '#']);
        if let Some(word) = name.split('.').find(within) {
            let message = format!("a wildcard within the word `{}` stands for itself", shorten(word));
            let warning = self.file.at(&pattern.span(), Code::PATTERN, message);
            let warning = Diagnostic { severity: Severity::Warning, ..warning };
            let help =
                "`*` is one word, `#` any number of words: \"orders.#\" holds for orders, orders.new, orders.new.eu";
            self.draft.report.push(warning.note("words are separated by dots").help(help));
        }
        true
    }

    /// A setting; in the table of a match, if there is one.
    fn setting(&mut self, scope: Scope, addresses: Option<&Arc<str>>, key: &Key<'_>, value: &Spanned<DeValue<'_>>) {
        if self.is_done() {
            return;
        }
        let name = key.get_ref().as_ref();
        let Some(place) = self.file.at(&key.span(), Code::NOT_A_VALUE, "").place else { return };
        if self.broken_lines.contains(&place.line) {
            return;
        }
        let Some(attribute) = TABLE.iter().find(|row| row.scope == scope && row.answers_to(name)) else {
            let error = match (addresses, value.get_ref()) {
                (Some(addresses), DeValue::Table(_)) => self.unquoted(addresses, key),
                _ => self.unknown(scope, key),
            };
            self.draft.report.push(error);
            return;
        };
        let earlier = self.seen.iter().find(|(row, _)| row.is(attribute));
        if let Some((_, earlier)) = earlier {
            let message = format!("`{name}` is another name of `{earlier}`, which is set too");
            let error = self.file.at(&key.span(), Code::TWICE, message).note("set only one of them");
            self.draft.report.push(error);
            return;
        }
        self.seen.push((attribute, name.to_owned()));
        let anchor = self.file.at(&value.span(), Code::NOT_A_VALUE, "");
        let raw = match value.get_ref() {
            DeValue::String(text) => Raw::Quoted(text),
            DeValue::Integer(digits) => match i64::from_str_radix(digits.as_str(), digits.radix()) {
                Ok(number) => Raw::Integer(number),
                Err(_) => Raw::Other("a number of more than 64 bits"),
            },
            DeValue::Boolean(flag) => Raw::Flag(*flag),
            DeValue::Float(_) => Raw::Other("a fraction"),
            DeValue::Datetime(_) => Raw::Other("a date"),
            DeValue::Array(_) => Raw::Other("a list"),
            DeValue::Table(_) => Raw::Other("a table"),
        };
        self.draft.set_in(addresses.cloned(), attribute, raw, Origin::File(place), anchor);
    }

    /// The error for a table in the table of a match: `[address.orders.new]`.
    fn unquoted(&self, addresses: &str, key: &Key<'_>) -> Diagnostic {
        let name = key.get_ref().as_ref();
        let message = format!("`{}` is a table within the settings of `{}`", shorten(name), shorten(addresses));
        let error = self.file.at(&key.span(), Code::WRONG_TABLE, message);
        let both = format!("{addresses}.{name}");
        error.note(format!("a match with dots stands in quotes: [address.\"{}\"]", shorten(&both)))
    }

    /// The error for a key that no row of this table answers to.
    fn unknown(&self, scope: Scope, key: &Key<'_>) -> Diagnostic {
        let name = key.get_ref().as_ref();
        let at = |code, message| self.file.at(&key.span(), code, message);
        if let Some(row) = TABLE.iter().find(|row| row.answers_to(name)) {
            let wanted = match row.scope {
                Scope::Server => "the top of the file, before any [table]".to_owned(),
                other => other.heading().to_owned(),
            };
            return at(Code::WRONG_TABLE, format!("`{}` stands in the wrong table", shorten(name)))
                .note(format!("expected in {wanted}"));
        }
        let tables: &[&str] = if scope == Scope::Server { &["acceptor", "address"] } else { &[] };
        let rows = TABLE.iter().filter(|row| row.scope == scope);
        let known = rows.flat_map(|row| row.aliases.iter().copied().chain([row.name])).chain(tables.iter().copied());
        let error = at(Code::UNKNOWN_KEY, format!("unknown key `{}`", shorten(name)));
        let error = match suggest::nearest(name, known) {
            Some(near) => error.note(format!("did you mean `{near}`?")),
            None => error.note("no attribute has this name"),
        };
        let place = if scope == Scope::Server { "the top of the file" } else { scope.heading() };
        error.help(format!("the keys of {place}: ringmq config show, or docs/configuration.md"))
    }
}

/// A key as it is repeated in a message: short, and on one line.
pub(crate) fn shorten(name: &str) -> String {
    const CHARS_MAX: usize = 60;
    let mut short: String = name.chars().take(CHARS_MAX).map(|c| if c.is_control() { '?' } else { c }).collect();
    if name.chars().nth(CHARS_MAX).is_some() {
        short.push_str("...");
    }
    short
}
