//! Unfinished work is finished or written down where it is planned, not marked in the code.
//!
//! The banned words are put together from pieces here, so that this file does not catch itself.

use crate::tree::{REPOSITORY, Tree};
use crate::{Finding, expect_none, expect_places};

/// Marks and macros for later; words stand alone, the others anywhere in a line.
const WORDS: [&str; 3] = [concat!("FIX", "ME"), concat!("TO", "DO"), concat!("XX", "X")];
const FORMS: [&str; 4] =
    [concat!("to", "do!"), concat!("unimple", "mented!"), concat!("#[ign", "ore"), concat!("db", "g!")];

fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.texts() {
        let is_code = path.ends_with(".rs");
        for (at, line) in text.lines().enumerate() {
            let form = FORMS.iter().find(|form| is_code && line.contains(**form));
            if let Some(word) = WORDS.iter().find(|word| stands_alone(line, word)).or(form) {
                findings.push(Finding::new(path, at + 1, format!("`{word}`: finish it, or write it into the plan")));
            }
        }
    }
    findings
}

fn stands_alone(line: &str, word: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back().is_none_or(|c| !is_word(c));
        before && line[at + word.len()..].chars().next().is_none_or(|c| !is_word(c))
    })
}

#[test]
fn nothing_is_marked_for_later() {
    expect_none(&check(&REPOSITORY));
}

#[test]
fn each_mark_is_caught() {
    let marked: Vec<String> = WORDS.iter().chain(&FORMS).map(|word| format!("a {word} b\n")).collect();
    let text = marked.concat();
    let tree = Tree::planted(&[("src/a.rs", &text), ("src/b.rs", concat!("let _TO", "DOS = 1;\n"))]);
    let places: Vec<(&str, usize)> = (1..=7).map(|line| ("src/a.rs", line)).collect();
    expect_places(&check(&tree), &places);
}
