//! The pattern behind LIKE: `%` is any text, `_` any one character, and what follows the escape character is meant as it stands.

use super::value::Work;
use crate::simple_string::SimpleStr;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Item {
    Any,
    One,
    Unit(u16),
}

/// A pattern.
#[derive(Clone, Debug)]
pub(super) struct Pattern(Box<[Item]>);

impl Pattern {
    pub(super) fn new(text: &str, escape: Option<char>) -> Self {
        let mut items = Vec::new();
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            let literal = if Some(character) == escape {
                // At the end there is nothing left to escape.
                let Some(escaped) = characters.next() else { break };
                escaped
            } else if character == '%' {
                items.push(Item::Any);
                continue;
            } else if character == '_' {
                items.push(Item::One);
                continue;
            } else {
                character
            };
            items.extend(literal.encode_utf16(&mut [0; 2]).iter().map(|unit| Item::Unit(*unit)));
        }
        // Several are one, and a search from each would be a search too many.
        items.dedup_by(|one, other| *one == Item::Any && *other == Item::Any);
        Self(items.into())
    }

    /// Does all of the text match? `None`: it takes too long to tell.
    pub(super) fn matches(&self, text: SimpleStr<'_>, work: &mut Work) -> Option<bool> {
        let units = text.as_bytes().as_chunks::<2>().0;
        let unit = |at: usize| units.get(at).map(|bytes| u16::from_le_bytes(*bytes));
        // One character has two units if it lies outside of the basic plane.
        let width = |at: usize| match (unit(at), unit(at + 1)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 2,
            _ => 1,
        };
        let (mut item, mut at) = (0, 0);
        // Behind the last `%`, and where in the text the search for what follows it began.
        let mut again: Option<(usize, usize)> = None;
        while at < units.len() || item < self.0.len() {
            if !work.spend(1) {
                return None;
            }
            match (self.0.get(item), unit(at)) {
                (Some(Item::Any), _) => {
                    item += 1;
                    again = Some((item, at));
                    continue;
                }
                (Some(Item::One), Some(_)) => {
                    (item, at) = (item + 1, at + width(at));
                    continue;
                }
                (Some(Item::Unit(wanted)), Some(found)) if *wanted == found => {
                    (item, at) = (item + 1, at + 1);
                    continue;
                }
                _ => {}
            }
            match again {
                Some((behind, from)) if from < units.len() => {
                    (item, at) = (behind, from + width(from));
                    again = Some((item, at));
                }
                _ => return Some(false),
            }
        }
        Some(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simple_string::SimpleString;

    fn like(pattern: &str, escape: Option<char>, text: &str) -> bool {
        let text = SimpleString::from(text);
        Pattern::new(pattern, escape).matches(text.as_simple(), &mut Work::default()).unwrap()
    }

    #[test]
    fn patterns_match_whole_texts() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("%", "", true),
            ("%%", "abc", true),
            ("_", "", false),
            ("_", "😀", true),
            ("__", "😀", false),
            ("a%", "abc", true),
            ("a%", "ba", false),
            ("%c", "abcc", true),
            ("a%b%c", "a1b2b3c", true),
            ("a%b%c", "a1c2b3", false),
            ("1_3", "123", true),
            ("1_3", "1223", false),
            ("%é%", "café au lait", true),
            ("a.c", "abc", false),
            ("a.c", "a.c", true),
        ] {
            assert_eq!(like(pattern, None, text), expected, "{text} LIKE {pattern}");
        }
        assert!(like(r"\_x\%", Some('\\'), "_x%"));
        assert!(!like(r"\_x\%", Some('\\'), "axb"));
        assert!(like("a!", Some('!'), "a"));
    }

    #[test]
    fn what_takes_too_long_is_not_told() {
        let text = SimpleString::from("a".repeat(20_000).as_str());
        let pattern = Pattern::new(&format!("%{}b", "a".repeat(10_000)), None);
        assert_eq!(pattern.matches(text.as_simple(), &mut Work::default()), None);
    }
}
