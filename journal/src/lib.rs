//! The journal of RingMQ: what makes an operation durable, and what brings it back.
//!
//! A store is a set of **lanes**; a lane is a sequence of zero-filled **segment** files that hold immutable **blocks** of **records**. The
//! format is drawn in `FORMAT.md`, once.
//!
//! The journal decides and does no I/O on the data path: a [`Lane`] takes records, completions and the time, and gives [`Command`]s. Three
//! drivers carry them out: the ring (in the broker), the blocking one ([`BlockingDriver`]) and the simulated one (feature `testing`); one
//! conformance suite runs against each. What has no data path, that is recovery, creation and tools, goes through the blocking trait
//! [`Storage`].
//!
//! ```text
//! append -> filling block -> (group rule) -> Write -> durable -> (dependencies) -> promised: may be acked
//! ```
//!
//! What must stay true is written beside the code that keeps it: the watermarks in `lane/watermarks.rs`, the dependencies in
//! `lane/dependencies.rs`, cutting and what may lie behind a cut in `recovery/decision.rs`.

mod block;
mod blocking;
mod border;
mod buffer;
mod bytes;
mod checkpoint;
mod command;
mod compare;
mod crc;
mod epoch;
mod error;
mod file_storage;
mod geometry;
mod ids;
mod lane;
mod latch;
mod limits;
mod patch;
mod reader;
mod readers;
mod record;
mod recovery;
mod repair;
mod replica;
mod segment;
mod segment_files;
mod storage;
mod store;
mod suffix;
#[cfg(feature = "testing")]
pub mod testing;
mod truncate;
mod vector;

pub use block::{BLOCK_MAGIC, BlockError, BlockFlags, BlockHeader, BlockView, Checks, FORMAT_VERSION, Fragment, seal};
pub use blocking::{BlockingDriver, SyncMode, share_promises};
pub use border::{Border, BorderError, BorderReader};
pub use buffer::{AlignedBuffer, BlockBuffer};
pub use checkpoint::{CheckpointWriter, CheckpointWritten, decode_mark, encode_mark};
pub use command::{Command, Commands, Completion};
pub use compare::{
    ChainOf, ChainSearch, CommonPoint, LaneComparison, LaneHistory, Question, common_point, compare_lane, search,
};
pub use epoch::{AcceptedLoss, AckMode, EpochEntry, EpochReason, EpochStart, EpochStartRecord, SegmentFreeRecord};
pub use error::{AppendError, EDQUOT, EIO, EMFILE, ENOENT, ENOSPC, FreeError, IoError, Operation};
pub use file_storage::FileStorage;
pub use geometry::{Geometry, GeometryError};
pub use ids::{
    Chain, Directory, EpochId, InstanceId, LaneId, LaneKind, LaneNameError, Location, Lsn, NodeId, Now, RunId,
    SegmentSequence, StoreId, Ticket,
};
pub use lane::{Dependencies, Lane, LaneMark, LaneOptions, LaneStats, LaneTail};
pub use latch::Latch;
pub use limits::*;
pub use patch::Patch;
pub use reader::{ReadError, ReadRecordError, ReadRequest, RecordRead, Step, read_record};
pub use record::{Appended, FragmentHeader, Record, RecordKind, Run};
pub use recovery::{
    Abridge, CheckpointFound, Company, Consent, Damage, Finding, Hole, Keep, Place, Recovered, RecoveredLane,
    RecoveryError, RecoveryOptions, Replayed, Verdict, decide, delete_checkpoints, recover,
};
pub use repair::{RepairError, RepairSteps, Repaired, repair_block};
pub use replica::{ReplicaError, ReplicaLane, ReplicaRange};
pub use segment::{NamedFile, SEGMENT_MAGIC, SegmentHeader, SegmentHeaderError, parse_name, segment_name};
pub use segment_files::{SPARE_SEGMENTS_MAX, free_segment, prepare_segment, remove_unfinished};
pub use storage::{
    Access, FileHandle, PendingRead, ReadDone, ReadTarget, Storage, create_filled, publish, unfinished_path,
};
pub use store::{
    DirectoryLock, FlushTimes, HaState, HaStateError, HaStateFile, Incarnation, LastState, LockError, LockHolder,
    LockSeen, ManifestError, OldReplica, PageSeen, SnapshotOrder, SnapshotSteps, StoreError, StoreLayout, StoreShape,
    create_store, discard_old_replica, drop_old_replicas, inspect_lock, inspect_manifest, old_replicas, probe_sync,
    read_instance, read_manifest, remove_unfinished_snapshots, take_snapshot, write_manifest,
};
pub use suffix::{SuffixRead, read_suffix};
pub use truncate::{MayCut, TruncateError, TruncateOrder, TruncateSteps, truncate};
pub use vector::Vector;
