//! The top of the repository stays a short list that a newcomer can read; tool settings hide behind a dot.

use crate::tree::{REPOSITORY, Tree};
use crate::{Finding, expect_none, expect_places};

const ENTRIES: [&str; 22] = [
    "Cargo.toml",
    "Cargo.lock",
    "README.md",
    "ARCHITECTURE.md",
    "LICENSE",
    "src",
    "journal",
    "protocol",
    "client",
    "bench",
    "tools",
    "systemd",
    "docs",
    "tests",
    ".cargo",
    ".ci",
    ".clippy.toml",
    ".config",
    ".deny.toml",
    ".github",
    ".gitignore",
    ".rustfmt.toml",
];

fn check(tree: &Tree) -> Vec<Finding> {
    let top = |path: &str| path.split('/').next().unwrap_or_default().to_owned();
    let mut strange: Vec<String> = tree.files.iter().map(|file| top(&file.path)).collect();
    strange.dedup();
    strange.retain(|entry| !ENTRIES.contains(&entry.as_str()));
    strange
        .iter()
        .map(|entry| Finding::new(entry, 0, "is not one of the top level's entries: give it a place below one"))
        .collect()
}

#[test]
fn it_holds_only_what_belongs_there() {
    expect_none(&check(&REPOSITORY));
}

#[test]
fn a_stranger_is_caught() {
    let tree = Tree::planted(&[("src/main.rs", ""), ("notes.txt", ""), ("scripts/a.sh", ""), ("scripts/b.sh", "")]);
    expect_places(&check(&tree), &[("notes.txt", 0), ("scripts", 0)]);
}
