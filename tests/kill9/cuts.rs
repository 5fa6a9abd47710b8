//! Connections cut at random bytes, the short run: what a client with a confirmation window does counts once, in order.

use bench::prove::reattach::{Stage, controls, round};

use crate::harness::{Outcome, Verdict};

/// Cuts of this run; the long one is `bench prove reattach`.
const CUTS: u64 = 30;

pub(crate) fn everything_counts_once() -> Verdict {
    let figures = round(&stage("cuts"), 0, CUTS)?;
    println!("{figures}");
    if figures.resumed == 0 { Err("no session went on".to_owned()) } else { Ok(Outcome::Passed) }
}

pub(crate) fn wrong_numbers_are_caught() -> Verdict {
    println!("{}", controls(&stage("cuts-control"))?);
    Ok(Outcome::Passed)
}

pub(crate) fn nobody_goes_on_where_it_is_off() -> Verdict {
    let stage = Stage { settings: vec!["session-reattach=off".to_owned()], ..stage("cuts-off") };
    match round(&stage, 0, CUTS) {
        Err(what) if what.contains("does not go on") => Ok(Outcome::Passed),
        other => Err(format!("with session-reattach=off: {other:?}")),
    }
}

fn stage(name: &str) -> Stage {
    let (binary, directory) = (crate::binary(), crate::folder(name));
    Stage { binary, directory, seed: crate::SEED, lanes: 2, settings: Vec::new() }
}
