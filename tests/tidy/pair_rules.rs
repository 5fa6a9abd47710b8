//! The broker keeps every safety rule of a pair. Taking one away needs its name, so only the engine itself, models, simulators and tests may
//! name one. The feature that makes it possible is no wall: a build of the whole workspace switches it on for everybody.

use crate::source::{code_only, paths, tests_from};
use crate::tree::{REPOSITORY, Tree};
use crate::{Finding, expect_none, expect_places};

/// Who may take rules away.
const MAY: [&str; 5] = ["src/ha/engine/", "src/ha/model/", "src/testing/", "tests/", "bench/"];

/// Whether a path brings the names of rules in: `Rules` alone is all of them.
fn names_rules(parts: &[String]) -> bool {
    let brought = parts.strip_prefix(&["ha_engine".to_owned(), "rules".to_owned()]);
    brought.is_some_and(|brought| match brought {
        [first] => first != "Rules",
        [first, second, ..] => first != "Rules" || second != "ALL",
        [] => true,
    })
}

fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.rust().filter(|(path, _)| !MAY.iter().any(|may| path.starts_with(may))) {
        let code = code_only(text);
        let own_tests = tests_from(path, &code);
        for named in paths(&code).iter().filter(|named| named.line < own_tests && names_rules(&named.parts)) {
            let name = named.parts.join("::");
            findings.push(Finding::new(path, named.line, format!("`{name}`: the broker keeps all rules of a pair")));
        }
    }
    findings
}

#[test]
fn the_broker_takes_no_rule_away() {
    expect_none(&check(&REPOSITORY));
}

#[test]
fn a_broker_that_could_take_one_away_is_caught() {
    let text = "use ha_engine::rules::Rules;\nuse ha_engine::rules::{Rule, Rules as All};\nuse ha_engine::rules::*;\n\
        fn f() { let all = ha_engine::rules::Rules::ALL; let none = ha_engine::rules::Rules::without; }\n\
        use ha_engine::rules;\n#[cfg(test)]\nmod tests { use ha_engine::rules::Rule; }\n";
    let planted = [("src/ha/pair.rs", text), ("src/testing/pair/run.rs", text)];
    let places = [2, 3, 4, 5].map(|line| ("src/ha/pair.rs", line));
    expect_places(&check(&Tree::planted(&planted)), &places);
}
