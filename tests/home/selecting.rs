//! Consumers with a filter take messages out of the midst of a queue: what they acknowledge is gone and what they leave is there, after
//! a kill, by a checkpoint, through compaction, and whether the bodies are in memory or not.

use protocol::message::{MessageBuilder, PropertyValue};
use ringmq::mail::{Acknowledge, Ask, Lifetime, Publish, QueueDefinition, Reply, RoutingType};

use crate::machine::{JOURNAL, Machine, PLAIN, Setup, consumer_of, publish, publish_to};

const COUNT: i32 = 120;

/// A message of so many bytes, more or less, with its number as the property `n`, its rest by three as `third`, and its last digit as `last`.
fn message(number: i32, bytes: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let body = vec![number.to_le_bytes()[0]; bytes];
    MessageBuilder::new("orders")
        .bytes(&body)
        .property("n", PropertyValue::Int(number))
        .property("third", PropertyValue::Int(number % 3))
        .property("last", PropertyValue::Int(number % 10))
        .write(&mut out);
    out
}

/// Small ones, and a large one of several pieces in ten.
fn messages() -> Vec<Vec<u8>> {
    (0..COUNT).map(|number| message(number, if number % 10 == 3 { 300_000 } else { 1_500 })).collect()
}

fn filled(setup: Setup, messages: &[Vec<u8>]) -> Machine {
    let mut machine = Machine::with(setup);
    for message in messages {
        machine.publish(message, false);
        machine.settle();
    }
    machine
}

/// Takes all that matches, and acknowledges one by one, the last first.
fn take(machine: &mut Machine, filter: &str) -> Vec<Vec<u8>> {
    machine.select(0, filter, -1);
    let taken = machine.delivered();
    let consumer = consumer_of(machine.session, 0);
    for (message, _) in taken.iter().rev() {
        machine.ask(Ask::Acknowledge(Acknowledge {
            consumer,
            message: *message,
            individual: true,
            in_transaction: false,
        }));
    }
    machine.close();
    machine.settle();
    taken.into_iter().map(|(_, body)| body).collect()
}

/// The messages whose numbers are wanted.
fn some(wanted: impl Fn(usize) -> bool) -> Vec<Vec<u8>> {
    messages().into_iter().enumerate().filter(|(number, _)| wanted(*number)).map(|(_, body)| body).collect()
}

#[test]
fn what_was_taken_out_of_the_midst_is_gone_after_a_kill_and_the_rest_is_there() {
    for (hot_bytes, checkpoint) in [(1, false), (1, true), (64 << 20, false), (64 << 20, true)] {
        let mut machine = filled(Setup { hot_bytes, ..PLAIN }, &messages());
        let third = |number: usize| number % 3 == 1 && number > 30;
        assert!(take(&mut machine, "third = 1 AND n > 30") == some(third));
        if checkpoint {
            machine.home.want_checkpoint();
            machine.settle();
        }
        assert!(take(&mut machine, "n >= 75") == some(|number| number >= 75 && !third(number)));
        assert_eq!(machine.home.census().delivering, 0);
        let left = some(|number| number < 75 && !third(number));
        let mut machine = machine.kill();
        assert_eq!(machine.used_checkpoint, checkpoint);
        assert!(machine.waiting() == left);
        machine.drain();
        let mut machine = machine.kill();
        assert!(machine.waiting().is_empty());
    }
}

#[test]
fn what_was_held_and_not_acknowledged_is_there_after_a_kill() {
    let mut machine = filled(PLAIN, &messages());
    machine.select(0, "n > 50 AND n < 60", -1);
    assert_eq!(machine.delivered().len(), 9);
    let mut machine = machine.kill();
    assert!(machine.waiting() == messages());
}

#[test]
fn the_filter_of_a_queue_is_there_after_a_kill() {
    let create = |name: &'static str, filter: &'static str| {
        Ask::CreateQueue(Box::new(QueueDefinition {
            address: "some".into(),
            name: name.into(),
            routing: RoutingType::Multicast,
            lifetime: Lifetime::Durable,
            auto_created: false,
            purge_on_no_consumers: false,
            max_consumers: -1,
            filter: Some(filter.into()),
            exists_is_fine: false,
            makes_address: false,
        }))
    };
    let send = |machine: &mut Machine| {
        for number in 0..10 {
            let Ask::Publish(publish) = publish_to("some", &message(number, 10), false) else { return };
            machine.ask(Ask::Publish(Publish { routing: Some(RoutingType::Multicast), ..publish }));
        }
        machine.settle();
    };
    let state = |machine: &mut Machine, queue: &'static str| match machine
        .ask(Ask::QueryQueue { address: queue.into(), queue: queue.into() })
        .reply
    {
        Ok(Reply::Queue(state)) => (state.messages, state.filter),
        other => panic!("{other:?}"),
    };
    for checkpoint in [false, true] {
        let mut machine = Machine::new();
        machine.ask(create("few", "n = 3 OR n > 8"));
        machine.ask(create("nothing", "_AMQX=-1"));
        send(&mut machine);
        if checkpoint {
            machine.home.want_checkpoint();
            machine.settle();
        }
        let mut machine = machine.kill();
        assert_eq!(machine.used_checkpoint, checkpoint);
        send(&mut machine);
        assert_eq!(state(&mut machine, "few"), (4, Some("n = 3 OR n > 8".to_owned())));
        assert_eq!(state(&mut machine, "nothing").0, 0);
    }
}

#[test]
fn segments_are_freed_and_compacted_under_what_a_filter_leaves() {
    let setup = Setup { segments_before_compaction: 2, ..PLAIN };
    let small: Vec<Vec<u8>> = (0..COUNT).map(|number| message(number, 1_500)).collect();
    let mut machine = filled(setup, &small);
    assert_eq!(take(&mut machine, "last <> 4").len(), 108);
    let oldest = machine.oldest(JOURNAL);
    for _ in 0..40 {
        for _ in 0..256 {
            machine.ask(publish(1, &[9; 1024], false));
        }
        machine.drain_queue(1);
    }
    assert!(machine.oldest(JOURNAL) > oldest, "nothing was freed");
    assert!(take(&mut machine, "n = 14").len() == 1);
    let mut machine = machine.kill();
    let left = (0..COUNT).filter(|number| number % 10 == 4 && *number != 14);
    assert!(left.map(|number| message(number, 1_500)).eq(machine.waiting()));
}

#[test]
fn a_filter_and_a_plain_consumer_that_read_the_same_queue_get_each_message_once() {
    let mut machine = filled(PLAIN, &messages());
    machine.session = 1;
    machine.select(0, "n < 60", -1);
    machine.session = 0;
    machine.open(0, -1);
    machine.settle();
    let mut came: [Vec<Vec<u8>>; 2] = Default::default();
    for delivery in machine.deliveries() {
        if let Some(came) = came.get_mut(delivery.session) {
            came.push(delivery.body);
        }
    }
    let all = messages();
    let place = |body: &Vec<u8>| all.iter().position(|other| other == body);
    assert!(came.iter().all(|came| came.is_sorted_by_key(place)), "out of order");
    assert!(came[1].iter().all(|body| place(body) < Some(60)));
    let mut together = came.concat();
    together.sort_by_key(place);
    assert!(together == all);
}
