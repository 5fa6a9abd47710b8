//! The beginning of a life, and that of an epoch.

use super::script::Waits;
use super::{Known, Server, Store};
use crate::command::{Command, Commands, Job, Notice};
use crate::event::Start;
use crate::ha_state::Eligible;
use crate::history::Reason;
use crate::ids::Epoch;
use crate::register::AckMode;
use crate::rules::Rule;
use crate::state::State;
use crate::table::Trigger;
use crate::vector::Vector;

impl Server {
    pub(super) fn start(&mut self, start: Start, out: &mut Commands) {
        if self.state != State::Starting {
            return;
        }
        let Start { state, scan, seed } = start;
        // What was confirmed from memory may be gone, unless the end was a clean one.
        let memory = self.settings.ack_mode == AckMode::Memory && self.rules.keep(Rule::Sr13);
        let forgot = memory
            && state.clean_stop.as_ref() != Some(&scan.end)
            && state.register.as_ref().is_none_or(|known| known.holder != state.instance);
        self.seed = seed;
        self.ha = state;
        self.ha.role = self.settings.role;
        if !self.rules.keep(Rule::Sr7) {
            (self.ha.seen, self.ha.asked) = (Epoch::NONE, Epoch::NONE);
        }
        self.store = Store {
            looked_at: scan.end.clone(),
            appended: scan.end,
            durable: Vector::default(),
            kept: scan.kept,
            evidence: scan.evidence,
            lost: scan.lost,
            full: false,
            forgot,
        };
        self.promised = scan.promised;
        self.epoch = scan.history.last().map_or(Epoch::NONE, |entry| entry.epoch);
        self.history = scan.history;
        self.fire(Trigger::Started, out);
    }

    /// An epoch with that number: its id is different at every activation, and the number is in the part that is shown.
    pub(super) const fn epoch_of(&self, number: u64) -> Epoch {
        Epoch { number, activation: self.seed.wrapping_add((number as u128) << 96) }
    }

    /// The promise to follow nothing older than the epoch that comes next: written before anybody is asked for it (SR6).
    pub(super) fn promise_epoch(&mut self, out: &mut Commands) -> Waits {
        // What the peer has agreed to may be higher than what is known here.
        let number = self.ha.next_number().max(self.epoch.number.max(self.above) + 1).max(self.next.number);
        self.next = self.epoch_of(number);
        if !self.rules.keep(Rule::Sr6) {
            return Waits::Nothing;
        }
        self.ha.promise(self.next);
        if self.state == State::Probing && matches!(self.reason, Reason::First | Reason::Forced) {
            // Nobody has more, or so the operator says. It counts only with the register's word; written behind that, a crash between the two
            // would leave a holder that calls itself incomplete, and nobody else.
            self.ha.eligible = Eligible::Yes;
        }
        self.write(out)
    }

    /// Writes the start of the epoch into every lane (SR5: every activation has its own).
    pub(super) fn begin_epoch(&mut self, out: &mut Commands) -> Waits {
        let previous = self.history.last().map_or(Epoch::NONE, |entry| entry.epoch);
        if self.state == State::Activating {
            // From here on this copy is the one that counts.
            self.ha.eligible = Eligible::Yes;
            self.ha.handed_over = None;
            out.push(Command::Tell(Notice::Activating(self.epoch, self.reason)));
        }
        if previous == self.epoch && !self.rules.keep(Rule::Sr5) {
            let end = self.store.appended.clone();
            self.epoch_started(end, out);
            return Waits::Nothing;
        }
        let (epoch, reason, ack_mode) = (self.epoch, self.reason, self.settings.ack_mode);
        self.job(Job::StartEpoch { epoch, previous, ack_mode, reason }, out)
    }

    pub(super) fn epoch_started(&mut self, end: Vector, out: &mut Commands) {
        if let Some(gate) = &mut self.gate {
            gate.started(end);
        }
        self.promise(out);
    }

    /// Loaded: who must confirm?
    pub(super) fn ready(&mut self, out: &mut Commands) {
        let trigger = if self.is_solo() { Trigger::ReadySolo } else { Trigger::ReadyReplicated };
        self.fire(trigger, out);
    }

    /// What comes into a state with nothing known.
    pub(super) fn look_anew(&mut self) {
        // What was known of the register was known before the peer's answer that counts now.
        self.known = Known::Unread;
        self.agreed = crate::start::Agreed::No;
        self.next = Epoch::NONE;
    }
}
