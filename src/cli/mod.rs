//! The command line: what a person or a script types, and what they get to read.
//!
//! Owns: arguments, help, exit codes, the log, the words on the terminal. Takes: the arguments of the process, and the
//! broker as a function, so that this room does not need to know how one is built. Gives: an exit code. Must stay true:
//! exit codes and the output that scripts read do not change; a reader that goes away is no failure.

mod arguments;
mod help;

mod announce;
mod configuration;
mod notify;
mod run;

mod connection;
mod consumer;
mod destination;
mod output;
mod producer;
mod progress;
mod work;

mod exit;
pub mod log;

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

use arguments::{Arguments, Command, ConfigCommand};
use output::Output;

pub use announce::Announcer;
pub use arguments::AcceptLoss;
pub use exit::Exit;
pub use run::RunArguments;

/// The broker: runs until it is asked to stop, and says how it ended.
pub type Broker = fn(RunArguments) -> Exit;

/// Does what the arguments of this process say.
pub fn main(broker: Broker) -> ExitCode {
    execute(std::env::args_os().collect(), broker).into()
}

fn execute(arguments: Vec<OsString>, broker: Broker) -> Exit {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // clap prints help and version to standard output, mistakes to standard error. If nobody reads, so be it.
            let _unread = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Ok };
        }
    };
    match arguments.command {
        Command::Run(options) => run::run(options, broker),
        Command::Config(ConfigCommand::Show(options)) => configuration::show(&options),
        Command::Producer(options) => producer::produce(&options),
        Command::Consumer(options) => consumer::consume(&options),
        Command::Version => Output::stdout().finish(|out| writeln!(out, "ringmq {}", env!("CARGO_PKG_VERSION"))),
    }
}
