//! A block that is read back must be of the epoch that wrote there: what lies behind a cut is sound and in its place, and is no data.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use journal::{
    AlignedBuffer, BlockError, BlockFlags, BlockHeader, BlockView, Chain, EpochEntry, EpochId, Geometry,
    LANE_BUFFERS_MIN, Lane, LaneId, LaneOptions, LaneTail, Lsn, SEGMENT_BYTES_MIN, seal,
};

const LANE: LaneId = LaneId::JOURNAL;
const PAGE: u64 = 4096;

/// A lane in which epochs 1 and 3 began here.
fn lane(starts: &[(u64, Lsn)]) -> Lane<AlignedBuffer> {
    let history = starts.iter().map(|(number, start)| EpochEntry {
        epoch: EpochId { number: *number, activation: 7 },
        start: *start,
        chain: Chain(0),
        loss: None,
        continues: false,
    });
    let end = Lsn(4 * PAGE);
    let tail = LaneTail { end, last_block: Some(Lsn(3 * PAGE)), history: history.collect(), ..LaneTail::fresh(LANE) };
    let options = LaneOptions { geometry: Geometry::new(SEGMENT_BYTES_MIN).unwrap(), segments_ahead: 2 };
    Lane::open(options, tail, (0..LANE_BUFFERS_MIN).map(|_| AlignedBuffer::block()).collect())
}

fn block(lsn: Lsn, epoch: u64) -> Vec<u8> {
    let mut bytes = vec![0; PAGE as usize];
    let (flags, promised) = (BlockFlags::default(), Lsn::ZERO);
    let header = BlockHeader { flags, lane: LANE, epoch, lsn, promised, payload_bytes: 0, fragments: 0 };
    seal(&mut bytes, &header, Chain(0)).unwrap();
    bytes
}

#[test]
fn a_block_of_another_epoch_is_none() {
    let (first, second) = (Lsn(PAGE), Lsn(2 * PAGE));
    let reads = |lane: &Lane<AlignedBuffer>, lsn, epoch| lane.block_in(&block(lsn, epoch), lsn).map(|_| ());
    let whole = lane(&[(1, Lsn::ZERO), (3, second)]);
    // The history may reach back to the last epoch only.
    let short = lane(&[(3, second)]);
    for lane in [&whole, &short] {
        assert_eq!(reads(lane, first, 1), Ok(()));
        assert_eq!(reads(lane, second, 3), Ok(()));
        assert_eq!(reads(lane, first, 3), Err(BlockError::NotABlock));
        assert_eq!(reads(lane, second, 1), Err(BlockError::NotABlock), "left behind a cut");
        assert_eq!(reads(lane, second, 4), Err(BlockError::NotABlock));
    }
    // The control: without the lane's history it passes.
    assert!(BlockView::parse(&block(second, 1), LANE, second).is_ok());
}
