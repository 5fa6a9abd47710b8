//! A test that cannot run says so where `.ci/run` can read it.
//!
//! The standard test harness swallows what a passing test prints with `println!` and its kin, so a skip line printed there
//! is a silent skip. Such tests belong into a target with `harness = false`, or write to `std::io::stderr()` itself.

use crate::source::tests_from;
use crate::tree::{REPOSITORY, Tree};
use crate::{Finding, expect_none, expect_places};

/// Targets whose manifest entry says `harness = false`, so that their output arrives: the folder, the manifest, the name there.
const HEARD: [(&str, &str, &str); 4] = [
    ("tests/kill9/", "Cargo.toml", "kill9"),
    ("tests/lints/", "Cargo.toml", "lints"),
    ("tests/process/", "Cargo.toml", "process"),
    ("bench/tests/icount/", "bench/Cargo.toml", "icount"),
];
const MARK: &str = concat!("\"skip", "ped:");

fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.rust().filter(|(path, _)| !HEARD.iter().any(|(heard, ..)| path.starts_with(heard))) {
        let from = tests_from(path, text);
        for (at, line) in text.lines().enumerate() {
            if at + 1 >= from && line.contains("print") && line.contains(MARK) {
                findings.push(Finding::new(
                    path,
                    at + 1,
                    "the harness swallows this line: write it to std::io::stderr()",
                ));
            }
        }
    }
    findings
}

#[test]
fn no_skip_is_silent() {
    expect_none(&check(&REPOSITORY));
    for (target, manifest, name) in HEARD.iter().filter(|(target, ..)| REPOSITORY.holds(target)) {
        let name = format!("name = \"{name}\"");
        let entries = REPOSITORY.text_of(manifest).unwrap_or_default();
        let entry = entries.split("[[test]]").find(|entry| entry.contains(&name)).unwrap_or_default();
        assert!(entry.contains("harness = false"), "{manifest} must give {target} `harness = false`");
    }
}

#[test]
fn a_swallowed_skip_is_caught() {
    let line = format!("#[cfg(test)]\nfn f() {{ println!({MARK} no ring\"); }}\n");
    let tree = Tree::planted(&[("src/runtime/src/ring.rs", &line), ("tests/process/crash.rs", &line)]);
    expect_places(&check(&tree), &[("src/runtime/src/ring.rs", 2)]);
}
