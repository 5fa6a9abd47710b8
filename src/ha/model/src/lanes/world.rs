//! Three lanes that reach the disk of the active and that of its backup independently of each other, with a takeover, a rejoin and a server
//! that goes on alone in the middle of its work.
//!
//! The lanes of the active are the state; the backup has beginnings of them. A crash keeps of each lane any length between what is durable and
//! what was appended. What a promise waits for on other lanes is decided by the dependencies of the journal, what a start makes of the lanes by
//! the broker's own recovery.

#![allow(
    clippy::indexing_slicing,
    reason = "an index of this model that leaves its array is a mistake of the model, and says where"
)]

use journal::{Dependencies, Lsn, Vector};

use super::load::{Load, Loads};
use super::log::{B, Block, J, K, LANES, Log, Logs, OLD_QUEUE, Rec, lane_id};
use crate::world::{Violation, World};

/// Where the ids of messages are that a client sent with one, so that it is not stored twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Ids {
    /// Written again with the record that frees their segment.
    WithFree,
    /// They go with their segment.
    Forgotten,
    /// Written again behind it.
    BehindFree,
    /// With the queue instead of the address: a client that comes again may be sent to another lane.
    PerQueue,
}

/// Which rules are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Kept {
    /// An answer waits for all that its operation relies on (SR17).
    pub(super) ack_waits_for_all: bool,
    /// So does the answer that a message is there already (SR17, SR19).
    pub(super) answer_waits: bool,
    /// A promise stops before a block that relies on what is not promised (SR17).
    pub(super) promise_waits: bool,
    /// A decision is freed when the ENDs of all its lanes are promised (SR18).
    pub(super) decision_stays: bool,
    /// An END is written when the decision is promised, with all that it relies on (SR18).
    pub(super) end_when_promised: bool,
    /// An END stays as long as what it settles (SR18).
    pub(super) end_stays: bool,
    /// The file of a freed segment is used again when the record of that is promised (SR18).
    pub(super) reuse_when_promised: bool,
    /// A decision counts if all lanes have reached what it names (SR15).
    pub(super) decision_by_vector: bool,
    /// They must have by the end of its own epoch (SR15).
    pub(super) vector_by_own_epoch: bool,
    /// What is promised is said by headers of the same epoch (SR17).
    pub(super) promised_by_own_epoch: bool,
    /// No number of a queue is given out twice, though it was only named (SR17).
    pub(super) queue_numbers_once: bool,
    /// An epoch that begins while its writer goes on says so, and is no end of what that one has begun (SR5, SR15).
    pub(super) writer_goes_on: bool,
    /// The start of an epoch names what is promised, not what is written (D.2.4).
    pub(super) start_names_promised: bool,
    /// See [`Ids`] (SR19).
    pub(super) ids: Ids,
}

impl Kept {
    pub(super) const ALL: Self = Self {
        ack_waits_for_all: true,
        answer_waits: true,
        promise_waits: true,
        decision_stays: true,
        end_when_promised: true,
        end_stays: true,
        reuse_when_promised: true,
        decision_by_vector: true,
        vector_by_own_epoch: true,
        promised_by_own_epoch: true,
        queue_numbers_once: true,
        writer_goes_on: true,
        start_names_promised: true,
        ids: Ids::WithFree,
    };
}

/// What clients do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Scene {
    /// A queue is made, a message is sent to it with an id, another one, the first is consumed and its segment freed, it is sent again.
    Queue,
    /// A transaction over two lanes.
    Transaction,
    /// A commit of two messages in one lane.
    Run,
}

/// How much may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Bounds {
    pub(super) crashes: u8,
    pub(super) joins: u8,
    pub(super) leaves: u8,
    /// Messages beside the one with an id.
    pub(super) others: u8,
    /// Whether segments are freed.
    pub(super) frees: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Phase {
    /// A start: the epoch has begun on all lanes, nothing else is appended yet.
    Loading,
    /// Clients are served.
    Open,
    /// The backup is gone, and the next epoch begins lane by lane; those that are `pending` have not begun.
    Leaving { pending: [bool; LANES], vector: [u8; LANES] },
}

