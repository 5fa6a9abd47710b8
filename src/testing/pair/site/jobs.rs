//! Jobs of the engine for the store: one after the other, each with the operations of the journal that it needs.

use ha_engine::command::Job;
use ha_engine::event::{Done, Event};
use ha_engine::ha_state::Eligible;
use ha_engine::vector::Vector;
use journal::testing::{Random, SimDisk};
use journal::{
    EpochStart, LaneId, Lsn, MayCut, NodeId, Now, SnapshotOrder, SnapshotSteps, TruncateOrder, TruncateSteps,
    drop_old_replicas, old_replicas, take_snapshot, truncate,
};

use super::{NODE, Place, Process, Site};
use crate::replication::words;
use crate::testing::machine::Machine;
use crate::testing::pair::follower::{Follower, chains, scan};

/// Old replicas that a site keeps.
const OLD_REPLICAS_KEPT: usize = 2;

/// A job, and how far it is.
#[derive(Debug)]
pub(super) struct Doing {
    job: Job,
    /// What it waits for, once it has begun.
    waits: Option<Waits>,
}

#[derive(Debug)]
enum Waits {
    /// Lanes that have not begun the epoch.
    Epoch(EpochStart, Vec<LaneId>),
    /// Everything up to here to be durable.
    Durable(Vector),
    /// The doors to be open.
    Doors,
    /// Nothing to be under way.
    Quiet,
}

impl Doing {
    pub(super) const fn new(job: Job) -> Self {
        Self { job, waits: None }
    }
}

impl Site {
    /// Would the oldest job get on?
    pub(super) fn job_may_go_on(&self, process: &Process) -> bool {
        let Some(doing) = process.jobs.front() else { return false };
        // What was sent, or received, may still be on its way to the disk.
        if let Job::ReadChains(at) = &doing.job
            && !matches!(self.place, Place::Off(_))
            && !self.readable().covers(at)
        {
            return false;
        }
        let machine = match &self.place {
            Place::Active(machine) => machine,
            Place::Passive(follower) => {
                // What is cut or kept aside is not written to meanwhile.
                let still = matches!(doing.job, Job::Snapshot { .. } | Job::Truncate(_));
                let durable = |waits: &Waits| matches!(waits, Waits::Durable(to) if !self.durable().covers(to));
                return !(doing.waits.as_ref().is_some_and(durable) || still && follower.is_writing());
            }
            Place::Off(_) => return true,
        };
        match &doing.waits {
            None | Some(Waits::Epoch(..)) => true,
            Some(Waits::Durable(vector)) => self.durable().covers(vector),
            Some(Waits::Doors) => machine.is_serving(),
            Some(Waits::Quiet) => !machine.is_writing() && (machine.is_quiet() || !matches!(doing.job, Job::Freeze)),
        }
    }

    /// The oldest job goes on.
    pub(super) fn job(&mut self, now: u64, random: &mut Random) {
        let Some(doing) = self.process.as_mut().and_then(|process| process.jobs.pop_front()) else { return };
        let Doing { job, waits } = doing;
        let done = match waits {
            None => self.begin(&job, now, random),
            Some(waits) => self.go_on(&job, waits),
        };
        match done {
            Ok(Ok(done)) => self.tell(Event::Done(done), now, random),
            Ok(Err(waits)) => {
                if let Some(process) = &mut self.process {
                    process.jobs.push_front(Doing { job, waits: Some(waits) });
                }
            }
            Err(text) => {
                // The disk is full, or damaged, or the power is gone: the process ends, and a start says what is lost.
                self.ends.push(format!("site {}: {job:?}: {text}", self.number));
                self.tell(Event::StoreFailed, now, random);
            }
        }
    }

