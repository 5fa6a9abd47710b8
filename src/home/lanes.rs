//! The journal lanes of one core, and what waits for their promises.

use journal::{
    AppendError, Appended, BlockBuffer, Command, Commands, Lane, LaneId, LaneKind, Lsn, Now, Record, SegmentSequence,
    Vector,
};

use super::lives::Lives;
use crate::durability::{Gate, Promises};
use crate::limits;

/// Commands that one lane may give in one turn.
const COMMANDS_PER_LANE: usize = 64;

/// A time that does not come.
const NEVER: Now = Now(u64::MAX);

/// A lane and what lives in it.
pub(super) struct HomeLane<B: BlockBuffer> {
    pub(super) id: LaneId,
    pub(super) lane: Lane<B>,
    pub(super) lives: Lives,
    /// Operations of clients may append to it. Asked for every message, so not worked out each time.
    takes_operations: bool,
    /// Where it stood at the last checkpoint of this run.
    pub(super) checkpoint: Option<Lsn>,
    /// Up to here there is nothing to give back in it and no checkpoint is due.
    upkeep_at: Lsn,
    /// What [`Lanes::take_promises`] saw last.
    seen: Lsn,
}

impl<B: BlockBuffer> HomeLane<B> {
    /// A lane in which this much lives.
    pub(super) fn new(lane: Lane<B>, lives: Lives) -> Self {
        let (id, seen) = (lane.id(), lane.promised());
        let takes_operations = id.kind() != LaneKind::Checkpoint;
        Self { id, seen, checkpoint: None, upkeep_at: Lsn::ZERO, takes_operations, lane, lives }
    }

    /// By how much it has grown since the last checkpoint.
    pub(super) fn growth(&self) -> u64 {
        self.lane.appended().since(self.checkpoint.unwrap_or(self.lane.first_kept()))
    }

    fn plan_upkeep(&mut self, checkpoint_bytes: u64) {
        let first = self.lane.first_kept();
        let second_segment = first.0.saturating_add(self.lane.geometry().payload_bytes());
        let checkpoint = self.checkpoint.unwrap_or(first).0.saturating_add(checkpoint_bytes);
        self.upkeep_at =
            if self.id.kind() == LaneKind::Checkpoint { Lsn(u64::MAX) } else { Lsn(second_segment.min(checkpoint)) };
    }
}

/// The lanes of one core. `E` is what happens when a position is promised.
pub(super) struct Lanes<B: BlockBuffer, E> {
    lanes: Vec<HomeLane<B>>,
    promises: Promises,
    effects: Gate<E>,
    commands: Commands<B>,
    /// Positions of other cores' lanes that something here waits for and nobody was asked about yet.
    watches: Vec<(LaneId, Lsn)>,
    /// See [`Lanes::is_upkeep_due`].
    upkeep_due: bool,
}

impl<B: BlockBuffer, E> Lanes<B, E> {
    pub(super) fn new(lanes: Vec<HomeLane<B>>) -> Self {
        let mut promises = Promises::default();
        for lane in &lanes {
            promises.note(lane.id, lane.lane.promised());
        }
        let commands = Commands::with_capacity(COMMANDS_PER_LANE);
        Self { lanes, promises, effects: Gate::default(), commands, watches: Vec::new(), upkeep_due: true }
    }

    pub(super) fn get(&self, id: LaneId) -> Option<&HomeLane<B>> {
        self.lanes.iter().find(|lane| lane.id == id)
    }

    pub(super) fn get_mut(&mut self, id: LaneId) -> Option<&mut HomeLane<B>> {
        self.lanes.iter_mut().find(|lane| lane.id == id)
    }

    /// How many lanes there are.
    pub(super) fn len(&self) -> usize {
        self.lanes.len()
    }

    /// The lane at this place of the table.
    pub(super) fn id_at(&self, at: usize) -> Option<LaneId> {
        self.lanes.get(at).map(|lane| lane.id)
    }

    /// Had a lane got so far, at the last [`Lanes::poll`], that something may be given back, or that a checkpoint is due?
    pub(super) fn is_upkeep_due(&self) -> bool {
        self.upkeep_due
    }

