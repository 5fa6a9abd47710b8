//! The shape of one row of the table: what is known about an attribute besides its value.
//!
//! Owns: [`Attribute`], [`Kind`] and the words of their columns. Must stay true: a row is plain constant data, so that
//! every page, grammar and check can be derived from it.

/// The match of all addresses.
pub(crate) const EVERY_ADDRESS: &str = "#";

/// One row of the table of attributes.
#[derive(Debug, Clone, Copy)]
pub struct Attribute {
    /// The name a person writes in the file, without its table.
    pub name: &'static str,
    /// Other names accepted for it: older vocabularies of the same idea.
    pub aliases: &'static [&'static str],
    /// Which table of the file it stands in.
    pub scope: Scope,
    /// What values it takes.
    pub kind: Kind,
    /// The default, written as in the file.
    pub default: &'static str,
    /// When a change takes effect.
    pub takes_effect: TakesEffect,
    /// The numbered promises of the requirements that ask for it; empty if it is our own.
    pub requirements: &'static [&'static str],
    /// The part of the broker that reads it. A row that nobody reads must not exist.
    pub used_by: &'static str,
    /// One or two sentences for the person who sets it.
    pub help: &'static str,
}

impl Attribute {
    /// The full name, with its table: `acceptor.port`, `journal-lanes`.
    #[must_use]
    pub fn path(&self) -> String {
        match self.scope {
            Scope::Server => self.name.to_owned(),
            Scope::Acceptor => format!("acceptor.{}", self.name),
            Scope::Address => format!("address.{}", self.name),
        }
    }

    /// The full name where it stands in the table of a match: `address."orders.#".max-size-bytes`. That of every address is the plain one.
    #[must_use]
    pub fn path_in(&self, addresses: Option<&str>) -> String {
        match addresses.filter(|addresses| *addresses != EVERY_ADDRESS) {
            Some(addresses) => format!("address.{addresses:?}.{}", self.name),
            None => self.path(),
        }
    }

    /// The environment variable that overrides it: `RINGMQ_ACCEPTOR_PORT`.
    ///
    /// The table is part of the name on purpose: `RINGMQ_PORT` is what Kubernetes puts into every container beside a
    /// service that is called `ringmq`, and it is no port number.
    #[must_use]
    pub fn environment_name(&self) -> String {
        let path = self.path().replace(['-', '.'], "_").to_ascii_uppercase();
        format!("RINGMQ_{path}")
    }

    /// Whether both are the same row. Never compare their addresses: constant data may exist more than once.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.scope == other.scope && self.name == other.name
    }

    /// Whether a person may write `name` for it.
    #[must_use]
    pub fn answers_to(&self, name: &str) -> bool {
        self.name == name || self.aliases.contains(&name)
    }
}

/// The table of the file in which an attribute stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The top of the file: the server as a whole.
    Server,
    /// `[acceptor]`: where clients connect.
    Acceptor,
    /// `[address."#"]`, `[address."orders.#"]` and so on: settings of addresses and their queues, by match.
    Address,
}

impl Scope {
    /// The heading as written in the file; empty for the top of the file.
    #[must_use]
    pub fn heading(self) -> &'static str {
        match self {
            Self::Server => "",
            Self::Acceptor => "[acceptor]",
            Self::Address => "[address.\"#\"]",
        }
    }
}

/// When a changed value takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakesEffect {
    /// While the broker runs.
    Now,
    /// At the next start.
    Reload,
    /// Only when a store is created: an existing store keeps what it was created with.
    Never,
}

impl TakesEffect {
    /// The word of the column.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Now => "now",
            Self::Reload => "reload",
            Self::Never => "never",
        }
    }
}

/// What values an attribute takes.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// `true` or `false`.
    Flag,
    /// A whole number.
    Integer {
        /// The smallest value.
        min: i64,
        /// The largest value.
        max: i64,
    },
    /// A number of bytes: plain, or with `KiB`, `MiB`, `GiB`.
    Bytes {
        /// The smallest value.
        min: u64,
        /// The largest value.
        max: u64,
        /// The value must be a multiple of this.
        multiple_of: u64,
    },
    /// A span of time: plain milliseconds, or with `ms`, `s`, `m`, `h`.
    Duration {
        /// The smallest value, in milliseconds.
        min_ms: u64,
        /// The largest value, in milliseconds.
        max_ms: u64,
    },
    /// One word of a list.
    Choice(&'static [Choice]),
    /// A directory.
    Directory,
    /// A file; empty for none.
    File,
    /// The name of an address or a queue.
    Name,
    /// An IP address to listen on, or `localhost`.
    Host,
    /// `auto`, or a value of the inner kind.
    Auto(&'static Kind),
    /// `-1` for "no such limit", or a value of the inner kind.
    OrNone(&'static Kind),
}

impl Kind {
    /// What a plain number means; empty where the kind has no unit.
    #[must_use]
    pub fn unit(&self) -> &'static str {
        match self {
            Self::Bytes { .. } => "bytes",
            Self::Duration { .. } => "ms",
            Self::Auto(inner) | Self::OrNone(inner) => inner.unit(),
            _ => "",
        }
    }
}

/// One word that a [`Kind::Choice`] takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// The word as we write it. Case does not matter when it is read.
    pub word: &'static str,
    /// What it means, for the reference page.
    pub meaning: &'static str,
    /// `false`: known from the older manuals, and refused with a line of its own, because it is not built.
    pub built: bool,
}
