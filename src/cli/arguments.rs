//! The grammar of the command line.
//!
//! The names of `producer` and `consumer` are those of the Artemis command line, so that its scripts work here.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand};

use super::destination::Destination;
use super::help;
use super::secrets::{PASSWORD_VARIABLE, URL_VARIABLE};

/// The most threads of one command: each holds a session, and a test that needs more can start a second process.
const THREADS_MAX: u16 = 256;

/// The most queues that one list has; the broker gives no more in one answer.
const ROWS_MAX: u32 = 10_000;

/// The largest body that `producer` makes: beyond it the broker would need large messages.
const BODY_BYTES_MAX: u32 = 100 << 10;

#[derive(Debug, Parser)]
#[command(name = "ringmq", version, about = "A durable message broker for bare-metal Linux")]
#[command(arg_required_else_help = true, disable_help_subcommand = true)]
#[command(help_template = help::TOP)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run the broker in the foreground, until SIGTERM or SIGINT
    #[command(after_help = help::RUN)]
    Run(RunOptions),
    /// Look at the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Send messages
    #[command(after_help = help::PRODUCER)]
    Producer(ProducerOptions),
    /// Receive messages
    #[command(after_help = help::CONSUMER)]
    Consumer(ConsumerOptions),
    /// Show the messages of a queue and take none
    #[command(after_help = help::BROWSER)]
    Browser(BrowserOptions),
    /// Look after queues
    #[command(subcommand)]
    Queue(QueueCommand),
    /// Look after those who may log in
    #[command(subcommand)]
    User(UserCommand),
    /// Print the version
    #[command(after_help = "Examples:\n  ringmq version")]
    Version,
}

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Print every setting in effect, with its unit and who set it
    #[command(after_help = help::CONFIG_SHOW)]
    Show(ShowOptions),
}

#[derive(Debug, Subcommand)]
pub(super) enum QueueCommand {
    /// List queues with their counts
    #[command(after_help = help::QUEUE_STAT)]
    Stat(QueueStatOptions),
    /// Create a queue, and its address if there is none
    #[command(after_help = help::QUEUE_CREATE)]
    Create(QueueCreateOptions),
    /// Delete a queue with what waits in it
    #[command(after_help = help::QUEUE_DELETE)]
    Delete(QueueDeleteOptions),
    /// Remove all messages that wait in a queue
    #[command(after_help = help::QUEUE_PURGE)]
    Purge(QueuePurgeOptions),
}