    /// To be called when all that was due is done: nothing else changes when it is due again.
    pub(super) fn plan_upkeep(&mut self, checkpoint_bytes: u64) {
        self.lanes.iter_mut().for_each(|lane| lane.plan_upkeep(checkpoint_bytes));
        self.upkeep_due = false;
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &HomeLane<B>> {
        self.lanes.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut HomeLane<B>> {
        self.lanes.iter_mut()
    }

    pub(super) fn promises(&self) -> &Promises {
        &self.promises
    }

    /// Appends a record; what it depends on and is promised already is left out.
    pub(super) fn append(&mut self, id: LaneId, record: Record<'_>, depends: &Vector) -> Result<Appended, AppendError> {
        if !depends.is_empty() {
            self.watch(depends);
        }
        match self.lanes.iter_mut().find(|lane| lane.id == id) {
            Some(lane) => lane.lane.append(record, depends),
            None => Err(AppendError::Blocked),
        }
    }

    /// Asks the cores of other lanes to tell when this is promised.
    pub(super) fn await_remote(&mut self, vector: &Vector) {
        self.watch(vector);
    }

    /// Runs `effect` once this position of a lane is promised.
    pub(super) fn at(&mut self, lane: LaneId, lsn: Lsn, effect: E) {
        self.effects.wait(lane, lsn, effect);
    }

    /// Can every lane take one more record of the largest size, so that a whole client operation fits?
    pub(super) fn ready(&self) -> bool {
        let largest = limits::RECORD_MESSAGE_BYTES_MAX + limits::RECORD_OVERHEAD_BYTES_MAX;
        self.lanes.iter().all(|lane| !lane.takes_operations || lane.lane.can_append(largest))
    }

    /// Has every lane the segment behind the one that it writes?
    pub(super) fn have_next_segments(&self) -> bool {
        self.lanes.iter().all(|lane| !lane.takes_operations || lane.lane.has_next_segment())
    }

    /// Why no lane may promise any more, if one may not.
    pub(super) fn latch(&self) -> Option<(LaneId, &journal::Latch)> {
        self.lanes.iter().find_map(|lane| lane.lane.latch().map(|latch| (lane.id, latch)))
    }

    /// Lets every lane submit what the group rules allow. Gives the earliest time at which one has something to do by itself.
    pub(super) fn poll(&mut self, now: Now, mut each: impl FnMut(LaneId, Command<B>)) -> Option<Now> {
        // Later than any: compared as one number, where there are no two.
        let mut earliest = NEVER;
        for lane in &mut self.lanes {
            if lane.lane.poll(now, &mut self.commands) {
                while let Some(command) = self.commands.pop() {
                    each(lane.id, command);
                }
            }
            // While each lane is looked at anyway.
            self.upkeep_due |= lane.lane.appended() >= lane.upkeep_at;
            earliest = earliest.min(lane.lane.deadline(now).unwrap_or(NEVER));
        }
        (earliest < NEVER).then_some(earliest)
    }

    /// Takes over what the own lanes have promised since, until no lane's promise sets another lane's free; true if anything has.
    pub(super) fn take_promises(&mut self) -> bool {
        let mut news = false;
        while let Some(lane) = self.lanes.iter_mut().find(|lane| lane.seen < lane.lane.promised()) {
            let (id, promised) = (lane.id, lane.lane.promised());
            lane.seen = promised;
            news = true;
            self.promises.note(id, promised);
            self.tell_own_lanes(id, promised);
        }
        news
    }

    /// Another core's lane is promised up to here.
    pub(super) fn note_remote(&mut self, id: LaneId, lsn: Lsn) {
        if self.promises.note(id, lsn) {
            self.tell_own_lanes(id, lsn);
        }
    }

    /// The effects whose positions are promised, appended to `due`.
    pub(super) fn due_effects(&mut self, due: &mut Vec<E>) {
        self.effects.pass(&self.promises, |effect| due.push(effect));
    }

    /// The next position of another core's lane that somebody must be asked about.
    pub(super) fn next_watch(&mut self) -> Option<(LaneId, Lsn)> {
        self.watches.pop()
    }

    /// The earliest time at which a lane has something to do by itself.
    pub(super) fn deadline(&self, now: Now) -> Option<Now> {
        self.lanes.iter().filter_map(|lane| lane.lane.deadline(now)).min()
    }

    /// The segment that the lane is writing.
    pub(super) fn current_segment(&self, id: LaneId) -> SegmentSequence {
        self.get(id).map_or(SegmentSequence(0), |lane| lane.lane.segment_of(lane.lane.appended()).0)
    }

    fn tell_own_lanes(&mut self, id: LaneId, lsn: Lsn) {
        for lane in &mut self.lanes {
            if lane.id != id {
                lane.lane.note_promised(id, lsn);
            }
        }
    }

    fn watch(&mut self, vector: &Vector) {
        for (lane, lsn) in vector.iter() {
            let own = self.lanes.iter().any(|own| own.id == lane);
            if !own && self.promises.of(lane) < lsn && !self.watches.contains(&(lane, lsn)) {
                self.watches.push((lane, lsn));
            }
        }
    }
}
