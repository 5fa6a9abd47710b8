//! What a start makes of three lanes: the recovery of the journal finds where each ends, and the loader of the broker says what counts.
//!
//! Nothing of their judgement is repeated here. Variants that lack one of its rules see the lanes through [`Bent`], which gives other answers
//! to the questions that the loader asks. The same lanes are read once; what was found is remembered.

#![allow(
    clippy::indexing_slicing,
    reason = "an index of this model that leaves its array is a mistake of the model, and says where"
)]

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use journal::{Company, LaneId, Lsn, Recovered, RecoveryOptions, Replayed, recover};
use ringmq::home::{Loaded, Loader, Reach};
use ringmq::message::QueueId;
use ringmq::store::record;

use super::log::{B, LANES, Log, Logs, OLD_QUEUE, Rec, lane_id, layout, shape, write};
use super::world::Kept;

/// What a start finds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Load {
    /// Why there is no start.
    pub(super) refused: Option<String>,
    /// For each lane the blocks whose message counts, by their numbers: whether it was consumed since or not.
    pub(super) counts: [u16; LANES],
    /// Whether a queue is there that was made.
    pub(super) has_queue: bool,
    /// The number of the next queue.
    pub(super) next_queue: u8,
    /// Lanes that are told that a part of the transaction never counts.
    pub(super) undecided: [bool; LANES],
    /// Messages that are left out, by their blocks.
    pub(super) left_out: [u16; LANES],
}

type Key = (Logs, [bool; LANES]);

/// Reads lanes, each once. No part of a state.
#[derive(Clone, Debug, Default)]
pub(super) struct Loads(Arc<Mutex<HashMap<Key, Arc<Load>>>>);

impl Hash for Loads {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

impl Loads {
    /// What a start finds where these lanes are on the disk, but for first segments whose files were used again.
    pub(super) fn load(&self, logs: &Logs, reused: [bool; LANES], kept: &Kept) -> Arc<Load> {
        let key = (logs.clone(), reused);
        if let Some(load) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Arc::clone(load);
        }
        let load = Arc::new(load(logs, reused, kept));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, Arc::clone(&load));
        load
    }
}

fn load(logs: &Logs, reused: [bool; LANES], kept: &Kept) -> Load {
    let refused = |why: String| Load { refused: Some(why), ..Load::default() };
    let (shape, layout) = (shape(), layout());
    let mut disk = write(logs, reused);
    // Nothing of these lanes is damaged, so nobody is waited for.
    let options = RecoveryOptions { company: Company::Alone, ..RecoveryOptions::alone() };
    let recovered = match recover(&mut disk, &layout, &shape, &options) {
        Ok(recovered) => recovered,
        Err(error) => return refused(error.to_string()),
    };
    let bent = Bent { recovered: &recovered, kept };
    let mut loader = Loader::default();
    for (lane, log) in logs.iter().enumerate() {
        let mut problem = None;
        let hides = hidden(log);
        let mut take = |record: Replayed<'_>| {
            if problem.is_none() && !hides.contains(&(record.location.block(), record.kind)) {
                problem = loader.record(loaded(&record), &bent).err();
            }
        };
        if let Err(error) = recovered.replay(&mut disk, &layout, &shape, lane_id(lane), &mut take) {
            return refused(error.to_string());
        }
        if let Some(problem) = problem {
            return refused(problem.to_string());
        }
    }
    let unfinished = loader.settle(&bent);
    let mut found = Load { next_queue: next_queue(&loader, kept), ..Load::default() };
    found.has_queue = loader.queues().any(|(id, ..)| id != QueueId(u32::from(OLD_QUEUE)));
    for (lane, log) in logs.iter().enumerate() {
        found.undecided[lane] = unfinished.undecided().any(|of| of == lane_id(lane));
        for at in 0..log.len() {
            let id = log.message(lane, at);
            let is_it = |queue: QueueId| queue == QueueId(u32::from(OLD_QUEUE));
            found.counts[lane] |= u16::from(loader.waiting().any(|one| one.id == id && is_it(one.queue))) << at;
            found.left_out[lane] |= u16::from(unfinished.left_out().any(|(_, _, of)| of == id)) << at;
        }
    }
    found
}

/// Records that are passed over: acknowledgements of consumers, so that what counts is still seen when it was consumed; and an END that is
/// gone, in the one variant that can lose it.
fn hidden(log: &Log) -> Vec<(Lsn, journal::RecordKind)> {
    let forgets = log.has(Rec::ForgetEnd);
    let hides = |rec: &Rec| match rec {
        Rec::Ack { .. } => Some(record::ACK),
        Rec::End if forgets => Some(record::END),
        _ => None,
    };
    let all = (0_u8..).zip(&log.0).filter_map(|(at, block)| Some((log.lsn(at), hides(&block.rec)?)));
    all.collect()
}

fn loaded<'a>(record: &Replayed<'a>) -> Loaded<'a> {
    Loaded {
        lane: record.lane,
        location: record.location,
        end: record.end,
        epoch: record.epoch.number,
        run: record.run,
        kind: record.kind,
        body: record.body,
    }
}

fn next_queue(loader: &Loader, kept: &Kept) -> u8 {
    let bound = loader.queues().map(|(id, ..)| id.0).max().unwrap_or_default() + 1;
    u8::try_from(if kept.queue_numbers_once { loader.next_queue() } else { bound }).unwrap_or(u8::MAX)
}

/// The lanes as the loader sees them: as they are, where all rules are kept.
struct Bent<'a> {
    recovered: &'a Recovered,
    kept: &'a Kept,
}

impl Reach for Bent<'_> {
    fn epoch_end(&self, lane: LaneId, epoch: u64) -> Lsn {
        if !self.kept.decision_by_vector {
            return Lsn(u64::MAX);
        }
        if !self.kept.vector_by_own_epoch {
            return self.recovered.lane(lane).map_or(Lsn::ZERO, |lane| lane.tail.end);
        }
        self.recovered.epoch_end(lane, epoch)
    }

    fn promised(&self, lane: LaneId, epoch: u64) -> Lsn {
        if self.kept.promised_by_own_epoch {
            return self.recovered.promised(lane, epoch);
        }
        let newest = self.recovered.newest_epoch().unwrap_or_default();
        (0..=newest).map(|epoch| self.recovered.promised(lane, epoch)).max().unwrap_or(Lsn::ZERO)
    }

    fn is_given_up(&self, lane: LaneId, at: Lsn) -> bool {
        Reach::is_given_up(self.recovered, lane, at)
    }

    fn is_patched(&self, lane: LaneId, from: Lsn, to: Lsn) -> bool {
        self.recovered.is_patched(lane, from, to)
    }

    fn is_anything_given_up(&self) -> bool {
        self.recovered.is_anything_given_up()
    }

    fn kept_from(&self, lane: LaneId) -> Lsn {
        self.recovered.kept_from(lane)
    }
}

const _: () = assert!(B == 0, "names are read first");
