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

pub(super) use time::rfc3339;

/// How many events may wait for the writer: more than a start or a stop produces, and at most a few MiB.
const WAITING_MAX: usize = 4096;

/// So long after an event the log looks whether others found no place.
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
    let writer = std::thread::Builder::new().name("log".to_owned()).spawn(move || {
        // Signals are for the thread that watches them: one delivered here would end the process on the spot.
        let _blocked = nix::sys::signal::SigSet::all().thread_block();
        write(&receiver, &dropped, format, std::io::stderr());
    })?;
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

/// The next message; without a bound this sleeps until there is one.
fn receive(receiver: &Receiver<Message>, within: Option<Duration>) -> Result<Message, RecvTimeoutError> {
    match within {
        Some(within) => receiver.recv_timeout(within),
        None => receiver.recv().map_err(|_| RecvTimeoutError::Disconnected),
    }
}

/// The writer's life. It sleeps while nothing happens and nothing has to be summed up.
fn write(receiver: &Receiver<Message>, dropped: &AtomicU64, format: LogFormat, mut out: impl Write) {
    let started = Instant::now();
    let mut fold = Fold::default();
    let mut dropped_said = 0;
    let mut quiet = false;
    loop {
        let mut lines = String::new();
        let due = fold.due().map(|due| due.saturating_sub(started.elapsed()));
        let stop = match receive(receiver, if quiet { due } else { Some(TICK) }) {
            Ok(Message::Told(at, told)) => {
                for said in fold.take(started.elapsed(), at, told) {
                    lines.push_str(&render(&said, format));
                }
                quiet = false;
                false
            }
            Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => true,
            Err(RecvTimeoutError::Timeout) => {
                quiet = true;
                false
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the writer over what was sent before it began, and gives its lines without their times.
    fn written(messages: Vec<Message>, dropped: u64) -> Vec<String> {
        let (sender, receiver) = sync_channel(messages.len() + 1);
        for message in messages {
            sender.send(message).unwrap();
        }
        sender.send(Message::Stop).unwrap();
        let mut out = Vec::new();
        write(&receiver, &AtomicU64::new(dropped), LogFormat::Text, &mut out);
        let text = String::from_utf8(out).unwrap();
        text.lines().map(|line| line.split_once(' ').unwrap().1.to_owned()).collect()
    }

    fn told(message: &str) -> Message {
        Message::Told(SystemTime::now(), Told { message: message.to_owned(), ..Told::default() })
    }

    #[test]
    fn the_end_writes_what_is_waiting_and_the_counts() {
        let lines = written(vec![told("a"), told("b"), told("a"), told("a")], 0);
        assert_eq!(lines[..2], ["INFO  -     a", "INFO  -     b"]);
        assert!(lines[2].starts_with("INFO  -     a repeated=2 within=0.0s"), "{lines:?}");
        assert_eq!(lines.len(), 3);
    }

    #[test]
    fn dropped_events_are_counted() {
        let lines = written(vec![told("a")], 3);
        assert_eq!(lines, ["INFO  -     a", "WARN  SV203 the log could not keep up dropped=3"]);
    }

    #[test]
    fn a_full_channel_drops_and_never_waits() {
        let (sender, receiver) = sync_channel(1);
        let dropped = Arc::new(AtomicU64::new(0));
        let collector = Collector { sender, dropped: Arc::clone(&dropped) };
        tracing::subscriber::with_default(tracing_subscriber::registry().with(collector), || {
            for number in 0..5 {
                crate::event!(JN301, number, cause = "EIO", "latched at {}", 4096);
            }
        });
        assert_eq!(dropped.load(Ordering::Relaxed), 4);
        let Ok(Message::Told(_, told)) = receiver.try_recv() else { panic!("the first event is missing") };
        let fields: Vec<_> = told.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!((told.code.as_str(), told.message.as_str()), ("JN301", "latched at 4096"));
        assert_eq!(fields, [("number", "0"), ("cause", "EIO")]);
        assert_eq!(told.level, tracing::Level::ERROR);
    }
}
