//! `bench peers`: install, start, stop and list what RingMQ is compared with.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use bench::peers::{Peer, Peers, QUEUE};
use bench::targets::Target;
use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
    /// Where peers are installed and run
    #[arg(long, value_name = "DIR", default_value = "target/peers", global = true)]
    directory: PathBuf,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Fetch peers from their package registries; what is there stays
    Install {
        /// Which ones; all, if none is named
        peers: Vec<Peer>,
    },
    /// Start a peer on loopback with durable settings, and wait until it is ready
    Start(Start),
    /// End a started peer
    Stop {
        /// Which one
        peer: Peer,
    },
    /// Keep a started peer from taking any processor time, until `resume`
    Pause {
        /// Which one
        peer: Peer,
    },
    /// Let a paused peer go on
    Resume {
        /// Which one
        peer: Peer,
    },
    /// What is installed, what runs, and what the audits said
    List,
}

#[derive(Debug, Args)]
struct Start {
    /// Which one
    peer: Peer,
    /// Its port; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// The queue that it has when it is ready
    #[arg(long, default_value = QUEUE)]
    queue: String,
    /// A setting of its own, instead of the durable one
    #[arg(long = "set", value_name = "NAME=VALUE")]
    settings: Vec<String>,
}

pub(super) fn run(arguments: &Arguments) -> Result<bool, String> {
    let peers = Peers::below(&arguments.directory)?;
    match &arguments.what {
        What::Install { peers: wanted } => Ok(install(&peers, wanted)),
        What::Start(start) => {
            let started = peers.start(start.peer, start.port, &start.queue, &start.settings)?;
            let (name, port, pid) = (start.peer.name(), started.port, started.process.pid);
            println!(
                "{name} is ready: port {port}, process {pid}, queue {}, log {}",
                start.queue,
                started.log.display()
            );
            Ok(true)
        }
        What::Stop { peer } => peers.stop(*peer).map(|()| {
            println!("{} has ended", peer.name());
            true
        }),
        What::Pause { peer } => with(&peers, *peer, |started| started.pause()),
        What::Resume { peer } => with(&peers, *peer, |started| started.resume()),
        What::List => {
            Peer::ALL.into_iter().for_each(|peer| println!("{}", line(&peers, peer)));
            Ok(true)
        }
    }
}

/// False: one of them cannot be had.
fn install(peers: &Peers, wanted: &[Peer]) -> bool {
    let wanted = if wanted.is_empty() { Peer::ALL.to_vec() } else { wanted.to_vec() };
    let mut all = true;
    for peer in wanted {
        match peers.install(peer, &mut |line| tell(peer, line)) {
            Ok(version) => println!("{} {version} is installed in {}", peer.name(), peers.home(peer).display()),
            Err(error) => {
                println!("{} skipped: {error}", peer.name());
                all = false;
            }
        }
    }
    all
}

/// On a terminal a line that lasts takes the place of the one before.
fn tell(peer: Peer, line: &str) {
    let mut err = std::io::stderr();
    let told = if !err.is_terminal() {
        writeln!(err, "{}: {line}", peer.name())
    } else if line.ends_with('.') {
        writeln!(err, "\r\x1b[K{}: {line}", peer.name())
    } else {
        write!(err, "\r\x1b[K{}: {line}", peer.name()).and_then(|()| err.flush())
    };
    // Progress that nobody can read is no failure.
    drop(told);
}

fn with(peers: &Peers, peer: Peer, act: impl Fn(&bench::peers::Started)) -> Result<bool, String> {
    let started = peers.started(peer).ok_or_else(|| format!("{} does not run", peer.name()))?;
    act(&started);
    Ok(true)
}

fn line(peers: &Peers, peer: Peer) -> String {
    let version = peers.version(peer).unwrap_or_else(|_| "not installed".to_owned());
    let runs = peers.started(peer).map_or_else(
        || "does not run".to_owned(),
        |started| format!("port {} process {}", started.port, started.process.pid),
    );
    let label = peers.target(peer.name()).map(|target| target.durability().to_string()).unwrap_or_default();
    format!("{:<10} {version:<14} {runs:<28} {label}", peer.name())
}
