//! `docs/requirements.md`: every requirement with the tests that prove it, written from `docs/requirements.tsv` and the tags.
//!
//! Takes the statements (id, statement, what we must do) and the tags of `proofs`, gives the document; a test fails when the
//! document is stale or a tag names an id that does not exist. To write it anew:
//! `RINGMQ_REGENERATE=1 cargo test --test tidy requirements`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::proofs::{Proof, proofs};
use crate::tree::{REPOSITORY, Tree, root};
use crate::{Finding, expect_none, expect_places};

const STATEMENTS: &str = "docs/requirements.tsv";
const DOCUMENT: &str = "docs/requirements.md";
const REGENERATE: &str = "RINGMQ_REGENERATE";

/// The source documents, by the first part of an id.
const SOURCES: [(&str, &str); 5] = [
    ("S0", "The colocated shared-store failover example"),
    ("S1", "JBoss EAP messaging, chapter 30: high availability"),
    ("S2", "AMQ 7 replicated demo"),
    ("S3", "AMQ Broker 7.1, chapter 22: client failover"),
    ("S4", "Sun Java System Message Queue 3.7 UR1: client connection failover"),
];

struct Statement<'a> {
    id: &'a str,
    text: &'a str,
}

/// The statements in the order of the file; a malformed or repeated line is a finding.
fn statements(text: &str) -> (Vec<Statement<'_>>, Vec<Finding>) {
    let mut statements: Vec<Statement<'_>> = Vec::new();
    let mut findings = Vec::new();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split('\t').collect();
        match fields.as_slice() {
            [id, text, must]
                if !text.is_empty() && !must.is_empty() && SOURCES.iter().any(|(source, _)| id.starts_with(source)) =>
            {
                if statements.iter().any(|known| known.id == *id) {
                    findings.push(Finding::new(STATEMENTS, at + 1, format!("{id} stands twice")));
                }
                statements.push(Statement { id, text });
            }
            _ => findings.push(Finding::new(STATEMENTS, at + 1, "a line is: id, tab, statement, tab, what we must do")),
        }
    }
    (statements, findings)
}

fn unknown(statements: &[Statement<'_>], proofs: &[Proof]) -> Vec<Finding> {
    let known = |proof: &&Proof| statements.iter().any(|statement| statement.id == proof.id);
    let finding = |proof: &Proof| Finding::new(&proof.path, proof.line, format!("{} is not in {STATEMENTS}", proof.id));
    proofs.iter().filter(|proof| !known(proof)).map(finding).collect()
}

fn document(statements: &[Statement<'_>], proofs: &[Proof]) -> String {
    let mut tests: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for proof in proofs {
        tests.entry(&proof.id).or_default().push(&proof.test);
    }
    let proven = |of: &str| statements.iter().filter(|s| s.id.starts_with(of) && tests.contains_key(s.id)).count();
    let mut out = String::from("# Requirements and their tests\n\n");
    out.push_str("Written from `docs/requirements.tsv` and the `proves:` tags of the tests; do not edit.\n");
    let _ = writeln!(out, "To write it anew: `{REGENERATE}=1 cargo test --test tidy requirements`.\n");
    let _ = writeln!(out, "Proven: {} of {}.", proven(""), statements.len());
    for (source, title) in SOURCES {
        let of_source: Vec<&Statement<'_>> = statements.iter().filter(|s| s.id.starts_with(source)).collect();
        let _ = write!(out, "\n## {source}: {title}\n\nProven: {} of {}.\n\n", proven(source), of_source.len());
        out.push_str("| id | statement | test |\n| --- | --- | --- |\n");
        for Statement { id, text } in of_source {
            let mut named: Vec<&str> = tests.get(id).cloned().unwrap_or_default();
            named.sort_unstable();
            named.dedup();
            let named: Vec<String> = named.iter().map(|test| format!("`{test}`")).collect();
            let cell = if named.is_empty() { "not yet".to_owned() } else { named.join(", ") };
            let _ = writeln!(out, "| {id} | {text} | {cell} |");
        }
    }
    out
}

#[test]
fn requirements_are_known_and_the_document_is_fresh() {
    let (statements, malformed) = statements(REPOSITORY.text_of(STATEMENTS).unwrap_or_default());
    assert!(statements.len() > 280, "only {} statements in {STATEMENTS}", statements.len());
    expect_none(&malformed);
    let (proofs, stray) = proofs(&REPOSITORY);
    expect_none(&stray);
    expect_none(&unknown(&statements, &proofs));
    let fresh = document(&statements, &proofs);
    if std::env::var_os(REGENERATE).is_some() {
        std::fs::write(root().join(DOCUMENT), fresh).expect("the document can be written");
        return;
    }
    let stale =
        REPOSITORY.text_of(DOCUMENT).unwrap_or_default().lines().zip(fresh.lines()).position(|(old, new)| old != new);
    let same = REPOSITORY.text_of(DOCUMENT) == Some(fresh.as_str());
    let line = stale.map_or(0, |at| at + 1);
    assert!(same, "{DOCUMENT}:{line} is stale; run: {REGENERATE}=1 cargo test --test tidy requirements");
}

#[test]
fn an_unknown_id_is_caught() {
    let (statements, _) = statements("S1-001\tone\tdo\n");
    let tree = Tree::planted(&[("src/a.rs", concat!("// pro", "ves: S1-001, S1-999\n#[test]\nfn t() {}\n"))]);
    expect_places(&unknown(&statements, &proofs(&tree).0), &[("src/a.rs", 1)]);
}

#[test]
fn a_malformed_statement_is_caught() {
    let (found, findings) =
        statements("# note\nS1-001\tone\tdo\nS1-001\tagain\tdo\nS1-002\tno third field\nX-1\ta\tb\n");
    assert_eq!(found.len(), 2);
    expect_places(&findings, &[(STATEMENTS, 3), (STATEMENTS, 4), (STATEMENTS, 5)]);
}

#[test]
fn a_new_tag_makes_the_document_stale() {
    let (statements, _) = statements("S1-001\tone\tdo\nS4-01\tfour\tdo\n");
    let tree = Tree::planted(&[("src/a.rs", concat!("// pro", "ves: S1-001\n#[test]\nfn t() {}\n"))]);
    let (before, after) = (document(&statements, &[]), document(&statements, &proofs(&tree).0));
    assert!(before.contains("| S1-001 | one | not yet |"), "{before}");
    assert!(after.contains("| S1-001 | one | `src/a.rs::t` |"), "{after}");
    assert!(after.contains("Proven: 1 of 2."), "{after}");
}