const QUEUE: u8 = 1;
const MESSAGE: u8 = 2;
const OTHER: u8 = 4;
const WHOLE: u8 = 8;

#[derive(Clone, Debug, Hash)]
pub(super) struct Lanes {
    kept: Kept,
    scene: Scene,
    bounds: Bounds,
    loads: Loads,
    logs: Logs,
    durable: [u8; LANES],
    confirmed: [u8; LANES],
    /// Durable at every member of the in-sync set, and all that it relies on too.
    settled: [u8; LANES],
    waits: [Dependencies; LANES],
    in_sync: bool,
    phase: Phase,
    epoch: u8,
    /// The messages that the active knows to count, by their blocks.
    counts: [u16; LANES],
    next_queue: u8,
    /// What the last start owes its lanes.
    undecided: [bool; LANES],
    left_out: [u16; LANES],
    /// What an earlier start left out, as far as its blocks are there. For the properties alone.
    dropped: [u16; LANES],
    /// What clients were told. For the properties alone.
    acked: u8,
    /// Which of the two hosts is active, and which first segments each has used again.
    host: usize,
    reused: [[bool; LANES]; 2],
    /// The first half of the transaction, or of the run, is written and the second is not.
    half_done: bool,
    begun: bool,
    creates: u8,
    sends: u8,
    others: u8,
    crashes: u8,
    joins: u8,
    leaves: u8,
    wrong: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Land(usize),
    Confirm(usize),
    Open,
    Leave,
    StartLane(usize),
    Join,
    /// The active crashes; it starts again, or its backup takes over, and keeps so much of each lane.
    Crash {
        takeover: bool,
        keep: [u8; LANES],
    },
    Create,
    Send(usize),
    SendAgain,
    Other,
    Consume(u8),
    Free,
    Reuse(usize),
    Prepare,
    Decide,
    End(usize),
    ForgetEnd,
    Clear(usize),
    First,
    Last,
}

/// Blocks of a lane: as many as a set of them has bits.
const BLOCKS_MAX: u8 = 16;

impl Lanes {
    pub(super) fn new(kept: Kept, scene: Scene, bounds: Bounds) -> Self {
        let mut lanes = Self {
            kept,
            scene,
            bounds,
            loads: Loads::default(),
            logs: Logs::default(),
            durable: [0; LANES],
            confirmed: [0; LANES],
            settled: [0; LANES],
            waits: std::array::from_fn(|_| Dependencies::default()),
            in_sync: true,
            phase: Phase::Open,
            epoch: 1,
            counts: [0; LANES],
            next_queue: OLD_QUEUE + 1,
            undecided: [false; LANES],
            left_out: [0; LANES],
            dropped: [0; LANES],
            acked: 0,
            host: 0,
            reused: [[false; LANES]; 2],
            half_done: false,
            begun: false,
            creates: 0,
            sends: 0,
            others: 0,
            crashes: 0,
            joins: 0,
            leaves: 0,
            wrong: None,
        };
        for lane in 0..LANES {
            lanes.logs[lane].0.push(Block {
                epoch: 1,
                promised: 0,
                rec: Rec::Start { vector: [0; LANES], continues: false },
            });
        }
        lanes.logs[B].0.push(Block { epoch: 1, promised: 1, rec: Rec::Queue { id: OLD_QUEUE, made: 0 } });
        lanes.keep(std::array::from_fn(|lane| lanes.logs[lane].len()));
        lanes.confirmed = lanes.durable;
        lanes
    }

    /// Everything that is kept is flushed, and so promised as far as this member is alone.
    fn keep(&mut self, keep: [u8; LANES]) {
        for (lane, number) in keep.into_iter().enumerate() {
            self.logs[lane].0.truncate(usize::from(number));
            self.dropped[lane] &= below(number);
        }
        (self.durable, self.settled, self.confirmed) = (keep, keep, [0; LANES]);
        self.waits = std::array::from_fn(|_| Dependencies::default());
    }

