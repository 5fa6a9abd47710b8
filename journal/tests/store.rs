//! The store's own files: creation that survives a crash at any point, state in two slots, one holder at a time.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::path::{Path, PathBuf};

use journal::testing::{Fault, FaultKind, SimDisk};
use journal::{
    DirectoryLock, EpochId, FileStorage, Geometry, HaState, HaStateFile, InstanceId, LaneId, LastState, LockError, Lsn,
    ManifestError, NodeId, PageSeen, Storage, StoreError, StoreId, StoreLayout, StoreShape, SyncMode, Vector,
    create_store, inspect_lock, inspect_manifest, probe_sync, read_instance, read_manifest,
};

fn layout() -> StoreLayout {
    StoreLayout::under(Path::new("/store"))
}

fn shape() -> StoreShape {
    StoreShape::uniform(StoreId(7), 3, Geometry::new(1 << 20).unwrap())
}

fn state() -> HaState {
    HaState::new(NodeId(1), InstanceId(2), SyncMode::Dsync)
}

/// A directory that goes when it is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ringmq-journal-store-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_new_store_reads_back_and_is_not_created_twice() {
    let mut disk = SimDisk::new(1);
    assert!(matches!(read_manifest(&mut disk, &layout()), Err(ManifestError::Missing(_))));
    create_store(&mut disk, &layout(), &shape(), &state()).unwrap();
    assert_eq!(read_manifest(&mut disk, &layout()).unwrap(), shape());
    assert_eq!(read_instance(&mut disk, &layout()).unwrap(), InstanceId(2));
    assert!(matches!(create_store(&mut disk, &layout(), &shape(), &state()), Err(StoreError::Exists(_))));
    // One damaged copy of the manifest costs nothing, two are told.
    let manifest = layout().journal.join("store");
    disk.flip_bit(&manifest, 20, 0);
    assert_eq!(read_manifest(&mut disk, &layout()).unwrap(), shape());
    disk.flip_bit(&manifest, 4096 + 20, 0);
    assert!(matches!(read_manifest(&mut disk, &layout()), Err(ManifestError::Damaged(_))));
    // Without its manifest, a directory with segments in it is not taken for a new one.
    disk.remove_file(&manifest);
    disk.put_file(&layout().journal.join("j00-0000000000000000.seg"), vec![0; 4096]);
    assert!(matches!(create_store(&mut disk, &layout(), &shape(), &state()), Err(StoreError::Leftovers { .. })));
}

#[test]
fn a_crash_at_any_point_of_the_creation_leaves_none_or_a_whole_store() {
    let mut whole = SimDisk::new(1);
    create_store(&mut whole, &layout(), &shape(), &state()).unwrap();
    for at in 0..whole.operations() {
        for seed in 0..8 {
            let mut disk = SimDisk::new(seed);
            disk.plan(Fault { at, kind: FaultKind::PowerCut });
            assert!(create_store(&mut disk, &layout(), &shape(), &state()).is_err());
            disk.cut_power(seed);
            match read_manifest(&mut disk, &layout()) {
                Ok(read) => assert_eq!(read, shape()),
                Err(ManifestError::Missing(_)) => create_store(&mut disk, &layout(), &shape(), &state()).unwrap(),
                Err(error) => panic!("operation {at}, seed {seed}: {error}"),
            }
            let file = HaStateFile::open(&mut disk, &layout()).unwrap();
            assert_eq!(file.state(), &state(), "operation {at}, seed {seed}");
        }
    }
}

#[test]
fn a_torn_update_of_the_state_leaves_the_one_before() {
    for at in 0..6 {
        for seed in 0..20 {
            let mut disk = SimDisk::new(seed);
            create_store(&mut disk, &layout(), &shape(), &state()).unwrap();
            let mut file = HaStateFile::open(&mut disk, &layout()).unwrap();
            disk.plan(Fault { at, kind: FaultKind::PowerCut });
            let mut written = 0;
            for nonce in 0..6 {
                let update = file.update(&mut disk, |state| {
                    state.start(nonce);
                    state.asked = EpochId { number: nonce + 1, activation: 9 };
                    state.clean_stop = Vector::of(LaneId::JOURNAL, Lsn(nonce));
                    state.last_state = LastState::Stopped;
                });
                match update {
                    Ok(()) => written += 1,
                    Err(_) => break,
                }
            }
            assert_eq!(written, at, "one write per update");
            disk.cut_power(seed);
            let file = HaStateFile::open(&mut disk, &layout()).unwrap();
            let counter = file.state().incarnations.last().map_or(0, |incarnation| incarnation.counter);
            assert!(counter == at || counter == at + 1, "{counter} after {at} updates and a torn one, seed {seed}");
            assert!(file.state().next_epoch_number(None) > at);
            file.close(&mut disk);
        }
    }
}

