//! The kill loop, its short run: the built broker is loaded, killed, started again and asked for everything it has promised.
//!
//! Thirty cycles through our own client, some more through the real one where Java is, and the control. The long run is
//! `bench prove kill9`. Beside it the short runs of connections that are cut and of hostile clients. What must stay true: only a wrong result fails; how much load a slow machine gets is printed.

// These files serve other tests as well, and no test uses all of them.
#[allow(dead_code)]
#[path = "../process/harness.rs"]
mod harness;
#[allow(dead_code)]
#[path = "../process/process.rs"]
mod process;

#[path = "../jms/build.rs"]
mod build;

mod cuts;
mod hostile;
mod jms;
mod judge;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bench::prove::kill9::{self, CYCLES_PER_ROUND, Plan};
use harness::{Outcome, Trial, Verdict};

/// The choices of this run; a finding is looked at again with `bench prove kill9 --seed`.
const SEED: u64 = 4;

fn main() -> ExitCode {
    // What is measured of a process changes with others of the same binary, whose pages they share. And the less load, the less a broker has
    // to lose that answers early.
    let alone = [
        Trial { name: "a_broker_that_answers_early_is_caught", run: answering_early_is_caught },
        Trial { name: "hostile_clients_cost_little", run: hostile::they_cost_little },
        Trial { name: "hostile_waste_is_caught", run: hostile::waste_is_caught },
    ];
    let beside = [
        Trial { name: "one_lane", run: one_lane },
        Trial { name: "two_lanes", run: two_lanes },
        Trial { name: "four_lanes", run: four_lanes },
        Trial { name: "through_the_real_client", run: jms::nothing_is_lost },
        Trial { name: "a_client_that_was_lied_to_is_noticed", run: judge::a_lie_is_noticed },
        Trial { name: "cut_connections", run: cuts::everything_counts_once },
        Trial { name: "no_session_goes_on_where_that_is_off", run: cuts::nobody_goes_on_where_it_is_off },
        Trial { name: "wrong_numbers_at_a_reattach_are_caught", run: cuts::wrong_numbers_are_caught },
        Trial { name: "hostile_halves_are_closed_in_time", run: hostile::halves_are_closed_in_time },
        Trial { name: "hostile_clients_and_few_descriptors", run: hostile::they_leave_the_store_its_descriptors },
    ];
    harness::run_beside(&beside, &alone)
}

fn one_lane() -> Verdict {
    cycles(1)
}

fn two_lanes() -> Verdict {
    cycles(2)
}

fn four_lanes() -> Verdict {
    cycles(4)
}

/// One round on a store with this many lanes.
fn cycles(lanes: u16) -> Verdict {
    let plan = plan(&format!("lanes-{lanes}"), lanes);
    let figures = kill9::round(&plan, u32::from(lanes), CYCLES_PER_ROUND, |_| ())?;
    println!("{figures}");
    if figures.findings.is_empty() {
        let _leftover = std::fs::remove_dir_all(&plan.directory);
        return Ok(Outcome::Passed);
    }
    let texts = figures.findings.texts().iter().map(|finding| format!("{}: {}\n", finding.kind.word(), finding.text));
    Err(format!("{}\nthe store is left in {}", texts.collect::<String>(), plan.directory.display()))
}

fn answering_early_is_caught() -> Verdict {
    let plan = plan("control", 2);
    let caught = kill9::control(&plan)?;
    println!("caught after {} cycles: {}", caught.cycles, caught.figures.findings);
    Ok(Outcome::Passed)
}

fn plan(name: &str, lanes: u16) -> Plan {
    Plan { binary: binary(), directory: folder(name), seed: SEED, lanes: vec![lanes], settings: Vec::new() }
}

/// The broker under test.
fn binary() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_ringmq"))
}

/// A folder below the build directory. What fails stays there.
fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("kill9").join(name)
}
