//! Names of addresses with wildcards: `*` stands for one word, `#` for any number of words, none included.
//!
//! Words are separated by dots. Must stay true: deciding takes a number of steps bounded by the words of the name times those of the
//! match, whatever either looks like.

use std::cmp::Ordering;

/// A name with wildcards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressMatch {
    text: String,
}

const DELIMITER: char = '.';
const ONE_WORD: &str = "*";
const ANY_WORDS: &str = "#";

impl AddressMatch {
    /// A match of this text. Every text is one: what is no wildcard stands for itself.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self { text: text.to_owned() }
    }

    /// As it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Does it cover this address?
    #[must_use]
    pub fn covers(&self, address: &str) -> bool {
        // The rest of both behind the last `#`: on a mismatch it takes one more word, and never an earlier `#` again.
        let mut retry: Option<(&str, Option<&str>)> = None;
        let (mut wanted, mut words) = (Some(self.text.as_str()), Some(address));
        loop {
            let next = wanted.map(cut);
            match (next, words) {
                (Some((ANY_WORDS, rest)), _) => {
                    let Some(rest) = rest else { return true };
                    retry = Some((rest, words));
                    wanted = Some(rest);
                    continue;
                }
                (None, None) => return true,
                (Some((word, rest)), Some(left)) => {
                    let (found, after) = cut(left);
                    if word == ONE_WORD || word == found {
                        (wanted, words) = (rest, after);
                        continue;
                    }
                }
                _ => {}
            }
            let Some((rest, Some(left))) = retry else { return false };
            let after = cut(left).1;
            retry = Some((rest, after));
            (wanted, words) = (Some(rest), after);
        }
    }

    /// Which of two that cover the same address says more about it: [`Ordering::Less`] is the more specific one. One without
    /// wildcards comes first, then those without `#`; of two alike, the one whose wildcard comes later, then the longer one.
    #[must_use]
    pub fn specificity(&self, other: &Self) -> Ordering {
        // A wildcard that is not there comes after all.
        let place = |matched: &Self, wildcard: &str| {
            matched.text.split(DELIMITER).position(|word| word == wildcard).unwrap_or(usize::MAX)
        };
        let later = |wildcard: &str| place(other, wildcard).cmp(&place(self, wildcard));
        later(ANY_WORDS)
            .then_with(|| later(ONE_WORD))
            .then_with(|| other.text.split(DELIMITER).count().cmp(&self.text.split(DELIMITER).count()))
            .then_with(|| other.text.len().cmp(&self.text.len()))
            .then_with(|| self.text.cmp(&other.text))
    }
}

/// The first word, and what follows its delimiter.
fn cut(text: &str) -> (&str, Option<&str>) {
    text.split_once(DELIMITER).map_or((text, None), |(word, rest)| (word, Some(rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn covers_what_its_wildcards_say() {
        for (pattern, covered, others) in [
            ("a.b", &["a.b"][..], &["a", "a.b.c", "a.c", "b.a", "", "a.b."][..]),
            ("#", &["a", "a.b", "", "a.b.c.d"], &[]),
            ("a.#", &["a", "a.b", "a.b.c"], &["b", "ab", "b.a"]),
            ("a.*", &["a.b", "a.", "a.*"], &["a", "a.b.c", "b.b"]),
            ("*", &["a", ""], &["a.b"]),
            ("*.b", &["a.b"], &["b", "a.b.c"]),
            ("#.b", &["b", "a.b", "a.c.b", "b.b"], &["b.a", "a", "bb"]),
            ("a.#.b", &["a.b", "a.c.b", "a.b.b", "a.b.c.b"], &["a", "b", "a.b.c"]),
            ("a.#.b.#.c", &["a.b.c", "a.x.b.y.c", "a.b.b.c.c"], &["a.c", "a.b", "a.c.b"]),
            ("#.*", &["a", "a.b"], &[]),
            ("a#", &["a#"], &["a", "ab", "a.b"]),
        ] {
            let pattern = AddressMatch::new(pattern);
            covered.iter().for_each(|name| assert!(pattern.covers(name), "{pattern:?} {name}"));
            others.iter().for_each(|name| assert!(!pattern.covers(name), "{pattern:?} {name}"));
        }
    }

    #[test]
    fn agrees_with_the_definition_on_all_short_names() {
        fn plain(wanted: &[&str], words: &[&str]) -> bool {
            match (wanted, words) {
                ([], []) => true,
                (["#", rest @ ..], _) => (0..=words.len()).any(|taken| plain(rest, &words[taken..])),
                ([first, rest @ ..], [word, left @ ..]) => (*first == "*" || first == word) && plain(rest, left),
                _ => false,
            }
        }
        fn all<'a>(letters: &[&'a str], length: u32) -> Vec<Vec<&'a str>> {
            let base = letters.len();
            (1..=length)
                .flat_map(|n| (0..base.pow(n)).map(move |i| (0..n).map(|k| i / base.pow(k) % base).collect()))
                .map(|digits: Vec<usize>| digits.into_iter().map(|digit| letters[digit]).collect())
                .collect()
        }
        let (names, mut seen) = (all(&["a", "b"], 5), [0, 0]);
        for wanted in all(&["a", "b", "*", "#"], 4) {
            let pattern = AddressMatch::new(&wanted.join("."));
            for words in &names {
                let expected = plain(&wanted, words);
                assert_eq!(pattern.covers(&words.join(".")), expected, "{wanted:?} {words:?}");
                seen[usize::from(expected)] += 1;
            }
        }
        assert!(seen[0] > 1000 && seen[1] > 1000, "{seen:?}");
    }

    #[test]
    fn a_hostile_match_ends() {
        let pattern = AddressMatch::new(&"#.a.".repeat(2000));
        assert!(!pattern.covers(&"a.".repeat(4000).replace("a.a.a.a.a.", "b.")));
    }

    #[test]
    fn the_most_specific_one_wins() {
        let order = ["a.b.c", "a.b.*", "a.*.c", "a.*", "a.b.c.#", "a.b.#", "a.*.#", "a.#", "*.#", "#.c", "#"];
        for (place, first) in order.iter().enumerate() {
            for second in &order[place + 1..] {
                let (first, second) = (AddressMatch::new(first), AddressMatch::new(second));
                let both = (first.specificity(&second), second.specificity(&first));
                assert_eq!(both, (Ordering::Less, Ordering::Greater), "{first:?} {second:?}");
            }
        }
    }
}