    fn begin(&mut self, job: &Job, now: u64, random: &mut Random) -> Result<Result<Done, Waits>, String> {
        match job {
            Job::StartEpoch { epoch, ack_mode, reason, .. } => {
                let start = EpochStart {
                    node: NodeId(NODE.0),
                    epoch: words::epoch_id(*epoch),
                    reason: words::reason_id(*reason),
                    ack_mode: words::ack_mode_id(*ack_mode),
                    vector: self.lanes.positions(&self.promised()).collect(),
                };
                if matches!(self.place, Place::Active(_)) {
                    return self.go_on(job, Waits::Epoch(start, self.lanes.iter().collect()));
                }
                self.activate(start.clone(), now, random)?;
                Ok(Ok(self.epoch_started(&start)))
            }
            Job::Flush => match &mut self.place {
                Place::Active(_) => Ok(Err(Waits::Durable(self.appended()))),
                Place::Passive(follower) => {
                    follower.flush().map_err(|error| error.to_string())?;
                    let (appended, durable) = (follower.appended(), follower.durable());
                    Ok(if durable.covers(&appended) {
                        Ok(Done::Flushed(durable))
                    } else {
                        Err(Waits::Durable(appended))
                    })
                }
                Place::Off(_) => Err("no process".to_owned()),
            },
            Job::Snapshot { number, acked } => {
                if !self.snapshot(*number, *acked)? {
                    // What the job was for is given up by that; its end comes all the same.
                    self.tell(Event::NoSpace, now, random);
                }
                Ok(Ok(Done::Snapshotted))
            }
            Job::Truncate(vector) => self.truncate(vector),
            Job::ReadChains(at) => {
                let (layout, shape, lanes) = (self.setup.layout.clone(), self.shape, self.lanes.clone());
                let chains = chains(self.disk_mut(), &layout, &shape, &lanes, at);
                let chains = chains.ok_or_else(|| format!("no blocks end at {at:?}"))?;
                Ok(Ok(Done::Chains(chains.into_iter().collect())))
            }
            Job::Freeze => match &mut self.place {
                Place::Active(machine) => {
                    machine.hold(true);
                    Ok(Err(Waits::Quiet))
                }
                _ => Ok(Ok(Done::Frozen)),
            },
            Job::Load => match &mut self.place {
                Place::Active(machine) => {
                    machine.open_doors();
                    Ok(Err(Waits::Doors))
                }
                _ => Err("nothing to load".to_owned()),
            },
            Job::Quiesce { .. } => match &mut self.place {
                Place::Active(machine) => {
                    machine.freeze(true);
                    Ok(Err(Waits::Quiet))
                }
                _ => Ok(Ok(Done::Quiet)),
            },
        }
    }

    fn go_on(&mut self, job: &Job, waits: Waits) -> Result<Result<Done, Waits>, String> {
        match waits {
            Waits::Epoch(start, mut waiting) => {
                if let Place::Active(machine) = &mut self.place {
                    machine.change_epoch(&start, &mut waiting);
                }
                Ok(if waiting.is_empty() { Ok(self.epoch_started(&start)) } else { Err(Waits::Epoch(start, waiting)) })
            }
            Waits::Durable(vector) => {
                let durable = self.durable();
                Ok(if durable.covers(&vector) { Ok(Done::Flushed(durable)) } else { Err(Waits::Durable(vector)) })
            }
            Waits::Doors => Ok(Ok(Done::Loaded)),
            Waits::Quiet => {
                if matches!(job, Job::Freeze) {
                    if let Place::Active(machine) = &mut self.place {
                        machine.freeze(true);
                    }
                    return Ok(Ok(Done::Frozen));
                }
                self.step_down()?;
                Ok(Ok(Done::Quiet))
            }
        }
    }

    /// The machine begins to serve in this epoch.
    fn activate(&mut self, start: EpochStart, now: u64, random: &mut Random) -> Result<(), String> {
        let Place::Passive(follower) = self.take_place() else { return Err("it runs already".to_owned()) };
        if let Some(process) = &mut self.process {
            process.epochs = Some(follower.epochs.clone());
        }
        match Machine::activate(&self.setup, follower.into_disk(), start, random) {
            Ok(mut machine) => {
                machine.set_now(Now(now));
                self.place = Place::Active(Box::new(machine));
                Ok(())
            }
            Err(failed) => {
                let (not, disk) = *failed;
                self.become_passive(disk)?;
                Err(format!("{not:?}"))
            }
        }
    }

    fn take_place(&mut self) -> Place {
        std::mem::replace(&mut self.place, Place::Off(Box::new(SimDisk::new(0))))
    }