#[test]
fn one_holder_at_a_time() {
    let scratch = Scratch::new("lock");
    let mut lock = DirectoryLock::take(&scratch.0).unwrap();
    // Its holder is known before the store is: two that start on an empty directory must not both create one.
    let second = DirectoryLock::take(&scratch.0);
    let Err(LockError::Held { pid, .. }) = &second else { panic!("two holders: {second:?}") };
    assert_eq!(*pid, Some(std::process::id()));
    let text = second.err().unwrap().to_string();
    assert!(text.contains(&std::process::id().to_string()), "{text}");
    lock.identify(StoreId(7), NodeId(1)).unwrap();
    drop(lock);
    let mut lock = DirectoryLock::take(&scratch.0).unwrap();
    lock.identify(StoreId(7), NodeId(1)).unwrap();
    lock.set_epoch(EpochId { number: 3, activation: 4 }).unwrap();
    assert_eq!(state_byte(&scratch.0), b'L');
    lock.release().unwrap();
    assert_eq!(state_byte(&scratch.0), b'P');
    let mut lock = DirectoryLock::take(&scratch.0).unwrap();
    let other = lock.identify(StoreId(8), NodeId(1));
    assert!(matches!(other, Err(LockError::OtherStore { found: StoreId(7), .. })), "{other:?}");
    lock.identify(StoreId(7), NodeId(1)).unwrap();
    assert_eq!(state_byte(&scratch.0), b'P', "nobody has served since");
}

/// What a tool sees, without the lock and without a change.
#[test]
fn looking_changes_nothing_and_tells_what_is_there() {
    let scratch = Scratch::new("look");
    let layout = StoreLayout::under(&scratch.0);
    let mut storage = FileStorage::new();
    assert_eq!(inspect_lock(&layout.journal).unwrap(), None);
    create_store(&mut storage, &layout, &shape(), &state()).unwrap();
    assert_eq!(inspect_manifest(&mut storage, &layout).unwrap(), [PageSeen::Sound; 2]);
    let (newest, pages) = HaStateFile::inspect(&mut storage, &layout).unwrap();
    assert_eq!((newest.unwrap().incarnations.len(), pages), (0, [PageSeen::Sound, PageSeen::Blank]));
    HaStateFile::open(&mut storage, &layout).unwrap().update(&mut storage, |state| state.start(5)).unwrap();
    let (newest, pages) = HaStateFile::inspect(&mut storage, &layout).unwrap();
    assert_eq!((newest.unwrap().incarnations.len(), pages), (1, [PageSeen::Sound; 2]));

    let mut lock = DirectoryLock::take(&layout.journal).unwrap();
    lock.identify(StoreId(7), NodeId(1)).unwrap();
    lock.set_epoch(EpochId { number: 3, activation: 4 }).unwrap();
    let seen = inspect_lock(&layout.journal).unwrap().unwrap();
    let holder = seen.holder.unwrap();
    assert!(seen.held && !seen.newer);
    assert_eq!((holder.state, holder.pid, holder.store), ('L', std::process::id(), StoreId(7)));
    lock.release().unwrap();
    let seen = inspect_lock(&layout.journal).unwrap().unwrap();
    assert_eq!((seen.held, seen.holder.unwrap().state), (false, 'P'));
    assert!(DirectoryLock::take(&layout.journal).is_ok(), "nobody holds it for having looked");

    for (file, at) in [(layout.ha.join("ha.state"), 30), (layout.journal.join("store"), 4096 + 20)] {
        let mut bytes = std::fs::read(&file).unwrap();
        *bytes.get_mut(at).unwrap() ^= 1;
        std::fs::write(&file, bytes).unwrap();
    }
    assert_eq!(inspect_manifest(&mut storage, &layout).unwrap(), [PageSeen::Sound, PageSeen::Damaged]);
    let (newest, pages) = HaStateFile::inspect(&mut storage, &layout).unwrap();
    assert_eq!((newest.unwrap().incarnations.len(), pages), (1, [PageSeen::Damaged, PageSeen::Sound]));
}

fn state_byte(journal: &Path) -> u8 {
    *std::fs::read(journal.join("server.lock")).unwrap().first().unwrap()
}

#[test]
fn a_store_on_real_files() {
    let scratch = Scratch::new("files");
    let layout = StoreLayout::under(&scratch.0.join("a/b"));
    let mut storage = FileStorage::new();
    create_store(&mut storage, &layout, &shape(), &state()).unwrap();
    assert_eq!(read_manifest(&mut storage, &layout).unwrap(), shape());
    let mut file = HaStateFile::open(&mut storage, &layout).unwrap();
    file.update(&mut storage, |state| state.start(5)).unwrap();
    file.close(&mut storage);
    assert_eq!(HaStateFile::open(&mut storage, &layout).unwrap().state().incarnations.len(), 1);
    let probed = probe_sync(&mut storage, &layout.ha).unwrap();
    println!("sync = {probed}");
    assert!(!storage.list(&layout.ha).unwrap().contains(&"probe".to_owned()));
}
