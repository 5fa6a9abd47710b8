//! Finds the store that was named, and what of it is there.
//!
//! Takes the directories; gives the layout, the shape and how the store is used at the moment. A copy may lack pieces: where the manifest is
//! missing or damaged, the shape is taken from the segments themselves.

use std::path::{Path, PathBuf};

use journal::{
    Access, AlignedBuffer, Directory, FileStorage, Geometry, IoError, LaneId, LaneKind, LockSeen, ManifestError,
    NamedFile, PAGE_BYTES, SegmentHeader, Storage as _, StoreId, StoreLayout, StoreShape, inspect_lock, parse_name,
    read_manifest,
};

use crate::arguments::StoreArguments;
use crate::exit::Exit;
use crate::line::Line;

/// A store to look into.
pub(crate) struct Place {
    pub(crate) layout: StoreLayout,
    pub(crate) shape: StoreShape,
    /// Why the shape is not the manifest's.
    pub(crate) guessed: Option<String>,
    pub(crate) lock: Option<LockSeen>,
}

/// Why there is nothing to look into.
pub(crate) struct NoStore {
    pub(crate) exit: Exit,
    pub(crate) message: String,
}

impl Place {
    /// Finds it.
    pub(crate) fn find(arguments: &StoreArguments) -> Result<Self, NoStore> {
        let layout = layout(arguments);
        let failed = |exit, message: String| NoStore { exit, message };
        if !layout.journal.is_dir() {
            let why = format!(
                "there is no store in {}: it has no directory 'journal'; name the data directory of a broker or a copy of it",
                arguments.directory.display()
            );
            return Err(failed(Exit::NotAStore, why));
        }
        let (shape, guessed) = match read_manifest(&mut FileStorage::new(), &layout) {
            Ok(shape) => (shape, None),
            Err(ManifestError::Newer(path)) => {
                let why = format!("{} was written by a newer version; use its journal-tool", path.display());
                return Err(failed(Exit::Unreadable, why));
            }
            Err(ManifestError::Io(error)) => return Err(failed(Exit::Unreadable, error.to_string())),
            Err(error @ (ManifestError::Missing(_) | ManifestError::Damaged(_))) => match guess(&layout) {
                Ok(Some(shape)) => (shape, Some(error.to_string())),
                Ok(None) => return Err(failed(Exit::NotAStore, format!("{error}; there are no segments either"))),
                Err(refused) => return Err(failed(Exit::Unreadable, refused.to_string())),
            },
        };
        // What the lock says is good to know, and no reason to stop.
        let lock = inspect_lock(&layout.journal).ok().flatten();
        Ok(Self { layout, shape, guessed, lock })
    }

    /// Whether a broker uses it now.
    pub(crate) fn is_live(&self) -> bool {
        self.lock.is_some_and(|lock| lock.held)
    }

    /// The store in one line.
    pub(crate) fn line(&self) -> Line {
        let state = match self.lock {
            Some(LockSeen { held: true, .. }) => "in-use",
            Some(LockSeen { holder: Some(holder), .. }) if holder.state == 'P' => "stopped",
            Some(_) => "ended-without-a-stop",
            None => "copy-without-lock",
        };
        let process = self.lock.filter(|lock| lock.held).and_then(|lock| lock.holder).map(|holder| holder.pid);
        Line::new("store")
            .with("id", self.shape.store.to_string())
            .with("state", state)
            .with_some("process", process)
            .with("journal-lanes", self.shape.journal_lanes)
            .with("journal-segment-bytes", self.shape.journal_segments.segment_bytes())
            .with("bindings-segment-bytes", self.shape.bindings_segments.segment_bytes())
            .with("body-segment-bytes", self.shape.body_segments.segment_bytes())
            .with_some("manifest", self.guessed.clone())
    }

    /// All lanes in the order in which they are shown.
    pub(crate) fn lanes(&self) -> Vec<LaneId> {
        self.shape.lanes().collect()
    }

    /// The bytes of all segments of these lanes.
    pub(crate) fn bytes(&self, lanes: &[LaneId]) -> u64 {
        let of = |lane: &LaneId| {
            crate::walk::segments(&self.layout, &self.shape, *lane).map_or(0, |files| files.values().sum())
        };
        lanes.iter().map(of).sum()
    }

    /// The directories of the store that are not there.
    pub(crate) fn missing_directories(&self) -> Vec<PathBuf> {
        self.layout.all().filter(|directory| !directory.is_dir()).map(Path::to_owned).collect()
    }

