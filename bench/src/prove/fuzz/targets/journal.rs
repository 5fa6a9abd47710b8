//! What recovery reads of a store: segment headers, blocks with their fragments, the journal's own records, names, manifest and state.
//!
//! Checksums would stop nearly every damaged input at the door, so that they are put right again in half of them.

use std::path::{Path, PathBuf};

use journal::testing::SimDisk;
use journal::{
    AckMode, BLOCK_HEADER_BYTES, BlockFlags, BlockHeader, BlockView, Chain, EpochEntry, EpochId, EpochReason,
    EpochStart, EpochStartRecord, FragmentHeader, Geometry, HaState, HaStateFile, InstanceId, LaneId, LaneMark, Lsn,
    NodeId, PAGE_BYTES, Patch, RecordKind, Run, RunId, SegmentFreeRecord, SegmentHeader, SegmentSequence, StoreId,
    StoreLayout, StoreShape, SyncMode, Vector, decode_mark, encode_mark, parse_name, read_manifest, seal,
    write_manifest,
};

use super::{refused, walk};
use crate::prove::fuzz::target::Target;
use crate::prove::random::Random;

/// The fields of a segment header in front of its checksum.
const SEGMENT_FIELDS_BYTES: usize = 40;
/// Where a block keeps its checksum.
const BLOCK_CRC_AT: usize = 60;
/// The fields of a manifest in front of its checksum.
const MANIFEST_FIELDS_BYTES: usize = 48;

pub(super) fn targets() -> Vec<Target> {
    vec![
        segment_header(),
        block(),
        fragment(),
        epoch_start(),
        segment_free(),
        mark(),
        patch(),
        file_name(),
        manifest(),
        ha_state(),
    ]
}

/// Puts a checksum over `covered` bytes at their end, half the time.
fn with_crc(covered: usize) -> impl Fn(&mut Vec<u8>, &mut Random) + Send + Sync + 'static {
    move |bytes, random| {
        if random.number().is_multiple_of(2) {
            return;
        }
        if let Some((fields, rest)) = bytes.split_at_mut_checked(covered)
            && let Some(place) = rest.first_chunk_mut()
        {
            *place = crc32c::crc32c(fields).to_le_bytes();
        }
    }
}

fn shape() -> Option<StoreShape> {
    Some(StoreShape::uniform(StoreId(9), 2, Geometry::new(1 << 20).ok()?))
}

fn segment_header() -> Target {
    let headers = [(LaneId::JOURNAL, 0), (LaneId::BINDINGS, 7), (LaneId::LARGE, u64::MAX)];
    let examples = headers
        .into_iter()
        .filter_map(|(lane, number)| Some(shape()?.segment_header(lane, SegmentSequence(number)).encode()));
    Target::new("segment header", examples.collect(), |bytes, _| match SegmentHeader::decode(bytes) {
        Ok(header) => walk(&header) && walk(&header.verify(bytes)),
        Err(error) => refused(&error),
    })
    .repaired(with_crc(SEGMENT_FIELDS_BYTES))
}

/// A block of some records, alone, in runs and over fragments.
fn sealed(bodies: &[usize], lsn: Lsn, flags: BlockFlags) -> Option<Vec<u8>> {
    let mut payload = Vec::new();
    for (number, length) in bodies.iter().enumerate() {
        let run = match number % 4 {
            0 => Run::None,
            1 => Run::Member(RunId(number as u64)),
            2 => Run::Commit(RunId(number as u64 - 1)),
            _ => Run::Abort(RunId(number as u64)),
        };
        let kind = RecordKind(0x50 + u8::try_from(number % 4).ok()?);
        let header = FragmentHeader {
            kind,
            first: number != 1,
            last: number + 1 < bodies.len(),
            run: if number == 1 { Run::None } else { run },
            body_bytes: u32::try_from(*length).ok()?,
        };
        let mut head = [0; 32];
        let head_bytes = header.encode(&mut head)?;
        payload.extend_from_slice(head.get(..head_bytes)?);
        payload.extend(std::iter::repeat_n(u8::try_from(number % 256).ok()?, *length));
    }
    let header = BlockHeader {
        flags,
        lane: LaneId::JOURNAL,
        epoch: 3,
        lsn,
        promised: lsn,
        payload_bytes: u32::try_from(payload.len()).ok()?,
        fragments: u32::try_from(bodies.len()).ok()?,
    };
    let mut block = vec![0; header.bytes()];
    block.get_mut(BLOCK_HEADER_BYTES..)?.get_mut(..payload.len())?.copy_from_slice(&payload);
    seal(&mut block, &header, Chain(5))?;
    Some(block)
}

