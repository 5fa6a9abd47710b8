//! The controls of the oracle: each fault is planted and must be found, and what is allowed must not be.

use super::*;

const QUEUE: QueueNumber = QueueNumber(1);

fn message(sequence: u64) -> Identity {
    Identity { producer: ProducerNumber(7), sequence: Sequence(sequence), queue: QUEUE, priority: 4 }
}

/// A broker that was started, and a message for each outcome: 1 acked, 2 unknown, 3 rejected.
fn sent() -> Oracle {
    let mut oracle = Oracle::default();
    oracle.broker_started();
    for (sequence, outcome) in [(1, Outcome::Acked), (2, Outcome::Unknown), (3, Outcome::Rejected)] {
        oracle.sending(message(sequence), None);
        oracle.sent(message(sequence), outcome);
    }
    oracle
}

fn deliver(oracle: &mut Oracle, sequences: &[u64]) {
    let mut stream = Stream::new(QUEUE);
    sequences.iter().for_each(|sequence| oracle.delivered(&mut stream, message(*sequence)));
}

fn consume(oracle: &mut Oracle, sequence: u64, outcome: Outcome) {
    oracle.acknowledging(&[message(sequence)]);
    oracle.acknowledged(&[message(sequence)], outcome);
}

/// Restart, everything in the queue delivered and acked, judged.
fn drain(oracle: &mut Oracle, sequences: &[u64]) {
    oracle.broker_started();
    deliver(oracle, sequences);
    sequences.iter().for_each(|sequence| consume(oracle, *sequence, Outcome::Acked));
    oracle.drained();
}

fn found(oracle: &Oracle) -> Vec<(Kind, u64)> {
    Kind::ALL.into_iter().map(|kind| (kind, oracle.findings().of(kind))).filter(|(_, count)| *count > 0).collect()
}

#[test]
fn an_unknown_send_may_be_there_or_not() {
    for there in [&[1, 2][..], &[1]] {
        let mut oracle = sent();
        drain(&mut oracle, there);
        assert_eq!(found(&oracle), []);
    }
}

#[test]
fn a_lost_message_is_found() {
    let mut oracle = sent();
    drain(&mut oracle, &[2]);
    assert_eq!(found(&oracle), [(Kind::Lost, 1)]);
}

#[test]
fn a_message_that_was_delivered_and_then_vanished_is_found() {
    let mut oracle = sent();
    deliver(&mut oracle, &[1, 2]);
    drain(&mut oracle, &[1]);
    assert_eq!(found(&oracle), [(Kind::Lost, 1)], "delivered, so it was stored");
}

#[test]
fn a_phantom_is_found() {
    let mut oracle = sent();
    drain(&mut oracle, &[1, 3]);
    assert_eq!(found(&oracle), [(Kind::Phantom, 1)], "rejected");
    let mut oracle = sent();
    drain(&mut oracle, &[1, 9]);
    assert_eq!(found(&oracle), [(Kind::Phantom, 1)], "never sent");
    let mut oracle = sent();
    drain(&mut oracle, &[1]);
    drain(&mut oracle, &[2]);
    assert_eq!(found(&oracle), [(Kind::Phantom, 1)], "it was not there when all queues were emptied");
}

#[test]
fn a_foreign_queue_and_foreign_bytes_are_found() {
    let mut oracle = sent();
    let mut other = Stream::new(QueueNumber(2));
    oracle.delivered(&mut other, message(1));
    oracle.delivered_corrupt(&other, "its checksum is wrong");
    assert_eq!(found(&oracle), [(Kind::Corrupt, 2)]);
}

#[test]
fn a_resurrected_message_is_found() {
    let mut oracle = sent();
    deliver(&mut oracle, &[1]);
    consume(&mut oracle, 1, Outcome::Acked);
    drain(&mut oracle, &[1]);
    assert_eq!(found(&oracle), [(Kind::Resurrected, 1)]);
    let mut oracle = sent();
    drain(&mut oracle, &[1]);
    drain(&mut oracle, &[1]);
    assert_eq!(found(&oracle), [(Kind::Resurrected, 1)], "settled ones stay gone");
}

#[test]
fn an_unknown_acknowledgement_may_count_or_not() {
    for there in [&[1][..], &[]] {
        let mut oracle = sent();
        deliver(&mut oracle, &[1]);
        consume(&mut oracle, 1, Outcome::Unknown);
        drain(&mut oracle, there);
        assert_eq!(found(&oracle), []);
    }
    let mut oracle = sent();
    deliver(&mut oracle, &[1]);
    oracle.acknowledging(&[message(1)]);
    deliver(&mut oracle, &[1]);
    assert_eq!(found(&oracle), [(Kind::Resurrected, 1)], "while its consumer waits, nobody else may get it");
}

