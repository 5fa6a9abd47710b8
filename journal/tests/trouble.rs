//! Trouble while running: a full disk, a failed write.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::path::Path;

use journal::testing::{Body, Fault, FaultKind, Honesty, Model, Rig, SimDisk, SimDriver};
use journal::{
    AppendError, Geometry, LaneId, RecoveryOptions, SEGMENT_BYTES_MIN, SEGMENT_RETRY_NANOS, StoreId, StoreLayout,
    StoreShape, SyncMode,
};

const LANE: LaneId = LaneId::JOURNAL;

fn rig() -> Rig<SimDriver> {
    let layout = StoreLayout::under(Path::new("/store"));
    let shape = StoreShape::uniform(StoreId(1), 1, Geometry::new(SEGMENT_BYTES_MIN).unwrap());
    let driver = SimDriver::new(SimDisk::new(1), layout, shape, SyncMode::Fdatasync, Honesty::Durable, 1);
    Rig::start(driver, Model::default(), &RecoveryOptions::alone()).unwrap()
}

#[test]
fn a_full_disk_blocks_producers_and_recovers_by_itself() {
    let mut rig = rig();
    rig.driver.disk_mut().set_space(0);
    let mut appended = 0;
    let refused = loop {
        match rig.append(LANE, Body { seed: appended, bytes: 20_000 }) {
            Ok(_) => appended += 1,
            Err(error) => break error,
        }
        rig.settle();
        assert!(appended < 1000);
    };
    assert_eq!(refused, AppendError::Blocked);
    assert!(appended >= 10, "the segments that were ready are still filled");
    assert!(rig.settle(), "what was accepted is promised all the same");
    assert!(rig.lane(LANE).segment_error().unwrap().is_no_space());
    assert!(rig.lane(LANE).latch().is_none());
    for _ in 0..3 {
        rig.wait_nanos(SEGMENT_RETRY_NANOS);
        assert_eq!(rig.append(LANE, Body { seed: 1, bytes: 20_000 }), Err(AppendError::Blocked));
    }
    let now = rig.now;
    assert!(rig.lane(LANE).deadline(now).is_some(), "the lane asks again by itself");
    rig.driver.disk_mut().set_space(u64::MAX);
    rig.wait_nanos(SEGMENT_RETRY_NANOS);
    assert!(rig.append(LANE, Body { seed: 2, bytes: 20_000 }).is_ok());
    assert!(rig.settle() && rig.lane(LANE).segment_error().is_none());
    let (mut driver, model) = rig.close();
    driver.cut_power(3);
    assert!(Rig::start(driver, model, &RecoveryOptions::alone()).is_ok());
}

#[test]
fn after_a_failed_write_a_lane_promises_nothing_ever_again() {
    for (at, what) in [(0, "write"), (1, "flush")] {
        let mut rig = rig();
        rig.append(LANE, Body { seed: 1, bytes: 10 }).unwrap();
        assert!(rig.settle());
        let promised = rig.lane(LANE).promised();
        rig.driver.disk_mut().plan(Fault { at, kind: FaultKind::Error });
        rig.append(LANE, Body { seed: 2, bytes: 10 }).unwrap();
        rig.settle();
        let latch = rig.lane(LANE).latch().unwrap().clone();
        assert_eq!((latch.lane, latch.lsn), (LANE, promised));
        assert!(std::error::Error::source(&latch).unwrap().to_string().contains(what), "{latch:?}");
        for seed in 3..10 {
            assert_eq!(rig.append(LANE, Body { seed, bytes: 10 }), Err(AppendError::Latched));
            rig.wait_nanos(SEGMENT_RETRY_NANOS);
        }
        assert_eq!(rig.lane(LANE).promised(), promised);
        assert!(!rig.lane(LANE).can_append(1));
        // The other lanes go on; what relies on this one does not.
        assert!(rig.append(LaneId::BINDINGS, Body { seed: 20, bytes: 10 }).is_ok());
        rig.settle();
        let bindings = rig.lane(LaneId::BINDINGS);
        assert_eq!(bindings.promised(), bindings.appended());
        let (mut driver, model) = rig.close();
        driver.cut_power(4);
        assert!(Rig::start(driver, model, &RecoveryOptions::alone()).is_ok());
    }
}

#[test]
fn a_segment_that_cannot_be_flushed_is_made_anew_and_never_used() {
    let mut rig = rig();
    // Fill up to the place where the next segment is asked for, with every flush of a creation failing for a while.
    for seed in 0..3 {
        rig.append(LANE, Body { seed, bytes: 40_000 }).unwrap();
        assert!(rig.settle());
    }
    for at in 0..12 {
        rig.driver.disk_mut().plan(Fault { at: 3 + at, kind: FaultKind::NoSpace });
    }
    rig.append(LANE, Body { seed: 9, bytes: 60_000 }).unwrap();
    rig.settle();
    for _ in 0..20 {
        rig.wait_nanos(SEGMENT_RETRY_NANOS);
    }
    if rig.lane(LANE).latch().is_none() {
        assert!(rig.append(LANE, Body { seed: 10, bytes: 60_000 }).is_ok());
        rig.settle();
    }
    let (mut driver, model) = rig.close();
    driver.cut_power(5);
    assert!(Rig::start(driver, model, &RecoveryOptions::alone()).is_ok());
}
