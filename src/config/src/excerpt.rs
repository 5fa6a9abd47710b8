//! The line of a file that an error is about, with the place marked.
//!
//! Takes: the text and a range of bytes. Gives: line and column, and a line that is safe to print. Must stay true: any
//! range of any text is accepted, and what is printed is one short line without control characters.

use std::ops::Range;
use std::sync::Arc;

use crate::origin::Place;

/// The longest excerpt, in characters: what fits a terminal beside the gutter.
const LINE_CHARS_MAX: usize = 100;

/// How much of the line is kept before the marked place when the line is too long.
const LEAD_CHARS: usize = 30;

/// One line with a marked part, ready to print.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Excerpt {
    line: String,
    /// Characters before the marked part.
    skip: usize,
    /// Marked characters, at least one.
    marked: usize,
}

impl Excerpt {
    /// The line that holds the start of `range`, and its place.
    pub(crate) fn new(file: &Arc<str>, text: &str, range: &Range<usize>) -> (Place, Self) {
        let start = floor(text, range.start);
        let end = floor(text, range.end.max(start));
        let before = text.get(..start).unwrap_or("");
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let rest = text.get(line_start..).unwrap_or("");
        let line = rest.split('\n').next().unwrap_or("").trim_end_matches('\r');

        let skip = text.get(line_start..start).unwrap_or("").chars().count();
        let marked_end = end.min(line_start + line.len());
        let marked = text.get(start..marked_end).unwrap_or("").chars().count().max(1);
        let line_number = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let place = Place {
            file: Arc::clone(file),
            line: u32::try_from(line_number).unwrap_or(u32::MAX),
            column: u32::try_from(skip + 1).unwrap_or(u32::MAX),
        };
        (place, Self::cut(line, skip, marked))
    }

    /// A window of the line around the marked part.
    fn cut(line: &str, skip: usize, marked: usize) -> Self {
        let clean = |c: char| if c.is_control() { ' ' } else { c };
        if line.chars().count() <= LINE_CHARS_MAX {
            return Self { line: line.chars().map(clean).collect(), skip, marked };
        }
        let dropped = skip.saturating_sub(LEAD_CHARS);
        let kept = line.chars().skip(dropped).take(LINE_CHARS_MAX).map(clean);
        let dots = if dropped > 0 { "..." } else { "" };
        let skip = skip - dropped;
        Self {
            line: dots.chars().chain(kept).collect(),
            skip: skip + dots.len(),
            marked: marked.min(LINE_CHARS_MAX.saturating_sub(skip)).max(1),
        }
    }

    /// The line.
    pub(crate) fn line(&self) -> &str {
        &self.line
    }

    /// The spaces and carets that go below the line.
    pub(crate) fn carets(&self) -> String {
        format!("{}{}", " ".repeat(self.skip), "^".repeat(self.marked))
    }
}

/// The nearest character boundary at or below `at`.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, range: Range<usize>, expected: (u32, u32, &str, &str)) {
        let (place, excerpt) = Excerpt::new(&Arc::from("f"), text, &range);
        assert_eq!((place.line, place.column, excerpt.line(), excerpt.carets().as_str()), expected, "{text:?}");
    }

    #[test]
    fn marks_any_range_of_any_text() {
        check("a = 1\nbc = 2\n", 6..8, (2, 1, "bc = 2", "^^"));
        check("é = 1", 1..3, (1, 1, "é = 1", "^^"));
        check("a\tb", 2..3, (1, 3, "a b", "  ^"));
        check("", 0..0, (1, 1, "", "^"));
        check("ab\n", 99..120, (2, 1, "", "^"));
        check("ab\r\ncd", 1..6, (1, 2, "ab", " ^"));
    }

    #[test]
    fn cuts_a_long_line_around_the_mark() {
        let text = format!("{}X{}", "a".repeat(500), "b".repeat(500));
        let (place, excerpt) = Excerpt::new(&Arc::from("f"), &text, &(500..501));
        assert_eq!(place.column, 501);
        assert!(excerpt.line().chars().count() <= LINE_CHARS_MAX + 3);
        assert_eq!(excerpt.line().chars().nth(excerpt.carets().len() - 1), Some('X'));
    }
}
