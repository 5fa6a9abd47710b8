//! A file or folder has a name that says what is in it: the names that mean "the rest" are refused.

use crate::tree::{REPOSITORY, Tree};
use crate::{Finding, expect_none, expect_places};

/// Drawers for whatever nobody named yet.
const BANNED: [&str; 10] = ["util", "utils", "utils2", "helper", "helpers", "common", "misc", "impl", "impls", "stuff"];

fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        let stem = |part: &str| part.split('.').next().unwrap_or_default().to_lowercase();
        if let Some(part) = file.path.split('/').find(|part| BANNED.contains(&stem(part).as_str())) {
            findings.push(Finding::new(&file.path, 0, format!("`{part}` names no content: use the field's word")));
        }
    }
    findings
}

#[test]
fn every_name_says_something() {
    expect_none(&check(&REPOSITORY));
}

#[test]
fn a_drawer_is_caught() {
    let tree = Tree::planted(&[
        ("src/queue/utils.rs", ""),
        ("src/queue/order.rs", ""),
        ("src/Common/order.rs", ""),
        ("docs/misc.md", ""),
    ]);
    expect_places(&check(&tree), &[("docs/misc.md", 0), ("src/Common/order.rs", 0), ("src/queue/utils.rs", 0)]);
}
