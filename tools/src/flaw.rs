//! What can be wrong with a store, each with its place and what it means.

use std::path::PathBuf;

use journal::{IoError, LaneId, Lsn};

use crate::line::Line;

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// A segment between others has no file.
    SegmentMissing,
    /// The first segments that should be kept have no file.
    FrontMissing,
    /// The segment's header is not the one that belongs there.
    Header(String),
    /// The segment is sound and belongs to another store, lane or position.
    Foreign(String),
    /// The file has another length than its header says.
    Length(u64),
    /// The header or a block was written by a newer version.
    Newer,
    /// The disk or the system refuses to read.
    Unreadable(IoError),
    /// No sound block stands here, and sound ones stand behind.
    Hole,
    /// A block is sound by itself and does not follow the one before it.
    Chain,
    /// A block that promises less than one before it, or begins no epoch and belongs to a new one.
    Order,
    /// A block with a right checksum whose fragments are none.
    Fragments,
    /// A record that does not say what its kind promises.
    Record(String),
    /// The last block of a lane was not written whole.
    TornTail,
    /// The lane ends before a position that was promised.
    Short,
    /// A run of records without its end.
    OpenRun,
    /// Damaged blocks that the operator gave up.
    Patched,
}

impl What {
    /// The word for it in the output.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::SegmentMissing => "segment-missing",
            Self::FrontMissing => "front-missing",
            Self::Header(_) => "segment-header",
            Self::Foreign(_) => "segment-foreign",
            Self::Length(_) => "segment-length",
            Self::Newer => "newer-version",
            Self::Unreadable(_) => "unreadable",
            Self::Hole => "hole",
            Self::Chain => "chain",
            Self::Order => "order",
            Self::Fragments => "fragments",
            Self::Record(_) => "record",
            Self::TornTail => "torn-tail",
            Self::Short => "short",
            Self::OpenRun => "open-run",
            Self::Patched => "patched",
        }
    }

    /// What it is, for a person.
    fn said(&self) -> String {
        match self {
            Self::SegmentMissing => "the segment file is missing".to_owned(),
            Self::FrontMissing => "the oldest segments that should be there are missing".to_owned(),
            Self::Header(problem) | Self::Foreign(problem) => problem.clone(),
            Self::Length(bytes) => format!("the file has {bytes} bytes, which is not the size of a segment"),
            Self::Newer => "it was written by a newer version of this program".to_owned(),
            Self::Unreadable(error) => error.to_string(),
            Self::Hole => "no sound block stands here, but sound ones stand behind".to_owned(),
            Self::Chain => {
                "the block is whole and does not follow the one before it: one of them was exchanged".to_owned()
            }
            Self::Order => "the block belongs to another time than the one before it".to_owned(),
            Self::Fragments => "the block's checksum is right and its content is not a row of records".to_owned(),
            Self::Record(problem) => problem.clone(),
            Self::TornTail => "the last block was not written whole".to_owned(),
            Self::Short => "the lane ends here".to_owned(),
            Self::OpenRun => "a run of records has no end".to_owned(),
            Self::Patched => "damaged blocks were given up here".to_owned(),
        }
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Weight {
    /// Nothing that was promised is missing; a start mends it, or it harms nobody.
    Note,
    /// It could not be read, so that nobody knows.
    Unreadable,
    /// Something that was promised is missing or changed.
    Damage,
}

/// Something wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    pub(crate) what: What,
    pub(crate) lane: LaneId,
    /// Where it begins.
    pub(crate) at: Lsn,
    /// Where what is sound goes on.
    pub(crate) to: Option<Lsn>,
    pub(crate) file: PathBuf,
    /// Where in the file.
    pub(crate) offset: u64,
}

impl Flaw {
    /// As a line, before anybody can say how bad it is.
    pub(crate) fn line(&self) -> Line {
        self.begun("damage").with("problem", self.what.said())
    }

    /// As a line with its weight and what follows from it.
    pub(crate) fn judged(&self, weight: Weight, meaning: String) -> Line {
        let what = match weight {
            Weight::Note => "note",
            Weight::Unreadable => "unreadable",
            Weight::Damage => "damage",
        };
        self.begun(what).with("problem", self.what.said()).with("meaning", meaning)
    }

    fn begun(&self, what: &'static str) -> Line {
        let line = Line::new(what).with("lane", self.lane.name()).with("lsn", self.at.0);
        let line = line.with_some("to", self.to.map(|lsn| lsn.0));
        let line = line.with("file", self.file.display().to_string()).with("offset", self.offset);
        line.with("kind", self.what.name())
    }
}
