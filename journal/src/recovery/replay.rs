//! The replay of a lane: its user's records in order, runs only when their COMMIT is there.

use std::collections::{HashMap, HashSet};

use super::error::RecoveryError;
use super::kept::{Keep, Kept, walk_kept};
use super::records::{WalkedRecord, read_record};
use super::walk::BlockWalk;
use crate::epoch::EpochStartRecord;
use crate::ids::{EpochId, LaneId, Location, Lsn, RunId};
use crate::lane::LaneTail;
use crate::limits::RUN_BUFFER_BYTES_MAX;
use crate::record::{RecordKind, Run};

/// A record that counts.
#[derive(Clone, Copy, Debug)]
pub struct Replayed<'a> {
    /// Of which lane.
    pub lane: LaneId,
    /// Where it begins.
    pub location: Location,
    /// The byte behind it.
    pub end: Lsn,
    /// The epoch that wrote it: what it says about other lanes is judged by [`LaneTail::epoch_end`] of this epoch.
    pub epoch: EpochId,
    /// What it is; always one of the user's kinds.
    pub kind: RecordKind,
    /// The run it belonged to, which counts.
    pub run: Run,
    /// Its body, or what is kept of it if [`RecoveryOptions::keep`](super::RecoveryOptions::keep) says so.
    pub body: &'a [u8],
}

/// A member of a run that waits for its COMMIT.
struct Member {
    location: Location,
    end: Lsn,
    epoch: EpochId,
    kind: RecordKind,
    /// `None` when too much was kept already: then it is read again.
    body: Option<Vec<u8>>,
}

struct Replay<'a> {
    lane: LaneId,
    tail: &'a LaneTail,
    keep: Option<Keep>,
    runs: HashMap<RunId, Vec<Member>>,
    kept_bytes: usize,
    kept_bytes_max: usize,
    epoch: EpochId,
    /// Runs of which something was given up.
    broken: HashSet<RunId>,
    /// Nothing of the user has come since the last patch.
    is_behind_patch: bool,
}

/// Replays `[from, tail.end)`.
///
/// # Errors
/// When a block cannot be read.
pub(super) fn replay(
    walk: &mut BlockWalk<'_>,
    (kept, keep): (Option<&Kept>, Option<Keep>),
    tail: &LaneTail,
    from: Lsn,
    kept_bytes_max: usize,
    deliver: &mut dyn FnMut(Replayed<'_>),
) -> Result<(), RecoveryError> {
    let mut replay = Replay {
        lane: tail.lane,
        tail,
        keep,
        runs: HashMap::new(),
        kept_bytes: 0,
        kept_bytes_max: kept_bytes_max.min(RUN_BUFFER_BYTES_MAX),
        epoch: EpochId::default(),
        broken: HashSet::new(),
        is_behind_patch: false,
    };
    walk_kept(walk, kept, keep, tail.lane, (from, tail.end), &mut |walk, record| replay.take(walk, &record, deliver))
}

impl Replay<'_> {
    fn take(
        &mut self,
        walk: &mut BlockWalk<'_>,
        record: &WalkedRecord<'_>,
        deliver: &mut dyn FnMut(Replayed<'_>),
    ) -> Result<(), RecoveryError> {
        if record.epoch != self.epoch.number {
            self.epoch = self.epoch_of(record.epoch);
        }
        if record.kind == RecordKind::EPOCH_START {
            if EpochStartRecord::decode(record.body).is_some_and(|start| start.entry.continues) {
                return Ok(());
            }
            // A run belongs to its epoch: what was not committed before the process ended never is.
            self.runs.clear();
            self.kept_bytes = 0;
            self.broken.clear();
            self.is_behind_patch = false;
            return Ok(());
        }
        if record.kind == RecordKind::PATCH {
            self.pass_patch();
            return Ok(());
        }
        if self.is_broken(record) {
            return Ok(());
        }
        match record.run {
            Run::None => self.deliver(record, deliver),
            Run::Member(run) => self.keep(run, record),
            Run::Commit(run) => {
                for member in self.forget(run) {
                    let body = match member.body {
                        Some(body) => body,
                        None => self.shortened(member.kind, read_record(walk, self.lane, member.location)?),
                    };
                    let Member { location, end, epoch, kind, .. } = member;
                    if kind.is_user() {
                        let run = Run::Member(run);
                        deliver(Replayed { lane: self.lane, location, end, epoch, kind, run, body: &body });
                    }
                }
                self.deliver(record, deliver);
            }
            Run::Abort(run) => {
                self.forget(run);
            }
        }
        Ok(())
    }

    /// What is delivered of a record that was read again.
    fn shortened(&self, kind: RecordKind, body: Vec<u8>) -> Vec<u8> {
        let Some(keep) = self.keep else { return body };
        let mut short = Vec::new();
        keep.shorten(kind, &body, &mut short);
        short
    }

    /// Something was given up here: of the runs that are open, and of one that began in it.
    fn pass_patch(&mut self) {
        self.broken.extend(self.runs.drain().map(|(run, _)| run));
        self.kept_bytes = 0;
        self.is_behind_patch = true;
    }

    /// Does the record belong to a run of which something was given up? No part of it counts then. A user appends the records of a run one
    /// after the other, so that only a run whose record comes first behind a patch can have begun before.
    fn is_broken(&mut self, record: &WalkedRecord<'_>) -> bool {
        let run = match record.run {
            Run::None => None,
            Run::Member(run) | Run::Commit(run) | Run::Abort(run) => Some(run),
        };
        if record.kind.is_user() || run.is_some() {
            let is_first = std::mem::take(&mut self.is_behind_patch);
            self.broken.extend(run.filter(|_| is_first));
        }
        run.is_some_and(|run| self.broken.contains(&run))
    }

    fn deliver(&self, record: &WalkedRecord<'_>, deliver: &mut dyn FnMut(Replayed<'_>)) {
        let WalkedRecord { location, end, kind, run, body, .. } = *record;
        if kind.is_user() {
            deliver(Replayed { lane: self.lane, location, end, epoch: self.epoch, kind, run, body });
        }
    }

    fn keep(&mut self, run: RunId, record: &WalkedRecord<'_>) {
        let fits = self.kept_bytes + record.body.len() <= self.kept_bytes_max;
        let body = fits.then(|| record.body.to_vec());
        self.kept_bytes += body.as_ref().map_or(0, Vec::len);
        let member = Member { location: record.location, end: record.end, epoch: self.epoch, kind: record.kind, body };
        self.runs.entry(run).or_default().push(member);
    }

    fn forget(&mut self, run: RunId) -> Vec<Member> {
        let members = self.runs.remove(&run).unwrap_or_default();
        self.kept_bytes -= members.iter().filter_map(|member| member.body.as_ref()).map(Vec::len).sum::<usize>();
        members
    }

    /// The pair to the number; an epoch older than the history has lost its activation id.
    fn epoch_of(&self, number: u64) -> EpochId {
        let known = self.tail.history.iter().find(|entry| entry.epoch.number == number);
        known.map_or(EpochId { number, activation: 0 }, |entry| entry.epoch)
    }
}
