//! Writing to a terminal, a pipe or a file, of which each may go away.
//!
//! Must stay true: when the reader has gone (`ringmq ... | head`), the command stops writing and is not a failure.

use std::fmt;
use std::io::{self, ErrorKind, IsTerminal as _, Write};

use super::exit::Exit;

/// One stream of the process.
pub(super) struct Output<W: Write> {
    stream: W,
    /// The reader has gone; nothing more is written.
    closed: bool,
    /// What each line begins with: on a terminal it wipes a line of progress that may stand there.
    wipe: &'static str,
}

impl Output<io::Stdout> {
    pub(super) fn stdout() -> Self {
        let wipe = if io::stdout().is_terminal() { "\x1b[K" } else { "" };
        Self { wipe, ..Self::new(io::stdout()) }
    }
}

impl Output<io::Stderr> {
    pub(super) fn stderr() -> Self {
        Self::new(io::stderr())
    }
}

impl<W: Write> Output<W> {
    pub(super) fn new(stream: W) -> Self {
        Self { stream, closed: false, wipe: "" }
    }

    /// One line, at once. `false`: nobody reads any more.
    pub(super) fn line(&mut self, text: fmt::Arguments<'_>) -> bool {
        if !self.closed {
            // One write a line, so that the lines of several threads do not mix.
            let whole = format!("{}{text}\n", self.wipe);
            self.closed = self.stream.write_all(whole.as_bytes()).and_then(|()| self.stream.flush()).is_err();
        }
        !self.closed
    }

    /// Writes the result of a command and says how the command ended.
    pub(super) fn finish(mut self, write: impl FnOnce(&mut W) -> io::Result<()>) -> Exit {
        match write(&mut self.stream).and_then(|()| self.stream.flush()) {
            Ok(()) => Exit::Ok,
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Exit::Ok,
            Err(error) => {
                Output::stderr().line(format_args!("error: cannot write the output: {error}"));
                Exit::Failed
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream that fails.
    struct Gone(ErrorKind);

    impl Write for Gone {
        fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_broken_pipe_is_success_and_a_full_disk_is_not() {
        assert_eq!(Output::new(Gone(ErrorKind::BrokenPipe)).finish(|out| out.write_all(b"x")), Exit::Ok);
        assert_eq!(Output::new(Gone(ErrorKind::StorageFull)).finish(|out| out.write_all(b"x")), Exit::Failed);
        let mut output = Output::new(Gone(ErrorKind::BrokenPipe));
        assert!(!output.line(format_args!("x")));
        let mut kept = Output::new(Vec::new());
        assert!(kept.line(format_args!("x {}", 1)));
        assert_eq!(kept.stream, b"x 1\n");
    }
}