fn block() -> Target {
    let at = |blocks: u64| Lsn(blocks * PAGE_BYTES as u64);
    let examples = [
        sealed(&[100], at(0), BlockFlags::EPOCH_START),
        sealed(&[1, 0, 30, 4_000, 9], at(1), BlockFlags::default()),
        sealed(&[20; 90], at(300), BlockFlags::SEGMENT_END),
        sealed(&[], at(2), BlockFlags::TERMINATOR),
        sealed(&[9_000, 800], at(5), BlockFlags::default()),
    ];
    Target::new("block", examples.into_iter().flatten().collect(), |bytes, choice| {
        let header = match BlockView::peek(bytes) {
            Ok(header) => header,
            Err(error) => return refused(&error),
        };
        match BlockView::parse(bytes, header.lane, header.lsn) {
            Ok(view) => {
                let fragments = view.fragments().map(|fragment| fragment.body.len()).sum::<usize>();
                walk(&view.record_at(u32::try_from(choice % 8_192).unwrap_or(0)).is_some());
                walk(&view.follows(Chain(5))) && view.well_formed() && fragments <= bytes.len()
            }
            Err(error) => refused(&error),
        }
    })
    .repaired(|bytes, random| {
        if random.number().is_multiple_of(2) {
            return;
        }
        // Pages that the header announces, as far as they are there.
        let pages = bytes.get(10..12).and_then(|field| field.try_into().ok()).map_or(0, u16::from_le_bytes);
        let length = usize::from(pages) * PAGE_BYTES;
        let Some(block) = bytes.get_mut(..length).filter(|block| block.len() > BLOCK_CRC_AT + 4) else { return };
        let (head, tail) = block.split_at(BLOCK_CRC_AT);
        let crc = crc32c::crc32c_append(crc32c::crc32c(head), &[0; 4]);
        let crc = crc32c::crc32c_append(crc, tail.get(4..).unwrap_or_default());
        if let Some(place) = block.get_mut(BLOCK_CRC_AT..).and_then(|rest| rest.first_chunk_mut()) {
            *place = crc.to_le_bytes();
        }
    })
}

fn fragment() -> Target {
    let runs = [Run::None, Run::Member(RunId(7)), Run::Commit(RunId(u64::MAX)), Run::Abort(RunId(0))];
    let examples = runs.into_iter().filter_map(|run| {
        let mut bytes = [0; 16];
        let header = FragmentHeader { kind: RecordKind(0x50), first: true, last: true, run, body_bytes: 100 };
        let length = header.encode(&mut bytes)?;
        Some(bytes.get(..length)?.to_vec())
    });
    Target::new("fragment header", examples.collect(), |bytes, _| {
        FragmentHeader::decode(bytes).is_some_and(|(header, length)| walk(&header) && length <= bytes.len())
    })
    .checked(|bytes, _| {
        let (header, length) = FragmentHeader::decode(bytes).ok_or("not decoded")?;
        let mut again = [0; 32];
        let written = header.encode(&mut again);
        let same = written == Some(length) && again.get(..length) == bytes.get(..length);
        if same { Ok(()) } else { Err(format!("comes back otherwise: {again:?}")) }
    })
}

fn entry(number: u64) -> EpochEntry {
    let epoch = EpochId { number, activation: u128::from(number) * 3 };
    let (start, chain) = (Lsn(number * PAGE_BYTES as u64), Chain(u128::from(number)));
    EpochEntry { epoch, start, chain, loss: None, continues: number > 4 }
}

fn epoch_start() -> Target {
    let record = |lanes: &[LaneId], reason| {
        let mut vector = Vector::new();
        lanes.iter().for_each(|lane| vector.raise(*lane, Lsn(4096)));
        let entry = entry(4);
        let start = EpochStart { node: NodeId(1), epoch: entry.epoch, reason, ack_mode: AckMode::LiveOnly, vector };
        EpochStartRecord { start, previous: None, entry, first_kept: SegmentSequence(2) }.encode()
    };
    let examples = vec![
        record(&[], EpochReason::First),
        record(&[LaneId::JOURNAL], EpochReason::First),
        record(&[LaneId::BINDINGS, LaneId::JOURNAL, LaneId::LARGE, LaneId::CHECKPOINT], EpochReason::First),
    ];
    Target::new("epoch start", examples, |bytes, _| EpochStartRecord::decode(bytes).is_some_and(|record| walk(&record)))
}

