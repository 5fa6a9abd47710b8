//! Where a value came from: every setting can say who set it, down to the line and column.
//!
//! Owns: [`Origin`], [`Place`] and [`Setting`], the value with its origin.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// A value and who set it. Reads as the value itself: `*config.acceptor_port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting<T> {
    /// The value, in range.
    pub value: T,
    /// Who set it.
    pub origin: Origin,
}

impl<T> Deref for Setting<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// Who set a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody: the default of the table.
    Default,
    /// A line of a file.
    File(Place),
    /// An environment variable.
    Environment {
        /// Its name.
        name: String,
    },
    /// An option of the command line.
    CommandLine {
        /// The option as it is written, for example `--port`.
        option: String,
    },
}

impl Origin {
    /// Whether nobody set the value.
    #[must_use]
    pub fn is_default(&self) -> bool {
        matches!(self, Self::Default)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(place) => write!(f, "{place}"),
            Self::Environment { name } => write!(f, "environment {name}"),
            Self::CommandLine { option } => write!(f, "command line {option}"),
        }
    }
}

/// A place in a file. Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file as the person named it.
    pub file: Arc<str>,
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}
