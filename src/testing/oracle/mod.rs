//! What a broker may say, given what it was told and what it has answered.
//!
//! Owns one store's history: every message with the three things a sender can know of it (acked, unknown, rejected), the same
//! for its consumption, and transactions as a whole. Takes what clients did and saw, gives findings. It is a plain model: it
//! knows nothing of connections, journals or lanes, and does no I/O. What must stay true: an operation counts as unknown from
//! before its first byte leaves until its answer is there, and whoever asks twice gets the harsher reading only if it is certain.

mod delivery;
mod drained;
mod event;
mod finding;
mod message;
mod order;
mod transaction;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use finding::{Finding, Findings, Kind};
pub use message::{Identity, ProducerNumber, QueueNumber, Sequence};
pub use order::Stream;
pub use transaction::TransactionNumber;

use event::Event;
use message::{Consumed, Message, Sent};
use order::Order;
use transaction::{State, Transaction};

/// What came of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The broker answered that it is done.
    Acked,
    /// The connection was lost before the answer.
    Unknown,
    /// The broker refused, or nothing was sent: it was not done.
    Rejected,
}

/// Which start of the broker; operations of an earlier one have no answer any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Life(pub u32);

/// The history of one store.
#[derive(Clone, Debug, Default)]
pub struct Oracle {
    life: Life,
    messages: BTreeMap<Identity, Message>,
    transactions: BTreeMap<TransactionNumber, Transaction>,
    /// Numbers are not used again.
    opened: u64,
    order: Order,
    findings: Findings,
    counts: Counts,
    diary: Option<Vec<Event>>,
}

/// What happened, for the figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Operations (sends, acknowledgements, commits) that were answered with success.
    pub acked: u64,
    /// Operations that were asked for and have no answer yet.
    pub pending: u64,
    /// Operations whose answer never came.
    pub unknown: u64,
    /// Operations that the broker refused.
    pub rejected: u64,
    /// Messages that were delivered, again or not.
    pub delivered: u64,
    /// Transactions that were rolled back on purpose.
    pub rolled_back: u64,
}

impl Oracle {
    /// The broker was started (again).
    pub fn broker_started(&mut self) {
        self.note(|| Event::Started);
        self.life.0 += 1;
    }

    /// What happened so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// What was wrong so far.
    pub fn findings(&self) -> &Findings {
        &self.findings
    }

    /// A finding that somebody else made, such as an error in the broker's log.
    pub fn report(&mut self, kind: Kind, text: String) {
        self.findings.add(Finding { kind, text });
    }

    /// A message is about to be sent, by itself or within a transaction.
    pub fn sending(&mut self, identity: Identity, transaction: Option<TransactionNumber>) {
        self.note(|| Event::Sending(identity, transaction));
        if let Some(transaction) = transaction.and_then(|number| self.transactions.get_mut(&number)) {
            transaction.sends.push(identity);
        } else {
            self.counts.pending += 1;
        }
        self.messages.insert(identity, Message::new(self.life, transaction));
    }

    /// What came of a send outside of transactions.
    pub fn sent(&mut self, identity: Identity, outcome: Outcome) {
        self.note(|| Event::Sent(identity, outcome));
        self.answered(outcome);
        if let Some(message) = self.messages.get_mut(&identity) {
            message.sent = match outcome {
                Outcome::Acked => Sent::Stored,
                // It may have been delivered already, which says more than the missing answer.
                Outcome::Unknown if message.sent == Sent::Stored => Sent::Stored,
                Outcome::Unknown => Sent::Unknown,
                Outcome::Rejected => Sent::Never,
            };
            if outcome == Outcome::Rejected && message.seen {
                let text = self.told(identity);
                self.report(Kind::Phantom, format!("delivered, and then its send was refused: {text}"));
            }
        }
    }

    /// Messages are about to be acknowledged, outside of transactions, by one request.
    pub fn acknowledging(&mut self, identities: &[Identity]) {
        self.note(|| Event::Acknowledging(identities.to_vec()));
        self.counts.pending += 1;
        let life = self.life;
        for identity in identities {
            if let Some(message) = self.messages.get_mut(identity) {
                message.consumed = Consumed::Unknown(life);
            }
        }
    }

