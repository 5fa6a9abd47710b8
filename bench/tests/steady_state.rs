//! Once it runs, a core allocates nothing: not for a send and its answer, not for a delivery and its acknowledgement.
//!
//! Drives the core of the program `icount` and counts the calls of the allocator while it works. What must stay true: the only
//! things that may grow are those that grow with what waits (a queue's index, a backlog), and they have grown before.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]
#![allow(dead_code, reason = "the example uses more of its modules than this test")]

#[path = "../icount/src/broker.rs"]
mod broker;
#[path = "../icount/src/client.rs"]
mod client;
#[path = "../icount/src/consumer.rs"]
mod consumer;
#[path = "../icount/src/warm.rs"]
mod warm;

use consumer::Consumer;
use warm::Warm;

/// Messages of one measurement.
const MESSAGES: usize = 2_048;
/// Messages that arrive together.
const GROUPS: [usize; 3] = [1, 16, 64];

/// Allocations of `work`.
fn allocations(work: impl FnOnce()) -> u64 {
    allocation_counter::measure(work).count_total
}

/// A core that has done so much, and a little of what is measured: the buffers that were full of deliveries are no use for answers, and
/// each goes when it was used for one.
fn running(groups: usize, group: usize) -> Warm {
    let mut warm = Warm::new(2 * groups, group).unwrap();
    assert!((0..8).all(|_| warm.group() > 0));
    warm
}

#[test]
fn a_send_and_its_answer_allocate_nothing() {
    for group in GROUPS {
        let groups = MESSAGES / group;
        let mut warm = running(groups, group);
        let mut answers = 0;
        let counted = allocations(|| answers = (0..groups).map(|_| warm.group()).sum());
        assert_eq!(answers, MESSAGES * client::answer_bytes());
        assert_eq!(counted, 0, "for {MESSAGES} messages in groups of {group}");
    }
}

#[test]
fn a_delivery_and_its_acknowledgement_allocate_nothing() {
    for group in GROUPS {
        let groups = MESSAGES / group;
        let mut warm = Warm::new(2 * groups, group).unwrap();
        (0..2 * groups).for_each(|_| assert!(warm.group() > 0));
        let mut consumer = Consumer::new(&mut warm.broker).unwrap();
        let mut consume =
            || (0..groups).map(|_| consumer.consume_group(&mut warm.broker, group, |work| work())).sum::<usize>();
        assert_eq!(consume(), MESSAGES);
        let mut consumed = 0;
        let counted = allocations(|| consumed = consume());
        assert_eq!(consumed, MESSAGES);
        assert_eq!(counted, 0, "for {MESSAGES} messages in groups of {group}");
    }
}

#[test]
fn one_allocation_too_many_is_caught() {
    let mut warm = running(MESSAGES, 1);
    let counted = allocations(|| {
        for message in 0..MESSAGES {
            warm.group();
            if message == MESSAGES / 2 {
                drop(std::hint::black_box(Box::new(message)));
            }
        }
    });
    assert_eq!(counted, 1);
}
