//! What a history is made of, one line an event: so that one process can judge what clients of another one did and saw.
//!
//! An oracle that keeps a diary notes every event that it is told; another oracle that is told the same events, in their order, knows the
//! same. A line is a word and numbers. What must stay true: every event that changes what is known has its line. What one consumer's own
//! stream says is judged where it is seen, and is not told again.

use super::message::{Identity, ProducerNumber, QueueNumber, Sequence};
use super::{Oracle, Outcome, Stream, TransactionNumber};

/// Numbers of a message.
const IDENTITY: usize = 4;

/// One thing that a client was about to do, heard or saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Started,
    Sending(Identity, Option<TransactionNumber>),
    Sent(Identity, Outcome),
    Acknowledging(Vec<Identity>),
    Acknowledged(Vec<Identity>, Outcome),
    Open,
    Taking(Identity, TransactionNumber),
    Committing(TransactionNumber),
    Committed(TransactionNumber, Outcome),
    RolledBack(TransactionNumber),
    Delivered(QueueNumber, Identity),
    Drained,
}

impl Oracle {
    /// From now on all events are kept for [`Oracle::take_diary`].
    pub fn keep_diary(&mut self) {
        self.diary.get_or_insert_default();
    }

    /// The lines of all events since the last call; nothing without a diary.
    pub fn take_diary(&mut self) -> String {
        let events = self.diary.as_mut().map(std::mem::take).unwrap_or_default();
        events.iter().map(|event| line(event) + "\n").collect()
    }

    /// The event of such a line happens.
    ///
    /// # Errors
    ///
    /// The line is none of a diary.
    pub fn happens(&mut self, line: &str) -> Result<(), String> {
        let event = event(line).ok_or_else(|| format!("no line of a diary: {line}"))?;
        match event {
            Event::Started => self.broker_started(),
            Event::Sending(identity, transaction) => self.sending(identity, transaction),
            Event::Sent(identity, outcome) => self.sent(identity, outcome),
            Event::Acknowledging(identities) => self.acknowledging(&identities),
            Event::Acknowledged(identities, outcome) => self.acknowledged(&identities, outcome),
            Event::Open => drop(self.open()),
            Event::Taking(identity, transaction) => self.taking(identity, transaction),
            Event::Committing(transaction) => self.committing(transaction),
            Event::Committed(transaction, outcome) => self.committed(transaction, outcome),
            Event::RolledBack(transaction) => self.rolled_back(transaction),
            Event::Delivered(queue, identity) => self.delivered(&mut Stream::new(queue), identity),
            Event::Drained => self.drained(),
        }
        Ok(())
    }

    /// For the diary, if there is one.
    pub(super) fn note(&mut self, event: impl FnOnce() -> Event) {
        if let Some(diary) = &mut self.diary {
            diary.push(event());
        }
    }
}

fn line(event: &Event) -> String {
    let (word, numbers): (&str, Vec<u64>) = match event {
        Event::Started => ("started", Vec::new()),
        Event::Sending(identity, None) => ("sending", of(&[*identity])),
        Event::Sending(identity, Some(transaction)) => ("sending", [of(&[*identity]), vec![transaction.0]].concat()),
        Event::Sent(identity, outcome) => ("sent", [vec![number(*outcome)], of(&[*identity])].concat()),
        Event::Acknowledging(identities) => ("acknowledging", of(identities)),
        Event::Acknowledged(identities, outcome) => ("acknowledged", [vec![number(*outcome)], of(identities)].concat()),
        Event::Open => ("open", Vec::new()),
        Event::Taking(identity, transaction) => ("taking", [vec![transaction.0], of(&[*identity])].concat()),
        Event::Committing(transaction) => ("committing", vec![transaction.0]),
        Event::Committed(transaction, outcome) => ("committed", vec![transaction.0, number(*outcome)]),
        Event::RolledBack(transaction) => ("rolled-back", vec![transaction.0]),
        Event::Delivered(queue, identity) => ("delivered", [vec![u64::from(queue.0)], of(&[*identity])].concat()),
        Event::Drained => ("drained", Vec::new()),
    };
    let words = std::iter::once(word.to_owned()).chain(numbers.iter().map(u64::to_string));
    words.collect::<Vec<_>>().join(" ")
}

