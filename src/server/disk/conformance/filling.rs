//! Writes wait where zeros are still written, and where the disk is full; they fail where it is broken.

use journal::testing::Driver as _;
use journal::{Command, Completion, IoError, LaneId, SegmentSequence, SyncMode, Ticket};
use runtime::Errno;
use runtime::ring::fake::Faults;
use runtime::segment_maker::Frontier;

use super::machine::Fake;
use super::rig::{Folder, OnRing};

const LANE: LaneId = LaneId::JOURNAL;
const FIRST: SegmentSequence = SegmentSequence(0);
/// Where the write of these tests begins.
const AT: u64 = 64 * 1024;

/// A segment whose frontier stands right below a write that was submitted.
fn with_frontier(folder: &Folder, frontier: Frontier) -> OnRing<Fake> {
    let machine = Fake::new(1, Faults::none(), &std::rc::Rc::default());
    let mut on_ring = OnRing::new(machine, folder.path(), SyncMode::Dsync);
    for directory in on_ring.layout().all() {
        on_ring.storage().create_directory(directory).unwrap();
    }
    on_ring.submit(LANE, Command::PrepareSegment { sequence: FIRST });
    let made = on_ring.complete();
    assert!(matches!(made, Some((LANE, Completion::SegmentReady { sequence: FIRST }))), "{made:?}");
    on_ring.process().2.segments.set_frontier(LANE, FIRST, frontier);
    let mut buffer = on_ring.buffers(1).remove(0);
    buffer.fill(9);
    on_ring.submit(LANE, Command::Write { ticket: Ticket(1), segment: FIRST, offset: AT, buffer, len: 4096 });
    on_ring
}

/// How the write ended, and whether its bytes are in the file.
fn outcome(on_ring: &mut OnRing<Fake>) -> (Result<(), IoError>, bool) {
    let Some((LANE, Completion::Written { ticket: Ticket(1), result, .. })) = on_ring.complete() else {
        panic!("something else than the write completed")
    };
    let content = std::fs::read(on_ring.layout().segment(LANE, FIRST)).unwrap();
    (result, content[AT as usize..][..4096].iter().all(|byte| *byte == 9))
}

#[test]
fn a_write_waits_for_zeros_and_for_nothing_else() {
    let folder = Folder::new("zeros");
    let mut on_ring = with_frontier(&folder, Frontier::at(AT));
    for _ in 0..50 {
        on_ring.turn();
    }
    let (_, _, disk, heard) = on_ring.process();
    assert!(disk.is_waiting() && heard.completions.is_empty());
    disk.segments.set_frontier(LANE, FIRST, Frontier::at(AT + 4096));
    assert_eq!(outcome(&mut on_ring), (Ok(()), true));
    assert!(!on_ring.process().2.is_waiting());
}

#[test]
fn a_write_waits_while_the_disk_is_full() {
    let folder = Folder::new("full");
    let mut on_ring = with_frontier(&folder, Frontier::failed(AT, Errno::NO_SPACE));
    assert_eq!(outcome(&mut on_ring), (Ok(()), true), "filling was tried again, and there was room");
}

#[test]
fn a_write_waits_while_there_are_no_descriptors() {
    let folder = Folder::new("descriptors");
    let mut on_ring = with_frontier(&folder, Frontier::failed(AT, Errno(journal::EMFILE)));
    for _ in 0..50 {
        on_ring.turn();
    }
    let (_, _, disk, heard) = on_ring.process();
    assert!(disk.is_waiting() && heard.completions.is_empty());
    disk.segments.set_frontier(LANE, FIRST, Frontier::at(AT + 4096));
    assert_eq!(outcome(&mut on_ring), (Ok(()), true));
}

#[test]
fn a_write_fails_where_filling_failed() {
    let folder = Folder::new("broken");
    let mut on_ring = with_frontier(&folder, Frontier::failed(AT, Errno::IO));
    let (result, written) = outcome(&mut on_ring);
    assert_eq!((result.map_err(|error| error.errno), written), (Err(journal::EIO), false));
}
