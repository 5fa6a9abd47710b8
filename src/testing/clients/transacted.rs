//! What a client does in transactions: takes, sends, commits or rolls back.

use journal::testing::Random;

use super::client::{Client, full_tap};
use super::link::Command;
use super::{Role, Shared, any_queue};
use crate::testing::machine::Machine;
use crate::testing::oracle::{QueueNumber, TransactionNumber};

/// Of 100 transactions, how many are rolled back.
const ROLLBACK_PERCENT: u64 = 10;
/// Of 100 sends in a transaction, how many wait for their answer.
const AWAITED_PERCENT: u64 = 12;
/// Steps of one transaction.
const STEPS_MAX: u64 = 10;

/// A transaction under way.
#[derive(Clone, Debug)]
pub(super) struct Open {
    pub(super) number: TransactionNumber,
    /// Steps until it ends.
    left: u64,
    /// Where its sends go.
    spread: Vec<QueueNumber>,
    /// Its commit or rollback is asked for.
    pub(super) ending: bool,
}

impl Client {
    /// The next step of the open transaction, or of a new one.
    pub(super) fn transact(&mut self, machine: &mut Machine, shared: &mut Shared, random: &mut Random) {
        if self.open.is_none() {
            let spread = (0..1 + random.below(3)).map(|_| any_queue(random)).collect();
            let left = 1 + random.below(STEPS_MAX);
            self.open = Some(Open { number: shared.oracle.open(), left, spread, ending: false });
        }
        let takes = self.role == Role::TransferInTransactions;
        let empty = takes && self.taps.iter().all(|tap| tap.held.is_empty());
        let Some(open) = self.open.as_mut().filter(|open| !open.ending) else { return };
        if open.left == 0 || shared.budget == 0 || empty {
            return self.end_transaction(machine, shared, random);
        }
        open.left -= 1;
        if takes && random.percent(60) {
            self.take_one(machine, shared, random)
        } else {
            self.send_one(machine, shared, random)
        }
    }

    fn take_one(&mut self, machine: &mut Machine, shared: &mut Shared, random: &mut Random) {
        let (Some(link), Some(open)) = (self.link.as_mut(), self.open.as_ref()) else { return };
        let Some((number, tap)) = full_tap(&mut self.taps, random) else { return };
        shared.spend();
        for held in tap.take(number, 1, link, machine) {
            shared.oracle.taking(held.identity, open.number);
            // Cumulative or not, it is the oldest one that its consumer holds open.
            link.acknowledge(machine, number, held.message, random.percent(50), None);
        }
    }

    fn send_one(&mut self, machine: &mut Machine, shared: &mut Shared, random: &mut Random) {
        let (Some(link), Some(open)) = (self.link.as_mut(), self.open.as_ref()) else { return };
        let Some(queue) = open.spread.get(random.index(open.spread.len())).copied() else { return };
        shared.spend();
        let identity = shared.next_message(self.producer, queue);
        let message = shared.encode(identity, random);
        shared.oracle.sending(identity, Some(open.number));
        link.send(machine, &message, random.percent(AWAITED_PERCENT).then_some(Command::Staged));
    }

    fn end_transaction(&mut self, machine: &mut Machine, shared: &mut Shared, random: &mut Random) {
        let (Some(link), Some(open)) = (self.link.as_mut(), self.open.as_mut()) else { return };
        shared.spend();
        open.ending = true;
        if random.percent(ROLLBACK_PERCENT) {
            shared.oracle.rolled_back(open.number);
            link.rollback(machine, random.percent(30));
        } else {
            shared.oracle.committing(open.number);
            link.commit(machine, open.number);
        }
    }

    /// Everything goes back and comes again: what is in the client's hands is forgotten, and its credit given back.
    pub(super) fn rolled_back(&mut self, machine: &mut Machine) {
        self.open = None;
        let Some(link) = &mut self.link else { return };
        for (number, tap) in self.taps.iter_mut().enumerate() {
            let count = tap.held.len();
            tap.take(number, count, link, machine);
            tap.stream.begin_again();
        }
        link.start(machine);
    }
}
