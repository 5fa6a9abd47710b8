//! The broker stops in order, in the steps of the server.

use journal::{LastState, Vector};

use super::{Event, Machine};

/// How long the steps of a stop may take, as in the server.
const PATIENCE_NANOS: u64 = 10_000_000_000;
/// Events of one step of a stop; a machine that needs more goes round in circles.
const EVENTS_MAX: u64 = 1_000_000;

/// How a step of a stop ended.
enum Step {
    /// Its end is reached.
    Done,
    /// Time is up.
    Late,
    /// The disk has failed, or the power.
    Failed,
}

impl Machine {
    /// Stops in order: clients are told, everything is promised, the index is written, the end is noted. An error says what
    /// kept it from that; the broker is gone in either case.
    pub(in crate::testing) fn stop(&mut self, random: &mut journal::testing::Random) -> Result<(), String> {
        for core in &mut self.cores {
            core.core.stop();
            core.due = true;
        }
        let quiet = |machine: &Self| {
            let mut positions = machine.cores.iter().flat_map(|core| core.core.home().positions());
            let promised = positions.all(|(_, appended, promised)| promised >= appended);
            promised && machine.cores.iter().all(|core| core.core.connection_count() == 0)
        };
        self.run_until(quiet, random)?;
        if let Some(core) = self.cores.first_mut() {
            core.core.home_mut().want_checkpoint();
            core.due = true;
        }
        let written = |machine: &Self| {
            let home = machine.cores.first().map(|core| core.core.home());
            home.is_none_or(|home| home.checkpoint_is_idle() && home.is_sealed(machine.now))
        };
        self.run_until(written, random)?;
        let vector: Vector = self
            .cores
            .iter()
            .flat_map(|core| core.core.home().positions().map(|(lane, _, promised)| (lane, promised)))
            .collect();
        // What is under way is waited for.
        while self.files.under_way() > 0 {
            let index = random.index(self.files.under_way());
            let _nobody_hears = self.files.step(index);
        }
        let noted = self.ha_state.update(&mut self.files.disk, |state| {
            state.clean_stop = vector;
            state.last_state = LastState::Stopped;
        });
        noted.map_err(|error| error.to_string())
    }

    fn run_until(
        &mut self,
        is_done: impl Fn(&Self) -> bool,
        random: &mut journal::testing::Random,
    ) -> Result<(), String> {
        match self.go_on_until(is_done, random) {
            Step::Done => Ok(()),
            Step::Failed => Err(self.failure().unwrap_or_else(|| "the power failed".to_owned())),
            Step::Late => Err("the broker did not stop in time".to_owned()),
        }
    }

    fn go_on_until(&mut self, is_done: impl Fn(&Self) -> bool, random: &mut journal::testing::Random) -> Step {
        let late = self.now.plus_nanos(PATIENCE_NANOS);
        let mut events: Vec<Event> = Vec::new();
        for _ in 0..EVENTS_MAX {
            if !self.is_powered() || self.failure().is_some() {
                return Step::Failed;
            }
            if is_done(self) {
                return Step::Done;
            }
            events.clear();
            self.possible(&mut events);
            match events.get(random.index(events.len())) {
                Some(event) => self.happen(*event, random),
                None if self.now < late && self.wait() => {}
                None => return Step::Late,
            }
        }
        Step::Late
    }
}
