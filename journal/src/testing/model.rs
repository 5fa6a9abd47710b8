//! The reference: what was appended, what was promised, and what a replay must therefore give. A list per lane, nothing clever.

use std::collections::{BTreeMap, HashMap};

use super::random::Random;
use crate::ids::{LaneId, Location, Lsn, RunId};
use crate::lane::LaneTail;
use crate::record::{Appended, RecordKind, Run};
use crate::vector::Vector;

/// A body, by the seed that makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Body {
    /// What makes it.
    pub seed: u64,
    /// How long it is.
    pub bytes: usize,
}

impl Body {
    /// The bytes.
    #[must_use]
    pub fn make(self) -> Vec<u8> {
        let mut random = Random::new(self.seed);
        let mut body = Vec::with_capacity(self.bytes + 8);
        while body.len() < self.bytes {
            body.extend_from_slice(&random.next().to_le_bytes());
        }
        body.truncate(self.bytes);
        body
    }
}

/// A record that was appended.
#[derive(Clone, Debug)]
pub struct ModelRecord {
    /// Its kind.
    pub kind: RecordKind,
    /// Its run.
    pub run: Run,
    /// Its body.
    pub body: Body,
    /// Where it lies.
    pub appended: Appended,
    /// What it relies on.
    pub depends: Vector,
    /// The number of the epoch in which it was appended.
    pub epoch: u64,
}

/// One lane.
#[derive(Clone, Debug, Default)]
pub struct ModelLane {
    /// All records that may still be there, in order.
    pub records: Vec<ModelRecord>,
    /// The highest promise that was seen.
    pub promised: Lsn,
    /// How many of `records` are known to be promised with all that they rely on.
    pub checked: usize,
}

/// All lanes.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// By lane.
    pub lanes: BTreeMap<LaneId, ModelLane>,
}

/// What a replay delivered, in the model's terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// Where it begins.
    pub location: Location,
    /// The byte behind it.
    pub end: Lsn,
    /// Its kind.
    pub kind: RecordKind,
    /// Its body.
    pub body: Vec<u8>,
}

impl Model {
    /// Remembers an append.
    pub fn append(&mut self, lane: LaneId, record: ModelRecord) {
        self.lanes.entry(lane).or_default().records.push(record);
    }

    /// Remembers a promise, and checks that everything that the newly promised records rely on is promised as well.
    ///
    /// # Errors
    /// When it is not: an ack would have been sent for something that a crash can take back.
    pub fn promise(&mut self, lane: LaneId, promised: Lsn, of: impl Fn(LaneId) -> Lsn) -> Result<(), String> {
        let entry = self.lanes.entry(lane).or_default();
        if promised < entry.promised {
            return Err(format!("{lane}: the promise went back from {} to {promised}", entry.promised));
        }
        entry.promised = promised;
        while let Some(record) = entry.records.get(entry.checked).filter(|record| record.appended.end <= promised) {
            for (other, lsn) in record.depends.iter() {
                if of(other) < lsn {
                    let location = record.appended.location;
                    return Err(format!("{lane}: {location} is promised, but {other} has not promised {lsn}"));
                }
            }
            entry.checked += 1;
        }
        Ok(())
    }

    /// What a replay of this lane from `from` must deliver when the lane ends at `end`.
    #[must_use]
    pub fn expected(&self, lane: LaneId, from: Lsn, end: Lsn) -> Vec<Delivered> {
        let mut expected = Vec::new();
        let mut runs: HashMap<RunId, Vec<&ModelRecord>> = HashMap::new();
        let mut epoch = 0;
        let records = self.lanes.get(&lane).map(|lane| lane.records.as_slice()).unwrap_or_default();
        for record in
            records.iter().filter(|record| record.appended.end <= end && record.appended.location.block() >= from)
        {
            if record.epoch != epoch {
                (epoch, runs) = (record.epoch, HashMap::new());
            }
            let mut deliver = |record: &ModelRecord| {
                let Appended { location, end } = record.appended;
                expected.push(Delivered { location, end, kind: record.kind, body: record.body.make() });
            };
            match record.run {
                Run::None => deliver(record),
                Run::Member(run) => runs.entry(run).or_default().push(record),
                Run::Commit(run) => {
                    runs.remove(&run).unwrap_or_default().into_iter().for_each(&mut deliver);
                    deliver(record);
                }
                Run::Abort(run) => {
                    runs.remove(&run);
                }
            }
        }
        expected
    }

    /// Compares a recovered lane with the model, and lets the model forget what is gone. Says what is wrong, if anything is.
    ///
    /// # Errors
    /// What was lost, invented or changed.
    pub fn check(&mut self, tail: &LaneTail, from: Lsn, delivered: &[Delivered]) -> Result<(), String> {
        let lane = tail.lane;
        let promised = self.lanes.get(&lane).map_or(Lsn::ZERO, |lane| lane.promised);
        if tail.end < promised {
            return Err(format!("LOST: {lane} ends at {}, {promised} was promised", tail.end));
        }
        let expected = self.expected(lane, from, tail.end);
        for (index, wanted) in expected.iter().enumerate() {
            let got = delivered.get(index);
            if got != Some(wanted) {
                let Delivered { location, end, kind, body } = wanted;
                let got = got.map(|got| (got.location, got.end, got.kind, got.body.len()));
                return Err(format!(
                    "{lane}: record {index} at {location} to {end}, {kind}, {} bytes came back as {got:?}",
                    body.len()
                ));
            }
        }
        if let Some(more) = delivered.get(expected.len()) {
            return Err(format!("INVENTED: {lane} has a record at {} that must not be there", more.location));
        }
        if let Some(entry) = self.lanes.get_mut(&lane) {
            // What lies before `from` stays known: the next start may do without the checkpoint.
            entry.records.retain(|record| record.appended.end <= tail.end);
            entry.promised = tail.end;
            entry.checked = entry.records.len();
        }
        Ok(())
    }
}