    /// What came of that request.
    pub fn acknowledged(&mut self, identities: &[Identity], outcome: Outcome) {
        self.note(|| Event::Acknowledged(identities.to_vec(), outcome));
        self.answered(outcome);
        for identity in identities {
            if let Some(message) = self.messages.get_mut(identity) {
                message.consumed = match outcome {
                    Outcome::Acked => Consumed::Gone(self.life),
                    // It may have been given back and delivered again already.
                    Outcome::Unknown if message.consumed == Consumed::No => Consumed::No,
                    Outcome::Unknown => Consumed::Adrift,
                    Outcome::Rejected => Consumed::No,
                };
            }
        }
    }

    /// A transaction begins.
    pub fn open(&mut self) -> TransactionNumber {
        self.note(|| Event::Open);
        self.opened += 1;
        let number = TransactionNumber(self.opened);
        self.transactions.insert(number, Transaction::new(self.life));
        number
    }

    /// A message is acknowledged within a transaction.
    pub fn taking(&mut self, identity: Identity, number: TransactionNumber) {
        self.note(|| Event::Taking(identity, number));
        let Some(message) = self.messages.get_mut(&identity) else { return };
        message.consumed = Consumed::Within(number);
        if let Some(transaction) = self.transactions.get_mut(&number) {
            transaction.takes.push(identity);
        }
    }

    /// The commit of a transaction is about to be asked for.
    pub fn committing(&mut self, number: TransactionNumber) {
        self.note(|| Event::Committing(number));
        self.counts.pending += 1;
        if let Some(transaction) = self.transactions.get_mut(&number) {
            transaction.state = State::Unknown;
        }
    }

    /// What came of the commit.
    pub fn committed(&mut self, number: TransactionNumber, outcome: Outcome) {
        self.note(|| Event::Committed(number, outcome));
        self.answered(outcome);
        let Some(transaction) = self.transactions.get_mut(&number) else { return };
        let was = transaction.state;
        transaction.adrift = outcome == Outcome::Unknown;
        transaction.state = match outcome {
            Outcome::Acked => State::Done,
            Outcome::Unknown => was,
            Outcome::Rejected => State::Never,
        };
        if outcome == Outcome::Rejected && was == State::Done {
            let text = format!("{transaction}");
            self.report(Kind::Phantom, format!("its messages were delivered, and then it was refused: {text}"));
        }
    }

    /// The transaction ends without a commit having been asked for: it was rolled back, or its connection is gone.
    pub fn rolled_back(&mut self, number: TransactionNumber) {
        self.note(|| Event::RolledBack(number));
        self.counts.rolled_back += 1;
        if let Some(transaction) = self.transactions.get_mut(&number) {
            transaction.state = State::Never;
        }
    }

    /// The last of a sender's messages that is known; 0 if none is.
    pub fn last_of(&self, producer: ProducerNumber) -> Sequence {
        let own = self.messages.keys().filter(|identity| identity.producer == producer);
        own.map(|identity| identity.sequence).max().unwrap_or(Sequence(0))
    }

    fn answered(&mut self, outcome: Outcome) {
        self.counts.pending = self.counts.pending.saturating_sub(1);
        match outcome {
            Outcome::Acked => self.counts.acked += 1,
            Outcome::Unknown => self.counts.unknown += 1,
            Outcome::Rejected => self.counts.rejected += 1,
        }
    }

    /// The history of a message, for a finding.
    fn told(&self, identity: Identity) -> String {
        let Some(message) = self.messages.get(&identity) else { return format!("{identity} was never sent") };
        let transaction = |number: &TransactionNumber| {
            self.transactions.get(number).map(|it| format!("; {number}: {it}")).unwrap_or_default()
        };
        let sent = message.transaction.as_ref().map(transaction).unwrap_or_default();
        let taken = match &message.consumed {
            Consumed::Within(number) => transaction(number),
            _ => String::new(),
        };
        format!("{identity}: {message}{sent}{taken}, now life {}", self.life.0)
    }
}
