//! A delivery is judged: may this message come, and may it come now?

use super::event::Event;
use super::message::{Consumed, Identity, Sent};
use super::order::Stream;
use super::transaction::{State, TransactionNumber};
use super::{Kind, Oracle};

impl Oracle {
    /// A delivery whose body is not what was sent, or cannot be read.
    pub fn delivered_corrupt(&mut self, stream: &Stream, what: &str) {
        self.counts.delivered += 1;
        self.report(Kind::Corrupt, format!("in queue {}: {what}", stream.queue().0));
    }

    /// A delivery with the body that was sent.
    pub fn delivered(&mut self, stream: &mut Stream, identity: Identity) {
        self.note(|| Event::Delivered(stream.queue(), identity));
        self.counts.delivered += 1;
        if identity.queue != stream.queue() {
            let text = self.told(identity);
            self.report(Kind::Corrupt, format!("delivered from queue {}: {text}", stream.queue().0));
            return;
        }
        // The history as it was before this delivery says what is wrong with it.
        let before = self.told(identity);
        let Some(message) = self.messages.get(&identity) else {
            return self.report(Kind::Phantom, format!("delivered: {before}"));
        };
        let (first, consumed, transaction) = (!message.seen, message.consumed, message.transaction);
        if !self.may_be_stored(identity, transaction) {
            return self.report(Kind::Phantom, format!("delivered: {before}"));
        }
        if !self.may_come_again(consumed) {
            return self.report(Kind::Resurrected, format!("delivered: {before}"));
        }
        if let Some(later) = stream.next(identity) {
            self.report(Kind::Order, format!("delivered after {} by the same consumer: {before}", later.0));
        } else if first && let Some(later) = self.order.first_delivery(identity) {
            self.report(Kind::Order, format!("delivered for the first time after {}: {before}", later.0));
        }
        if let Some(message) = self.messages.get_mut(&identity) {
            message.seen = true;
            message.consumed = Consumed::No;
        }
    }

    /// May it be in the store? From now on it is known to be.
    fn may_be_stored(&mut self, identity: Identity, transaction: Option<TransactionNumber>) -> bool {
        match transaction {
            None => {
                let Some(message) = self.messages.get_mut(&identity) else { return false };
                let may = message.sent != Sent::Never;
                if may {
                    message.sent = Sent::Stored;
                }
                may
            }
            Some(number) => self.shows(number, State::Done),
        }
    }

    /// May a message of which this is known be delivered once more?
    fn may_come_again(&mut self, consumed: Consumed) -> bool {
        match consumed {
            Consumed::No => true,
            Consumed::Gone(_) => false,
            Consumed::Adrift => true,
            // Nobody else can have it while its connection lasts: its consumer waits for the answer.
            Consumed::Unknown(life) => life < self.life,
            Consumed::Within(number) => {
                let over = self.transactions.get(&number);
                let over = over.is_some_and(|it| it.adrift || it.life < self.life || it.state == State::Never);
                over && self.shows(number, State::Never)
            }
        }
    }

    /// A delivery shows how a transaction ended. False: it is known to have ended otherwise.
    fn shows(&mut self, number: TransactionNumber, end: State) -> bool {
        let Some(transaction) = self.transactions.get_mut(&number) else { return false };
        match transaction.state {
            State::Unknown => {
                transaction.state = end;
                true
            }
            // Its client is gone, and so is the work nobody asked to commit.
            State::Open if end == State::Never => {
                transaction.state = State::Never;
                true
            }
            state => state == end,
        }
    }
}
