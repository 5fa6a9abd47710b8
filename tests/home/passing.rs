//! Queues that end with the broker: the journal hears nothing of them, and lasting ones keep what is theirs.

use journal::LaneId;
use ringmq::mail::{Ask, Lifetime, Publish, QueueDefinition, Reply, RoutingType};

use crate::machine::{JOURNAL, Machine, Setup, publish_to};

fn create(name: &'static str, lifetime: Lifetime) -> Ask<'static> {
    Ask::CreateQueue(Box::new(QueueDefinition {
        address: "all".into(),
        name: name.into(),
        routing: RoutingType::Multicast,
        auto_created: false,
        purge_on_no_consumers: false,
        max_consumers: -1,
        filter: None,
        lifetime,
        exists_is_fine: false,
        makes_address: false,
    }))
}

fn messages(machine: &mut Machine, queue: &'static str) -> Option<i64> {
    match machine.ask(Ask::QueryQueue { address: queue.into(), queue: queue.into() }).reply {
        Ok(Reply::Queue(state)) => state.exists.then_some(state.messages),
        other => panic!("{other:?}"),
    }
}

fn send(machine: &mut Machine) {
    let Ask::Publish(publish) = publish_to("all", b"body", false) else { return };
    assert!(machine.ask(Ask::Publish(Publish { routing: Some(RoutingType::Multicast), ..publish })).reply.is_ok());
}

#[test]
fn a_start_knows_the_lasting_ones_alone() {
    for checkpoint in [false, true] {
        let mut machine = Machine::with(Setup {
            lanes: 1,
            hot_bytes: 1 << 20,
            segments_before_compaction: 4,
            slow: None,
            checkpoint_bytes: u64::MAX,
        });
        machine.settle();
        let before = (machine.end_of(LaneId::BINDINGS), machine.end_of(JOURNAL));
        assert!(machine.ask(create("passing", Lifetime::Run)).reply.is_ok());
        send(&mut machine);
        machine.settle();
        assert_eq!((machine.end_of(LaneId::BINDINGS), machine.end_of(JOURNAL)), before, "the journal heard of it");
        assert!(machine.ask(create("lasting", Lifetime::Durable)).reply.is_ok());
        send(&mut machine);
        assert_eq!((messages(&mut machine, "passing"), messages(&mut machine, "lasting")), (Some(2), Some(1)));
        if checkpoint {
            machine.write_checkpoint();
        }
        machine.settle();
        let mut machine = machine.kill();
        assert_eq!(machine.used_checkpoint, checkpoint);
        assert_eq!((messages(&mut machine, "passing"), messages(&mut machine, "lasting")), (None, Some(1)));
        // A number that was given to a queue that is gone may be given again.
        assert!(machine.ask(create("other", Lifetime::Durable)).reply.is_ok());
        send(&mut machine);
        machine.settle();
        let mut machine = machine.kill();
        assert_eq!((messages(&mut machine, "other"), messages(&mut machine, "lasting")), (Some(1), Some(2)));
    }
}
