//! Which crate of ours may depend on which, read from the manifests; the crate `protocol` also does no I/O.
//!
//! A crate border holds by itself, so one look at the dependency tables is enough.

use crate::manifests::{Manifest, manifests};
use crate::source::{code_only, paths, tests_from};
use crate::tree::{REPOSITORY, Tree};
use crate::{Finding, expect_none, expect_places};

/// Each crate of ours with those it may see. Only tests see `ringmq-bench`, nothing sees `tools`. It sees the broker for what measures
/// and proves its rooms in one process; what runs a whole broker speaks to it through a socket only. Its controls stand on the broker's own
/// ring, so that a ratio is not one of two ways to the kernel. `tools` sees it for the meaning of
/// records and the judgement of a start: a second reading of them would be a second truth.
const CRATES: [(&str, &[&str]); 11] = [
    ("journal", &[]),
    ("protocol", &[]),
    ("config", &[]),
    ("ha-engine", &[]),
    ("ha-model", &["ha-engine", "journal", "ringmq"]),
    ("runtime", &["journal"]),
    ("ringmq-client", &["protocol"]),
    ("ringmq", &["journal", "protocol", "config", "runtime", "ha-engine", "ringmq-client"]),
    ("ringmq-bench", &["journal", "protocol", "config", "runtime", "ringmq-client", "ha-engine", "ha-model", "ringmq"]),
    ("icount", &["journal", "protocol", "ringmq"]),
    ("tools", &["journal", "protocol", "ringmq"]),
];

/// Who may see whom in its tests alone: the test command runs the short form of what `bench` proves.
const IN_TESTS: [(&str, &str); 1] = [("ringmq", "ringmq-bench")];

fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for Manifest { path, package, dependencies, .. } in manifests(tree) {
        let Some(package) = package else { continue };
        let Some((_, sees)) = CRATES.iter().find(|(name, _)| *name == package) else {
            findings.push(Finding::new(path, 0, format!("the crate `{package}` has no row in tests/tidy/crates.rs")));
            continue;
        };
        for entry in dependencies {
            let ours = CRATES.iter().any(|(name, _)| *name == entry.name);
            let in_tests = entry.for_tests && IN_TESTS.contains(&(package, entry.name));
            // A crate may name itself, to switch on a feature for its own tests.
            if ours && entry.name != package && !in_tests && !sees.contains(&entry.name) {
                findings.push(Finding::new(path, entry.line, format!("`{package}` may not see `{}`", entry.name)));
            }
        }
    }
    findings.extend(protocol_io(tree));
    findings
}

/// The codecs take slices and give values: that is what the fuzzers and the simulator live on.
fn protocol_io(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.rust().filter(|(path, _)| path.starts_with("protocol/src/")) {
        let code = code_only(text);
        let own_tests = tests_from(path, &code);
        for named in paths(&code).iter().filter(|named| named.line < own_tests) {
            let world = ["std::fs", "std::net", "std::thread", "std::time::Instant", "std::time::SystemTime"];
            let full = named.parts.join("::");
            if world.iter().any(|world| full == *world || full.starts_with(&format!("{world}::"))) {
                findings.push(Finding::new(
                    path,
                    named.line,
                    format!("`{full}`: the codecs take slices and give values"),
                ));
            }
        }
    }
    findings
}

#[test]
fn dependencies_point_down() {
    expect_none(&check(&REPOSITORY));
}

#[test]
fn a_dependency_that_points_up_is_caught() {
    let tree = Tree::planted(&[
        ("journal/Cargo.toml", "[package]\nname = \"journal\"\n[dev-dependencies]\nprotocol.workspace = true\n"),
        (
            "client/Cargo.toml",
            "[package]\nname = \"ringmq-client\"\n[dependencies]\nprotocol.workspace = true\nringmq-bench.workspace = true\n",
        ),
        ("attic/Cargo.toml", "[package]\nname = \"attic\"\n"),
        (
            "Cargo.toml",
            "[package]\nname = \"ringmq\"\n[dependencies]\nringmq-bench.workspace = true\n[dev-dependencies]\nringmq-bench.workspace = true\n",
        ),
    ]);
    let places = [("Cargo.toml", 4), ("attic/Cargo.toml", 0), ("client/Cargo.toml", 5), ("journal/Cargo.toml", 4)];
    expect_places(&check(&tree), &places);
}

#[test]
fn a_codec_that_opens_a_file_is_caught() {
    let text = "use std::fs::File;\n#[cfg(test)]\nmod tests { use std::fs::read; }\n";
    expect_places(&check(&Tree::planted(&[("protocol/src/core.rs", text)])), &[("protocol/src/core.rs", 1)]);
}