    fn everywhere(&self, lane: usize) -> u8 {
        if self.in_sync { self.durable[lane].min(self.confirmed[lane]) } else { self.durable[lane] }
    }

    fn end(&self, lane: usize, number: u8) -> Lsn {
        self.logs[lane].lsn(number)
    }

    /// Lets promises go as far as they may, and acks all that may be acked: the worst case for the properties.
    fn settle(&mut self) {
        loop {
            let before = self.settled;
            for lane in 0..LANES {
                let durable = self.end(lane, self.everywhere(lane));
                let limit = self.waits[lane].limit(durable);
                let limit = self.logs[lane].number(limit);
                if limit > self.settled[lane] {
                    self.settled[lane] = limit;
                    let lsn = self.end(lane, limit);
                    for other in (0..LANES).filter(|other| *other != lane) {
                        self.waits[other].note(lane_id(lane), lsn);
                    }
                }
            }
            if self.settled == before {
                break;
            }
        }
        self.ack();
    }

    fn ack(&mut self) {
        if self.phase == Phase::Loading {
            return;
        }
        let passed: [u8; LANES] =
            if self.kept.ack_waits_for_all { self.settled } else { std::array::from_fn(|lane| self.everywhere(lane)) };
        let is_passed = |lane: usize, at: Option<u8>| at.is_some_and(|at| at < passed[lane]);
        let counted = |lane: usize| self.adds(lane).any(|at| is_passed(lane, Some(at)));
        let per_queue = self.kept.ids == Ids::PerQueue;
        let mut acked = self.acked;
        acked |= if is_passed(B, self.made_queue()) { QUEUE } else { 0 };
        acked |= if counted(J) || (per_queue && counted(K)) { MESSAGE } else { 0 };
        acked |= if !per_queue && counted(K) { OTHER } else { 0 };
        let decided = is_passed(K, self.logs[K].find(is_decision)) && self.halves() == (true, true);
        let run = is_passed(J, self.logs[J].find(|rec| *rec == Rec::Last)) && self.run_halves() == (true, true);
        acked |= if decided || run { WHOLE } else { 0 };
        self.acked = acked;
    }

    fn does_count(&self, lane: usize, at: u8) -> bool {
        self.counts[lane] >> at & 1 == 1
    }

    fn count(&mut self, lane: usize, at: u8) {
        self.counts[lane] |= 1 << at;
    }

