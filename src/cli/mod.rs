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

mod browser;
mod connection;
mod consumer;
mod destination;
mod output;
mod producer;
mod progress;
mod queue;
mod secrets;
mod user;
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
    let arguments: Vec<OsString> = std::env::args_os().collect();
    match secrets::hide(&arguments) {
        Ok(()) => execute(arguments, broker).into(),
        Err(exit) => exit.into(),
    }
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
        Command::Browser(options) => browser::browse(&options),
        Command::Queue(command) => queue::run(&command),
        Command::User(command) => user::run(&command),
        Command::Version => Output::stdout().finish(|out| writeln!(out, "ringmq {}", env!("CARGO_PKG_VERSION"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A broker that only says whether it was started with this port.
    fn broker(arguments: RunArguments) -> Exit {
        let expected = *arguments.config.acceptor_port == 7 && arguments.accept_loss.len() == 1;
        if expected { Exit::Ok } else { Exit::Fenced }
    }

    fn check(line: &str, expected: Exit) {
        let words = std::iter::once("ringmq").chain(line.split_whitespace()).map(OsString::from).collect();
        assert_eq!(execute(words, broker), expected, "ringmq {line}");
    }

    #[test]
    fn exit_codes() {
        check("", Exit::Usage);
        check("--help", Exit::Ok);
        check("-V", Exit::Ok);
        check("version", Exit::Ok);
        check("producer --help", Exit::Ok);
        check("frob", Exit::Usage);
        check("run --frob", Exit::Usage);
        check("run --accept-loss j00", Exit::Usage);
        check("producer --threads 0", Exit::Usage);
        check("producer --message x --message-size 5", Exit::Usage);
        check("producer --message-size 1000000", Exit::Usage);
        check("producer --destination topic://news", Exit::Usage);
        check("browser --destination topic://news", Exit::Usage);
        check("browser --verbose --json", Exit::Usage);
        check("browser --url tcp://127.0.0.1:1", Exit::CannotConnect);
        check("queue stat --max-rows 0", Exit::Usage);
        check("queue create", Exit::Usage);
        check("queue create --name q --anycast --multicast", Exit::Usage);
        check("queue purge --name q --url tcp://127.0.0.1:1", Exit::Usage);
        check("queue purge --name q --yes --url tcp://127.0.0.1:1", Exit::CannotConnect);
        check("user add", Exit::Usage);
        check("user list --data /nowhere", Exit::NotFound);
        check("user remove nobody --data /nowhere", Exit::NotFound);
        check("config show", Exit::Ok);
        check("config show --json --set journal-lanes=4", Exit::Ok);
        check("config show --set journal-lane=4", Exit::ConfigurationInvalid);
        check("config show --config /nowhere/ringmq.toml", Exit::ConfigurationInvalid);
        check("run --port 70000", Exit::DaemonConfigurationInvalid);
        check("run --bind 0.0.0.0", Exit::DaemonConfigurationInvalid);
        check("run --set journal-type=NIO", Exit::DaemonConfigurationInvalid);
    }

    #[test]
    fn run_hands_everything_to_the_broker() {
        check("run --port 7 --data /nowhere --accept-loss j00@4096 --log-format json", Exit::Ok);
    }

    #[test]
    fn accept_loss_names_a_lane_and_a_position() {
        let parse = |text: &str| text.parse::<AcceptLoss>().map(|loss| (loss.lane, loss.lsn));
        assert_eq!(parse("j00@81920"), Ok(("j00".to_owned(), 81920)));
        for wrong in ["", "@", "j00", "j00@", "@5", "j00@-1", "j00@x", "../j@5", "j00@99999999999999999999"] {
            assert!(parse(wrong).is_err_and(|error| error.contains("j00@81920")), "{wrong}");
        }
    }
}
