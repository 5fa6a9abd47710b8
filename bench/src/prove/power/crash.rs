//! A state of the disk is looked at: its files are made available, a broker started on it, everything taken out and judged.
//!
//! Takes the bytes, and the clients' history up to the moment at which they were all there was; gives findings.

use std::path::Path;

use super::copied::Copied;
use super::disk::Restored;
use crate::prove::kill9::broker::{Broker, Place};
use crate::prove::kill9::drain;
use crate::prove::kill9::load::Store;
use crate::prove::kill9::oracle::{Counts, Findings, Kind, Oracle};

/// How a broker gets at the files of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Through {
    /// The kernel mends the file system and mounts it; that needs root.
    Mount,
    /// Its files are copied.
    Copy,
}

/// Looks. The history belongs to this look alone.
pub(super) async fn look(
    place: &Place,
    bytes: &[u8],
    seed: u64,
    history: Oracle,
    through: Through,
) -> (Findings, Counts) {
    let store = Store::with(seed, history);
    let judged = match through {
        Through::Mount => judged(place, &store, || Restored::mount(&place.directory, bytes)).await,
        Through::Copy => judged(place, &store, || Copied::of(&place.directory, bytes)).await,
    };
    if let Err(what) = judged {
        store.oracle.borrow_mut().report(Kind::Broker, what);
    }
    let oracle = store.oracle.borrow();
    (oracle.findings().clone(), oracle.counts())
}

async fn judged<Disk>(
    place: &Place,
    store: &std::rc::Rc<Store>,
    disk: impl FnOnce() -> Result<Disk, String>,
) -> Result<(), String> {
    let disk = disk().map_err(|what| format!("the file system is lost: {what}"))?;
    let broker = Broker::start(place)?;
    store.oracle.borrow_mut().broker_started();
    let emptied = drain::drain(store, broker.port).await;
    emptied.map_err(|what| format!("{what}\nthe end of its log:\n{}", broker.end_of_log()))?;
    for line in broker.killed()? {
        store.oracle.borrow_mut().report(Kind::Broker, format!("in the log: {line}"));
    }
    drop(disk);
    Ok(())
}

/// Keeps a state that something was found in.
pub(super) fn keep(directory: &Path, name: &str, bytes: &[u8]) -> String {
    let path = directory.join(format!("{name}.img"));
    match std::fs::write(&path, bytes) {
        Ok(()) => format!("the disk is kept in {}", path.display()),
        Err(error) => format!("the disk could not be kept: {}: {error}", path.display()),
    }
}