    /// The blocks of messages to the made queue that count.
    fn adds(&self, lane: usize) -> impl Iterator<Item = u8> + '_ {
        let adds = (0_u8..).zip(&self.logs[lane].0).filter(|(_, block)| matches!(block.rec, Rec::Add { .. }));
        adds.map(|(at, _)| at).filter(move |at| self.does_count(lane, *at))
    }

    /// Does each half of the transaction count?
    fn halves(&self) -> (bool, bool) {
        let counts = |lane: usize, at: Option<u8>| at.is_some_and(|at| self.does_count(lane, at));
        (counts(J, self.logs[J].find(|rec| *rec == Rec::Prepare)), counts(K, self.logs[K].find(is_decision)))
    }

    /// Does each message of the commit count?
    fn run_halves(&self) -> (bool, bool) {
        let counts = |rec: Rec| self.logs[J].find(|other| *other == rec).is_some_and(|at| self.does_count(J, at));
        (counts(Rec::First), counts(Rec::Last))
    }

    /// The record of a queue that was made.
    fn made_queue(&self) -> Option<u8> {
        self.logs[B].find(|rec| matches!(rec, Rec::Queue { id, .. } if *id != OLD_QUEUE))
    }

    /// Is the id of the message known, so that it is not taken a second time?
    fn is_id_known(&self, lane: usize) -> bool {
        let log = &self.logs[lane];
        let remembers = log.has(Rec::Free { ids: true }) || log.has(Rec::Ids);
        let freed = log.find(|rec| matches!(rec, Rec::Ack { .. })).filter(|_| log.free().is_some());
        self.adds(lane).any(|at| remembers || freed.is_none_or(|last| at > last))
    }

    /// Appends a block; it relies on the block before `relies` of another lane.
    fn append(&mut self, lane: usize, rec: Rec, relies: Option<(usize, u8)>) -> u8 {
        let promised = if self.kept.promise_waits { self.settled[lane] } else { self.everywhere(lane) };
        let epoch = if matches!(rec, Rec::Start { .. }) { self.epoch } else { self.logs[lane].epoch() };
        let at = self.logs[lane].len();
        let begin = self.end(lane, at);
        self.logs[lane].0.push(Block { epoch, promised, rec });
        if let Some((other, number)) = relies.filter(|(other, number)| self.settled[*other] < *number) {
            let vector = Vector::of(lane_id(other), self.end(other, number));
            let fresh = self.waits[lane].fresh(lane_id(lane), &vector);
            if !fresh.is_empty() {
                self.waits[lane].wait(begin, fresh);
            }
        }
        at
    }

    fn may_append(&self, lane: usize) -> bool {
        let room = self.logs[lane].len() + 3 < BLOCKS_MAX;
        room && self.phase != Phase::Loading
    }

    /// The start of the present epoch is promised on every lane.
    fn is_epoch_promised(&self) -> bool {
        (0..LANES).all(|lane| {
            let is_start = |block: &Block| matches!(block.rec, Rec::Start { .. }) && block.epoch == self.epoch;
            self.logs[lane].0[..usize::from(self.settled[lane])].iter().any(is_start)
        })
    }

    fn crash(&mut self, takeover: bool, keep: [u8; LANES]) {
        self.crashes += 1;
        self.keep(keep);
        if takeover {
            self.host = 1 - self.host;
        }
        let load = self.loads.load(&self.logs, self.reused[self.host], &self.kept);
        self.take_over_load(&load);
        (self.in_sync, self.phase, self.half_done) = (false, Phase::Loading, false);
        self.epoch += 1;
        for lane in 0..LANES {
            let vector = if lane == J { keep } else { [0; LANES] };
            self.append(lane, Rec::Start { vector, continues: false }, None);
        }
    }

    fn take_over_load(&mut self, load: &Load) {
        if let Some(why) = &load.refused {
            self.wrong = Some(format!("a start calls sound lanes damaged: {why}"));
            return;
        }
        for lane in 0..LANES {
            let log = &self.logs[lane];
            // What was in a freed segment counted, or it would not be free.
            let last = log.find(|rec| matches!(rec, Rec::Ack { .. } | Rec::End)).filter(|_| log.free().is_some());
            let freed = last.map_or(0, |last| below(last + 1));
            self.counts[lane] = load.counts[lane] | (self.counts[lane] & freed);
        }
        (self.next_queue, self.undecided, self.left_out) = (load.next_queue, load.undecided, load.left_out);
        self.wrong = self.missing(load);
        for (dropped, left_out) in self.dropped.iter_mut().zip(load.left_out) {
            *dropped |= left_out;
        }
    }

    /// What was acked and is gone, or is there by half.
    fn missing(&self, load: &Load) -> Option<String> {
        let acked = |what: u8| self.acked & what != 0;
        let has = |lane: usize| self.adds(lane).next().is_some();
        let per_queue = self.kept.ids == Ids::PerQueue;
        if acked(QUEUE) && !load.has_queue {
            return Some("acked: the queue; it is gone".to_owned());
        }
        if acked(MESSAGE) && !has(J) && !(per_queue && has(K)) {
            return Some("acked: the message with an id; it is gone".to_owned());
        }
        if acked(OTHER) && !has(K) {
            return Some("acked: another message; it is gone".to_owned());
        }
        for ((first, second), what) in [(self.halves(), "transaction"), (self.run_halves(), "commit")] {
            if first != second {
                return Some(format!("half a {what}: the first part counts: {first}, the second: {second}"));
            }
        }
        if (0..LANES).any(|lane| self.dropped[lane] & load.counts[lane] != 0) {
            return Some("a message counts that an earlier start had left out".to_owned());
        }
        if [J, K].into_iter().any(|lane| self.adds(lane).any(|at| self.is_astray(lane, at))) {
            return Some("a message is in a queue that it was not sent to".to_owned());
        }
        let whole = match self.scene {
            Scene::Transaction => self.halves().0,
            Scene::Run => self.run_halves().0,
            Scene::Queue => true,
        };
        (acked(WHOLE) && !whole).then(|| "acked: the whole of it; it does not count".to_owned())
    }

    /// Is the queue that the message of this block names another one?
    fn is_astray(&self, lane: usize, at: u8) -> bool {
        let Rec::Add { queue, made } = self.logs[lane].0[usize::from(at)].rec else { return false };
        let is_other = |rec: &Rec| matches!(rec, Rec::Queue { id, made: other } if *id == queue && *other != made);
        self.logs[B].find(is_other).is_some()
    }

    fn open(&mut self) {
        let was = std::mem::replace(&mut self.phase, Phase::Open);
        if was != Phase::Loading {
            return;
        }
        for lane in 0..LANES {
            if std::mem::take(&mut self.undecided[lane]) {
                self.append(lane, Rec::Never, None);
            }
            let left_out = std::mem::take(&mut self.left_out[lane]);
            for at in (0..BLOCKS_MAX).filter(|at| left_out >> at & 1 == 1) {
                self.append(lane, Rec::Drop { of: at }, None);
            }
        }
    }

    fn queue_steps(&self, steps: &mut Vec<Step>) {
        let settled = &self.settled;
        if self.made_queue().is_none() && self.creates < 2 && self.may_append(B) {
            steps.push(Step::Create);
        }
        if self.made_queue().is_some() {
            let elsewhere = self.kept.ids == Ids::PerQueue && self.sends == 1;
            let lane = if elsewhere { K } else { J };
            // A client may send again as often as it likes: a lost answer looks like a lost request.
            if self.sends < 2 && self.may_append(lane) {
                match self.is_id_known(lane) {
                    false => steps.push(Step::Send(lane)),
                    // The answer is the ack of the first copy, which comes by itself.
                    true if self.kept.answer_waits => {}
                    true => steps.push(Step::SendAgain),
                }
            }
            if self.others < self.bounds.others && self.kept.ids != Ids::PerQueue && self.may_append(K) {
                steps.push(Step::Other);
            }
        }
        if !self.may_append(J) {
            return;
        }
        let ack = self.logs[J].find(|rec| matches!(rec, Rec::Ack { .. }));
        // Nothing is delivered before it is promised (SR14).
        let delivered = self.adds(J).find(|at| *at < settled[J]);
        steps.extend(delivered.filter(|_| ack.is_none()).map(Step::Consume));
        if ack.is_some_and(|at| at < settled[J]) && self.logs[J].free().is_none() {
            steps.push(Step::Free);
        }
    }

    fn transaction_steps(&self, steps: &mut Vec<Step>) {
        if !self.begun && self.may_append(J) {
            steps.push(Step::Prepare);
        }
        if self.half_done && self.may_append(K) {
            steps.push(Step::Decide);
        }
        let ends = [J, K].map(|lane| self.logs[lane].find(|rec| *rec == Rec::End));
        let decided = self.logs[K].find(is_decision);
        let promised = decided.is_some_and(|at| !self.kept.end_when_promised || at < self.settled[K]);
        for (lane, end) in [J, K].into_iter().zip(ends) {
            if promised && end.is_none() && self.halves() == (true, true) && self.may_append(lane) {
                steps.push(Step::End(lane));
            }
        }
        let [end_j, end_k] = ends;
        let is_promised = |lane: usize, at: Option<u8>| at.is_some_and(|at| at < self.settled[lane]);
        let may_free = |lane: usize| self.bounds.frees && self.logs[lane].free().is_none() && self.may_append(lane);
        if is_promised(J, end_j) && may_free(J) {
            if self.kept.end_stays {
                steps.push(Step::Clear(J));
            } else if !self.logs[J].has(Rec::ForgetEnd) {
                steps.push(Step::ForgetEnd);
            }
        }
        let all_ended = if self.kept.decision_stays { is_promised(J, end_j) } else { end_j.is_some() };
        if all_ended && is_promised(K, end_k) && may_free(K) {
            steps.push(Step::Clear(K));
        }
    }

    fn run_steps(&self, steps: &mut Vec<Step>) {
        if !self.begun && self.may_append(J) {
            steps.push(Step::First);
        }
        if self.half_done && self.may_append(J) {
            steps.push(Step::Last);
        }
    }

    fn crash_steps(&self, steps: &mut Vec<Step>) {
        for takeover in [false, true] {
            if takeover && !self.in_sync {
                continue;
            }
            let low = if takeover { self.confirmed } else { self.durable };
            for b in low[B]..=self.logs[B].len() {
                for j in low[J]..=self.logs[J].len() {
                    let keeps = (low[K]..=self.logs[K].len()).map(|k| [b, j, k]);
                    steps.extend(keeps.map(|keep| Step::Crash { takeover, keep }));
                }
            }
        }
    }

    fn client(&mut self, step: Step) {
        match step {
            Step::Create => {
                self.creates += 1;
                self.append(B, Rec::Queue { id: self.next_queue, made: self.creates }, None);
                self.next_queue += 1;
            }
            Step::Send(lane) => {
                self.sends += 1;
                self.send(lane);
            }
            Step::SendAgain => {
                self.sends += 1;
                self.acked |= MESSAGE;
            }
            Step::Other => {
                self.others += 1;
                self.send(K);
            }
            Step::Consume(of) => drop(self.append(J, Rec::Ack { of }, None)),
            Step::Free => {
                let ids = matches!(self.kept.ids, Ids::WithFree | Ids::PerQueue);
                self.append(J, Rec::Free { ids }, None);
                if self.kept.ids == Ids::BehindFree {
                    self.append(J, Rec::Ids, None);
                }
            }
            Step::Prepare => {
                (self.begun, self.half_done) = (true, true);
                self.append(J, Rec::Prepare, None);
            }
            Step::Decide => {
                self.half_done = false;
                let Some(prepared) = self.logs[J].find(|rec| *rec == Rec::Prepare) else { return };
                let reach = prepared + 1;
                let decided = self.append(K, Rec::Decide { reach }, Some((J, reach)));
                self.count(J, prepared);
                self.count(K, decided);
            }
            Step::End(lane) => drop(self.append(lane, Rec::End, None)),
            Step::ForgetEnd => drop(self.append(J, Rec::ForgetEnd, None)),
            Step::Clear(lane) => drop(self.append(lane, Rec::Clear, None)),
            Step::First => {
                (self.begun, self.half_done) = (true, true);
                self.append(J, Rec::First, None);
            }
            Step::Last => {
                self.half_done = false;
                let last = self.append(J, Rec::Last, None);
                let first = self.logs[J].find(|rec| *rec == Rec::First);
                [first, Some(last)].into_iter().flatten().for_each(|at| self.count(J, at));
            }
            _ => {}
        }
    }

    fn send(&mut self, lane: usize) {
        let Some(made) = self.made_queue() else { return };
        let Rec::Queue { id: queue, made: which } = self.logs[B].0[usize::from(made)].rec else { return };
        let at = self.append(lane, Rec::Add { queue, made: which }, Some((B, made + 1)));
        self.count(lane, at);
    }
}

