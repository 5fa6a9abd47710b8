//! Queues that a restart does not find again: temporary ones go with their connection, wherever they live and whatever is under way.

use protocol::core::identity::RoutingType;
use protocol::core::packet::Packet;
use protocol::core::packet::query::{BindingQuery, QueueQuery};
use protocol::core::packet::queue::{CreateQueueV2, DeleteQueue, GroupCount, QueueAttributes, QueueDefinition};
use protocol::core::packet::transaction::Commit;
use protocol::simple_string::SimpleString;
use ringmq::broker::Census;

use crate::peer::{AUTOMATIC, How, TRANSACTED, What, acknowledge, consume, create_queue, frame, send, send_routed};
use crate::rig::{CHECK_MS, Peer, Rig};

/// A queue that is not durable; `temporary`: it goes with the connection.
pub(crate) fn create(channel: i64, address: &str, name: &str, temporary: bool, routing: RoutingType) -> Vec<u8> {
    let (address, name) = (SimpleString::from(address), SimpleString::from(name));
    let definition = QueueDefinition {
        address: address.as_simple(),
        name: name.as_simple(),
        filter: None,
        durable: false,
        temporary,
        requires_response: true,
        auto_created: false,
        routing_type: routing,
        max_consumers: -1,
        purge_on_no_consumers: false,
    };
    frame(
        channel,
        &Packet::CreateQueueV2(CreateQueueV2 {
            definition,
            attributes: QueueAttributes::default(),
            groups: GroupCount::ALL,
        }),
    )
}

fn heard(rig: &mut Rig, peer: Peer, bytes: &[u8]) -> Vec<What> {
    rig.receive(peer, bytes);
    rig.settle();
    rig.hear(peer).into_iter().map(|heard| heard.what).collect()
}

fn exists(rig: &mut Rig, peer: Peer, queue: &str) -> (bool, bool) {
    let name = SimpleString::from(queue);
    let bytes = [
        frame(10, &Packet::QueueQuery(QueueQuery { name: name.as_simple() })),
        frame(10, &Packet::BindingQuery(BindingQuery { address: name.as_simple() })),
    ];
    match heard(rig, peer, &bytes.concat()).as_slice() {
        [What::Queue { exists: queue, .. }, What::Address { exists: address, .. }] => (*queue, *address),
        other => panic!("{other:?}"),
    }
}

