//! A rule of a pair, or a safeguard of a server, is taken away: the seeds that a sound pair passes must show it.

use ringmq::testing::pair::mutants::{ALL, caught_within};

#[test]
fn every_rule_that_is_taken_away_is_seen() {
    let mut missed = Vec::new();
    for mutant in ALL {
        match caught_within(&mutant) {
            Some(seed) => println!("{}: seed {seed}", mutant.name),
            None => missed.push(mutant.name),
        }
    }
    assert!(missed.is_empty(), "not seen: {missed:?}");
}
