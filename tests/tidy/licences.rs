//! Whatever is linked into the broker, or runs while it is built and tested, has a licence that `.deny.toml` allows.
//!
//! Takes what Cargo resolved for this machine (`cargo tree`, without the network where it can), gives
//! a finding for each crate whose licence expression cannot be satisfied from the list. `.deny.toml` is written in the
//! form of cargo-deny, so that whoever has that tool can run it with the same list.

use std::process::Command;

use crate::tree::{REPOSITORY, root};

/// The `allow` list of the `[licenses]` table.
fn allowed(settings: &str) -> Vec<&str> {
    let table = settings.split("[licenses]").nth(1).unwrap_or_default();
    let list = table.split("allow = [").nth(1).and_then(|rest| rest.split(']').next()).unwrap_or_default();
    let lines = list.lines().map(|line| line.split('#').next().unwrap_or_default());
    lines.flat_map(|line| line.split('"').skip(1).step_by(2)).collect()
}

/// Whether one can choose licences from the list so that the SPDX expression is satisfied.
fn satisfied(expression: &str, allowed: &[&str]) -> bool {
    // Old manifests write `MIT/Apache-2.0` for "or". An exception only ever grants more, so it does not change the answer.
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let answer = any_of(&words, &mut at, allowed);
    answer && at == words.len() && !words.is_empty()
}

fn any_of(words: &[&str], at: &mut usize, allowed: &[&str]) -> bool {
    let mut answer = all_of(words, at, allowed);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        answer |= all_of(words, at, allowed);
    }
    answer
}

fn all_of(words: &[&str], at: &mut usize, allowed: &[&str]) -> bool {
    let mut answer = one(words, at, allowed);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        answer &= one(words, at, allowed);
    }
    answer
}

fn one(words: &[&str], at: &mut usize, allowed: &[&str]) -> bool {
    let Some(word) = words.get(*at) else { return false };
    *at += 1;
    if *word != "(" {
        if words.get(*at) == Some(&"WITH") {
            *at += 2;
        }
        // `+` is "or any later one": the one that is named will do.
        return allowed.contains(&word.trim_end_matches('+'));
    }
    let answer = any_of(words, at, allowed);
    let closed = words.get(*at) == Some(&")");
    *at += 1;
    answer && closed
}

/// What Cargo resolved for the whole workspace. A build of one crate alone leaves others unfetched, hence the second try with
/// the network.
fn resolved(network: &[&str]) -> Result<String, String> {
    let arguments = ["tree", "--workspace", "--edges", "all", "--prefix", "none", "--format", "{p}|{l}"];
    let output = Command::new(env!("CARGO")).args(arguments).args(network).current_dir(root()).output();
    let output = output.map_err(|error| format!("cargo does not start: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    // `(*)` marks a crate that was listed with its dependencies before.
    if output.status.success() { Ok(text(&output.stdout).replace(" (*)", "")) } else { Err(text(&output.stderr)) }
}

/// The lines `name version (place)|licence` that are not allowed.
fn refused(listing: &str, allowed: &[&str]) -> Vec<String> {
    let mut lines: Vec<&str> = listing.lines().filter(|line| line.contains('|')).collect();
    lines.sort_unstable();
    lines.dedup();
    let allows = |line: &&str| line.split_once('|').is_some_and(|(_, licence)| satisfied(licence.trim(), allowed));
    lines.into_iter().filter(|line| !allows(line)).map(str::to_owned).collect()
}

#[test]
fn all_dependencies_are_allowed() {
    let settings = REPOSITORY.text_of(".deny.toml").expect(".deny.toml holds the list of licences");
    let allowed = allowed(settings);
    assert!(allowed.contains(&"MIT"), "the list was not read: {allowed:?}");
    let listing = resolved(&["--offline"]).or_else(|_| resolved(&[])).expect("cargo tree lists the dependencies");
    assert!(listing.contains("ringmq v"), "cargo tree listed nothing of ours:\n{listing}");
    let refused = refused(&listing, &allowed);
    assert!(refused.is_empty(), "not in .deny.toml's list of licences:\n{}", refused.join("\n"));
}

#[test]
fn a_licence_outside_the_list_is_caught() {
    let listing = "a v1|MIT OR Apache-2.0\nb v1|GPL-3.0\nc v1|\nd v1|MIT AND GPL-2.0\na v1|MIT OR Apache-2.0\n";
    assert_eq!(refused(listing, &["MIT"]), ["b v1|GPL-3.0", "c v1|", "d v1|MIT AND GPL-2.0"]);
}

#[test]
fn expressions_are_understood() {
    let allowed = ["MIT", "Apache-2.0", "Unicode-3.0"];
    let yes = [
        "MIT",
        "GPL-2.0 OR MIT",
        "MIT/Apache-2.0",
        "(MIT OR GPL-2.0) AND Unicode-3.0",
        "Apache-2.0 WITH LLVM-exception",
        "Apache-2.0+",
    ];
    let no = ["", "GPL-2.0", "GPL-2.0+", "(MIT OR Apache-2.0) AND Zlib", "MIT AND", "MIT)", "(MIT", "MIT Apache-2.0"];
    for expression in yes {
        assert!(satisfied(expression, &allowed), "{expression}");
    }
    for expression in no {
        assert!(!satisfied(expression, &allowed), "{expression}");
    }
}

#[test]
fn the_list_is_read_without_its_comments() {
    let settings = "[licenses]\nallow = [\n  \"MIT\", # plain\n  # \"GPL-3.0\" never\n  \"ISC\",\n]\n[bans]\n";
    assert_eq!(allowed(settings), ["MIT", "ISC"]);
}
