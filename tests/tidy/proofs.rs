//! Which tests say that they prove a requirement.
//!
//! A test carries the tag in a comment directly above its function: `// proves:` and ids, separated by commas. So does a case of the
//! programs in Java: above the method that its list names. Takes the tree, gives the tags with the test they stand above, and a finding
//! for a tag that stands above no test.

use crate::Finding;
use crate::tree::Tree;

const TAG: &str = "// proves:";

/// One id that one test claims.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Proof {
    pub(crate) id: String,
    /// `path::function`.
    pub(crate) test: String,
    pub(crate) path: String,
    pub(crate) line: usize,
}

pub(crate) fn proofs(tree: &Tree) -> (Vec<Proof>, Vec<Finding>) {
    let mut proofs = Vec::new();
    let mut findings = Vec::new();
    for (path, text) in tree.texts().filter(|(path, _)| path.ends_with(".rs") || path.ends_with(".java")) {
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        for (at, line) in lines.iter().enumerate() {
            let Some(list) = line.strip_prefix(TAG) else { continue };
            let function = if path.ends_with(".rs") { tested_at(path, &lines, at) } else { case_at(&lines, at) };
            let Some(function) = function else {
                findings.push(Finding::new(path, at + 1, "this tag stands above no test"));
                continue;
            };
            let ids = list.split([',', ' ']).map(str::trim).filter(|id| !id.is_empty());
            let proof = |id: &str| Proof {
                id: id.to_owned(),
                test: format!("{path}::{function}"),
                path: path.to_owned(),
                line: at + 1,
            };
            proofs.extend(ids.map(proof));
        }
    }
    (proofs, findings)
}

/// The name of the function that the tag belongs to, if it is a test: between them stand only comments and attributes, and
/// one of the attributes around the tag says so. A target with a harness of its own (in the repository's `tests/`) has no
/// attribute to look for: there a test gives a verdict.
fn tested_at<'a>(path: &str, lines: &[&'a str], at: usize) -> Option<&'a str> {
    let decorates = |line: &&&str| line.starts_with("//") || line.starts_with('#');
    let below: Vec<&&str> = lines[at + 1..].iter().take_while(decorates).collect();
    let above = lines[..at].iter().rev().take_while(decorates);
    let marks = |line: &&str| line.starts_with("#[test]") || line.contains("::test]");
    let is_test = below.iter().copied().chain(above).any(marks);
    let signature = lines.get(at + 1 + below.len())?;
    let own_harness = path.starts_with("tests/") && signature.contains("-> Verdict");
    let name = signature.split("fn ").nth(1)?.split(['(', '<']).next()?;
    (is_test || own_harness).then_some(name)
}

/// The name of the method of a Java case that the tag belongs to: below it stand only comments, and the file's list names it.
fn case_at<'a>(lines: &[&'a str], at: usize) -> Option<&'a str> {
    let comment = |line: &&&str| ["//", "/*", "*"].iter().any(|start| line.starts_with(start));
    let below = lines[at + 1..].iter().take_while(comment).count();
    let (before, _) = lines.get(at + 1 + below)?.split_once('(')?;
    let name = before.contains("static void ").then(|| before.rsplit(' ').next()).flatten()?;
    let (reference, call) = (format!("::{name})"), format!("-> {name}("));
    lines.iter().any(|line| line.contains(&reference) || line.contains(&call)).then_some(name)
}

#[test]
fn tags_are_found_above_their_tests() {
    let text = concat!(
        "//! x\n#[test]\nfn before() {}\n\n// pro",
        "ves: S1-045, S2-01\n// Why.\n#[test]\nfn adds_with_arguments() {}\n#[test]\n// pro",
        "ves: S2-02\nfn late() {}\n"
    );
    let (proofs, findings) = proofs(&Tree::planted(&[("src/a.rs", text)]));
    assert!(findings.is_empty(), "{findings:?}");
    let found: Vec<(&str, &str, usize)> = proofs.iter().map(|p| (p.id.as_str(), p.test.as_str(), p.line)).collect();
    let test = "src/a.rs::adds_with_arguments";
    assert_eq!(found, [("S1-045", test, 5), ("S2-01", test, 5), ("S2-02", "src/a.rs::late", 10)]);
}

#[test]
fn a_tag_above_no_test_is_caught() {
    let text = concat!("// pro", "ves: S1-045\nfn not_a_test() {}\n// pro", "ves: S1-046\nstruct S;\n");
    let (proofs, findings) = proofs(&Tree::planted(&[("src/a.rs", text)]));
    assert!(proofs.is_empty(), "{proofs:?}");
    crate::expect_places(&findings, &[("src/a.rs", 1), ("src/a.rs", 3)]);
}

#[test]
fn a_helper_of_a_harness_is_no_test() {
    let text =
        concat!("// pro", "ves: S1-045\nfn helper() {}\n// pro", "ves: S1-046\npub(crate) fn whole() -> Verdict {\n");
    let (proofs, findings) = proofs(&Tree::planted(&[("tests/process/a.rs", text)]));
    let found: Vec<&str> = proofs.iter().map(|proof| proof.test.as_str()).collect();
    assert_eq!(found, ["tests/process/a.rs::whole"]);
    crate::expect_places(&findings, &[("tests/process/a.rs", 1)]);
}

#[test]
fn a_case_in_java_carries_tags_and_a_helper_does_not() {
    let text = concat!(
        "List.of(Case.of(\"a\", Cases::first), Case.of(\"b\", scope -> second(scope, 1)));\n// pro",
        "ves: S1-045\n/** Why. */\nprivate static void first(Scope scope) throws Exception {\n// pro",
        "ves: S1-046, S1-047\nstatic void second(Scope scope, int mode) {\n// pro",
        "ves: S1-048\nprivate static void helper(Scope scope) {\n"
    );
    let (proofs, findings) = proofs(&Tree::planted(&[("tests/jms/Cases.java", text)]));
    let found: Vec<(&str, &str)> = proofs.iter().map(|proof| (proof.id.as_str(), proof.test.as_str())).collect();
    let second = "tests/jms/Cases.java::second";
    assert_eq!(found, [("S1-045", "tests/jms/Cases.java::first"), ("S1-046", second), ("S1-047", second)]);
    crate::expect_places(&findings, &[("tests/jms/Cases.java", 7)]);
}
