//! Every Rust file opens with `//!`: what it owns, what it takes, what it gives, what must stay true.

use crate::tree::{REPOSITORY, Tree};
use crate::{Finding, expect_none, expect_places};

fn check(tree: &Tree) -> Vec<Finding> {
    let headless = |(_, text): &(&str, &str)| !text.starts_with("//! ") && !text.starts_with("//!\n");
    let finding =
        |(path, _)| Finding::new(path, 1, "the first line is not `//!`: say what this file owns, takes and gives");
    tree.rust().filter(headless).map(finding).collect()
}

#[test]
fn every_file_says_what_it_is() {
    expect_none(&check(&REPOSITORY));
}

#[test]
fn a_file_without_a_header_is_caught() {
    let tree =
        Tree::planted(&[("src/a.rs", "//! Owns a.\n"), ("src/b.rs", "// b\n"), ("src/c.rs", "use x;\n//! late\n")]);
    expect_places(&check(&tree), &[("src/b.rs", 1), ("src/c.rs", 1)]);
}
