//! One process that a test started: its output as it comes, its end within a bound.
//!
//! Owns the child until it is waited for; a dropped process is killed by its own id and waited for, so that no test leaves
//! one behind. Every wait has a bound; none sleeps: the readers of the output wake whoever waits.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Where a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Out,
    Err,
}

/// The lines so far, and how many of the two streams are still open.
#[derive(Default)]
struct Lines {
    all: Vec<(Stream, String)>,
    open: usize,
}

/// A process and what it has said.
pub(crate) struct Process {
    child: Child,
    name: String,
    said: Arc<(Mutex<Lines>, Condvar)>,
    ended: Option<ExitStatus>,
}

/// A process that is no more.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) lines: Vec<(Stream, String)>,
}

impl Ended {
    /// The lines of the standard output.
    pub(crate) fn out(&self) -> Vec<&str> {
        self.lines.iter().filter(|(stream, _)| *stream == Stream::Out).map(|(_, line)| line.as_str()).collect()
    }
}

impl Process {
    /// Starts it with nothing to read, and listens to both of its streams.
    pub(crate) fn start(command: &mut Command) -> Result<Self, String> {
        let name = format!("{command:?}");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("{name} does not start: {error}"))?;
        let said = Arc::new((Mutex::new(Lines { all: Vec::new(), open: 2 }), Condvar::new()));
        let out = child.stdout.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>);
        let err = child.stderr.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>);
        for (stream, reader) in [(Stream::Out, out), (Stream::Err, err)] {
            let said = Arc::clone(&said);
            std::thread::spawn(move || listen(stream, reader, &said));
        }
        Ok(Self { child, name, said, ended: None })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line of the standard output, including those already there.
    pub(crate) fn line(&self, wanted: impl Fn(&str) -> bool, what: &str, within: Duration) -> Result<String, String> {
        let find = |lines: &Lines| {
            let out = lines.all.iter().filter(|(stream, _)| *stream == Stream::Out);
            out.map(|(_, line)| line).find(|line| wanted(line)).cloned()
        };
        let lines = self.wait(within, |lines| find(lines).is_some() || lines.open == 0);
        find(&lines).ok_or_else(|| {
            let why = if lines.open == 0 { "ended before" } else { "was too slow for" };
            format!("{} {why} {what} ({within:?})\n{}", self.name, text_of(&lines.all))
        })
    }

    /// Waits for a text on either stream.
    pub(crate) fn said(&self, text: &str, within: Duration) -> Result<(), String> {
        let found = |lines: &Lines| lines.all.iter().any(|(_, line)| line.contains(text));
        let lines = self.wait(within, |lines| found(lines) || lines.open == 0);
        if found(&lines) { Ok(()) } else { Err(format!("{} never said `{text}`\n{}", self.name, text_of(&lines.all))) }
    }

    /// Waits until so many lines on both streams have a text.
    pub(crate) fn said_times(&self, text: &str, times: usize, within: Duration) -> Result<(), String> {
        let found = |lines: &Lines| lines.all.iter().filter(|(_, line)| line.contains(text)).count() >= times;
        let lines = self.wait(within, |lines| found(lines) || lines.open == 0);
        let enough = found(&lines);
        enough.then_some(()).ok_or_else(|| format!("{} never said `{text}` {times} times", self.name))
    }

    /// Sends a signal to this process alone.
    pub(crate) fn signal(&self, signal: Signal) -> Result<(), String> {
        let pid = i32::try_from(self.pid()).map_err(|_| format!("{} is no process id", self.pid()))?;
        kill(Pid::from_raw(pid), signal).map_err(|error| format!("cannot send {signal} to {pid}: {error}"))
    }

    /// Waits for its end: both streams closed, then the exit status.
    pub(crate) fn end(mut self, within: Duration) -> Result<Ended, String> {
        let closed = {
            let lines = self.wait(within, |lines| lines.open == 0);
            if lines.open == 0 { Ok(lines.all.clone()) } else { Err(text_of(&lines.all)) }
        };
        let lines = closed.map_err(|text| format!("{} did not end within {within:?}\n{text}", self.name))?;
        let status = self.child.wait().map_err(|error| format!("cannot wait for {}: {error}", self.name))?;
        self.ended = Some(status);
        Ok(Ended { status, lines })
    }

    fn wait(&self, within: Duration, until: impl Fn(&Lines) -> bool) -> MutexGuard<'_, Lines> {
        let (lines, changed) = &*self.said;
        let deadline = Instant::now() + within;
        let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
        while !until(&lines) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            lines = changed.wait_timeout(lines, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        lines
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.ended.is_none() {
            // Nothing to do about a failure here: the process is gone already, which is what was wanted.
            let _gone = self.child.kill();
            let _reaped = self.child.wait();
        }
    }
}

fn listen(stream: Stream, reader: Option<Box<dyn Read + Send>>, said: &(Mutex<Lines>, Condvar)) {
    let (lines, changed) = said;
    for line in reader.into_iter().flat_map(|reader| BufReader::new(reader).split(b'\n').map_while(Result::ok)) {
        let line = String::from_utf8_lossy(&line).into_owned();
        lines.lock().unwrap_or_else(PoisonError::into_inner).all.push((stream, line));
        changed.notify_all();
    }
    lines.lock().unwrap_or_else(PoisonError::into_inner).open -= 1;
    changed.notify_all();
}

/// The lines as a failure shows them.
pub(crate) fn text_of(lines: &[(Stream, String)]) -> String {
    lines.iter().map(|(_, line)| format!("    | {line}\n")).collect()
}
