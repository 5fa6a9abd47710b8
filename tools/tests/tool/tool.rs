//! Runs the tool.

use std::path::Path;
use std::process::{Command, Output};

/// What a run said.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    pub(crate) fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let said =
            Self { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) };
        assert!(!said.err.contains("panicked"), "{}", said.err);
        said
    }

    /// The lines that begin with this word.
    pub(crate) fn lines(&self, what: &str) -> Vec<&str> {
        self.out.lines().filter(|line| line.split(' ').next() == Some(what)).collect()
    }

    /// Whether a line begins with this word and says all of that.
    pub(crate) fn says(&self, what: &str, parts: &[&str]) -> bool {
        self.lines(what).iter().any(|line| parts.iter().all(|part| line.contains(part)))
    }
}

/// A run with these arguments.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_journal-tool"));
    command.args(arguments);
    command
}

/// Runs a command of the tool on a store.
pub(crate) fn run(what: &str, store: &Path, more: &[&str]) -> Said {
    let mut command = command(&[what, store.to_str().unwrap()]);
    Said::of(&command.args(more).output().unwrap())
}
