//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use journal::LaneId;

use crate::exit;

/// Looks into a store of RingMQ, live, stopped or copied, without changing it.
#[derive(Debug, Parser)]
#[command(name = "journal-tool", version, after_help = exit::HELP)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Prints every segment, block and record, one line each
    #[command(after_help = PRINT_HELP)]
    Print(PrintArguments),
    /// Checks everything, names all damage, and says what the next start would do
    #[command(after_help = VERIFY_HELP)]
    Verify(StoreArguments),
    /// Counts segments, blocks, records, live and dead bytes, and messages
    #[command(after_help = STATS_HELP)]
    Stats(StoreArguments),
}

const PRINT_HELP: &str = "Examples:
  journal-tool print ringmq-data
  journal-tool print ringmq-data --lane j00 --from 8192 --to 65536
  journal-tool print ringmq-data --queue orders --type add,ack --json

Bodies and the values of properties are left out; --bodies shows bodies. Damage is always shown, whatever the filters.";

const VERIFY_HELP: &str = concat!(
    "Examples:
  journal-tool verify ringmq-data
  journal-tool verify /backup/ringmq-data --json

The last lines say what the next start would do, the way out where it would be refused, and the verdict.

",
    exit::codes!()
);

const STATS_HELP: &str = "Examples:
  journal-tool stats ringmq-data
  journal-tool stats ringmq-data --json

The waiting messages are counted as a start would find them, which takes about the memory of the broker's index.";

/// Where the store is, and how to say what was found.
#[derive(Args, Clone, Debug)]
pub(crate) struct StoreArguments {
    /// The data directory, with bindings, journal, largemessages, paging and ha below it; or its journal directory
    pub(crate) directory: PathBuf,
    /// Where the bindings are, if not below the data directory
    #[arg(long, value_name = "DIR")]
    pub(crate) bindings: Option<PathBuf>,
    /// Where the journal is, if not below the data directory
    #[arg(long, value_name = "DIR")]
    pub(crate) journal: Option<PathBuf>,
    /// Where the large bodies are, if not below the data directory
    #[arg(long, value_name = "DIR")]
    pub(crate) large_messages: Option<PathBuf>,
    /// Where the paged bodies are, if not below the data directory
    #[arg(long, value_name = "DIR")]
    pub(crate) paging: Option<PathBuf>,
    /// Where ha.state is, if not below the data directory
    #[arg(long, value_name = "DIR")]
    pub(crate) ha: Option<PathBuf>,
    /// One JSON object a line instead of text
    #[arg(long)]
    pub(crate) json: bool,
    /// Show progress although standard error is not a terminal
    #[arg(long)]
    pub(crate) progress: bool,
    /// How to read
    #[arg(long, value_enum, default_value_t = Reader::Auto)]
    pub(crate) reader: Reader,
}

/// How segments are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Reader {
    /// With io_uring where there is one, else with plain reads
    Auto,
    /// With io_uring, several reads ahead
    Ring,
    /// One plain read after the other
    Plain,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct PrintArguments {
    #[command(flatten)]
    pub(crate) store: StoreArguments,
    /// Only these lanes
    #[arg(long, value_name = "LANE", value_delimiter = ',')]
    pub(crate) lane: Vec<LaneId>,
    /// Only blocks that begin at this position or later
    #[arg(long, value_name = "LSN", default_value_t = 0)]
    pub(crate) from: u64,
    /// Only blocks that begin before this position
    #[arg(long, value_name = "LSN", default_value_t = u64::MAX, hide_default_value = true)]
    pub(crate) to: u64,
    /// Only records about this queue, by name or number
    #[arg(long, value_name = "QUEUE")]
    pub(crate) queue: Option<String>,
    /// Only these kinds of lines and records: segment, block, add, ack, ...
    #[arg(long = "type", value_name = "TYPE", value_delimiter = ',')]
    pub(crate) types: Vec<String>,
    /// Show bodies of messages, in hexadecimal digits
    #[arg(long)]
    pub(crate) bodies: bool,
}
