//! Where a store's directories lie, and what is fixed when it is created.

use std::path::{Path, PathBuf};

use crate::geometry::Geometry;
use crate::ids::{Directory, LaneId, LaneKind, SegmentSequence, StoreId};
use crate::limits::LANES_PER_KIND_MAX;
use crate::segment::{SegmentHeader, segment_name};

/// What the name of a snapshot's directory begins with; its number follows.
pub(crate) const OLD_REPLICA: &str = "oldreplica.";

/// The directories of a store. Each can be anywhere; `ha` is private to the host, the others make up the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreLayout {
    /// Lane b00.
    pub bindings: PathBuf,
    /// Lanes j00 and on, c00, the manifest, the lock.
    pub journal: PathBuf,
    /// Lane l00.
    pub large_messages: PathBuf,
    /// Lane p00.
    pub paging: PathBuf,
    /// `ha.state` and `instance`.
    pub ha: PathBuf,
}

impl StoreLayout {
    /// All five under one directory, with their usual names.
    #[must_use]
    pub fn under(root: &Path) -> Self {
        Self {
            bindings: root.join("bindings"),
            journal: root.join("journal"),
            large_messages: root.join("largemessages"),
            paging: root.join("paging"),
            ha: root.join("ha"),
        }
    }

    /// The path of one of the directories that hold lanes.
    #[must_use]
    pub fn directory(&self, directory: Directory) -> &Path {
        match directory {
            Directory::Bindings => &self.bindings,
            Directory::Journal => &self.journal,
            Directory::LargeMessages => &self.large_messages,
            Directory::Paging => &self.paging,
        }
    }

    /// The path of a segment.
    #[must_use]
    pub fn segment(&self, lane: LaneId, sequence: SegmentSequence) -> PathBuf {
        self.directory(lane.directory()).join(segment_name(lane, sequence))
    }

    /// The directories that make up the store.
    pub fn shared(&self) -> impl Iterator<Item = &Path> {
        [&self.bindings, &self.large_messages, &self.paging, &self.journal].into_iter().map(PathBuf::as_path)
    }

    /// The store as the snapshot with this number keeps it.
    #[must_use]
    pub fn old_replica(&self, number: u32) -> Self {
        let inside = |directory: &Path| directory.join(format!("{OLD_REPLICA}{number}"));
        Self {
            bindings: inside(&self.bindings),
            journal: inside(&self.journal),
            large_messages: inside(&self.large_messages),
            paging: inside(&self.paging),
            ha: self.ha.clone(),
        }
    }

    /// Every directory once.
    pub fn all(&self) -> impl Iterator<Item = &Path> {
        [&self.bindings, &self.journal, &self.large_messages, &self.paging, &self.ha].into_iter().map(PathBuf::as_path)
    }
}

/// What is fixed when a store is created: its identity, its lanes, the size of their segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreShape {
    /// The store's identity.
    pub store: StoreId,
    /// How many journal lanes; at least 1, at most [`LANES_PER_KIND_MAX`].
    pub journal_lanes: u16,
    /// The segments of the journal lanes.
    pub journal_segments: Geometry,
    /// The segments of the bindings lane and of the checkpoint lane.
    pub bindings_segments: Geometry,
    /// The segments of the lanes of large bodies and of paging.
    pub body_segments: Geometry,
}

impl StoreShape {
    /// The same segment size everywhere: for tests and tools.
    #[must_use]
    pub fn uniform(store: StoreId, journal_lanes: u16, geometry: Geometry) -> Self {
        let journal_lanes = journal_lanes.clamp(1, LANES_PER_KIND_MAX);
        Self { store, journal_lanes, journal_segments: geometry, bindings_segments: geometry, body_segments: geometry }
    }

    /// The segments of a lane.
    #[must_use]
    pub const fn geometry(&self, lane: LaneId) -> Geometry {
        match lane.kind() {
            LaneKind::Journal => self.journal_segments,
            LaneKind::Bindings | LaneKind::Checkpoint => self.bindings_segments,
            LaneKind::Large | LaneKind::Paging => self.body_segments,
        }
    }

    /// The lanes that hold data, in the order in which they are replayed: bindings first, then the journal lanes, then for each of them the
    /// lane of its large bodies. The checkpoint lane is not among them, and no lane of paged bodies is opened yet.
    pub fn data_lanes(&self) -> impl Iterator<Item = LaneId> + use<> {
        let lanes = self.journal_lanes;
        let of = move |kind| (0..lanes).filter_map(move |index| LaneId::new(kind, index));
        std::iter::once(LaneId::BINDINGS).chain(of(LaneKind::Journal)).chain(of(LaneKind::Large))
    }

    /// All lanes: those with data and the checkpoint lane.
    pub fn lanes(&self) -> impl Iterator<Item = LaneId> + use<> {
        self.data_lanes().chain([LaneId::CHECKPOINT])
    }

    /// The header of a segment's file.
    #[must_use]
    pub const fn segment_header(&self, lane: LaneId, sequence: SegmentSequence) -> SegmentHeader {
        SegmentHeader { lane, sequence, store: self.store, geometry: self.geometry(lane) }
    }
}
