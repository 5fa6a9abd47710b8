//! The steps that a transition asks for: taken in their order, each when the one before it has ended.

use smallvec::SmallVec;

use super::Server;
use crate::command::{Command, Commands, Job};
use crate::event::Done;
use crate::gate::Link;
use crate::ids::Chain;
use crate::limits::STEPS_MAX;
use crate::table::Action;

/// What is still to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Script {
    steps: SmallVec<[Action; 8]>,
    waits: Waits,
}

/// What the next step waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Waits {
    /// Nothing.
    #[default]
    Nothing,
    /// What was written to `ha.state` is durable.
    Writes,
    /// The jobs that were given have ended.
    Jobs,
    /// Everything is durable, here and at the replica.
    Drained,
    /// Everything up to the barrier is durable here.
    Barrier,
}

/// For whom a job is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Task {
    /// The script.
    Script,
    /// The own chains where a joiner would cut.
    OwnChains,
    /// The chains that a joiner asked for.
    Chains(Link),
    /// Nobody any more.
    Nobody,
}

impl Task {
    pub(super) fn forget(&mut self) {
        if *self == Self::Script {
            *self = Self::Nobody;
        }
    }
}

impl Script {
    pub(super) fn is_over(&self) -> bool {
        self.steps.is_empty() && self.waits == Waits::Nothing
    }

    pub(super) fn replace(&mut self, actions: &[Action]) {
        self.steps = actions.into();
        self.waits = Waits::Nothing;
    }

    /// More behind what is there. What does not fit is a repetition of what is there: rows that come again bring the same steps.
    pub(super) fn append(&mut self, actions: &[Action]) {
        if self.steps.len() + actions.len() <= STEPS_MAX {
            self.steps.extend_from_slice(actions);
        }
    }
}

impl Server {
    /// Takes the steps that can be taken; whether there were any.
    pub(super) fn run(&mut self, out: &mut Commands) -> bool {
        let mut any = false;
        while self.may_go_on() {
            self.script.waits = Waits::Nothing;
            if self.script.steps.is_empty() {
                break;
            }
            let action = self.script.steps.remove(0);
            any = true;
            let waits = self.act(action, out);
            if waits != Waits::Nothing {
                self.script.waits = waits;
            }
        }
        any
    }

    fn may_go_on(&self) -> bool {
        match self.script.waits {
            Waits::Nothing => true,
            Waits::Writes => self.writes == 0,
            Waits::Jobs => !self.jobs.contains(&Task::Script),
            Waits::Drained => self.drained(),
            Waits::Barrier => {
                let barrier = self.following.as_ref().and_then(|following| following.barrier.as_ref());
                barrier.is_none_or(|barrier| self.store.durable.covers(barrier))
            }
        }
    }

    /// Writes `ha.state`.
    pub(super) fn write(&mut self, out: &mut Commands) -> Waits {
        self.writes = self.writes.saturating_add(1);
        out.push(Command::WriteState(self.ha.clone()));
        Waits::Writes
    }

    /// Gives the store a job of the script.
    pub(super) fn job(&mut self, job: Job, out: &mut Commands) -> Waits {
        self.give(job, Task::Script, out);
        Waits::Jobs
    }

    pub(super) fn give(&mut self, job: Job, task: Task, out: &mut Commands) {
        self.jobs.push(task);
        out.push(Command::Store(job));
    }

    /// The oldest job has ended. What it did to the store counts, whether or not somebody still waits for it.
    pub(super) fn job_done(&mut self, done: Done, out: &mut Commands) {
        if self.jobs.is_empty() {
            return;
        }
        let task = self.jobs.remove(0);
        match done {
            Done::EpochStarted { end, history } => {
                self.store.appended = self.store.appended.higher(&end);
                self.history = history;
                self.store.looked_at = self.store.appended.clone();
                if task == Task::Script {
                    self.epoch_started(end, out);
                }
            }
            Done::Flushed(end) => self.durable(&end, out),
            Done::Truncated { end, history } => {
                self.store.durable = self.store.durable.lower(&end);
                self.promised = self.promised.lower(&end);
                self.store.looked_at = end.clone();
                self.store.appended = end;
                self.history = history;
            }
            Done::Chains(chains) => self.chains_read(task, chains, out),
            Done::Snapshotted | Done::Frozen | Done::Loaded | Done::Quiet => {}
        }
    }

    fn chains_read(&mut self, task: Task, chains: SmallVec<[Chain; 4]>, out: &mut Commands) {
        match task {
            Task::OwnChains => {
                if let Some(following) = &mut self.following {
                    following.own_chains = Some(chains);
                }
                self.compare_chains(out);
            }
            Task::Chains(link) => self.answer_chains(link, chains, out),
            Task::Script | Task::Nobody => {}
        }
    }
}
