//! The `ringmq` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    ringmq::cli::main(ringmq::server::run)
}
