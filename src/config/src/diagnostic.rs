//! What is said when the configuration is wrong: code, place, excerpt with a caret, and what to do.
//!
//! Owns: the codes, [`Diagnostic`] and [`Report`]. Must stay true: every error of all sources is in one report, up to
//! [`DIAGNOSTICS_MAX`], and the text of each is golden-tested.

use std::fmt;

use crate::excerpt::Excerpt;
use crate::origin::Place;

/// After so many the search stops: a file of garbage must not fill the terminal, the memory or the time.
pub(crate) const DIAGNOSTICS_MAX: usize = 50;

/// The code of an error of configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Code(&'static str);

impl Code {
    /// The file cannot be read.
    pub const UNREADABLE: Self = Self("CF001");
    /// The file is not UTF-8 text.
    pub const NOT_TEXT: Self = Self("CF002");
    /// The file is not TOML.
    pub const SYNTAX: Self = Self("CF003");
    /// The file is larger than a configuration can be.
    pub const TOO_LARGE: Self = Self("CF004");
    /// A value of the wrong type.
    pub const WRONG_TYPE: Self = Self("CF010");
    /// A value that cannot be understood.
    pub const NOT_A_VALUE: Self = Self("CF011");
    /// A value out of range.
    pub const OUT_OF_RANGE: Self = Self("CF012");
    /// A word that is not one of the list.
    pub const NOT_A_CHOICE: Self = Self("CF013");
    /// A key that no row answers to.
    pub const UNKNOWN_KEY: Self = Self("CF014");
    /// One attribute set twice, under two of its names.
    pub const TWICE: Self = Self("CF015");
    /// A value of the older manuals that is not built.
    pub const NOT_BUILT: Self = Self("CF016");
    /// A known key in the wrong table.
    pub const WRONG_TABLE: Self = Self("CF017");
    /// A match of addresses that matches none, or not those that are meant.
    pub const PATTERN: Self = Self("CF018");
    /// An address to listen on that others can reach, while nobody has to log in.
    pub const OPEN_DOOR: Self = Self("CF020");
    /// Two values that do not fit together.
    pub const CONFLICT: Self = Self("CF021");
    /// A setting that lets an answered operation be lost.
    pub const NOT_DURABLE: Self = Self("CF022");
    /// A certificate or a key that cannot be used.
    pub const CERTIFICATE: Self = Self("CF023");
    /// An environment variable that looks like ours and is not.
    pub const UNKNOWN_VARIABLE: Self = Self("CF030");
    /// A command line override that names no attribute.
    pub const UNKNOWN_OVERRIDE: Self = Self("CF031");
    /// A row of the table that does not fit its field: our own mistake.
    pub const TABLE: Self = Self("CF090");

    /// The code as it is printed.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Whether the broker can start all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// It cannot.
    Error,
    /// It can.
    Warning,
}

/// One thing that is wrong. Prints as people know it from compilers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether the broker can start all the same.
    pub severity: Severity,
    /// Which kind of thing it is.
    pub code: Code,
    /// What is wrong, in one line.
    pub message: String,
    /// Where, in a file.
    pub place: Option<Place>,
    /// The line of the file with the place marked.
    pub(crate) excerpt: Option<Excerpt>,
    /// Where, if it is not a file: the variable or the option.
    pub(crate) source: Option<String>,
    /// What was expected.
    pub note: String,
    /// What else helps.
    pub help: Vec<String>,
}

impl Diagnostic {
    /// Where it is, in one word or two: a place in a file, a variable, an option.
    #[must_use]
    pub fn whereabouts(&self) -> String {
        let source = || self.source.clone().unwrap_or_default();
        self.place.as_ref().map_or_else(source, ToString::to_string)
    }

    pub(crate) fn error(code: Code, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            message: message.into(),
            place: None,
            excerpt: None,
            source: None,
            note: String::new(),
            help: Vec::new(),
        }
    }

    pub(crate) fn warning(code: Code, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    pub(crate) fn source(mut self, source: impl Into<String>) -> Self {
        self.source = Some(source.into());
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        writeln!(f, "{word}[{}]: {}", self.code, self.message)?;
        let gutter = self.place.as_ref().map_or(1, |place| place.line.to_string().len());
        match (&self.place, &self.source) {
            (Some(place), _) => writeln!(f, "{:gutter$}--> {place}", "")?,
            (None, Some(source)) => writeln!(f, "{:gutter$}--> {source}", "")?,
            (None, None) => {}
        }
        if let (Some(place), Some(excerpt)) = (&self.place, &self.excerpt) {
            let marker = [excerpt.carets(), self.note.clone()].join(" ");
            writeln!(f, "{:gutter$} |", "")?;
            writeln!(f, "{:gutter$} | {}", place.line, excerpt.line())?;
            writeln!(f, "{:gutter$} | {}", "", marker.trim_end())?;
        } else if !self.note.is_empty() {
            writeln!(f, "{:gutter$} = note: {}", "", self.note)?;
        }
        for help in &self.help {
            writeln!(f, "{:gutter$} = help: {help}", "")?;
        }
        Ok(())
    }
}

/// Everything that was found. An error type: there is at least one error in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    diagnostics: Vec<Diagnostic>,
    /// There was more than fits.
    cut: bool,
}

impl Report {
    /// What was found, in the order of the sources.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// Whether the broker cannot start.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.cut || self.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        if self.diagnostics.len() < DIAGNOSTICS_MAX {
            self.diagnostics.push(diagnostic);
        } else {
            self.cut = true;
        }
    }

    /// Takes what another report holds.
    pub(crate) fn extend(&mut self, other: Self) {
        self.cut |= other.cut;
        for diagnostic in other.diagnostics {
            self.push(diagnostic);
        }
    }

    /// Whether looking for more is of no use.
    pub(crate) fn is_full(&self) -> bool {
        self.diagnostics.len() >= DIAGNOSTICS_MAX
    }

    /// Says that the search stopped because the report is full.
    pub(crate) fn cut(&mut self) {
        self.cut = true;
    }

    /// Puts what has a place in a file into the order of its lines.
    pub(crate) fn sort_by_place(&mut self) {
        self.diagnostics.sort_by_key(|found| found.place.as_ref().map_or((0, 0), |place| (place.line, place.column)));
    }

    pub(crate) fn into_diagnostics(self) -> Vec<Diagnostic> {
        self.diagnostics
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for diagnostic in &self.diagnostics {
            writeln!(f, "{diagnostic}")?;
        }
        let count = |severity| self.diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).count();
        let errors = count(Severity::Error);
        let warnings = count(Severity::Warning);
        write!(f, "configuration: {}", plural(errors, "error"))?;
        if warnings > 0 {
            write!(f, ", {}", plural(warnings, "warning"))?;
        }
        if self.cut {
            write!(f, ", and more that were not looked for")?;
        }
        writeln!(f)
    }
}

impl std::error::Error for Report {}

fn plural(count: usize, word: &str) -> String {
    if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
}
