//! Why a start or a run ended.

use std::fmt;

use journal::{LaneId, Lsn};

use super::broken::Broken;
use crate::cli::Exit;
use crate::event;
use crate::event::Event;
use crate::home::Damaged;
use crate::message::CoreId;

/// A run that ended otherwise than by a stop in order.
#[derive(Debug)]
pub(crate) struct Failed {
    /// What kind of failure it is, for the log and for whoever looks it up.
    pub(crate) event: &'static Event,
    /// The exit code.
    pub(super) exit: Exit,
    /// What a person is told: what failed, why, what to do.
    pub(crate) message: String,
    /// What cannot be read back, if it was that.
    pub(super) damaged: Option<Damaged>,
    /// The `--accept-loss` with which a start would go past it, where that is a way out.
    pub(super) accept: Option<(LaneId, Lsn)>,
}

impl Failed {
    pub(super) fn new(event: &'static Event, exit: Exit, message: impl Into<String>) -> Self {
        Self { event, exit, message: message.into(), damaged: None, accept: None }
    }

    /// A failure with the chain of its causes, outermost first.
    pub(super) fn because(event: &'static Event, what: &str, error: &dyn std::error::Error) -> Self {
        let mut message = format!("{what}: {error}");
        let mut source = error.source();
        while let Some(cause) = source {
            message.push_str(": ");
            message.push_str(&cause.to_string());
            source = cause.source();
        }
        Self::new(event, Exit::Failed, message)
    }

    /// The same with another exit code than "failed".
    pub(super) fn with(self, exit: Exit) -> Self {
        Self { exit, ..self }
    }

    /// The same with the consent that is a way out.
    pub(super) fn unless_accepted(self, place: Option<(LaneId, Lsn)>) -> Self {
        Self { accept: place, ..self }
    }

    /// A data core that cannot go on. After a failed disk and after a mistake of ours the process steps down: a new one begins
    /// with what is really on the disk.
    pub(super) fn broken(core: CoreId, broken: &Broken) -> Self {
        let (event, exit) = match broken {
            Broken::Disk(_) => (&event::JN301, Exit::Fenced),
            Broken::Damaged(_) => (&event::JN304, Exit::Fenced),
            Broken::Defect(_) => (&event::SV304, Exit::Fenced),
            Broken::Acceptor(_) => (&event::SV301, Exit::Failed),
            Broken::System(_) => (&event::SV308, Exit::Failed),
        };
        let damaged = if let Broken::Damaged(damaged) = broken { Some(damaged.clone()) } else { None };
        Self { damaged, ..Self::new(event, exit, format!("data core {}: {broken}", core.0)) }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_disk_and_a_defect_step_down_and_say_which() {
        let told = |broken: Broken| {
            let failed = Failed::broken(CoreId(1), &broken);
            (failed.event.code, failed.exit, failed.message)
        };
        assert_eq!(told(Broken::Disk("x".into())), ("JN301", Exit::Fenced, "data core 1: x".into()));
        assert_eq!(told(Broken::Defect("x".into())), ("SV304", Exit::Fenced, "data core 1: x".into()));
        assert_eq!(told(Broken::Acceptor("x".into())).1, Exit::Failed);
        assert_eq!(told(Broken::System("x".into())).1, Exit::Failed);
    }
}
