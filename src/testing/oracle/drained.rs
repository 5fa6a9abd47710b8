//! All queues are empty: whatever was not delivered by now is not there.

use super::event::Event;
use super::message::{Consumed, Identity, Message, Sent};
use super::transaction::{State, Transaction};
use super::{Kind, Oracle};

impl Oracle {
    /// Everything that was in the queues has been delivered and acknowledged, with no other client around. Judges what is
    /// missing and settles what was unknown.
    pub fn drained(&mut self) {
        self.note(|| Event::Drained);
        for (_, transaction) in self.transactions.iter_mut().filter(|(_, it)| it.state == State::Open) {
            transaction.state = State::Never;
        }
        self.judge_unknown_transactions();
        let mut missing = Vec::new();
        for (identity, message) in self.messages.iter().filter(|(_, message)| !message.settled) {
            let stored = match message.transaction.and_then(|number| self.transactions.get(&number)) {
                Some(transaction) => transaction.state == State::Done,
                None => message.sent == Sent::Stored,
            };
            if stored && (!message.seen || !self.is_gone(message)) {
                missing.push((*identity, message.transaction));
            }
        }
        for (identity, transaction) in missing {
            let text = self.told(identity);
            self.report(Kind::Lost, text);
            // A part of its transaction is there: that is a second fault.
            let torn = transaction.and_then(|number| self.transactions.get(&number));
            if torn.is_some_and(|it| it.sends.iter().any(|other| self.is_seen(*other))) && !self.is_seen(identity) {
                let text = self.told(identity);
                self.report(Kind::Torn, format!("others of its transaction are there: {text}"));
            }
        }
        self.settle();
    }

    /// Transactions of whose end nothing was seen: then nothing of what they sent came, and nothing of what they took came
    /// again. With no sends, the takes are gone: it was committed. With sends, it should have been neither.
    fn judge_unknown_transactions(&mut self) {
        let unknown = |it: &&Transaction| it.state == State::Unknown;
        let torn: Vec<String> = self
            .transactions
            .values()
            .filter(unknown)
            .filter(|it| !it.sends.is_empty() && !it.takes.is_empty())
            .map(|it| format!("what it took is gone, what it sent is not there: {it}"))
            .collect();
        torn.into_iter().for_each(|text| self.report(Kind::Torn, text));
        for transaction in self.transactions.values_mut().filter(|it| it.state == State::Unknown) {
            // What it took is gone, so only a transaction that took something can have taken effect.
            transaction.state = if transaction.takes.is_empty() { State::Never } else { State::Done };
            // None of these came, which has been judged: they are no acked sends that are missing.
            for identity in transaction.sends.drain(..) {
                if let Some(message) = self.messages.get_mut(&identity) {
                    message.transaction = None;
                    message.sent = Sent::Never;
                }
            }
        }
    }

    /// Forgets what is settled: that it comes again would still be wrong, and told as something that was never sent.
    pub fn forget_settled(&mut self) {
        self.messages.retain(|_, message| !message.settled);
        self.transactions.clear();
    }

    fn is_gone(&self, message: &Message) -> bool {
        match message.consumed {
            Consumed::No => false,
            // It did not come again.
            Consumed::Unknown(_) | Consumed::Adrift | Consumed::Gone(_) => true,
            Consumed::Within(number) => {
                self.transactions.get(&number).is_some_and(|transaction| transaction.state == State::Done)
            }
        }
    }

    fn is_seen(&self, identity: Identity) -> bool {
        self.messages.get(&identity).is_some_and(|message| message.seen)
    }

    /// From now on any delivery of these is wrong.
    fn settle(&mut self) {
        let life = self.life;
        for message in self.messages.values_mut().filter(|message| !message.settled) {
            message.settled = true;
            if message.seen {
                message.consumed = Consumed::Gone(life);
                message.sent = Sent::Stored;
            } else {
                message.transaction = None;
                message.sent = Sent::Never;
            }
        }
        // Messages that were delivered name their transaction still; it took effect.
        self.transactions.retain(|_, transaction| transaction.state == State::Done);
        for transaction in self.transactions.values_mut() {
            transaction.takes.clear();
            transaction.sends.clear();
        }
    }
}
