//! The real `artemis` command line, from an unmodified distribution, against a broker started here.
//!
//! Takes Java, Maven and (once) Maven Central; where one is missing it says `skipped:` with the reason. What an operator types
//! there must do the same here: the words and exit codes that are looked for are those that the command gives beside its own broker.
//! `RINGMQ_ARTEMIS_URL` names another broker that is running already, so that the same trials can be asked of a real one.

// These files serve other tests as well, and no test uses all of them.
#[allow(dead_code)]
#[path = "../process/folder.rs"]
mod folder;
#[allow(dead_code)]
#[path = "../process/harness.rs"]
mod harness;
#[allow(dead_code)]
#[path = "../process/process.rs"]
mod process;
#[allow(dead_code)]
#[path = "../process/server.rs"]
mod server;

mod distribution;
mod machine;
mod trials;

use std::process::ExitCode;

use harness::Trial;

fn main() -> ExitCode {
    harness::run(&[
        Trial { name: "artemis_the_script_says_the_same", run: trials::the_script_says_the_same },
        Trial { name: "artemis_a_queue_from_birth_to_end", run: trials::a_queue_from_birth_to_end },
        Trial { name: "artemis_checks_and_their_control", run: trials::checks_and_their_control },
        Trial { name: "artemis_a_queue_is_changed", run: trials::a_queue_is_changed_for_good },
        Trial { name: "artemis_how_full_a_node_is", run: trials::how_full_a_node_is },
        Trial { name: "artemis_addresses", run: trials::addresses },
    ])
}
