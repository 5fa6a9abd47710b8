//! A lane with a peer: what it promises, and what an epoch is that its writer begins while it goes on.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::path::Path;

use journal::testing::{Body, Driver, Honesty, Model, Rig, SimDisk, SimDriver};
use journal::{
    Geometry, LaneId, Lsn, RecordKind, RecoveryOptions, Run, SEGMENT_BYTES_MIN, StoreId, StoreLayout, StoreShape,
    SyncMode, Vector,
};

const LANE: LaneId = LaneId::JOURNAL;
const KIND: RecordKind = RecordKind::USER_FIRST;

fn rig() -> Rig<SimDriver> {
    let layout = StoreLayout::under(Path::new("/store"));
    let shape = StoreShape::uniform(StoreId(1), 1, Geometry::new(SEGMENT_BYTES_MIN).unwrap());
    let driver = SimDriver::new(SimDisk::new(1), layout, shape, SyncMode::Fdatasync, Honesty::Durable, 1);
    Rig::start(driver, Model::default(), &RecoveryOptions::alone()).unwrap()
}

fn body(seed: u64) -> Body {
    Body { seed, bytes: 100 }
}

#[test]
fn nothing_is_promised_that_the_peer_has_not_confirmed() {
    let mut rig = rig();
    let before = rig.lane(LANE).promised();
    rig.lane(LANE).await_peer();
    for seed in 0..3 {
        rig.append(LANE, body(seed)).unwrap();
        rig.settle();
    }
    let end = rig.lane(LANE).durable();
    assert!(end > before);
    assert_eq!(rig.lane(LANE).promised(), before, "durable here is not enough");
    rig.lane(LANE).await_peer();
    rig.lane(LANE).confirmed(Lsn(before.0 + 4096));
    assert_eq!(rig.lane(LANE).promised(), Lsn(before.0 + 4096));
    rig.lane(LANE).confirmed(before);
    rig.lane(LANE).confirmed(end);
    assert_eq!(rig.lane(LANE).promised(), end);
    // The peer is ahead of this disk: what is confirmed and not durable here waits too.
    rig.append(LANE, body(9)).unwrap();
    rig.poll();
    let ahead = rig.lane(LANE).submitted();
    rig.lane(LANE).confirmed(ahead);
    assert_eq!(rig.lane(LANE).promised(), end);
    rig.settle();
    assert_eq!(rig.lane(LANE).promised(), ahead);
    // Without it, this disk is enough; a word of it says nothing any more.
    rig.append(LANE, body(10)).unwrap();
    rig.settle();
    assert_eq!(rig.lane(LANE).promised(), ahead);
    rig.lane(LANE).release_peer();
    assert_eq!(rig.lane(LANE).promised(), rig.lane(LANE).durable());
    rig.lane(LANE).confirmed(Lsn::ZERO);
    rig.append(LANE, body(11)).unwrap();
    assert!(rig.settle());
}

#[test]
fn a_run_goes_on_through_a_change_of_the_in_sync_set() {
    let mut rig = rig();
    let run = rig.lane(LANE).next_run();
    let none = Vector::new();
    rig.append_record(LANE, KIND, Run::Member(run), body(1), &none).unwrap();
    rig.settle();
    let number = rig.epoch + 1;
    rig.change_epoch(number, &rig.data_lanes()).unwrap();
    rig.append_record(LANE, KIND, Run::Commit(run), body(2), &none).unwrap();
    rig.append(LANE, body(3)).unwrap();
    assert!(rig.settle());
    let end = rig.lane(LANE).appended();
    let (mut driver, model) = rig.close();
    driver.cut_power(3);
    // The model wants the run whole.
    let mut rig = Rig::start(driver, model, &RecoveryOptions::alone()).unwrap();
    assert_eq!(rig.epoch, number + 1, "both numbers are used");
    let mut seeds = 0;
    let (layout, shape) = (rig.driver.layout(), rig.driver.shape());
    let recovered = rig.recovered.clone();
    recovered.replay(rig.driver.storage(), &layout, &shape, LANE, &mut |_| seeds += 1).unwrap();
    assert_eq!(seeds, 3);
    for epoch in [number - 1, number] {
        assert_eq!(recovered.epoch_end(LANE, epoch), end, "epoch {epoch} ends with its writer");
        assert!(recovered.promised(LANE, epoch) > Lsn::ZERO);
    }
    assert_eq!(recovered.promised(LANE, number - 1), recovered.promised(LANE, number));
    let history = recovered.lane(LANE).unwrap().tail.history.clone();
    let goes_on: Vec<bool> = history.iter().map(|entry| entry.continues).collect();
    assert_eq!(goes_on, [false, true]);
    assert!(rig.lane(LANE).history().last().is_some_and(|entry| !entry.continues), "the start of a new writer");
}

/// The lanes begin the epoch one after the other. Records of either number rely on records of the other until all have.
#[test]
fn what_relies_on_another_lane_counts_whichever_began_first() {
    let mut rig = rig();
    let number = rig.epoch + 1;
    rig.change_epoch(number, &[LaneId::BINDINGS]).unwrap();
    let queue = rig.append(LaneId::BINDINGS, body(1)).unwrap();
    let message = rig.append_record(LANE, KIND, Run::None, body(2), &Vector::of(LaneId::BINDINGS, queue.end)).unwrap();
    assert!(rig.settle());
    rig.change_epoch(number, &[LANE]).unwrap();
    assert!(rig.settle());
    let (mut driver, model) = rig.close();
    driver.cut_power(3);
    let rig = Rig::start(driver, model, &RecoveryOptions::alone()).unwrap();
    let old = number - 1;
    assert!(rig.recovered.promised(LANE, old) >= message.end, "it was acked");
    assert!(rig.recovered.epoch_end(LaneId::BINDINGS, old) >= queue.end, "and what it relies on was there");
}
