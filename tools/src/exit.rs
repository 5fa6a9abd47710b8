//! Exit codes: what a script can tell from how the tool ended. Stable.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Nothing is damaged. Also when the reader of the output went away.
    Sound = 0,
    /// The output could not be written.
    Failed = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// There is no store.
    NotAStore = 6,
    /// Promised data is missing or damaged, or the next start would be refused.
    Damaged = 10,
    /// A part could not be read, so that there is no verdict on it.
    Unreadable = 11,
}

/// The codes as the help shows them; a macro, so that other texts can end with them.
macro_rules! codes {
    () => {
        "Exit codes:
  0   sound; a torn tail and other things that a start mends by itself are only noted
  1   the output could not be written
  2   usage
  6   there is no store in the directory
  10  damaged: promised data is missing or changed, or the next start would be refused
  11  unreadable: the disk, a permission or a newer version of the format kept a part from being read"
    };
}
pub(crate) use codes;

/// The codes, for a help text of their own.
pub(crate) const HELP: &str = codes!();

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
