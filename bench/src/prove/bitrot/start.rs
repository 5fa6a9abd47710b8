//! What a start makes of a store in memory, and what messages come out of it.
//!
//! Takes a view; gives why it would be refused, or every waiting message as its own body tells who it is. The judgement is the broker's own
//! ([`rehearse`]); bodies are put together here, block by block, and believed only by their own checksum.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use journal::{
    BlockView, DirectoryLock, Finding, HaStateFile, LaneId, LaneKind, Location, LockError, Lsn, Recovered, StoreLayout,
    StoreShape, delete_checkpoints, read_manifest,
};
use protocol::message::MessageView;
use ringmq::home::{Loader, Waiting};
use ringmq::message::QueueId;
use ringmq::server::rehearse;
use ringmq::store::record::Stored;
use ringmq::testing::oracle::Identity;
use ringmq::testing::payload;

use super::image::{Image, View};

/// A waiting message: its queue and its number, and who it says that it is, or what is wrong with it.
pub(super) type Messages = BTreeMap<(String, u64), Result<Identity, Flaw>>;

/// Why a message is not as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// A block that holds it is not sound: a broker stops there and says so.
    Unreadable(String),
    /// It was read, and its bytes are others.
    WrongBytes(String),
}

/// What a start would do.
#[derive(Debug)]
pub(super) enum Start {
    /// It refuses, in words for a person.
    Refused(String),
    /// It goes on.
    Goes(Box<Went>),
}

/// A start that goes on.
#[derive(Debug)]
pub(super) struct Went {
    pub(super) messages: Messages,
    pub(super) findings: Vec<Finding>,
    pub(super) recovered: Recovered,
    /// Where each waiting message that is no large one begins.
    pub(super) places: Vec<(LaneId, Location)>,
    /// The messages with their bytes, if nothing was known of them.
    pub(super) undamaged: Undamaged,
}

/// Whether a start may go by the index checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Checkpoint {
    /// As any start does, if there is one.
    Used,
    /// It is deleted before: everything is read.
    Deleted,
}

/// The undamaged messages, byte by byte: what is equal to them needs no second look.
pub(super) type Undamaged = HashMap<(String, u64), (Vec<u8>, Identity)>;

/// What a start is given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Given<'a> {
    /// What bodies follow from.
    pub(super) seed: u64,
    /// Whether there may be a checkpoint.
    pub(super) checkpoint: Checkpoint,
    /// A folder for the lock, which is the system's; without one the lock is not taken.
    pub(super) scratch: Option<&'a Path>,
    /// What is known already.
    pub(super) undamaged: Option<&'a Undamaged>,
}

/// Starts, as far as nothing is written into the lanes.
pub(super) fn start(mut view: View<'_>, given: Given<'_>) -> Start {
    let Given { seed, checkpoint, scratch, undamaged } = given;
    let layout = Image::layout();
    let shape = match read_manifest(&mut view, &layout) {
        Ok(shape) => shape,
        Err(error) => return Start::Refused(format!("store: {error}")),
    };
    if let Some(why) = scratch.and_then(|scratch| lock_refuses(&mut view, &layout, &shape, scratch)) {
        return Start::Refused(why);
    }
    if checkpoint == Checkpoint::Deleted
        && let Err(error) = delete_checkpoints(&mut view, &layout)
    {
        return Start::Refused(error.to_string());
    }
    let mut loader = Loader::default();
    let rehearsed = match rehearse(&mut view, &layout, &shape, &[], &mut loader) {
        Ok(rehearsed) => rehearsed,
        Err(refused) => return Start::Refused(format!("{}: {}", refused.code, refused.message)),
    };
    if let Some(refused) = rehearsed.without_state {
        return Start::Refused(format!("{}: {}", refused.code, refused.message));
    }
    let blocks = RefCell::default();
    let reader = Bodies { view: &view, layout: &layout, shape: &shape, seed, undamaged, blocks };
    let mut went = reader.all(&loader, rehearsed.recovered);
    went.findings = went.recovered.findings.clone();
    Start::Goes(Box::new(went))
}

/// Takes the lock as a start does, on a copy of its file.
fn lock_refuses(view: &mut View<'_>, layout: &StoreLayout, shape: &StoreShape, scratch: &Path) -> Option<String> {
    let bytes = view.bytes(&layout.journal.join("server.lock"))?;
    let told = |error: LockError| format!("server.lock: {error}");
    let written = std::fs::create_dir_all(scratch).and_then(|()| std::fs::write(scratch.join("server.lock"), bytes));
    if let Err(error) = written {
        return Some(format!("{}: {error}", scratch.display()));
    }
    let mut lock = match DirectoryLock::take(scratch) {
        Ok(lock) => lock,
        Err(error) => return Some(told(error)),
    };
    let state = HaStateFile::open(view, layout).ok()?;
    let node = state.state().node;
    state.close(view);
    lock.identify(shape.store, node).err().map(told)
}

/// Reads bodies.
struct Bodies<'a> {
    view: &'a View<'a>,
    layout: &'a StoreLayout,
    shape: &'a StoreShape,
    seed: u64,
    undamaged: Option<&'a Undamaged>,
    /// Blocks that were checked: many messages lie in one.
    blocks: RefCell<HashMap<(LaneId, Lsn), Result<BlockView<'a>, String>>>,
}

