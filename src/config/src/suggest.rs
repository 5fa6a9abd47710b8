//! "Did you mean": the nearest known word to a mistyped one.

/// Below this likeness (1 is equal) a suggestion would only mislead.
const LIKENESS_MIN: f64 = 0.7;

/// Longer words are not compared: the work grows with the square of the length, and no attribute is that long.
const WORD_CHARS_MAX: usize = 100;

/// The known word that looks most like `word`, if any looks like it at all.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.chars().count() > WORD_CHARS_MAX {
        return None;
    }
    // People write `journal_lanes` and `journalLanes`; compare without case and separators.
    let plain = |text: &str| text.replace(['-', '_'], "").to_ascii_lowercase();
    let wanted = plain(word);
    let mut best: Option<(f64, &str)> = None;
    for candidate in known {
        let likeness = strsim::normalized_damerau_levenshtein(&wanted, &plain(candidate));
        if likeness >= LIKENESS_MIN && best.is_none_or(|(top, _)| likeness > top) {
            best = Some((likeness, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn suggests_only_what_is_near() {
        let known = ["journal-lanes", "journal-type", "sync"];
        for (word, expected) in [
            ("journal-lane", Some("journal-lanes")),
            ("journal_lanes", Some("journal-lanes")),
            ("journalLanes", Some("journal-lanes")),
            ("jorunal-type", Some("journal-type")),
            ("color", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known), expected, "{word}");
        }
        assert_eq!(nearest(&"x".repeat(10_000), known), None);
    }
}
