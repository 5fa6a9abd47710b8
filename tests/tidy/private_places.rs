//! Nothing in the repository refers to a place that only one machine has.
//!
//! The needles are put together from pieces, so that this file does not catch itself. Fixtures count too: they are bytes,
//! and so is the search.

use crate::tree::{REPOSITORY, Tree};
use crate::{Finding, expect_none, expect_places};

const NEEDLES: [&str; 5] = [
    concat!("/wo", "rk/"),
    concat!("/fa", "rm/"),
    concat!("/ro", "ot/"),
    concat!(".lib", "rary"),
    concat!("fa", "rm-"),
];

fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        for (at, line) in file.bytes.split(|byte| *byte == b'\n').enumerate() {
            if let Some(needle) = NEEDLES.iter().find(|needle| holds(line, needle.as_bytes())) {
                findings.push(Finding::new(&file.path, at + 1, format!("`{needle}` is a place of one machine")));
            }
        }
    }
    findings
}

fn holds(line: &[u8], needle: &[u8]) -> bool {
    line.windows(needle.len()).any(|window| window == needle)
}

#[test]
fn no_private_place_is_named() {
    expect_none(&check(&REPOSITORY));
}

#[test]
fn each_private_place_is_caught() {
    let text: String = NEEDLES.iter().map(|needle| format!("see {needle}x\n")).collect();
    let tree = Tree::planted(&[("docs/a.md", &text), ("docs/b.md", "the workshop, a root, a farm, a library\n")]);
    let places: Vec<(&str, usize)> = (1..=5).map(|line| ("docs/a.md", line)).collect();
    expect_places(&check(&tree), &places);
}