impl<'a> Bodies<'a> {
    fn all(&self, loader: &Loader, recovered: Recovered) -> Went {
        let queues: BTreeMap<QueueId, String> = loader.queues().map(|(id, name, _)| (id, name.to_owned())).collect();
        let mut went = Went {
            messages: Messages::new(),
            findings: Vec::new(),
            recovered,
            places: Vec::new(),
            undamaged: Undamaged::new(),
        };
        for waiting in loader.waiting() {
            // Those of a queue that is gone are dropped.
            let Some(queue) = queues.get(&waiting.queue) else { continue };
            let key = (queue.clone(), waiting.id.0);
            if waiting.large.is_none() {
                went.places.extend(lane_of(&waiting).map(|lane| (lane, waiting.location)));
            }
            let message = self.bytes(&waiting);
            let known = self.undamaged.and_then(|all| all.get(&key));
            let who = match (&message, known) {
                (Ok(bytes), Some((was, identity))) if bytes == was => Ok(*identity),
                (Ok(bytes), _) => self.who(bytes),
                (Err(flaw), _) => Err(flaw.clone()),
            };
            if let (Ok(bytes), Ok(identity), None) = (message, &who, self.undamaged) {
                went.undamaged.insert(key.clone(), (bytes, *identity));
            }
            went.messages.insert(key, who);
        }
        went
    }

    /// Who a message says that it is, if each byte of its body says the same.
    fn who(&self, message: &[u8]) -> Result<Identity, Flaw> {
        let view = MessageView::parse(message).map_err(|error| Flaw::WrongBytes(format!("{error:?}")))?;
        payload::read(self.seed, view.body()).map_err(Flaw::WrongBytes)
    }

    /// The encoded message.
    fn bytes(&self, waiting: &Waiting) -> Result<Vec<u8>, Flaw> {
        match waiting.large {
            Some(body) => {
                let pieces = usize::try_from(body.pieces).unwrap_or(usize::MAX);
                let records = self.records(body.lane, body.location, pieces).map_err(Flaw::Unreadable)?;
                let piece = |record: &(u8, Vec<u8>)| match Stored::decode(journal::RecordKind(record.0), &record.1) {
                    Ok(Stored::Body { bytes, .. }) => bytes.to_vec(),
                    _ => Vec::new(),
                };
                Ok(records.iter().flat_map(piece).collect())
            }
            None => {
                let lane = lane_of(waiting).ok_or_else(|| Flaw::WrongBytes("its number names no lane".to_owned()))?;
                let mut records = self.records(lane, waiting.location, 1).map_err(Flaw::Unreadable)?;
                let (kind, record) = records.pop().unwrap_or_default();
                match Stored::decode(journal::RecordKind(kind), &record) {
                    Ok(Stored::Add { message, .. } | Stored::Moved { message, .. }) => Ok(message.to_vec()),
                    _ => Err(Flaw::WrongBytes(format!("a record of kind {kind:#x} stands there"))),
                }
            }
        }
    }

    /// So many records of the user's from a place on, each with its kind.
    fn records(&self, lane: LaneId, from: Location, count: usize) -> Result<Vec<(u8, Vec<u8>)>, String> {
        let mut records: Vec<(u8, Vec<u8>)> = Vec::new();
        let (mut lsn, mut offset) = (from.block(), from.offset());
        let mut open: Option<(u8, Vec<u8>)> = None;
        loop {
            let view = self.block(lane, lsn)?;
            while let Some(fragment) = view.record_at(offset) {
                offset = fragment.next;
                let kind = fragment.header.kind;
                let record = open.get_or_insert_with(|| (kind.0, Vec::new()));
                record.1.extend_from_slice(fragment.body);
                if fragment.header.last {
                    records.extend(open.take().filter(|_| kind.is_user()));
                    if records.len() >= count {
                        return Ok(records);
                    }
                }
            }
            lsn = view.header.end();
            offset = u32::try_from(journal::BLOCK_HEADER_BYTES).unwrap_or(u32::MAX);
        }
    }

    fn block(&self, lane: LaneId, lsn: Lsn) -> Result<BlockView<'a>, String> {
        let mut blocks = self.blocks.borrow_mut();
        blocks.entry((lane, lsn)).or_insert_with(|| block_at(self.view, self.layout, self.shape, lane, lsn)).clone()
    }
}

/// The block of a lane at a position, if it is sound.
pub(super) fn block_at<'v>(
    view: &'v View<'_>,
    layout: &StoreLayout,
    shape: &StoreShape,
    lane: LaneId,
    lsn: Lsn,
) -> Result<BlockView<'v>, String> {
    let (segment, offset) = shape.geometry(lane).place(lsn);
    let path = layout.segment(lane, segment);
    let bytes = view.bytes(&path).ok_or_else(|| format!("{} is not there", path.display()))?;
    let bytes = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)).unwrap_or_default();
    BlockView::parse(bytes, lane, lsn).map_err(|error| format!("lane {lane} at {lsn}: {error}"))
}

fn lane_of(waiting: &Waiting) -> Option<LaneId> {
    LaneId::new(LaneKind::Journal, waiting.id.lane_index()?)
}
