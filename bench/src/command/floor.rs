//! `bench floor`: the floor broker as a process, until SIGTERM or SIGINT.

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bench::floor::{Durability, FILE_BYTES, Floor, Settings, sync_under};
use clap::{Args, ValueEnum};
use nix::sys::signal::{SigSet, Signal};

/// Filling the file is told of this often, once it takes longer.
const TELL_EVERY: Duration = Duration::from_secs(2);

/// Serves NATS and CORE on one port: prints a line when it listens, and what it did when SIGTERM or SIGINT ends it.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Port on loopback; 0 takes a free one
    #[arg(long, value_name = "P", default_value_t = 0)]
    port: u16,
    /// Folder of its file, floor.dat, on the disk that is measured; an older file there is overwritten
    #[arg(long, value_name = "DIR", default_value = "target/floor")]
    directory: PathBuf,
    /// Groups in flight at once, 1 to 16; acks leave in their order
    #[arg(long, value_name = "N", default_value_t = 1)]
    inflight: usize,
    /// What a message is before its ack
    #[arg(long, value_enum, default_value = "auto")]
    sync: Sync,
    /// Bytes of its file, in MiB
    #[arg(long, value_name = "MIB", default_value_t = FILE_BYTES >> 20)]
    file_size: u64,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Sync {
    /// On the device, in the way that a store of RingMQ would choose here: a probe of 0.2 s tells
    Auto,
    /// On the device, by the write itself (RWF_DSYNC)
    Dsync,
    /// On the device, by a write with a linked fdatasync
    Fdatasync,
    /// With the device, which may lose it: not durable
    None,
}

pub(super) fn run(arguments: &Arguments) -> Result<bool, String> {
    let Arguments { port, directory, inflight, sync, file_size } = arguments;
    let durability = match sync {
        Sync::Auto => sync_under(directory)?,
        Sync::Dsync => Durability::Dsync,
        Sync::Fdatasync => Durability::Fdatasync,
        Sync::None => Durability::None,
    };
    let file_bytes = file_size.saturating_mul(1 << 20);
    let settings = Settings { port: *port, directory: directory.clone(), in_flight: *inflight, durability, file_bytes };
    let signals = blocked().map_err(|error| format!("signals cannot be blocked: {error}"))?;
    let mut told = Instant::now();
    let floor = Floor::open(&settings, &mut |filled| {
        if told.elapsed() >= TELL_EVERY {
            eprintln!("filling {}: {} of {file_size} MiB", settings.file().display(), filled >> 20);
            told = Instant::now();
        }
    })?;
    let stopper = floor.stopper();
    let wait = move || {
        // It fails only for a set that is none; then the process ends by its other signals.
        let _signal = signals.wait();
        stopper.stop();
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(wait).map_err(|error| format!("a thread: {error}"))?;
    say(&format!(
        "listening on 127.0.0.1:{} for nats and core: {} by {durability}, {inflight} in flight, file {}",
        floor.port(),
        durability.label(),
        settings.file().display()
    ));
    let figures = floor.serve()?;
    say(&figures.to_string());
    Ok(true)
}

/// The signals that end it, blocked in this thread and those that it starts.
fn blocked() -> nix::Result<SigSet> {
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGTERM);
    signals.add(Signal::SIGINT);
    signals.thread_block()?;
    Ok(signals)
}

/// Whoever started it may have closed the pipe; it serves all the same.
fn say(line: &str) {
    let mut out = std::io::stdout();
    let _closed = writeln!(out, "{line}").and_then(|()| out.flush());
}
