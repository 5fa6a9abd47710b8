//! Standard output, which may go away, and what the tool says beside it.

use std::io::{BufWriter, ErrorKind, Stdout, Write};
use std::ops::ControlFlow;

use crate::exit::Exit;
use crate::line::Line;

/// Where lines go.
pub(crate) struct Output {
    stream: BufWriter<Stdout>,
    json: bool,
    /// Why nothing more is written.
    ended: Option<ErrorKind>,
}

/// How much is written at once.
const BUFFER_BYTES: usize = 64 * 1024;

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { stream: BufWriter::with_capacity(BUFFER_BYTES, std::io::stdout()), json, ended: None }
    }

    /// Writes a line. Break: nobody reads any more, and whoever writes may stop.
    pub(crate) fn line(&mut self, line: &Line) -> ControlFlow<()> {
        if self.ended.is_none() {
            let written =
                if self.json { writeln!(self.stream, "{}", line.json()) } else { writeln!(self.stream, "{line}") };
            self.ended = written.err().map(|error| error.kind());
        }
        if self.ended.is_none() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    /// Writes out what is left; gives the exit code of a command that ended so.
    pub(crate) fn finish(mut self, exit: Exit) -> Exit {
        let ended = self.ended.or_else(|| self.stream.flush().err().map(|error| error.kind()));
        match ended {
            None => exit,
            // `| head` is no failure, and what was read until then is no verdict.
            Some(ErrorKind::BrokenPipe) => Exit::Sound,
            Some(kind) => {
                say(&format!("error: the output cannot be written: {kind}"));
                Exit::Failed
            }
        }
    }
}

/// A line for the person at the terminal. If nobody reads it, so be it.
pub(crate) fn say(text: &str) {
    let _unread = writeln!(std::io::stderr(), "journal-tool: {text}");
}