fn delivered(heard: &[What]) -> Vec<&str> {
    let texts = heard.iter().filter_map(|what| match what {
        What::Delivery { text, .. } => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

pub(crate) const HOMES: [(u16, usize); 4] = [(1, 0), (3, 0), (3, 1), (3, 2)];

#[test]
fn a_temporary_queue_is_used_by_others_and_goes_with_its_connection() {
    for (cores, home) in HOMES {
        let mut rig = Rig::new(cores, 5);
        let queue = rig.address_on(home);
        let owner = rig.session(0, AUTOMATIC);
        let other = rig.session(usize::from(cores) - 1, AUTOMATIC);
        // Without a disk: nothing of it is written.
        rig.disk_stands = true;
        let made = [create(10, &queue, &queue, true, RoutingType::ANYCAST), consume(10, 1, &queue)].concat();
        assert_eq!(heard(&mut rig, owner, &made)[0], What::Null(-1));
        assert_eq!(exists(&mut rig, other, &queue), (true, true));
        assert_eq!(heard(&mut rig, other, &send(10, &queue, "answer", Some(7))), [What::Null(7)]);
        let got = rig.hear(owner).into_iter().map(|heard| heard.what).collect::<Vec<_>>();
        assert_eq!(delivered(&got), ["answer"]);
        // A session of the connection may go, the queue stays; with the connection it goes.
        heard(&mut rig, owner, &frame(10, &Packet::SessionClose));
        assert_eq!(exists(&mut rig, other, &queue), (true, true));
        rig.lose(owner);
        rig.settle();
        assert_eq!(exists(&mut rig, other, &queue), (false, false));
        rig.lose(other);
        rig.disk_stands = false;
        rig.settle();
        assert_eq!(rig.census(), vec![Census::default(); usize::from(cores)]);
    }
}

#[test]
fn consumers_of_others_are_told_when_a_temporary_queue_goes() {
    for (cores, home) in HOMES {
        let mut rig = Rig::new(cores, 6);
        let queue = rig.address_on(home);
        let owner = rig.session(0, AUTOMATIC);
        let other = rig.session(0, AUTOMATIC);
        heard(&mut rig, owner, &create(10, &queue, &queue, true, RoutingType::ANYCAST));
        heard(&mut rig, other, &consume(10, 1, &queue));
        rig.lose(owner);
        rig.settle();
        let told = rig.hear(other);
        assert!(
            told.iter().any(|heard| matches!(&heard.what, What::Other(name) if name.contains("DISCONNECT_CONSUMER"))),
            "{told:?}"
        );
    }
}

#[test]
fn a_temporary_queue_is_removed_by_its_client_and_can_be_made_again_often() {
    let mut rig = Rig::new(2, 1);
    let queue = rig.address_on(1);
    let name = SimpleString::from(queue.as_str());
    let owner = rig.session(0, AUTOMATIC);
    for _ in 0..2 * ringmq::limits::TEMPORARY_QUEUES_PER_CONNECTION_MAX {
        assert_eq!(heard(&mut rig, owner, &create(10, &queue, &queue, true, RoutingType::ANYCAST)), [What::Null(-1)]);
        let gone = frame(10, &Packet::DeleteQueue(DeleteQueue { name: name.as_simple() }));
        assert_eq!(heard(&mut rig, owner, &gone), [What::Null(-1)]);
    }
    // The control: those that are not removed are bounded.
    for number in 0..ringmq::limits::TEMPORARY_QUEUES_PER_CONNECTION_MAX + 1 {
        let name = format!("kept.{number}");
        rig.receive(owner, &create(10, &name, &name, true, RoutingType::ANYCAST));
    }
    rig.settle();
    let refused = rig.hear(owner).iter().filter(|heard| matches!(heard.what, What::Exception(..))).count();
    assert_eq!(refused, 1);
    rig.lose(owner);
    rig.settle();
    assert_eq!(rig.census(), vec![Census::default(); 2]);
}

#[test]
fn a_queue_of_that_name_that_somebody_else_has_stays() {
    for home in [0, 1] {
        let mut rig = Rig::new(2, 2);
        let queue = rig.address_on(home);
        let keeper = rig.session(0, AUTOMATIC);
        heard(&mut rig, keeper, &create_queue(10, &queue, &queue, RoutingType::ANYCAST));
        let late = rig.session(1, AUTOMATIC);
        let refused = heard(&mut rig, late, &create(10, &queue, &queue, true, RoutingType::ANYCAST));
        assert!(matches!(refused[..], [What::Exception(..)]), "{refused:?}");
        rig.lose(late);
        rig.settle();
        assert_eq!(exists(&mut rig, keeper, &queue), (true, true));
    }
}

#[test]
fn the_connection_may_go_at_any_moment() {
    for events in 0..120 {
        // Half of them wait for their client, who does not come back.
        let how = [AUTOMATIC, How { automatic: true, window: 1 << 20 }][usize::from(events % 2 == 1)];
        let mut rig = Rig::new(3, events);
        let queues: Vec<String> = (0..3).map(|home| rig.address_on(home)).collect();
        let owner = rig.session(1, how);
        for queue in &queues {
            rig.receive(owner, &create(10, queue, queue, true, RoutingType::ANYCAST));
            rig.receive(owner, &consume(10, 1, queue));
            rig.receive(owner, &send(10, queue, "x", None));
        }
        rig.go_on(events / 2);
        rig.lose(owner);
        rig.settle();
        if how.window > 0 {
            assert!(rig.census()[1].sessions == 1);
            rig.wait_ms(60_000 + CHECK_MS);
        }
        let witness = rig.session(0, AUTOMATIC);
        for queue in &queues {
            // A send may have made an ordinary queue of the name before the temporary one came, or after.
            let name = SimpleString::from(queue.as_str());
            let answer =
                heard(&mut rig, witness, &frame(10, &Packet::QueueQuery(QueueQuery { name: name.as_simple() })));
            assert!(
                matches!(answer[..], [What::Queue { exists: false, .. }]),
                "{queue} after {events} events: {answer:?}"
            );
        }
        rig.lose(witness);
        rig.settle();
        assert_eq!(rig.census(), vec![Census::default(); 3], "after {events} events");
    }
}

#[test]
fn a_durable_message_reaches_lasting_and_passing_queues_of_one_address() {
    for transacted in [false, true] {
        for (cores, home) in HOMES {
            let mut rig = Rig::new(cores, 3);
            let address = rig.address_on(home);
            let how = if transacted { TRANSACTED } else { AUTOMATIC };
            let peer = rig.session(0, how);
            heard(&mut rig, peer, &create_queue(10, &address, "lasting", RoutingType::MULTICAST));
            for (name, temporary) in [("passing", false), ("temporary", true)] {
                assert_eq!(
                    heard(&mut rig, peer, &create(10, &address, name, temporary, RoutingType::MULTICAST)),
                    [What::Null(-1)]
                );
            }
            rig.receive(peer, &send_routed(10, &address, "news", Some(1), Some(RoutingType::MULTICAST)));
            if transacted {
                rig.receive(peer, &frame(10, &Packet::Commit(Commit { correlation_id: None })));
            }
            rig.settle();
            rig.hear(peer);
            for (consumer, name) in ["lasting", "passing", "temporary"].into_iter().enumerate() {
                let consumer = i64::try_from(consumer).unwrap();
                let got = heard(&mut rig, peer, &consume(10, consumer, name));
                assert_eq!(delivered(&got), ["news"], "{name}, {cores} cores, transacted: {transacted}");
                let id = got.iter().find_map(|what| match what {
                    What::Delivery { id, .. } => Some(*id),
                    _ => None,
                });
                rig.receive(peer, &acknowledge(10, consumer, id.unwrap()));
            }
            if transacted {
                rig.receive(peer, &frame(10, &Packet::Commit(Commit { correlation_id: None })));
            }
            rig.settle();
            rig.lose(peer);
            rig.settle();
            assert_eq!(rig.census(), vec![Census::default(); usize::from(cores)]);
        }
    }
}
