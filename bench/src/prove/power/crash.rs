//! A state of the disk is looked at: mounted, a broker started on it, everything taken out and judged.
//!
//! Takes the bytes, and the clients' history up to the moment at which they were all there was; gives findings.

use std::path::Path;

use super::disk::Restored;
use crate::prove::kill9::broker::{Broker, Place};
use crate::prove::kill9::drain;
use crate::prove::kill9::load::Store;
use crate::prove::kill9::oracle::{Counts, Findings, Kind, Oracle};

/// Looks. The history belongs to this look alone.
pub(super) async fn look(place: &Place, bytes: &[u8], seed: u64, history: Oracle) -> (Findings, Counts) {
    let store = Store::with(seed, history);
    if let Err(what) = judged(place, bytes, &store).await {
        store.oracle.borrow_mut().report(Kind::Broker, what);
    }
    let oracle = store.oracle.borrow();
    (oracle.findings().clone(), oracle.counts())
}

async fn judged(place: &Place, bytes: &[u8], store: &std::rc::Rc<Store>) -> Result<(), String> {
    let disk = Restored::mount(&place.directory, bytes).map_err(|what| format!("the file system is lost: {what}"))?;
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