/// The set of the blocks before this number.
fn below(number: u8) -> u16 {
    u16::try_from((1_u32 << number) - 1).unwrap_or(u16::MAX)
}

fn is_decision(rec: &Rec) -> bool {
    matches!(rec, Rec::Decide { .. })
}

impl World for Lanes {
    type Step = Step;

    fn steps(&self, steps: &mut Vec<Step>) {
        for lane in 0..LANES {
            if self.durable[lane] < self.logs[lane].len() {
                steps.push(Step::Land(lane));
            }
            if self.in_sync && self.confirmed[lane] < self.logs[lane].len() {
                steps.push(Step::Confirm(lane));
            }
        }
        let is_whole = match self.phase {
            Phase::Open => false,
            Phase::Loading => true,
            Phase::Leaving { pending, .. } => {
                steps.extend((0..LANES).filter(|lane| pending[*lane]).map(Step::StartLane));
                pending == [false; LANES]
            }
        };
        if is_whole && self.is_epoch_promised() {
            steps.push(Step::Open);
        }
        match self.scene {
            Scene::Queue => self.queue_steps(steps),
            Scene::Transaction => self.transaction_steps(steps),
            Scene::Run => self.run_steps(steps),
        }
        for lane in [J, K] {
            let limit = if self.kept.reuse_when_promised { self.settled[lane] } else { self.durable[lane] };
            let may = self.logs[lane].free().is_some_and(|free| free < limit);
            if may && !self.reused[self.host][lane] && self.phase != Phase::Loading {
                steps.push(Step::Reuse(lane));
            }
        }
        if self.in_sync && self.leaves < self.bounds.leaves && self.phase == Phase::Open {
            steps.push(Step::Leave);
        }
        if !self.in_sync && self.joins < self.bounds.joins && self.phase == Phase::Open {
            steps.push(Step::Join);
        }
        if self.crashes < self.bounds.crashes {
            self.crash_steps(steps);
        }
    }

