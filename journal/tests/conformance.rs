//! The conformance suite on the drivers of this crate: blocking on real files, blocking and simulated on the simulated disk.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::path::{Path, PathBuf};

use journal::testing::{Honesty, QueuedBlocking, SimDisk, SimDriver, conformance};
use journal::{FileStorage, Geometry, StoreId, StoreLayout, StoreShape, SyncMode};

fn shape() -> StoreShape {
    StoreShape::uniform(StoreId(0x51), 2, Geometry::new(1024 * 1024).unwrap())
}

/// A directory that goes when it is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ringmq-journal-{}-{name}", std::process::id()));
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

fn on_files(sync: SyncMode, name: &str) {
    let scratch = Scratch::new(name);
    let mut count = 0;
    conformance::run_all(&mut || {
        count += 1;
        let layout = StoreLayout::under(&scratch.0.join(count.to_string()));
        QueuedBlocking::new(FileStorage::new(), layout, shape(), sync)
    });
}

#[test]
fn the_blocking_driver_on_files_with_dsync() {
    on_files(SyncMode::Dsync, "dsync");
}

#[test]
fn the_blocking_driver_on_files_with_fdatasync() {
    on_files(SyncMode::Fdatasync, "fdatasync");
}

#[test]
fn the_blocking_driver_on_the_simulated_disk() {
    let layout = StoreLayout::under(Path::new("/store"));
    conformance::run_all(&mut || QueuedBlocking::new(SimDisk::new(1), layout.clone(), shape(), SyncMode::Fdatasync));
}

/// The suite cuts the power at each restart: a driver that reports what is not durable does not get through.
#[test]
fn control_a_report_before_the_flush_is_caught() {
    let layout = StoreLayout::under(Path::new("/store"));
    for seed in 1..4 {
        let caught = std::panic::catch_unwind(|| {
            conformance::run_all(&mut || {
                let disk = SimDisk::new(seed);
                SimDriver::new(disk, layout.clone(), shape(), SyncMode::Fdatasync, Honesty::WrittenOnly, seed)
            });
        });
        assert!(caught.is_err(), "seed {seed}");
    }
}

#[test]
fn the_simulated_driver() {
    let layout = StoreLayout::under(Path::new("/store"));
    for (seed, sync) in [(1, SyncMode::Dsync), (2, SyncMode::Fdatasync), (3, SyncMode::Dsync)] {
        println!("seed {seed}, {sync}");
        conformance::run_all(&mut || {
            SimDriver::new(SimDisk::new(seed), layout.clone(), shape(), sync, Honesty::Durable, seed)
        });
    }
}
