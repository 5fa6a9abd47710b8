//! `unsafe` lives in `src/runtime/` alone: one small room to read when memory is in doubt.

use crate::source::code_only;
use crate::tree::{REPOSITORY, Tree};
use crate::{Finding, expect_none, expect_places};

const ROOM: &str = "src/runtime/";

fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.rust().filter(|(path, _)| !path.starts_with(ROOM)) {
        for (at, line) in code_only(text).lines().enumerate() {
            let words = || line.split(|c: char| !c.is_alphanumeric() && c != '_');
            let lifted = line.contains("allow(") || line.contains("expect(");
            if words().any(|word| word == "unsafe") || (lifted && words().any(|word| word == "unsafe_code")) {
                findings.push(Finding::new(path, at + 1, format!("`unsafe` outside {ROOM}")));
            }
        }
    }
    findings
}

#[test]
fn it_stays_in_its_room() {
    expect_none(&check(&REPOSITORY));
}

#[test]
fn it_is_caught_elsewhere() {
    let tree = Tree::planted(&[
        ("src/queue/a.rs", "// unsafe in a comment\nlet x = unsafe { y };\n#![allow(unsafe_code)]\n"),
        ("src/runtime/src/ring.rs", "unsafe { z }\n"),
        ("src/store/b.rs", "#![deny(unsafe_code)]\nlet s = \"unsafe\";\n"),
    ]);
    expect_places(&check(&tree), &[("src/queue/a.rs", 2), ("src/queue/a.rs", 3)]);
}