/// Which broker, and who asks.
#[derive(Debug, Args)]
pub(super) struct BrokerOptions {
    /// The broker
    #[arg(long, value_name = "URL", default_value = "tcp://localhost:61616", env = URL_VARIABLE, hide_env_values = true)]
    pub(super) url: String,
    /// The user, where the broker has users
    #[arg(long, value_name = "NAME")]
    pub(super) user: Option<String>,
    /// The user's password; better in the variable, because others can read arguments
    #[arg(long, value_name = "TEXT", env = PASSWORD_VARIABLE, hide_env_values = true)]
    pub(super) password: Option<Password>,
    /// The client id of the connection
    #[arg(long = "clientID", visible_alias = "client-id", value_name = "ID")]
    pub(super) client_id: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct QueueStatOptions {
    #[command(flatten)]
    pub(super) broker: BrokerOptions,
    /// Only queues whose name contains this
    #[arg(long = "queue-name", visible_alias = "queueName", value_name = "TEXT")]
    pub(super) queue_name: Option<String>,
    /// The most queues that are listed
    #[arg(long = "max-rows", visible_alias = "maxRows", value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=i64::from(ROWS_MAX)))]
    pub(super) max_rows: u32,
    /// As JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct QueueCreateOptions {
    #[command(flatten)]
    pub(super) broker: BrokerOptions,
    /// The queue
    #[arg(long, value_name = "NAME")]
    pub(super) name: String,
    /// Its address [default: the queue's name]
    #[arg(long, value_name = "NAME")]
    pub(super) address: Option<String>,
    /// Every queue of the address gets each message
    #[arg(long, conflicts_with = "anycast")]
    pub(super) multicast: bool,
    /// One queue of the address gets each message (the default)
    #[arg(long)]
    pub(super) anycast: bool,
    /// It ends with the broker
    #[arg(long, visible_alias = "no-durable", conflicts_with = "durable")]
    pub(super) non_durable: bool,
    /// A restart finds it again (the default)
    #[arg(long)]
    pub(super) durable: bool,
    /// Only messages that match it go there
    #[arg(long, value_name = "FILTER")]
    pub(super) filter: Option<String>,
    /// The most consumers that it may have; -1 is any number
    #[arg(long, value_name = "N", default_value_t = -1, allow_negative_numbers = true, value_parser = clap::value_parser!(i32).range(-1..))]
    pub(super) max_consumers: i32,
    /// Empty it when its last consumer goes
    #[arg(long)]
    pub(super) purge_on_no_consumers: bool,
    /// As JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct QueueDeleteOptions {
    #[command(flatten)]
    pub(super) broker: BrokerOptions,
    /// The queue
    #[arg(long, value_name = "NAME")]
    pub(super) name: String,
    /// Also if it has consumers, who are told
    #[arg(long, visible_alias = "removeConsumers")]
    pub(super) remove_consumers: bool,
    /// Do not ask
    #[arg(long)]
    pub(super) yes: bool,
    /// As JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct QueuePurgeOptions {
    #[command(flatten)]
    pub(super) broker: BrokerOptions,
    /// The queue
    #[arg(long, value_name = "NAME")]
    pub(super) name: String,
    /// Do not ask
    #[arg(long)]
    pub(super) yes: bool,
    /// As JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Add a user to the users file; makes the file if there is none
    #[command(after_help = help::USER_ADD)]
    Add(UserOptions),
    /// List the users with their roles
    #[command(after_help = help::USER_LIST)]
    List(ShowOptions),
    /// Give a user another password, and other roles if some are named
    #[command(after_help = help::USER_RESET)]
    Reset(UserOptions),
    /// Remove a user
    #[command(after_help = help::USER_REMOVE)]
    Remove(UserName),
}

#[derive(Debug, Args)]
pub(super) struct UserName {
    #[command(flatten)]
    pub(super) config: ConfigOptions,
    /// The user
    #[arg(value_name = "NAME")]
    pub(super) name: String,
}

#[derive(Debug, Args)]
pub(super) struct UserOptions {
    #[command(flatten)]
    pub(super) user: UserName,
    /// A role of the user (may be repeated) [default of a new user: amq]
    #[arg(long = "role", value_name = "ROLE")]
    pub(super) roles: Vec<String>,
}

/// Where settings come from; the same for every command that reads the configuration.
#[derive(Debug, Args)]
pub(super) struct ConfigOptions {
    /// The configuration file [default: ringmq.toml, if there is one]
    #[arg(long, value_name = "FILE", env = "RINGMQ_CONFIG", hide_env_values = true)]
    pub(super) config: Option<PathBuf>,
    /// Where the broker keeps its data [default: ringmq-data]
    #[arg(long = "data-directory", visible_alias = "data", value_name = "DIR")]
    pub(super) data_directory: Option<String>,
    /// The address to listen on [default: 127.0.0.1]
    #[arg(long, visible_alias = "host", value_name = "ADDR")]
    pub(super) bind: Option<String>,
    /// The port to listen on; 0 takes a free one [default: 61616]
    #[arg(long, value_name = "N")]
    pub(super) port: Option<String>,
    /// How events are written [default: text]
    #[arg(long, value_name = "text|json")]
    pub(super) log_format: Option<String>,
    /// Any other setting: --set journal-lanes=4 (may be repeated)
    #[arg(long, value_name = "NAME=VALUE")]
    pub(super) set: Vec<Assignment>,
}

#[derive(Debug, Args)]
pub(super) struct RunOptions {
    #[command(flatten)]
    pub(super) config: ConfigOptions,
    /// Give up what is damaged in lane LANE at position LSN; asked for by the event of a damaged journal
    #[arg(long, value_name = "LANE@LSN")]
    pub(super) accept_loss: Vec<AcceptLoss>,
}

#[derive(Debug, Args)]
pub(super) struct ShowOptions {
    #[command(flatten)]
    pub(super) config: ConfigOptions,
    /// As JSON; sizes in bytes, times in milliseconds
    #[arg(long)]
    pub(super) json: bool,
}

/// What sending and receiving have in common.
#[derive(Debug, Args)]
pub(super) struct MessageOptions {
    #[command(flatten)]
    pub(super) broker: BrokerOptions,
    /// The queue: queue://NAME, NAME, or ADDRESS::QUEUE
    #[arg(long, value_name = "NAME", default_value = "queue://TEST")]
    pub(super) destination: Destination,
    /// Messages of each thread
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(super) message_count: u64,
    /// Milliseconds to wait after each message
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub(super) sleep: u64,
    /// Messages of one transaction; 0 works without transactions
    #[arg(long, visible_alias = "txt-size", value_name = "N", default_value_t = 0)]
    pub(super) commit_interval: u64,
    /// Threads, each with a session of its own
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=i64::from(THREADS_MAX)))]
    pub(super) threads: u16,
    /// Print every message
    #[arg(long)]
    pub(super) verbose: bool,
}

