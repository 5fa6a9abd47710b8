//! The transitions of a server of a pair that replicates, as a table. A pure function over small enums: whoever asks has looked at the guards.
//!
//! Every pair of state and trigger has one row, or stands in the list of those without, with the reason. A test walks them all.

mod rows;
#[cfg(test)]
mod tests;
mod unused;
mod words;

use std::fmt::Write as _;

pub use words::{Action, Trigger, watched};

use crate::state::State;

/// One row: what a server in a state does at a trigger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its number in the table, from 1.
    pub number: usize,
    /// The states in which it holds.
    pub from: &'static [State],
    /// What happened.
    pub on: Trigger,
    /// The state behind it; none where it stays the same.
    pub next: Option<State>,
    /// What is done, in this order. It takes the place of what an earlier row had still to do, unless the state stays the same: then it comes
    /// behind it.
    pub actions: &'static [Action],
}

/// Why a pair of state and trigger has no row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unused {
    /// It may happen, and changes nothing.
    Ignored(&'static str),
    /// It cannot happen by what the server itself does; a peer that says it nevertheless changes nothing.
    Impossible(&'static str),
}

/// What a server in `state` does at `trigger`.
///
/// # Errors
///
/// Nothing, and why.
pub fn row(state: State, trigger: Trigger) -> Result<Row, Unused> {
    let found = rows::ROWS.iter().enumerate().find(|(_, row)| row.on == trigger && row.from.contains(&state));
    match found {
        Some((at, row)) => Ok(Row { number: at + 1, ..*row }),
        None => Err(unused::why(state, trigger)),
    }
}

/// The table as text for the documents.
#[must_use]
pub fn as_markdown() -> String {
    let mut text = String::from("| # | in | at | does, in this order | goes to |\n| --- | --- | --- | --- | --- |\n");
    for (at, row) in rows::ROWS.iter().enumerate() {
        let from: Vec<&str> = row.from.iter().map(|state| state.name()).collect();
        let actions: Vec<String> = row.actions.iter().map(|action| format!("{action:?}")).collect();
        let next = row.next.map_or("(stays)", State::name);
        let _infallible = writeln!(
            text,
            "| {} | {} | {:?}: {} | {} | {next} |",
            at + 1,
            from.join(", "),
            row.on,
            row.on.meaning().trim(),
            actions.join(", ")
        );
    }
    text
}
