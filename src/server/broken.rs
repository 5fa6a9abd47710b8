//! Why a data core cannot go on, and the guard that tells the main thread of it.
//!
//! Must stay true: however the loop of a core ends, the main thread hears of it, so that the process never lives on with a core
//! missing.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc::Sender;

use journal::Latch;

use super::lobby::Notice;
use crate::home::Damaged;
use crate::message::CoreId;

/// Why a data core cannot go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// A lane is latched: what the disk holds is not certain.
    Disk(String),
    /// What a lane has promised cannot be read back.
    Damaged(Damaged),
    /// A mistake of ours.
    Defect(String),
    /// The acceptor cannot be opened.
    Acceptor(String),
    /// The system did not give what the core needs.
    System(String),
}

impl Broken {
    /// The write that failed, with the file that it went to: which operation, on what, and what the system answered.
    pub(crate) fn latched(latch: &Latch, file: &Path) -> Self {
        let mut error = latch.error.clone();
        error.path.get_or_insert_with(|| file.to_owned());
        Self::Disk(format!("{latch}: {error}"))
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged(Damaged { lane, lsn, problem, .. }) => {
                write!(f, "lane {lane} cannot be read at {lsn}: {problem}")
            }
            Self::Disk(why) | Self::Defect(why) | Self::Acceptor(why) | Self::System(why) => f.write_str(why),
        }
    }
}

/// Lives the life of a core and tells the main thread when it ends otherwise than in order.
pub(super) fn guarded(core: CoreId, notices: &Sender<Notice>, life: impl FnOnce() -> Result<(), Broken>) {
    // What the life owned is gone when this returns: nobody sees it half changed.
    let ended = catch_unwind(AssertUnwindSafe(life)).unwrap_or_else(|panic| Err(Broken::Defect(text_of(&*panic))));
    if let Err(broken) = ended {
        let _heard = notices.send(Notice::Broken { core, broken });
    }
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    format!("it panicked: {}", text.unwrap_or("without a text"))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use journal::{IoError, LaneId, Lsn, Operation, SegmentSequence};

    use super::*;

    fn told(life: impl FnOnce() -> Result<(), Broken>) -> Option<Broken> {
        let (sender, notices) = channel();
        guarded(CoreId(3), &sender, life);
        // The sender still lives, as those of the other cores do: the notice itself must have come.
        notices.try_recv().ok().map(|notice| match notice {
            Notice::Broken { core: CoreId(3), broken } => broken,
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn a_panic_of_a_core_is_told() {
        assert_eq!(
            told(|| panic!("planted in {}", "a test")),
            Some(Broken::Defect("it panicked: planted in a test".into()))
        );
        let odd = || std::panic::panic_any(7_u8);
        assert_eq!(told(odd), Some(Broken::Defect("it panicked: without a text".into())));
        assert_eq!(told(|| Err(Broken::Acceptor("in use".into()))), Some(Broken::Acceptor("in use".into())));
        assert_eq!(told(|| Ok(())), None);
    }

    #[test]
    fn a_latch_names_operation_file_and_answer() {
        let error = IoError::from_errno(Operation::Sync, 5);
        let (lane, segment) = (LaneId::JOURNAL, SegmentSequence(7));
        let latch = Latch { lane, lsn: Lsn(4096), segment, error: error.clone() };
        let text = Broken::latched(&latch, Path::new("/data/journal/j00.seg")).to_string();
        for part in ["j00", "4096", "flush of /data/journal/j00.seg failed", "os error 5"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        // What the error itself names is nearer to the truth.
        let latch = Latch { error: error.at(Path::new("/other")), ..latch };
        assert!(Broken::latched(&latch, Path::new("/data")).to_string().contains("flush of /other failed"));
    }
}
