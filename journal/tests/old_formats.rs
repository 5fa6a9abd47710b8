//! Stores of every version ever written open for ever. `tests/fixtures/v1.store` was written by this crate; the file also proves that the
//! writer still writes the same bytes.
//!
//! A fixture is a pack of files: for each its path, size and non-zero pages without their trailing zeroes.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot be set up has failed")]

use std::path::Path;

use journal::testing::SimDisk;
use journal::{
    AckMode, AlignedBuffer, BlockingDriver, CheckpointWriter, EpochId, EpochReason, EpochStart, Geometry, HaState,
    HaStateFile, InstanceId, LANE_BUFFERS_MIN, Lane, LaneId, LaneOptions, LaneTail, NodeId, RECORD_BYTES_MAX, Record,
    RecordKind, RecoveryOptions, Run, SEGMENT_BYTES_MIN, StoreId, StoreLayout, StoreShape, SyncMode, Vector,
    create_store, read_manifest, recover,
};

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/v1.store");
/// Set it to write the fixture anew: only ever for a version that was not released.
const WRITE: &str = "RINGMQ_WRITE_FIXTURE";

fn layout() -> StoreLayout {
    StoreLayout::under(Path::new("/store"))
}

fn shape() -> StoreShape {
    StoreShape::uniform(StoreId(0x0102_0304), 1, Geometry::new(SEGMENT_BYTES_MIN).unwrap())
}

fn open(tails: &[LaneTail]) -> Vec<Lane<AlignedBuffer>> {
    let options = LaneOptions { geometry: shape().journal_segments, segments_ahead: 2 };
    let buffers = || (0..LANE_BUFFERS_MIN).map(|_| AlignedBuffer::block()).collect();
    tails.iter().map(|tail| Lane::open(options, tail.clone(), buffers())).collect()
}

fn start_epoch(lanes: &mut [Lane<AlignedBuffer>], number: u64, reason: EpochReason) {
    for lane in lanes {
        let start = EpochStart {
            node: NodeId(5),
            epoch: EpochId { number, activation: 0xabcd },
            reason,
            ack_mode: AckMode::LiveOnly,
            vector: Vector::new(),
        };
        lane.start_epoch(&start).unwrap();
    }
}

fn lane(lanes: &mut [Lane<AlignedBuffer>], id: LaneId) -> &mut Lane<AlignedBuffer> {
    lanes.iter_mut().find(|lane| lane.id() == id).unwrap()
}

fn settle(driver: &mut BlockingDriver<SimDisk>, lanes: &mut [Lane<AlignedBuffer>]) {
    assert!(driver.settle(&mut lanes.iter_mut().collect::<Vec<_>>()));
}

/// Every record of the fixture: lane, kind, run, body. The zeroes span blocks and segments and cost the fixture nothing.
fn records() -> Vec<(LaneId, u8, Run, Vec<u8>)> {
    let (b, j, l) = (LaneId::BINDINGS, LaneId::JOURNAL, LaneId::LARGE);
    vec![
        (b, 0x40, Run::None, b"queue orders".to_vec()),
        (j, 0x41, Run::None, b"first message".to_vec()),
        (j, 0x42, Run::Member(journal::RunId(1)), b"in a run".to_vec()),
        (j, 0x41, Run::None, Vec::new()),
        (j, 0x42, Run::Member(journal::RunId(2)), b"in a run that never ends".to_vec()),
        (j, 0x43, Run::Commit(journal::RunId(1)), b"its end".to_vec()),
        (l, 0x50, Run::None, vec![0; RECORD_BYTES_MAX]),
        (l, 0x51, Run::None, vec![0; RECORD_BYTES_MAX]),
        (j, 0x44, Run::Member(journal::RunId(3)), b"given up".to_vec()),
        (j, 0x44, Run::Abort(journal::RunId(3)), Vec::new()),
    ]
}

fn write_store() -> SimDisk {
    let mut disk = SimDisk::new(1);
    let state = HaState::new(NodeId(5), InstanceId(6), SyncMode::Fdatasync);
    create_store(&mut disk, &layout(), &shape(), &state).unwrap();
    let mut driver = BlockingDriver::new(disk, layout(), shape(), SyncMode::Fdatasync);
    let mut lanes = open(&shape().lanes().map(LaneTail::fresh).collect::<Vec<_>>());
    settle(&mut driver, &mut lanes);
    start_epoch(&mut lanes, 1, EpochReason::First);
    settle(&mut driver, &mut lanes);
    for (id, kind, run, body) in records() {
        let depends = if id == LaneId::JOURNAL {
            Vector::of(LaneId::BINDINGS, lane(&mut lanes, LaneId::BINDINGS).appended())
        } else {
            Vector::new()
        };
        lane(&mut lanes, id).append(Record { kind: RecordKind(kind), run, parts: &[&body] }, &depends).unwrap();
        settle(&mut driver, &mut lanes);
    }
    let marks: Vec<_> = shape().data_lanes().filter_map(|id| lane(&mut lanes, id).mark()).collect();
    let checkpoints = lane(&mut lanes, LaneId::CHECKPOINT);
    let mut writer = CheckpointWriter::begin(checkpoints, &marks).unwrap();
    writer.chunk(checkpoints, &[b"an index"]).unwrap();
    writer.finish(checkpoints).unwrap();
    settle(&mut driver, &mut lanes);
    start_epoch(&mut lanes, 2, EpochReason::Solo);
    settle(&mut driver, &mut lanes);
    lane(&mut lanes, LaneId::JOURNAL)
        .append(Record::alone(RecordKind(0x41), &[b"last message"]), &Vector::new())
        .unwrap();
    lane(&mut lanes, LaneId::LARGE).free_segment(journal::SegmentSequence(0)).unwrap();
    settle(&mut driver, &mut lanes);
    driver.into_storage()
}

