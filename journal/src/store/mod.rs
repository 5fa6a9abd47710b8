//! The store as a whole: where it lies, what was fixed at its creation, who holds it, what it remembers about itself.

mod ha_state;
mod layout;
mod lock;
mod manifest;
mod old_replica;
mod open;
mod probe;

pub use ha_state::{FlushTimes, HaState, HaStateError, HaStateFile, Incarnation, LastState, PageSeen};
pub use layout::{StoreLayout, StoreShape};
pub use lock::{DirectoryLock, LockError, LockHolder, LockSeen, inspect_lock};
pub use manifest::{ManifestError, inspect_manifest, read_manifest, write_manifest};
pub use old_replica::{
    OldReplica, SnapshotOrder, SnapshotSteps, discard_old_replica, drop_old_replicas, old_replicas,
    remove_unfinished_snapshots, take_snapshot,
};
pub use open::{StoreError, create_store, read_instance};
pub use probe::probe_sync;
