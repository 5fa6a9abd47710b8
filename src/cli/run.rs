//! `ringmq run`: the configuration, the log, and then the broker.

use config::Config;

use super::announce::Announcer;
use super::arguments::{AcceptLoss, RunOptions};
use super::exit::Exit;
use super::output::Output;
use super::{Broker, configuration, log};
use crate::event;

/// What the broker is started with.
#[derive(Debug)]
pub struct RunArguments {
    /// Every setting, with who set it.
    pub config: Config,
    /// Lanes of which the operator accepts the loss.
    pub accept_loss: Vec<AcceptLoss>,
    /// Tells the terminal and the service manager how far the start is.
    pub announcer: Announcer,
}

pub(super) fn run(options: RunOptions, broker: Broker) -> Exit {
    let announcer = Announcer::new();
    let config = match configuration::load(&options.config) {
        Ok(config) => config,
        Err(report) => {
            Output::stderr().line(format_args!("{report}"));
            return Exit::DaemonConfigurationInvalid;
        }
    };
    // The log lives as long as the broker; its end writes what is waiting.
    let _log = match log::start(*config.log_format, *config.log_level) {
        Ok(log) => log,
        Err(error) => {
            Output::stderr().line(format_args!("error: the log cannot be started: {error}"));
            return Exit::Failed;
        }
    };
    event!(SV101, version = env!("CARGO_PKG_VERSION"), pid = std::process::id());
    for warning in &config.warnings {
        event!(CF101, warning = %warning.code, place = warning.whereabouts(), note = warning.note, "{}", warning.message);
    }
    broker(RunArguments { config, accept_loss: options.accept_loss, announcer })
}