    fn take(&self, step: &Step) -> Self {
        let mut next = self.clone();
        match *step {
            Step::Land(lane) => next.durable[lane] += 1,
            Step::Confirm(lane) => next.confirmed[lane] += 1,
            Step::Open => next.open(),
            Step::Leave => {
                next.leaves += 1;
                (next.in_sync, next.confirmed) = (false, [0; LANES]);
                next.settle();
                let ends = std::array::from_fn(|lane| next.logs[lane].len());
                let vector = if self.kept.start_names_promised { next.settled } else { ends };
                next.epoch += 1;
                next.phase = Phase::Leaving { pending: [true; LANES], vector };
            }
            Step::StartLane(lane) => {
                if let Phase::Leaving { pending, vector } = &mut next.phase {
                    pending[lane] = false;
                    let vector = if lane == J { *vector } else { [0; LANES] };
                    next.append(lane, Rec::Start { vector, continues: self.kept.writer_goes_on }, None);
                }
            }
            Step::Join => {
                next.joins += 1;
                (next.in_sync, next.confirmed) = (true, self.durable);
            }
            Step::Crash { takeover, keep } => next.crash(takeover, keep),
            Step::Reuse(lane) => next.reused[self.host][lane] = true,
            step => next.client(step),
        }
        next.settle();
        next
    }

    fn tell(&self, step: &Step) -> String {
        super::tell::tell(step, &self.logs, self.epoch)
    }

    fn judge(&self) -> Result<(), Violation> {
        if let Some(wrong) = &self.wrong {
            return Err(Violation(wrong.clone()));
        }
        let promised = |lane: usize| self.adds(lane).filter(move |at| *at < self.settled[lane]).count();
        let copies = promised(J) + if self.kept.ids == Ids::PerQueue { promised(K) } else { 0 };
        if copies > 1 {
            return Err(Violation("the message with an id is stored twice".to_owned()));
        }
        Ok(())
    }
}

/// The lanes as a trace names them.
pub(super) fn lengths(logs: &Logs) -> [u8; LANES] {
    std::array::from_fn(|lane| Log::len(&logs[lane]))
}