fn pack(disk: &SimDisk) -> Vec<u8> {
    let mut out = Vec::new();
    for path in disk.files() {
        let (name, content) = (path.to_str().unwrap(), disk.content(path).unwrap());
        let pages: Vec<_> =
            content.chunks(4096).enumerate().filter(|(_, page)| page.iter().any(|&byte| byte != 0)).collect();
        out.extend((name.len() as u32).to_le_bytes());
        out.extend(name.as_bytes());
        out.extend((content.len() as u64).to_le_bytes());
        out.extend((pages.len() as u32).to_le_bytes());
        for (number, page) in pages {
            let length = page.iter().rposition(|&byte| byte != 0).unwrap() + 1;
            out.extend((number as u32).to_le_bytes());
            out.extend((length as u32).to_le_bytes());
            out.extend(&page[..length]);
        }
    }
    out
}

fn unpack(mut bytes: &[u8]) -> SimDisk {
    fn number(bytes: &mut &[u8]) -> usize {
        let (head, rest) = bytes.split_first_chunk::<4>().unwrap();
        *bytes = rest;
        u32::from_le_bytes(*head) as usize
    }
    fn take<'a>(bytes: &mut &'a [u8], count: usize) -> &'a [u8] {
        let (head, rest) = bytes.split_at(count);
        *bytes = rest;
        head
    }
    let mut disk = SimDisk::new(1);
    while !bytes.is_empty() {
        let length = number(&mut bytes);
        let name = std::str::from_utf8(take(&mut bytes, length)).unwrap();
        let size = number(&mut bytes);
        assert_eq!(number(&mut bytes), 0, "no file of a fixture has 4 GiB");
        let mut content = vec![0; size];
        for _ in 0..number(&mut bytes) {
            let at = number(&mut bytes) * 4096;
            let length = number(&mut bytes);
            content[at..at + length].copy_from_slice(take(&mut bytes, length));
        }
        disk.put_file(Path::new(name), content);
    }
    disk
}

#[test]
fn the_writer_writes_what_it_always_wrote() {
    let written = pack(&write_store());
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(FIXTURE, &written).unwrap();
    }
    assert!(written.len() < 100 * 1024, "{} bytes", written.len());
    assert!(
        written == std::fs::read(FIXTURE).unwrap(),
        "the bytes of version 1 have changed: that is a new version, with a fixture of its own"
    );
}

#[test]
fn version_1_opens() {
    let fixture = std::fs::read(FIXTURE).unwrap();
    for use_checkpoint in [false, true] {
        let mut disk = unpack(&fixture);
        assert_eq!(read_manifest(&mut disk, &layout()).unwrap(), shape());
        assert_eq!(HaStateFile::open(&mut disk, &layout()).unwrap().state().node, NodeId(5));
        let options = RecoveryOptions { use_checkpoint, ..RecoveryOptions::alone() };
        let recovered = recover(&mut disk, &layout(), &shape(), &options).unwrap();
        assert_eq!(recovered.findings, []);
        let mut found = Vec::new();
        for id in shape().data_lanes() {
            recovered
                .replay(&mut disk, &layout(), &shape(), id, &mut |record| {
                    found.push((record.lane, record.kind.0, record.body.to_vec()));
                })
                .unwrap();
        }
        let last = (LaneId::JOURNAL, 0x41, b"last message".to_vec());
        // No header of epoch 1 covers the END of the checkpoint, so it does not count, whatever the options say.
        let mut expected = vec![(LaneId::BINDINGS, 0x40, b"queue orders".to_vec())];
        for (kind, body) in [(0x41, "first message"), (0x41, ""), (0x42, "in a run"), (0x43, "its end")] {
            expected.push((LaneId::JOURNAL, kind, body.as_bytes().to_vec()));
        }
        expected.push(last);
        // The first long record began in the segment that was freed.
        expected.push((LaneId::LARGE, 0x51, vec![0; RECORD_BYTES_MAX]));
        assert_eq!(found, expected);
        let history = &recovered.lane(LaneId::LARGE).unwrap().tail.history;
        assert_eq!(history.iter().map(|entry| entry.epoch.number).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(recovered.newest_epoch(), Some(2));
        let mut lanes = open(&recovered.lanes.iter().map(|lane| lane.tail.clone()).collect::<Vec<_>>());
        let mut driver = BlockingDriver::new(disk, layout(), shape(), SyncMode::Fdatasync);
        settle(&mut driver, &mut lanes);
        start_epoch(&mut lanes, 3, EpochReason::Restart);
        settle(&mut driver, &mut lanes);
    }
}