    /// Where the epoch began in every lane, and how the lanes stand now.
    fn epoch_started(&mut self, start: &EpochStart) -> Done {
        let begun = match &mut self.place {
            Place::Active(machine) => machine.begun(),
            Place::Passive(_) | Place::Off(_) => Vec::new(),
        };
        let end = self.lanes.vector(|lane| begun.iter().find(|it| it.lane == lane).map(|it| it.end.0));
        let began = self.lanes.vector(|lane| begun.iter().find(|it| it.lane == lane).map(|it| it.start.0));
        if let Some(process) = &mut self.process {
            process.epoch = words::epoch(start.epoch);
            process.began = Some(began);
        }
        let epochs = self.process.as_mut().and_then(|process| process.epochs.as_mut());
        let history = epochs.map(|epochs| {
            for it in &begun {
                let (reason, ack_mode) = (words::reason(start.reason), words::ack_mode(start.ack_mode));
                epochs.begin(start.epoch, reason, ack_mode, it.lane, it.start);
                epochs.end(it.lane, it.end.0, it.end.1);
            }
            epochs.history()
        });
        Done::EpochStarted { end, history: history.unwrap_or_default() }
    }

    /// Whoever served follows now.
    fn step_down(&mut self) -> Result<(), String> {
        match self.take_place() {
            Place::Active(machine) => {
                if let Some(process) = &mut self.process {
                    process.began = None;
                    process.source.clear();
                }
                self.become_passive(machine.into_disk())
            }
            place => {
                self.place = place;
                Ok(())
            }
        }
    }

    fn become_passive(&mut self, disk: SimDisk) -> Result<(), String> {
        match Follower::open(disk, &self.setup.layout, &self.shape, self.setup.sync, self.honesty()) {
            Ok((follower, _)) => {
                self.place = Place::Passive(Box::new(follower));
                Ok(())
            }
            Err(failed) => {
                let (text, disk) = *failed;
                self.place = Place::Off(Box::new(disk));
                Err(text)
            }
        }
    }

    fn truncate(&mut self, vector: &Vector) -> Result<Result<Done, Waits>, String> {
        let (layout, shape) = (self.setup.layout.clone(), self.shape);
        let cuts: journal::Vector = self.lanes.positions(vector).collect();
        let Place::Passive(follower) = &mut self.place else { return Err("it serves".to_owned()) };
        follower.flush().map_err(|error| error.to_string())?;
        let found = scan(follower.disk_mut(), &layout, &shape)?;
        let mut ha_file =
            journal::HaStateFile::open(follower.disk_mut(), &layout).map_err(|error| error.to_string())?;
        // A copy that was never finished may hold less than it says was promised.
        let unfinished = self.state.eligible == Eligible::No;
        let may_cut = if unfinished { MayCut::Unfinished } else { MayCut::Unpromised };
        let order = TruncateOrder { cuts: &cuts, may_cut, steps: TruncateSteps::ALL };
        let cut = truncate(follower.disk_mut(), &layout, &shape, &mut ha_file, found.recovered(), &order);
        ha_file.close(follower.disk_mut());
        cut.map_err(|error| format!("{error:?}"))?;
        let scan = follower.rescan()?;
        let history = follower.epochs.history();
        Ok(Ok(Done::Truncated { end: scan.end, history }))
    }

    /// Keeps what the store holds. Where it will be cut is not known here, so nothing is shared with what is kept. False: there is no room.
    fn snapshot(&mut self, number: u32, acked: bool) -> Result<bool, String> {
        let Place::Passive(follower) = &mut self.place else { return Err("it serves".to_owned()) };
        follower.flush().map_err(|error| error.to_string())?;
        let ends: journal::Vector = self.lanes.positions(&follower.appended()).collect();
        let cuts: journal::Vector = self.lanes.iter().map(|lane| (lane, Lsn::ZERO)).collect();
        let order = SnapshotOrder {
            ends: &ends,
            cuts: &cuts,
            newest: number.saturating_sub(1),
            is_divergent_acked: acked,
            steps: SnapshotSteps::ALL,
        };
        let taken = take_snapshot(follower.disk_mut(), &self.setup.layout, &self.shape, &order);
        match taken {
            Ok(Some(number)) => self.snapshots = (self.snapshots.0 + 1, number),
            Ok(None) => {}
            Err(error) if error.is_no_space() => {
                follower.lacks_room();
                return Ok(false);
            }
            Err(error) => return Err(error.to_string()),
        }
        let dropped = drop_old_replicas(follower.disk_mut(), &self.setup.layout, OLD_REPLICAS_KEPT);
        dropped.map_err(|error| error.to_string())?;
        let listed = old_replicas(follower.disk_mut(), &self.setup.layout).map_err(|error| error.to_string())?;
        if listed.iter().filter(|replica| !replica.is_divergent_acked).count() > OLD_REPLICAS_KEPT {
            self.wrong.push(format!("I18: site {} keeps {listed:?}", self.number));
        }
        Ok(true)
    }
}
