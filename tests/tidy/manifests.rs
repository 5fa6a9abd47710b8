//! The manifests: each dependency stands once, in the workspace's table, with its reason in a comment above it.
//!
//! Owns the small reader of dependency tables that `crates` uses too. It reads the shape that our manifests have (one
//! entry a line); an entry in a shape it does not know is a finding, never silence.

use crate::tree::{REPOSITORY, Tree};
use crate::{Finding, expect_none, expect_places};

/// What the rules need from one `Cargo.toml`.
pub(crate) struct Manifest<'a> {
    pub(crate) path: &'a str,
    pub(crate) package: Option<&'a str>,
    /// The package's own dependencies, of all kinds.
    pub(crate) dependencies: Vec<Entry<'a>>,
    /// The entries of `[workspace.dependencies]`.
    shared: Vec<Entry<'a>>,
}

/// One dependency line.
pub(crate) struct Entry<'a> {
    pub(crate) name: &'a str,
    pub(crate) line: usize,
    /// Only tests, examples and benchmarks have it.
    pub(crate) for_tests: bool,
    text: &'a str,
    /// A comment stands above it, with at most other entries between.
    reasoned: bool,
}

pub(crate) fn manifests(tree: &Tree) -> Vec<Manifest<'_>> {
    tree.texts()
        .filter(|(path, _)| *path == "Cargo.toml" || path.ends_with("/Cargo.toml"))
        .map(|(path, text)| read(path, text))
        .collect()
}

fn read<'a>(path: &'a str, text: &'a str) -> Manifest<'a> {
    let mut manifest = Manifest { path, package: None, dependencies: Vec::new(), shared: Vec::new() };
    let mut table = "";
    let mut reasoned = false;
    for (at, line) in text.lines().enumerate() {
        let text = line.trim();
        if text.starts_with('[') && text.ends_with(']') && !text.contains('=') {
            table = text.trim_matches(['[', ']']);
        }
        let is_entry = !text.starts_with(['[', '#', ']', '}', '"']) && text.contains('=');
        reasoned = text.starts_with('#') || (is_entry && reasoned);
        if !is_entry {
            continue;
        }
        let name = text.split(['.', ' ', '=']).next().unwrap_or_default().trim_matches('"');
        let for_tests = table.ends_with("dev-dependencies");
        let entry = Entry { name, line: at + 1, for_tests, text, reasoned };
        match table {
            "package" if name == "name" => manifest.package = text.split('"').nth(1),
            "workspace.dependencies" => manifest.shared.push(entry),
            table if table.ends_with("dependencies") => manifest.dependencies.push(entry),
            _ => {}
        }
    }
    manifest
}

fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for Manifest { path, package, dependencies, shared } in manifests(tree) {
        for entry in shared.iter().filter(|entry| !entry.reasoned) {
            findings.push(Finding::new(
                path,
                entry.line,
                format!("`{}` needs its reason in a comment above it", entry.name),
            ));
        }
        // A crate that names itself to switch on a feature for its tests has no version to share.
        let own = |entry: &Entry<'_>| Some(entry.name) == package && entry.reasoned;
        for entry in dependencies.iter().filter(|entry| !entry.text.contains("workspace = true") && !own(entry)) {
            let what = format!("`{}` belongs into [workspace.dependencies], with `workspace = true` here", entry.name);
            findings.push(Finding::new(path, entry.line, what));
        }
    }
    for (path, text) in tree.texts().filter(|(path, _)| path.ends_with("Cargo.toml")) {
        for (at, line) in text.lines().enumerate().filter(|(_, line)| line.contains("dependencies.")) {
            findings.push(Finding::new(path, at + 1, format!("write `{}` as one line in its table", line.trim())));
        }
    }
    findings
}

#[test]
fn each_dependency_has_its_reason() {
    let all = manifests(&REPOSITORY);
    assert!(all.len() >= 6, "only {} manifests found", all.len());
    assert!(all.iter().any(|manifest| manifest.shared.len() > 5), "the workspace's table was not read");
    expect_none(&check(&REPOSITORY));
}

#[test]
fn a_dependency_without_reason_or_place_is_caught() {
    let top =
        "[workspace.dependencies]\n# Both call the system.\nlibc = \"1\"\nnix = { version = \"1\" }\n\nserde = \"1\"\n";
    let member = "[package]\nname = \"journal\"\n[dependencies]\n# Own feature.\njournal = { path = \".\" }\nlibc.workspace = true\nrand = \"0.9\"\n[dependencies.nix]\nversion = \"1\"\n";
    let tree = Tree::planted(&[("Cargo.toml", top), ("journal/Cargo.toml", member)]);
    expect_places(&check(&tree), &[("Cargo.toml", 6), ("journal/Cargo.toml", 7), ("journal/Cargo.toml", 8)]);
}