fn event(line: &str) -> Option<Event> {
    let mut words = line.split(' ');
    let word = words.next()?;
    let numbers: Vec<u64> = words.map(str::parse).collect::<Result<_, _>>().ok()?;
    let transaction = |number: &u64| TransactionNumber(*number);
    Some(match (word, numbers.as_slice()) {
        ("started", []) => Event::Started,
        ("sending", [message @ .., last]) if message.len() == IDENTITY => {
            Event::Sending(one(message)?, Some(transaction(last)))
        }
        ("sending", message) => Event::Sending(one(message)?, None),
        ("sent", [came, message @ ..]) => Event::Sent(one(message)?, outcome(*came)?),
        ("acknowledging", messages) => Event::Acknowledging(several(messages)?),
        ("acknowledged", [came, messages @ ..]) => Event::Acknowledged(several(messages)?, outcome(*came)?),
        ("open", []) => Event::Open,
        ("taking", [number, message @ ..]) => Event::Taking(one(message)?, transaction(number)),
        ("committing", [number]) => Event::Committing(transaction(number)),
        ("committed", [number, came]) => Event::Committed(transaction(number), outcome(*came)?),
        ("rolled-back", [number]) => Event::RolledBack(transaction(number)),
        ("delivered", [queue, message @ ..]) => {
            Event::Delivered(QueueNumber(u16::try_from(*queue).ok()?), one(message)?)
        }
        ("drained", []) => Event::Drained,
        _ => return None,
    })
}

fn of(identities: &[Identity]) -> Vec<u64> {
    let numbers = |it: &Identity| [u64::from(it.producer.0), it.sequence.0, u64::from(it.queue.0), it.priority.into()];
    identities.iter().flat_map(numbers).collect()
}

fn one(numbers: &[u64]) -> Option<Identity> {
    let [producer, sequence, queue, priority] = numbers else { return None };
    Some(Identity {
        producer: ProducerNumber(u16::try_from(*producer).ok()?),
        sequence: Sequence(*sequence),
        queue: QueueNumber(u16::try_from(*queue).ok()?),
        priority: u8::try_from(*priority).ok()?,
    })
}

fn several(numbers: &[u64]) -> Option<Vec<Identity>> {
    numbers.chunks(IDENTITY).map(one).collect()
}

const fn number(outcome: Outcome) -> u64 {
    match outcome {
        Outcome::Acked => 0,
        Outcome::Unknown => 1,
        Outcome::Rejected => 2,
    }
}

const fn outcome(number: u64) -> Option<Outcome> {
    Some(match number {
        0 => Outcome::Acked,
        1 => Outcome::Unknown,
        2 => Outcome::Rejected,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::oracle::Kind;

    fn message(sequence: u64) -> Identity {
        Identity { producer: ProducerNumber(7), sequence: Sequence(sequence), queue: QueueNumber(1), priority: 4 }
    }

    /// A history with every event.
    fn lived() -> Oracle {
        let mut oracle = Oracle::default();
        oracle.keep_diary();
        oracle.broker_started();
        for (sequence, outcome) in [(1, Outcome::Acked), (2, Outcome::Unknown), (3, Outcome::Rejected)] {
            oracle.sending(message(sequence), None);
            oracle.sent(message(sequence), outcome);
        }
        oracle.delivered(&mut Stream::new(QueueNumber(1)), message(1));
        oracle.acknowledging(&[message(1)]);
        oracle.acknowledged(&[message(1)], Outcome::Acked);
        oracle.drained();
        let (first, second) = (oracle.open(), oracle.open());
        oracle.sending(message(4), Some(first));
        oracle.sending(message(5), None);
        oracle.sent(message(5), Outcome::Acked);
        oracle.delivered(&mut Stream::new(QueueNumber(1)), message(5));
        oracle.taking(message(5), first);
        oracle.rolled_back(second);
        oracle.committing(first);
        oracle.committed(first, Outcome::Acked);
        oracle
    }

    #[test]
    fn who_is_told_a_diary_knows_the_same() {
        let mut first = lived();
        let diary = first.take_diary();
        assert_eq!((first.take_diary().as_str(), diary.lines().count()), ("", 21));
        let mut second = Oracle::default();
        diary.lines().for_each(|line| second.happens(line).unwrap());
        assert_eq!(second.counts(), first.counts());
        for there in [&[4][..], &[], &[1, 4], &[4, 5]] {
            let judged = |oracle: &Oracle| {
                let mut oracle = oracle.clone();
                oracle.broker_started();
                there.iter().for_each(|it| oracle.delivered(&mut Stream::new(QueueNumber(1)), message(*it)));
                oracle.drained();
                Kind::ALL.map(|kind| oracle.findings().of(kind))
            };
            assert_eq!(judged(&second), judged(&first), "{there:?}");
        }
    }

    #[test]
    fn other_lines_are_refused() {
        for line in
            ["", "sent", "sent 0 1 2 3", "sent 3 1 2 3 4", "sending 1 2 3", "open 1", "acknowledging 1 2 3 4 5", "x"]
        {
            assert!(Oracle::default().happens(line).is_err(), "{line}");
        }
    }
}