#[derive(Debug, Args)]
pub(super) struct ProducerOptions {
    #[command(flatten)]
    pub(super) common: MessageOptions,
    /// The text of every message
    #[arg(long, value_name = "TEXT", group = "body")]
    pub(super) message: Option<String>,
    /// Send bytes messages of this size
    #[arg(long, value_name = "BYTES", group = "body", value_parser = clap::value_parser!(u32).range(1..=i64::from(BODY_BYTES_MAX)))]
    pub(super) message_size: Option<u32>,
    /// Send text messages of this size
    #[arg(long, value_name = "CHARS", group = "body", value_parser = clap::value_parser!(u32).range(1..=i64::from(BODY_BYTES_MAX)))]
    pub(super) text_size: Option<u32>,
    /// Send messages that a restart of the broker may lose
    #[arg(long)]
    pub(super) non_persistent: bool,
}

#[derive(Debug, Args)]
pub(super) struct ConsumerOptions {
    #[command(flatten)]
    pub(super) common: MessageOptions,
    /// Only messages that match it
    #[arg(long, value_name = "FILTER")]
    pub(super) filter: Option<String>,
    /// Milliseconds without a message after which to give up [default: wait on; 3000 with --break-on-null]
    #[arg(long, value_name = "MS")]
    pub(super) receive_timeout: Option<u64>,
    /// Give up when no message comes in time
    #[arg(long)]
    pub(super) break_on_null: bool,
}

#[derive(Debug, Args)]
pub(super) struct BrowserOptions {
    #[command(flatten)]
    pub(super) broker: BrokerOptions,
    /// The queue: queue://NAME, NAME, or ADDRESS::QUEUE
    #[arg(long, value_name = "NAME", default_value = "queue://TEST")]
    pub(super) destination: Destination,
    /// The most messages that are shown; 0 shows all
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) message_count: u64,
    /// Only messages that match it
    #[arg(long, value_name = "FILTER")]
    pub(super) filter: Option<String>,
    /// Everything that a message has, a line for each part
    #[arg(long, conflicts_with = "json")]
    pub(super) verbose: bool,
    /// Everything as JSON, a line for each message
    #[arg(long)]
    pub(super) json: bool,
}

/// A lane and the position from which on its damage is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptLoss {
    /// The lane as the event names it: `j00`.
    pub lane: String,
    /// The position in the lane.
    pub lsn: u64,
}

impl FromStr for AcceptLoss {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || format!("`{text}`: expected LANE@LSN as the event prints it, for example j00@81920");
        let (lane, lsn) = text.split_once('@').ok_or_else(expected)?;
        let lsn = lsn.parse().map_err(|_| expected())?;
        let plain = !lane.is_empty() && lane.len() <= 16 && lane.chars().all(|c| c.is_ascii_alphanumeric());
        if plain { Ok(Self { lane: lane.to_owned(), lsn }) } else { Err(expected()) }
    }
}

/// A password: it is never printed, not even by a debugging line.
#[derive(Clone)]
pub(super) struct Password(pub(super) String);

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a password")
    }
}

impl FromStr for Password {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

/// One `NAME=VALUE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Assignment {
    pub(super) name: String,
    pub(super) value: String,
}

impl FromStr for Assignment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').ok_or_else(|| format!("`{text}`: expected NAME=VALUE"))?;
        Ok(Self { name: name.trim().to_owned(), value: value.trim().to_owned() })
    }
}
