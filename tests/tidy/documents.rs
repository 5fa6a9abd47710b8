//! A document names only files that exist.
//!
//! Two kinds of names are looked at: what a link points to, and what stands in backticks and looks like a path (it has a
//! slash, or ends like a source, a document or a script). A path may be meant from the repository's root, from the document's own
//! folder, or from its `src/`. Places outside the repository start with `/`, `~`, `$` or a `<placeholder>` and are not looked at;
//! neither are fenced blocks, whose commands have tests of their own.

use crate::tree::{REPOSITORY, Tree};
use crate::{Finding, expect_none, expect_places};

/// Written from other people's statements, which name files that we may build one day.
const QUOTING: &str = "docs/requirements.md";
/// Files that the user of the broker has, not the repository.
const OF_THE_USER: [&str; 3] = ["ringmq.toml", "users.toml", "etc/overlay.toml"];
const ENDINGS: [&str; 5] = [".rs", ".md", ".toml", ".sh", ".service"];

fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.texts().filter(|(path, _)| path.ends_with(".md") && *path != QUOTING) {
        let mut fenced = false;
        for (at, line) in text.lines().enumerate() {
            if line.trim_start().starts_with("```") {
                fenced = !fenced;
            } else if !fenced {
                let missing = |name: &String| !exists(tree, path, name);
                let finding = |name: String| Finding::new(path, at + 1, format!("`{name}` does not exist"));
                findings.extend(names(line).into_iter().filter(missing).map(finding));
            }
        }
    }
    findings
}

/// The file names in one line of a document.
fn names(line: &str) -> Vec<String> {
    let quoted = line.split('`').skip(1).step_by(2).filter(|text| looks_like_path(text));
    let linked = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let relative =
        linked.filter(|link| !link.contains("://") && !link.starts_with(['#', '/']) && !link.starts_with("mailto:"));
    quoted.chain(relative).map(|name| name.split('#').next().unwrap_or(name).to_owned()).collect()
}

fn looks_like_path(text: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || "/._-".contains(c);
    let outside = text.starts_with(['/', '~', '$', '-']);
    text.chars().all(plain) && !outside && (text.contains('/') || ENDINGS.iter().any(|end| text.ends_with(end)))
}

fn exists(tree: &Tree, document: &str, name: &str) -> bool {
    let folder = document.rsplit_once('/').map_or("", |(folder, _)| folder);
    let starts = [String::new(), format!("{folder}/"), format!("{folder}/src/")];
    OF_THE_USER.contains(&name) || starts.iter().any(|start| tree.holds(&resolved(&format!("{start}{name}"))))
}

/// The path without `.` and `..`.
fn resolved(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                let _up = parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[test]
fn every_named_file_exists() {
    expect_none(&check(&REPOSITORY));
}

#[test]
fn a_missing_file_is_caught() {
    let text = "See `src/queue/order.rs`, `order.rs`, [the map](../README.md#top) and `queue::Queue`.\n\
                Not `src/gone.rs`, `gone.md` or [this](gone/).\n\
                ```sh\ncat src/gone.rs\n```\n\
                Fine: `/etc/ringmq`, `<store>/journal`, `tcp://host:1`, [web](https://example.org/x.md), `a b/c`.\n";
    let tree =
        Tree::planted(&[("docs/a.md", text), ("README.md", ""), ("src/queue/order.rs", ""), ("docs/src/order.rs", "")]);
    expect_places(&check(&tree), &[("docs/a.md", 2), ("docs/a.md", 2), ("docs/a.md", 2)]);
}