#[test]
fn a_refused_acknowledgement_leaves_the_message() {
    let mut oracle = sent();
    deliver(&mut oracle, &[1]);
    consume(&mut oracle, 1, Outcome::Rejected);
    drain(&mut oracle, &[]);
    assert_eq!(found(&oracle), [(Kind::Lost, 1)]);
}

#[test]
fn order_is_watched_within_a_consumer_and_across_restarts() {
    let three = || {
        let mut oracle = sent();
        oracle.sending(message(4), None);
        oracle.sent(message(4), Outcome::Acked);
        oracle
    };
    let mut oracle = three();
    deliver(&mut oracle, &[4, 1]);
    assert_eq!(found(&oracle), [(Kind::Order, 1)]);
    let mut oracle = three();
    deliver(&mut oracle, &[1, 1]);
    assert_eq!(found(&oracle), [(Kind::Order, 1)], "twice to the same consumer");
    let mut oracle = three();
    deliver(&mut oracle, &[4]);
    consume(&mut oracle, 4, Outcome::Acked);
    drain(&mut oracle, &[1]);
    assert_eq!(found(&oracle), [(Kind::Order, 1)], "late after a restart");
    let mut oracle = three();
    deliver(&mut oracle, &[1, 2, 4]);
    drain(&mut oracle, &[1, 2, 4]);
    assert_eq!(found(&oracle), [], "again after a restart");
}

/// A transaction that sends 11 and 12 and takes 1, with this outcome of its commit; `None`: never asked for.
fn transaction(outcome: Option<Outcome>) -> Oracle {
    let mut oracle = sent();
    deliver(&mut oracle, &[1]);
    let number = oracle.open();
    oracle.sending(message(11), Some(number));
    oracle.sending(message(12), Some(number));
    oracle.taking(message(1), number);
    if let Some(outcome) = outcome {
        oracle.committing(number);
        oracle.committed(number, outcome);
    }
    oracle
}

#[test]
fn a_transaction_counts_as_a_whole() {
    let cases: [(Option<Outcome>, &[u64], bool); 8] = [
        (Some(Outcome::Acked), &[11, 12], true),
        (Some(Outcome::Acked), &[1], false),
        (Some(Outcome::Unknown), &[11, 12], true),
        (Some(Outcome::Unknown), &[1], true),
        (Some(Outcome::Rejected), &[1], true),
        (Some(Outcome::Rejected), &[11, 12], false),
        (None, &[1], true),
        (None, &[1, 11], false),
    ];
    for (outcome, there, right) in cases {
        let mut oracle = transaction(outcome);
        drain(&mut oracle, there);
        assert_eq!(oracle.findings().is_empty(), right, "{outcome:?} with {there:?}: {:?}", oracle.findings());
    }
}

#[test]
fn a_torn_transaction_is_found() {
    for there in [&[11][..], &[12], &[], &[1, 11, 12], &[1, 11], &[11, 12, 1]] {
        let mut oracle = transaction(Some(Outcome::Unknown));
        drain(&mut oracle, there);
        assert!(!oracle.findings().is_empty(), "{there:?}");
    }
    let mut oracle = transaction(Some(Outcome::Unknown));
    drain(&mut oracle, &[11]);
    assert_eq!(found(&oracle), [(Kind::Lost, 1), (Kind::Torn, 1)]);
    let mut oracle = transaction(Some(Outcome::Unknown));
    drain(&mut oracle, &[]);
    assert_eq!(found(&oracle), [(Kind::Torn, 1)]);
}

#[test]
fn a_rolled_back_transaction_leaves_everything() {
    let mut oracle = transaction(None);
    oracle.rolled_back(TransactionNumber(1));
    deliver(&mut oracle, &[1]);
    assert_eq!(found(&oracle), [], "what it took comes again at once");
    drain(&mut oracle, &[1]);
    assert_eq!(found(&oracle), []);
    drain(&mut oracle, &[12]);
    assert_eq!(found(&oracle), [(Kind::Phantom, 1)]);
}

#[test]
fn what_an_open_transaction_sends_may_not_be_delivered() {
    let mut oracle = transaction(None);
    deliver(&mut oracle, &[11]);
    assert_eq!(found(&oracle), [(Kind::Phantom, 1)]);
}

#[test]
fn operations_are_counted_from_before_their_first_byte() {
    let mut oracle = sent();
    oracle.sending(message(5), None);
    let counts = oracle.counts();
    assert_eq!((counts.acked, counts.unknown, counts.rejected, counts.pending), (1, 1, 1, 1));
}
