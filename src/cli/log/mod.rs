//! The log: one line for each event on standard error.
//!
//! Owns: the thread that writes. Takes: `tracing` events from every thread. Gives: lines. Must stay true: a data core
//! never waits for the log; when the writer falls behind by [`WAITING_MAX`] events, further ones are dropped and
//! counted, and the count is written.

mod collect;
mod fold;
mod line;
mod time;

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use config::{LogFormat, LogLevel};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::prelude::*;

use collect::Collector;
use fold::{Fold, Said};
use line::{Told, render};

/// How many events may wait for the writer: more than a start or a stop produces, and at most a few MiB.
const WAITING_MAX: usize = 4096;

/// How often a quiet log looks whether a repetition has to be summed up.
const TICK: Duration = Duration::from_secs(1);

/// What goes to the writer.
enum Message {
    Told(SystemTime, Told),
    Stop,
}

/// The running log. Dropping it writes what is waiting.
pub struct Log {
    sender: SyncSender<Message>,
    writer: Option<JoinHandle<()>>,
}

/// Starts the log of this process on standard error.
///
/// # Errors
/// If its thread cannot be started, or if there is a log already.
pub fn start(format: LogFormat, level: LogLevel) -> Result<Log, Box<dyn std::error::Error>> {
    let (sender, receiver) = sync_channel(WAITING_MAX);
    let dropped = Arc::new(AtomicU64::new(0));
    let collector = Collector { sender: sender.clone(), dropped: Arc::clone(&dropped) };
    let filter = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    tracing_subscriber::registry().with(collector.with_filter(filter)).try_init()?;
    let writer = std::thread::Builder::new()
        .name("log".to_owned())
        .spawn(move || write(&receiver, &dropped, format, std::io::stderr()))?;
    Ok(Log { sender, writer: Some(writer) })
}

impl Drop for Log {
    fn drop(&mut self) {
        // The writer is gone only if it panicked; then there is nobody left to tell.
        let _gone = self.sender.send(Message::Stop);
        if let Some(writer) = self.writer.take() {
            let _panicked = writer.join();
        }
    }
}

/// The writer's life.
fn write(receiver: &Receiver<Message>, dropped: &AtomicU64, format: LogFormat, mut out: impl Write) {
    let started = Instant::now();
    let mut fold = Fold::default();
    let mut dropped_said = 0;
    loop {
        let mut lines = String::new();
        let stop = match receiver.recv_timeout(TICK) {
            Ok(Message::Told(at, told)) => {
                for said in fold.take(started.elapsed(), at, told) {
                    lines.push_str(&render(&said, format));
                }
                false
            }
            Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => true,
            Err(RecvTimeoutError::Timeout) => false,
        };
        let now = started.elapsed();
        let closed = if stop { fold.close(SystemTime::now()) } else { fold.expire(now, SystemTime::now()) };
        for said in closed {
            lines.push_str(&render(&said, format));
        }
        let dropped_now = dropped.load(Ordering::Relaxed);
        if dropped_now > dropped_said {
            let told = Told::dropped(dropped_now - dropped_said);
            dropped_said = dropped_now;
            lines.push_str(&render(&Said { at: SystemTime::now(), told, repeated: None }, format));
        }
        // A log that cannot be written must not stop the broker, and there is nobody to tell.
        let _unwritten = out.write_all(lines.as_bytes());
        if stop {
            return;
        }
    }
}
