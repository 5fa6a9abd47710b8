//! Events: what the broker tells the person who runs it, each with a stable code.
//!
//! Owns: the shape of a catalogue entry and the macro [`crate::event!`] through which every room speaks. Gives: one
//! `tracing` event with the field `code`; the log in `cli` makes a line of it. Must stay true: nothing is logged
//! without a code, a code never changes its meaning, and every code has a cause and an action in the catalogue.

mod catalogue;
mod page;

pub use catalogue::*;
pub use page::page;

#[doc(hidden)]
pub use tracing;

/// How important an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// A person must look.
    Error,
    /// Something is not as it should be; the broker goes on.
    Warn,
    /// The life of the broker.
    Info,
    /// For those who work on the broker.
    Debug,
}

impl Level {
    /// The word of the log line.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

/// One entry of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// Two letters of the area and three digits.
    pub code: &'static str,
    /// How important it is.
    pub level: Level,
    /// What happened, in a few words; also the message where the caller gives none.
    pub title: &'static str,
    /// Why it happens.
    pub cause: &'static str,
    /// What to do.
    pub action: &'static str,
    /// The code of the same event in Artemis, for those who search for it; empty if there is none.
    pub artemis: &'static str,
}

/// The entry with this code.
#[must_use]
pub fn find(code: &str) -> Option<&'static Event> {
    CATALOGUE.iter().find(|event| event.code == code)
}

/// Tells an event that is known only at run time; [`crate::event!`] is for all others.
pub fn tell(event: &Event, message: std::fmt::Arguments<'_>) {
    let code = event.code;
    match event.level {
        Level::Error => tracing::error!(code, "{message}"),
        Level::Warn => tracing::warn!(code, "{message}"),
        Level::Info => tracing::info!(code, "{message}"),
        Level::Debug => tracing::debug!(code, "{message}"),
    }
}

/// Tells an event of the catalogue: its code, then fields and a message in the grammar of `tracing`.
///
/// The level is the catalogue's; a room cannot choose another. Without a message the title of the entry is printed.
///
/// ```
/// let lane = "j00";
/// ringmq::event!(JN301, lane, cause = "EIO", "lane {lane} is latched");
/// ringmq::event!(SV104);
/// ```
#[macro_export]
macro_rules! event {
    ($code:ident $(, $($rest:tt)+)?) => {{
        const EVENT: $crate::event::Event = $crate::event::$code;
        match EVENT.level {
            $crate::event::Level::Error => $crate::event::tracing::error!(code = EVENT.code $(, $($rest)+)?),
            $crate::event::Level::Warn => $crate::event::tracing::warn!(code = EVENT.code $(, $($rest)+)?),
            $crate::event::Level::Info => $crate::event::tracing::info!(code = EVENT.code $(, $($rest)+)?),
            $crate::event::Level::Debug => $crate::event::tracing::debug!(code = EVENT.code $(, $($rest)+)?),
        }
    }};
}
