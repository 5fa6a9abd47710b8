//! How a floor broker syncs when nobody says: measured as the broker does for a new store, and chosen by its rule.

use std::path::Path;
use std::time::Duration;

use super::settings::Durability;

/// What the broker takes for it.
const PROBE_TIME: Duration = Duration::from_millis(200);

/// The way of syncing that a store of the broker would get in this folder, which is made if it is not there.
///
/// # Errors
///
/// The folder cannot be made, or has no direct writes.
pub fn sync_under(directory: &Path) -> Result<Durability, String> {
    let failed = |error: std::io::Error| format!("{}: the disk cannot be measured: {error}", directory.display());
    std::fs::create_dir_all(directory).map_err(failed)?;
    let report = runtime::disk_probe::measure(directory, PROBE_TIME).map_err(failed)?;
    Ok(match report.recommended() {
        runtime::Sync::Dsync => Durability::Dsync,
        _ => Durability::Fdatasync,
    })
}
