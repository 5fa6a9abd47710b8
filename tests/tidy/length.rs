//! No file is longer than a wall of 1,000 lines; half of the sources are meant to stay under 200.
//!
//! The wall fails; the half is a figure that is printed (`cargo test --test tidy -- --nocapture`), since a single day's
//! figure is no one's fault.

use crate::tree::{REPOSITORY, Tree};
use crate::{Finding, expect_none, expect_places};

/// Nobody reads a longer file from top to bottom.
const LINES_MAX: usize = 1_000;
/// What half of the sources should stay under.
const LINES_AIM: usize = 200;

fn check(tree: &Tree) -> Vec<Finding> {
    let written = |path: &str| [".rs", ".md", ".toml", ".sh"].iter().any(|end| path.ends_with(end));
    let long = |text: &str| Some(text.lines().count()).filter(|lines| *lines > LINES_MAX);
    let finding = |(path, text): (&str, &str)| {
        long(text)
            .map(|lines| Finding::new(path, 0, format!("{lines} lines; the wall is {LINES_MAX}: split it by purpose")))
    };
    tree.texts().filter(|(path, _)| written(path)).filter_map(finding).collect()
}

/// Sources under the aim, and all of them.
fn under_aim(tree: &Tree) -> (usize, usize) {
    let lines: Vec<usize> = tree.rust().map(|(_, text)| text.lines().count()).collect();
    (lines.iter().filter(|lines| **lines < LINES_AIM).count(), lines.len())
}

#[test]
fn no_file_is_over_the_wall() {
    let (under, all) = under_aim(&REPOSITORY);
    println!("{under} of {all} Rust files are under {LINES_AIM} lines");
    expect_none(&check(&REPOSITORY));
}

#[test]
fn one_line_too_many_is_caught() {
    let full = "x\n".repeat(LINES_MAX);
    let over = "x\n".repeat(LINES_MAX + 1);
    let tree = Tree::planted(&[("src/full.rs", &full), ("src/over.rs", &over), ("tests/data.bin", &over)]);
    expect_places(&check(&tree), &[("src/over.rs", 0)]);
    assert_eq!(under_aim(&tree), (0, 2));
}
