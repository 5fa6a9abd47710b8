//! Tests of whole processes: the built binary, started, killed and restarted as a user or a power cut would.
//!
//! They link none of the broker's code. A new test is a function in a file of its subject and a line below; it takes a
//! [`folder::Folder`], starts [`server::Server`]s in it and says what must be true for a client.

mod folder;
mod harness;
mod process;
mod server;

mod controls;
mod readme;

use std::process::ExitCode;

use harness::Trial;

fn main() -> ExitCode {
    harness::run(&[
        Trial { name: "harness_counts_what_happens", run: harness::counts_what_happens },
        Trial { name: "a_quiet_server_is_accepted", run: controls::a_quiet_server_is_accepted },
        Trial { name: "a_server_that_is_never_ready_is_caught", run: controls::a_server_that_is_never_ready_is_caught },
        Trial { name: "a_server_that_dies_at_once_is_caught", run: controls::a_server_that_dies_at_once_is_caught },
        Trial { name: "a_warning_in_the_log_is_caught", run: controls::a_warning_in_the_log_is_caught },
        Trial { name: "a_stop_that_fails_is_caught", run: controls::a_stop_that_fails_is_caught },
        Trial { name: "a_process_without_an_end_is_caught", run: controls::a_process_without_an_end_is_caught },
        Trial { name: "readme_examples_are_found", run: readme::examples_are_found },
        Trial { name: "readme_commands_work", run: readme::commands_work },
    ])
}