fn segment_free() -> Target {
    let record = |entries: u64, chain| {
        SegmentFreeRecord { sequence: SegmentSequence(3), chain, history: (0..entries).map(entry).collect() }.encode()
    };
    let examples = vec![record(0, None), record(1, Some(Chain(9))), record(48, Some(Chain(9)))];
    Target::new("segment free", examples, |bytes, _| {
        SegmentFreeRecord::decode(bytes).is_some_and(|record| walk(&record))
    })
}

fn mark() -> Target {
    let mark = |lane, entries: u64| {
        let at = |pages: u64| Lsn(pages * PAGE_BYTES as u64);
        let history = (0..entries).map(entry).collect();
        LaneMark { lane, block: at(7), end: at(9), chain: Chain(3), first_kept: SegmentSequence(2), history }
    };
    let marks = [mark(LaneId::JOURNAL, 0), mark(LaneId::LARGE, 1), mark(LaneId::BINDINGS, 48)];
    Target::new("checkpoint mark", marks.iter().map(encode_mark).collect(), |bytes, _| {
        decode_mark(bytes).is_some_and(|mark| walk(&mark))
    })
    .checked(|bytes, _| {
        // Not byte for byte: unused bits of an entry are not kept.
        let mark = decode_mark(bytes).ok_or("not decoded")?;
        let again = decode_mark(&encode_mark(&mark));
        if again.as_ref() == Some(&mark) { Ok(()) } else { Err(format!("{mark:?} comes back otherwise: {again:?}")) }
    })
}

fn patch() -> Target {
    let body = |from: u64, to: u64| {
        let pages = [from, to].map(|page| (page * PAGE_BYTES as u64).to_le_bytes());
        [pages.as_flattened(), &9_u128.to_le_bytes()].concat()
    };
    Target::new("patch", vec![body(1, 2), body(0, 1 << 40)], |bytes, choice| {
        let at = |page: u64| Lsn(page % 4 * PAGE_BYTES as u64);
        let patch = Patch::decode(bytes);
        patch.is_some_and(|patch| walk(&patch) && walk(&patch.touches(at(choice), at(choice + 1))))
    })
}

fn file_name() -> Target {
    let names = [
        "journal-0-0000000000000001.seg",
        "bindings-0-00000000000000ff.free",
        "large-1-0000000000000002.tmp",
        "lock",
        "",
    ];
    let own = journal::segment_name(LaneId::JOURNAL, SegmentSequence(77));
    let examples = names.into_iter().map(str::to_owned).chain([own]).map(String::into_bytes);
    Target::new("file name", examples.collect(), |bytes, _| {
        let Ok(text) = std::str::from_utf8(bytes) else { return false };
        let named = parse_name(text);
        walk(&named) && named != journal::NamedFile::Other
    })
}

/// The only file of the kind in a store of one's own.
fn only_file(disk: &SimDisk) -> Option<(PathBuf, Vec<u8>)> {
    let path = disk.files().next()?.to_owned();
    let content = disk.content(&path)?;
    Some((path, content))
}

/// A disk with one file.
fn disk_of(path: &Path, bytes: &[u8]) -> SimDisk {
    let mut disk = SimDisk::new(1);
    disk.put_file(path, bytes.to_vec());
    disk
}

fn layout() -> StoreLayout {
    StoreLayout::under(Path::new("/store"))
}

fn manifest() -> Target {
    let made = shape().and_then(|shape| {
        let mut disk = SimDisk::new(1);
        write_manifest(&mut disk, &layout(), &shape).ok()?;
        only_file(&disk)
    });
    let (path, content) = made.unwrap_or_default();
    Target::new("manifest", vec![content], move |bytes, _| match read_manifest(&mut disk_of(&path, bytes), &layout()) {
        Ok(shape) => walk(&shape),
        Err(error) => refused(&error),
    })
    .repaired(with_crc(MANIFEST_FIELDS_BYTES))
}

fn ha_state() -> Target {
    let mut state = HaState::new(NodeId(1), InstanceId(2), SyncMode::Dsync);
    state.start(7);
    state.clean_stop.raise(LaneId::JOURNAL, Lsn(4096));
    let mut disk = SimDisk::new(1);
    let made = HaStateFile::create(&mut disk, &layout(), &state).ok().and_then(|()| only_file(&disk));
    let (path, content) = made.unwrap_or_default();
    Target::new("ha.state", vec![content], move |bytes, _| {
        match HaStateFile::open(&mut disk_of(&path, bytes), &layout()) {
            Ok(file) => walk(file.state()),
            Err(error) => refused(&error),
        }
    })
    .repaired(with_crc(PAGE_BYTES - 4))
}
