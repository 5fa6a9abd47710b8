//! Filters: which messages a consumer or a queue takes, in the language of JMS selectors.
//!
//! Takes the text of a filter, gives a program that says of an encoded message whether it matches. As in the reference, whose clients
//! have their headers named `AMQ…` by the time a filter is sent; what has no value is handled as SQL does, but that `=` with one side
//! missing is false and `<>` then true. Must stay true: no text and no message panics, recursion and time have bounds
//! ([`crate::limits`]), and what takes too long does not match.

mod like;
mod parse;
mod program;
#[cfg(test)]
mod tests;
mod token;
mod value;

use std::fmt;

use crate::limits;
use crate::message::MessageView;
use program::{Op, Operand};

/// A filter, ready to test messages.
#[derive(Clone, Debug)]
pub struct Filter {
    text: Box<str>,
    /// In the order of their operands: each operator takes its operands from the top of a stack.
    program: Box<[Op]>,
    /// What it asks of a message, sorted.
    operands: Box<[Operand]>,
}

/// Two filters of the same text are the same.
impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Filter {}

/// Why a text is no filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilterError {
    /// Where in the text, in bytes.
    pub offset: usize,
    /// What is wrong there.
    pub problem: &'static str,
}

impl fmt::Display for FilterError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} at byte {} of the filter", self.problem, self.offset)
    }
}

impl std::error::Error for FilterError {}

/// What came of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tested {
    /// The message is one that the filter lets through.
    pub matches: bool,
    /// What the test cost: properties read, operators and compared units of text, in one sum.
    pub work: usize,
}

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    /// The text is not of the language, longer or more deeply nested than [`limits`] allow.
    pub fn parse(text: &str) -> Result<Filter, FilterError> {
        if text.len() > limits::FILTER_BYTES_MAX {
            return Err(FilterError { offset: limits::FILTER_BYTES_MAX, problem: "it is too long" });
        }
        let (program, operands) = parse::parse(text)?;
        Ok(Filter { text: text.into(), program, operands })
    }

    /// The memory that it takes, about.
    pub fn memory_bytes(&self) -> usize {
        let parts = size_of_val(&*self.program) + size_of_val(&*self.operands);
        // Texts of the program lie outside of it, in UTF-16.
        size_of::<Self>() + parts + 3 * self.text.len()
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Does an encoded message match? One whose properties cannot be read does not.
    pub fn test(&self, encoded: &[u8]) -> Tested {
        match MessageView::parse(encoded) {
            Ok(view) => program::run(&self.program, &self.operands, &view),
            Err(_) => Tested { matches: false, work: 1 },
        }
    }
}
