//! Exit codes: what a script can tell from how a command ended. Stable.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// It did what it was asked to. Also when the reader of its output went away: a broken pipe is success.
    Ok = 0,
    /// It failed, or did only a part.
    Failed = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// The configuration is invalid.
    ConfigurationInvalid = 3,
    /// The broker does not let this user do it.
    NotAuthorised = 4,
    /// The broker cannot be reached.
    CannotConnect = 5,
    /// What was named does not exist.
    NotFound = 6,
    /// It exists already, or is in the way of another.
    Conflict = 7,
    /// It took longer than allowed.
    TimedOut = 8,
    /// The broker stopped itself because its disk failed or did not give back what was written, because it lost its right to serve, or because a part of it failed by a mistake
    /// of ours: start it again.
    Fenced = 76,
    /// The broker cannot start with this configuration: starting it again will not help.
    DaemonConfigurationInvalid = 78,
}

impl Exit {
    /// Every code with the words of the help text.
    pub const ALL: &[(Self, &'static str)] = &[
        (Self::Ok, "ok"),
        (Self::Failed, "failed, or not all done"),
        (Self::Usage, "usage"),
        (Self::ConfigurationInvalid, "configuration invalid"),
        (Self::NotAuthorised, "not authorised"),
        (Self::CannotConnect, "cannot connect"),
        (Self::NotFound, "not found"),
        (Self::Conflict, "conflict"),
        (Self::TimedOut, "timed out"),
        (Self::Fenced, "run: stopped itself (disk failed)"),
        (Self::DaemonConfigurationInvalid, "run: configuration invalid"),
    ];

    /// The number the shell sees.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::Exit;

    #[test]
    fn numbers_are_those_that_scripts_rely_on() {
        let numbers: Vec<u8> = Exit::ALL.iter().map(|(exit, _)| exit.code()).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 7, 8, 76, 78]);
    }
}
