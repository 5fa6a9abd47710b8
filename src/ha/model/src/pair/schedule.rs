//! The usual course of things: no faults, nothing late. It brings a pair to where exploring begins, and shows at the end of a random walk that it comes
//! back to that by itself.

use ha_engine::event::Timer;
use ha_engine::state::State;

use super::cast::{Bounds, name};
use super::step::Step;
use super::{Cast, Pair};
use crate::hash::hash_of;
use crate::world::{Violation, World};

/// So many steps are more than any usual course has.
const STEPS_MAX: usize = 2_000;

impl Pair {
    /// A pair, or more, whose first server serves and whose second one is in sync with it; nothing is under way.
    ///
    /// # Errors
    ///
    /// It does not come to that by itself: what it was like in the end.
    pub fn in_sync(cast: Cast) -> Result<Self, String> {
        let whole = Bounds { epochs: u8::MAX, ..Bounds::default() };
        let bounds = cast.bounds;
        let mut world = Self::new(Cast { bounds: whole, ..cast.clone() });
        world = world.take(&Step::Started(0)).settle(false, |world| world.state(0) == Some(State::ActiveSolo))?;
        for other in 1..world.sides.len() {
            world = world.take(&Step::Started(other)).settle(false, |world| {
                let states = (1..=other).filter_map(|other| world.state(other));
                // Others are turned away and come again.
                let spare = |state: &State| matches!(state, State::Spare | State::Probing);
                world.state(0) == Some(State::ActiveReplicated)
                    && states.clone().filter(|state| *state == State::InSync).count() == 1
                    && states.filter(spare).count() == other - 1
            })?;
        }
        let epoch = world.register.value.as_ref().map_or(0, |value| value.epoch.number);
        world.epoch_max = epoch + u64::from(bounds.epochs);
        world.left = bounds;
        world.cast = std::sync::Arc::new(cast);
        Ok(world)
    }

    pub(super) fn state(&self, who: usize) -> Option<State> {
        Some(self.sides.get(who)?.process.as_ref()?.server.state())
    }

    /// Goes on as usual until it is as wanted and nothing is under way.
    fn settle(mut self, restarts: bool, wanted: impl Fn(&Self) -> bool) -> Result<Self, String> {
        let mut told = Vec::new();
        for turn in 0..STEPS_MAX {
            if wanted(&self) && self.is_quiet() {
                return Ok(self);
            }
            let Some(step) = self.usual_step(turn, restarts) else { break };
            told.push(self.tell(&step));
            self = self.take(&step);
            if let Err(violation) = self.judge() {
                told.push(violation.to_string());
                break;
            }
        }
        let states: Vec<String> = (0..self.sides.len())
            .map(|who| format!("{} is {}", name(who), self.state(who).map_or("down", State::name)))
            .collect();
        let last: Vec<String> = told.split_off(told.len().saturating_sub(60));
        Err(format!("{}\nat last: {}", last.join("\n"), states.join(", ")))
    }

    fn is_quiet(&self) -> bool {
        let idle = |who: usize| {
            let side = self.sides.get(who)?;
            let process = side.process.as_ref()?;
            let busy = process.is_at_work()
                || process.dialing
                || !process.asked.is_empty()
                || side.disk.at_risk().iter().any(|at_risk| *at_risk > 0);
            Some(!busy)
        };
        self.net.is_silent() && (0..self.sides.len()).all(|who| idle(who).unwrap_or(true))
    }

    /// What comes next where nothing goes wrong: a timer only fires when nothing else happens, and none is always before another.
    fn usual_step(&self, turn: usize, restarts: bool) -> Option<Step> {
        let mut world = self.clone();
        world.left = Bounds { looks: 1, suspicions: 1, ..Bounds::default() };
        let mut steps = Vec::new();
        world.steps(&mut steps);
        let rank = |step: &Step| match step {
            Step::StateWritten(_) | Step::JobDone(_) => Some(0),
            Step::CarriedOut(..) | Step::Answered(..) => Some(1),
            Step::Packet(..) | Step::Block(..) => Some(2),
            Step::Durable(..) => Some(3),
            Step::Lost(..) => Some(4),
            Step::Connected(..) | Step::Refused(_) => Some(5),
            Step::Woken(who) if !self.waits_for_register(*who) => Some(6),
            Step::Started(_) if restarts => Some(6),
            Step::Fired(_, Timer::Retry | Timer::StartWait | Timer::Verdict | Timer::Answer) => Some(7),
            // Long before this one nothing happens.
            Step::Fired(..) => Some(8),
            _ => None,
        };
        let first = steps.iter().filter_map(rank).min()?;
        let mut due: Vec<Step> = steps.into_iter().filter(|step| rank(step) == Some(first)).collect();
        // Of timers any may be the first, and of several peers any may be dialled: in no order that anything else could keep step with.
        let any = matches!(due.first(), Some(Step::Fired(..) | Step::Connected(..) | Step::Refused(_)));
        let chosen = if any { usize::try_from(hash_of(&turn) >> 32).unwrap_or_default() % due.len() } else { 0 };
        Some(due.swap_remove(chosen))
    }

    /// Whether, when nothing fails any more and all servers run, one serves and another is in sync with it.
    pub(super) fn judge_healed(&self) -> Result<(), Violation> {
        let mut world = self.clone();
        world.epoch_max = u64::MAX;
        world.left = Bounds::default();
        let healed = |world: &Self| {
            let states: Vec<State> = (0..world.sides.len()).filter_map(|who| world.state(who)).collect();
            let count = |wanted| states.iter().filter(|state| **state == wanted).count();
            count(State::ActiveReplicated) == 1 && count(State::InSync) == 1
        };
        world.settle(true, healed).map(drop).map_err(|last| Violation(format!("it does not heal:\n{last}")))
    }
}
