//! What people, the service manager and the check of the network want of a server.

use super::Server;
use crate::command::Commands;
use crate::detect::Network;
use crate::event::Admin;
use crate::state::State;
use crate::table::Trigger;

impl Server {
    pub(super) fn order(&mut self, admin: Admin, out: &mut Commands) {
        match admin {
            Admin::Stop => self.stop(out),
            Admin::Switchover => self.wish.handover = self.state == State::ActiveReplicated,
            Admin::Promote => {
                self.wish.forced = self.fire(Trigger::Promoted, out);
            }
            Admin::KeepLocal => {
                // The operator has compared: what is here is what counts, and it serves.
                self.wish.forced = self.resolve(out);
            }
            Admin::KeepPeer => {
                if self.resolve(out) {
                    // Nothing here holds anybody up any more; it is kept in an old replica.
                    self.promised = crate::vector::Vector::default();
                    self.history = crate::history::History::empty(usize::from(self.settings.lanes));
                }
            }
            Admin::AcceptTail => self.store.evidence = false,
            Admin::InitRegister => self.wish.init = true,
        }
    }

    fn resolve(&mut self, out: &mut Commands) -> bool {
        let resolved = self.fire(Trigger::Resolved, out);
        if resolved {
            // It is judged anew, as a copy that may lack something.
            self.ha.previous = State::Syncing;
            self.ha.eligible = crate::ha_state::Eligible::No;
        }
        resolved
    }

    fn stop(&mut self, out: &mut Commands) {
        self.wish.stop = true;
        // Whoever has a replica lets it serve first.
        if !matches!(self.state, State::ActiveReplicated | State::Handover) {
            self.fire(Trigger::StopAsked, out);
        }
    }

    /// The check of the network takes rights away and gives none.
    pub(super) fn network_is(&mut self, network: Network, out: &mut Commands) {
        self.network = network;
        if network != Network::Isolated {
            return;
        }
        match &self.replica {
            Some(replica) if self.state == State::ActiveReplicated && replica.counts_now() && replica.healthy => {
                self.wish.handover = true;
            }
            _ => {
                self.fire(Trigger::Isolated, out);
            }
        }
    }
}
