//! Codes of events mean one thing: what the catalogue says.
//!
//! Takes the catalogue and every source of the product. A code that no source tells is a finding, and so is one that stands in a source
//! and not in the catalogue, and an event that is told without any. Settings have codes of their own (`CF0..`), which are printed and never told as events.

use std::collections::BTreeSet;

use crate::source::{code_only, tests_from};
use crate::tree::{REPOSITORY, Tree};
use crate::{Finding, expect_none, expect_places};

const CATALOGUE: &str = "src/event/catalogue.rs";
/// The room of the catalogue shows codes as examples, the log's tests too; the settings' own codes stand in their crate.
const ROOMS_OF_THEIR_OWN: [&str; 2] = ["src/event/", "src/config/"];
const PRODUCT: [&str; 4] = ["src/", "journal/src/", "protocol/src/", "client/src/"];

fn check(tree: &Tree) -> Vec<Finding> {
    let catalogue = tree.text_of(CATALOGUE).unwrap_or_default();
    let entries: Vec<(usize, &str)> =
        catalogue.lines().enumerate().filter_map(|(at, line)| Some((at + 1, entry(line)?))).collect();
    let known: BTreeSet<&str> = entries.iter().map(|(_, code)| *code).collect();
    let mut told = BTreeSet::new();
    let mut findings = Vec::new();
    for (path, text) in tree.rust() {
        let is_product = PRODUCT.iter().any(|room| path.starts_with(room)) && !path.contains("/tests");
        if !is_product || ROOMS_OF_THEIR_OWN.iter().any(|room| path.starts_with(room)) {
            continue;
        }
        let tests = tests_from(path, &code_only(text));
        findings.extend(without_code(path, text, tests));
        let lines = text.lines().enumerate().take_while(|(at, _)| at + 1 < tests);
        for (at, line) in lines.filter(|(_, line)| !line.trim_start().starts_with("//")) {
            for code in codes(line) {
                if known.contains(code) {
                    told.insert(code.to_owned());
                } else {
                    findings.push(Finding::new(path, at + 1, format!("{code} is not in {CATALOGUE}")));
                }
            }
        }
    }
    let untold = entries.iter().filter(|(_, code)| !told.contains(*code));
    findings.extend(untold.map(|(line, code)| Finding::new(CATALOGUE, *line, format!("nothing tells {code}"))));
    findings
}

/// Events that are told around the catalogue's macro: each must say its code first.
fn without_code(path: &str, text: &str, tests: usize) -> Vec<Finding> {
    let lines: Vec<&str> = text.lines().take(tests.saturating_sub(1)).collect();
    let tells = |line: &str| {
        ["error", "warn", "info", "debug"].iter().any(|level| line.contains(&format!("tracing::{level}!(")))
    };
    let told = lines.iter().enumerate().filter(|(_, line)| tells(line) && !line.trim_start().starts_with("//"));
    let coded = |at: usize| lines.iter().skip(at).take(2).any(|line| line.contains("code = "));
    told.filter(|(at, _)| !coded(*at)).map(|(at, _)| Finding::new(path, at + 1, "an event without a code")).collect()
}

/// The code of a catalogue line such as `SV101 Info "starting"`.
fn entry(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace();
    let (code, level) = (words.next()?, words.next()?);
    (is_code(code) && ["Error", "Warn", "Info", "Debug"].contains(&level)).then_some(code)
}

fn codes(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| is_code(word))
}

/// Two capital letters and three digits.
fn is_code(word: &str) -> bool {
    let bytes = word.as_bytes();
    bytes.len() == 5 && bytes[..2].iter().all(u8::is_ascii_uppercase) && bytes[2..].iter().all(u8::is_ascii_digit)
}

#[test]
fn every_code_is_told_and_in_the_catalogue() {
    expect_none(&check(&REPOSITORY));
}

#[test]
fn an_event_without_a_code_is_caught() {
    let source =
        "fn f() {\n    tracing::warn!(\"late\");\n    tracing::info!(\n        code = CODE,\n        \"told\");\n}\n";
    expect_places(&check(&Tree::planted(&[("src/runtime/src/a.rs", source)])), &[("src/runtime/src/a.rs", 2)]);
}

#[test]
fn an_untold_and_an_unknown_code_are_caught() {
    let catalogue = "catalogue! {\n    SV101 Info \"a\"\n        cause \"SV103\"\n    SV102 Warn \"b\"\n}\n";
    let source = "//! SV777\nfn f() { event!(SV101); text(\"JN301 lane\"); }\n#[cfg(test)]\nmod tests { const A: &str = \"SV888\"; }\n";
    let tree = Tree::planted(&[(CATALOGUE, catalogue), ("journal/src/a.rs", source)]);
    expect_places(&check(&tree), &[("journal/src/a.rs", 2), (CATALOGUE, 4)]);
    let told =
        Tree::planted(&[(CATALOGUE, catalogue), ("src/a.rs", "fn f() { tell(&event::SV101, event!(SV102)); }\n")]);
    expect_none(&check(&told));
}
