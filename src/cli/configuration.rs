//! From options to a configuration, and `config show`.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use config::{Config, FileText, Override, Report, Sources};

use super::arguments::{ConfigOptions, ShowOptions};
use super::exit::Exit;
use super::output::Output;

/// The file that is read when none is named.
const FILE: &str = "ringmq.toml";

/// The configuration that these options, the environment and the file give.
pub(super) fn load(options: &ConfigOptions) -> Result<Config, Report> {
    config::load(&sources(options)?)
}

/// The same for those who make the users file: it is not looked at, nor what must fit together.
pub(super) fn load_values(options: &ConfigOptions) -> Result<Config, Report> {
    config::load_values(&sources(options)?)
}

fn sources(options: &ConfigOptions) -> Result<Sources, Report> {
    let unnamed = || Path::new(FILE).exists().then(|| PathBuf::from(FILE));
    let file = options.config.clone().or_else(unnamed).map(|path| FileText::read(&path)).transpose()?;
    let environment = std::env::vars_os().collect();
    Ok(Sources { file, environment, command_line: overrides(options) })
}

/// The settings that the command line makes.
fn overrides(options: &ConfigOptions) -> Vec<Override> {
    let named = [
        ("data-directory", "--data-directory", &options.data_directory),
        ("acceptor.host", "--bind", &options.bind),
        ("acceptor.port", "--port", &options.port),
        ("log-format", "--log-format", &options.log_format),
    ];
    let of = |path: &str, option: &str, value: &str| Override {
        path: path.to_owned(),
        value: value.to_owned(),
        option: option.to_owned(),
    };
    let named = named.iter().filter_map(|(path, option, value)| Some(of(path, option, value.as_ref()?)));
    let set = options.set.iter().map(|set| of(&set.name, "--set", &set.value));
    named.chain(set).collect()
}

/// `config show`.
pub(super) fn show(options: &ShowOptions) -> Exit {
    match load(&options.config) {
        Ok(config) => {
            let mut complaints = Output::stderr();
            for warning in &config.warnings {
                complaints.line(format_args!("{warning}"));
            }
            let text = if options.json { config::show_json(&config) } else { config::show(&config) };
            Output::stdout().finish(|out| out.write_all(text.as_bytes()))
        }
        Err(report) => {
            Output::stderr().line(format_args!("{report}"));
            Exit::ConfigurationInvalid
        }
    }
}
