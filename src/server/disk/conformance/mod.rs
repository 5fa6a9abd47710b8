//! The ring driver under the journal's conformance suite: on a real ring and real files, and on the fake ring with all its faults, where
//! each restart is a power cut. Controls: a driver that drops writes, and a disk whose syncs are hollow.

mod filling;
mod machine;
mod rig;

use std::cell::RefCell;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use journal::SyncMode;
use journal::testing::conformance;
use runtime::ring::fake::{Counts, Faults};

use machine::{Fake, Played, Real};
use rig::{Folder, OnRing};

/// All faults but those after which a lane must stop.
const FAULTS: Faults = Faults { broken: 0, ..Faults::all() };

fn on_real_ring(name: &str, sync: SyncMode, change: impl Fn(OnRing<Real>) -> OnRing<Real>) {
    let folder = Folder::new(name);
    let mut count = 0;
    conformance::run_all(&mut || {
        count += 1;
        change(OnRing::new(Real, &folder.path().join(count.to_string()), sync))
    });
}

fn on_fake_ring(name: &str, seed: u64, sync: SyncMode, faults: Faults) -> Played {
    let folder = Folder::new(name);
    let played = Rc::new(RefCell::new(Played::default()));
    let mut count = 0;
    conformance::run_all(&mut || {
        count += 1;
        let machine = Fake::new(seed * 100 + count, faults, &played);
        OnRing::new(machine, &folder.path().join(count.to_string()), sync)
    });
    played.take()
}

/// Whether this machine has io_uring; says so where it has not.
fn has_ring() -> bool {
    let Err(missing) = runtime::probe::machine() else { return true };
    // The harness swallows what goes through the macros.
    let _ = writeln!(std::io::stderr(), "skipped: the ring driver on a real ring: {missing}");
    false
}

#[test]
fn the_ring_driver_with_dsync() {
    if has_ring() {
        on_real_ring("dsync", SyncMode::Dsync, |driver| driver);
    }
}

#[test]
fn the_ring_driver_with_fdatasync() {
    if has_ring() {
        on_real_ring("fdatasync", SyncMode::Fdatasync, |driver| driver);
    }
}

#[test]
fn control_a_ring_driver_that_drops_writes_is_caught() {
    if has_ring() {
        let caught = catch_unwind(|| on_real_ring("dropping", SyncMode::Dsync, OnRing::dropping_writes));
        assert!(caught.is_err());
    }
}

#[test]
fn the_ring_driver_on_a_ring_that_misbehaves() {
    let mut counts = Counts::default();
    let mut overflows = 0;
    for (seed, sync) in [(1, SyncMode::Dsync), (2, SyncMode::Fdatasync)] {
        println!("seed {seed}, {sync}");
        let played = on_fake_ring(&format!("fake-{seed}"), seed, sync, FAULTS);
        counts.add(&played.counts);
        overflows += played.overflows;
    }
    let each = [
        ("short", counts.short),
        ("again", counts.again),
        ("interrupted", counts.interrupted),
        ("canceled", counts.canceled),
        ("no buffers", counts.no_buffers),
        ("completion after cancel", counts.late),
        ("completion of what has ended", counts.ghosts),
        ("submission put off", counts.busy),
        ("queue full", counts.queue_full),
        ("overflow", overflows),
    ];
    for (fault, count) in each {
        assert!(count > 0, "{fault} was never played");
    }
}

#[test]
fn control_a_sync_that_is_not_done_is_caught() {
    for (seed, sync) in [(1, SyncMode::Dsync), (2, SyncMode::Fdatasync)] {
        let hollow = Faults { hollow: 1000, ..Faults::none() };
        let run =
            |faults| catch_unwind(AssertUnwindSafe(|| on_fake_ring(&format!("hollow-{sync}"), seed, sync, faults)));
        assert!(run(hollow).is_err(), "{sync}");
        assert!(run(Faults::none()).is_ok(), "{sync}: the same without the fault");
    }
}