    /// Files in the lanes' directories that belong to no lane of this store.
    pub(crate) fn strangers(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut storage = FileStorage::new();
        let known: Vec<LaneId> = self.lanes();
        for directory in [Directory::Bindings, Directory::Journal, Directory::LargeMessages, Directory::Paging] {
            let path = self.layout.directory(directory);
            for name in storage.list(path).unwrap_or_default() {
                let ours = match parse_name(&name) {
                    NamedFile::Segment(lane, _) | NamedFile::Spare(lane, _) | NamedFile::Unfinished(lane) => {
                        known.contains(&lane) && lane.directory() == directory
                    }
                    NamedFile::Other => directory == Directory::Journal && ["store", "server.lock"].contains(&&*name),
                };
                if !ours && path.join(&name).is_file() {
                    found.push(path.join(&name));
                }
            }
        }
        found.sort();
        found
    }
}

fn layout(arguments: &StoreArguments) -> StoreLayout {
    let named = &arguments.directory;
    // The journal directory of a store is as good a name for it.
    let root = if named.join("store").is_file() && !named.join("journal").is_dir() {
        named.parent().unwrap_or(Path::new("."))
    } else {
        named
    };
    let under = StoreLayout::under(root);
    let journal = if root == named { under.journal } else { named.clone() };
    StoreLayout {
        bindings: arguments.bindings.clone().unwrap_or(under.bindings),
        journal: arguments.journal.clone().unwrap_or(journal),
        large_messages: arguments.large_messages.clone().unwrap_or(under.large_messages),
        paging: arguments.paging.clone().unwrap_or(under.paging),
        ha: arguments.ha.clone().unwrap_or(under.ha),
    }
}

/// The shape as the segments tell: the first sound header of each kind of lane, and the highest journal lane.
fn guess(layout: &StoreLayout) -> Result<Option<StoreShape>, IoError> {
    let mut headers: Vec<SegmentHeader> = Vec::new();
    let mut storage = FileStorage::new();
    for directory in [Directory::Bindings, Directory::Journal, Directory::LargeMessages] {
        let path = layout.directory(directory);
        let mut names = match storage.list(path) {
            Err(error) if error.is_not_found() => continue,
            names => names?,
        };
        names.sort();
        let segments = names.iter().filter(|name| matches!(parse_name(name), NamedFile::Segment(..)));
        headers.extend(segments.filter_map(|name| header_of(&mut storage, &path.join(name))));
    }
    let Some(store) = headers.first().map(|header| header.store) else { return Ok(None) };
    Ok(Some(shape_of(store, &headers)))
}

fn shape_of(store: StoreId, headers: &[SegmentHeader]) -> StoreShape {
    let geometry = |kinds: &[LaneKind]| {
        headers.iter().find(|header| kinds.contains(&header.lane.kind())).map(|header| header.geometry)
    };
    let journal_lanes = headers.iter().filter(|header| header.lane.kind() == LaneKind::Journal);
    let lanes = journal_lanes.map(|header| header.lane.index() + 1).max().unwrap_or(1);
    let any: Option<Geometry> = headers.first().map(|header| header.geometry);
    let uniform = any.map(|any| StoreShape::uniform(store, lanes, any));
    let shape = uniform.unwrap_or(StoreShape::uniform(store, lanes, SMALLEST));
    StoreShape {
        journal_segments: geometry(&[LaneKind::Journal]).unwrap_or(shape.journal_segments),
        bindings_segments: geometry(&[LaneKind::Bindings, LaneKind::Checkpoint]).unwrap_or(shape.bindings_segments),
        body_segments: geometry(&[LaneKind::Large, LaneKind::Paging]).unwrap_or(shape.body_segments),
        ..shape
    }
}

/// Never used where there is a header.
const SMALLEST: Geometry = match Geometry::new(journal::SEGMENT_BYTES_MIN) {
    Ok(geometry) => geometry,
    Err(_) => panic!("the smallest segment has a size that a segment can have"),
};

fn header_of(storage: &mut FileStorage, path: &Path) -> Option<SegmentHeader> {
    let file = storage.open(path, Access::Read).ok()?;
    let mut page = AlignedBuffer::new(PAGE_BYTES);
    let read = storage.read_at(file, 0, page.as_mut());
    storage.close(file);
    read.ok()?;
    SegmentHeader::decode(page.as_ref()).ok()
}
