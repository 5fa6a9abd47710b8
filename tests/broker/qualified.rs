//! Names of the form `address::queue`: the same queue for those who send, who consume and who ask.

use protocol::core::error_code::ErrorCode;
use protocol::core::identity::RoutingType;
use protocol::core::packet::Packet;
use protocol::core::packet::query::{BindingQuery, QueueQuery};
use protocol::core::packet::queue::DeleteQueue;
use protocol::core::packet::transaction::Commit;
use protocol::simple_string::SimpleString;

use ringmq::routing::{AddressSettings, SettingsByAddress};

use crate::peer::{
    AUTOMATIC, Heard, TRANSACTED, What, consume, create_address, create_queue, frame, send, send_routed,
};
use crate::rig::{Peer, Rig};

fn make(rig: &mut Rig, peer: Peer, address: &str, name: &str, routing: RoutingType) -> What {
    rig.receive(peer, &create_queue(10, address, name, routing));
    rig.settle();
    only(rig.hear(peer))
}

fn only(mut heard: Vec<Heard>) -> What {
    assert_eq!(heard.len(), 1, "{heard:?}");
    heard.remove(0).what
}

fn messages(rig: &mut Rig, peer: Peer, queue: &str) -> Option<i64> {
    let name = SimpleString::from(queue);
    match only(rig.ask(peer, 10, &Packet::QueueQuery(QueueQuery { name: name.as_simple() }))) {
        What::Queue { exists, messages, .. } => exists.then_some(messages),
        other => panic!("{other:?}"),
    }
}

fn queues_of(rig: &mut Rig, peer: Peer, address: &str) -> Option<Vec<String>> {
    let name = SimpleString::from(address);
    match only(rig.ask(peer, 10, &Packet::BindingQuery(BindingQuery { address: name.as_simple() }))) {
        What::Address { exists, queues } => exists.then_some(queues),
        other => panic!("{other:?}"),
    }
}

fn texts(heard: &[Heard]) -> Vec<String> {
    heard
        .iter()
        .filter_map(|heard| match &heard.what {
            What::Delivery { text, .. } => Some(text.clone()),
            _ => None,
        })
        .collect()
}

/// Cores, and an address on each of them.
fn places() -> impl Iterator<Item = (Rig, String)> {
    [(1, 0), (2, 0), (2, 1)].into_iter().map(|(cores, home)| {
        let rig = Rig::new(cores, 1);
        let address = rig.address_on(home);
        (rig, address)
    })
}

#[test]
fn a_send_to_a_queue_of_an_address_reaches_that_queue_alone() {
    for (mut rig, address) in places() {
        for routing in [RoutingType::ANYCAST, RoutingType::MULTICAST] {
            let peer = rig.session(0, AUTOMATIC);
            let own = |name: &str| format!("{name}.{routing:?}");
            for name in ["one", "two"] {
                assert_eq!(make(&mut rig, peer, &address, &own(name), routing), What::Null(-1));
            }
            for (number, routing) in [Some(routing), None].into_iter().enumerate() {
                let name = format!("{address}::{}", own("two"));
                rig.receive(peer, &send_routed(10, &name, &number.to_string(), Some(9), routing));
                rig.settle();
                assert_eq!(only(rig.hear(peer)), What::Null(9));
            }
            assert_eq!(messages(&mut rig, peer, &own("one")), Some(0));
            assert_eq!(messages(&mut rig, peer, &own("two")), Some(2));
            assert_eq!(messages(&mut rig, peer, &format!("{address}::{}", own("two"))), Some(2));
            rig.receive(peer, &consume(10, 0, &format!("{address}::{}", own("two"))));
            rig.settle();
            assert_eq!(texts(&rig.hear(peer)), ["0", "1"]);
        }
    }
}

#[test]
fn a_first_send_makes_the_queue_and_its_address() {
    for (mut rig, address) in places() {
        for how in [AUTOMATIC, TRANSACTED] {
            let peer = rig.session(0, AUTOMATIC);
            let sender = rig.session(0, how);
            let queue = format!("queue.{}", how.automatic);
            let name = format!("{address}::{queue}");
            // Several at once: all wait for the queue to be made, in their order.
            for text in ["a", "b", "c"] {
                rig.receive(sender, &send(10, &name, text, None));
            }
            rig.receive(sender, &frame(10, &Packet::Commit(Commit { correlation_id: None })));
            rig.settle();
            rig.hear(sender);
            assert!(queues_of(&mut rig, peer, &address).unwrap().contains(&queue));
            assert_eq!(messages(&mut rig, peer, &queue), Some(3));
            rig.receive(peer, &consume(10, 0, &queue));
            rig.settle();
            assert_eq!(texts(&rig.hear(peer)), ["a", "b", "c"]);
        }
    }
}

#[test]
fn a_queue_behind_another_address_gets_nothing_and_stays_the_only_one_of_its_name() {
    for (mut rig, address) in places() {
        for core in 0..rig.census().len() {
            let peer = rig.session(0, AUTOMATIC);
            let other = (0..).map(|number| format!("{core}.{number}")).find(|name| rig.home_of(name) == core).unwrap();
            let queue = format!("queue.{core}");
            assert_eq!(make(&mut rig, peer, &other, &queue, RoutingType::ANYCAST), What::Null(-1));
            // By its full name elsewhere, and as if it were an address: taken and dropped, in order with what is not.
            let named = format!("{address}::{queue}");
            for (number, name) in [&named, &queue, &other, &named, &queue, &other].into_iter().enumerate() {
                let number = i64::try_from(number).unwrap();
                rig.receive(peer, &send(10, name, "text", Some(number)));
            }
            rig.settle();
            let heard: Vec<What> = rig.hear(peer).into_iter().map(|heard| heard.what).collect();
            assert_eq!(heard, [0, 1, 2, 3, 4, 5].map(What::Null));
            assert_eq!(messages(&mut rig, peer, &queue), Some(2));
            let exists = What::Exception(ErrorCode::QUEUE_EXISTS, None);
            assert_eq!(make(&mut rig, peer, &address, &queue, RoutingType::ANYCAST), exists);
            assert_eq!(make(&mut rig, peer, &queue, &queue, RoutingType::MULTICAST), exists);
            // Once it is gone, its name is free.
            let name = SimpleString::from(queue.as_str());
            let gone = only(rig.ask(peer, 10, &Packet::DeleteQueue(DeleteQueue { name: name.as_simple() })));
            assert_eq!(gone, What::Null(-1));
            assert_eq!(make(&mut rig, peer, &address, &queue, RoutingType::ANYCAST), What::Null(-1));
            rig.receive(peer, &send(10, &named, "text", Some(6)));
            rig.settle();
            assert_eq!(only(rig.hear(peer)), What::Null(6));
            assert_eq!(messages(&mut rig, peer, &queue), Some(1));
            assert!(rig.census().iter().all(|census| census.home.parked == 0));
        }
    }
}

#[test]
fn an_address_that_a_queue_elsewhere_is_named_after_is_an_address_of_its_own() {
    for (mut rig, address) in places() {
        let peer = rig.session(0, AUTOMATIC);
        // On every core there is an address with the name of a queue of `address`.
        for core in 0..rig.census().len() {
            let name = (0..).map(|number| format!("{core}.{number}")).find(|name| rig.home_of(name) == core).unwrap();
            assert_eq!(make(&mut rig, peer, &address, &name, RoutingType::ANYCAST), What::Null(-1));
            let own = format!("own.{core}");
            assert_eq!(make(&mut rig, peer, &name, &own, RoutingType::ANYCAST), What::Null(-1));
            rig.receive(peer, &send(10, &name, "text", Some(1)));
            rig.settle();
            assert_eq!(only(rig.hear(peer)), What::Null(1));
            assert_eq!(queues_of(&mut rig, peer, &name), Some(vec![own.clone()]));
            assert_eq!(messages(&mut rig, peer, &own), Some(1));
            assert_eq!(messages(&mut rig, peer, &name), Some(0), "the queue of that name is behind {address}");
        }
    }
}

fn nothing_is_made() -> AddressSettings {
    AddressSettings { auto_create_addresses: false, auto_create_queues: false, ..AddressSettings::default() }
}

#[test]
fn a_queue_that_may_not_be_made_is_refused() {
    for (cores, home) in [(1, 0), (2, 1)] {
        let mut rig = Rig::with(cores, 1, SettingsByAddress::all(nothing_is_made()));
        let address = rig.address_on(home);
        let peer = rig.session(0, AUTOMATIC);
        rig.receive(peer, &create_address(10, &address));
        rig.settle();
        assert_eq!(only(rig.hear(peer)), What::Null(-1));
        assert_eq!(make(&mut rig, peer, &address, "there", RoutingType::ANYCAST), What::Null(-1));
        let mut answer = |queue: &str, routing| {
            rig.receive(peer, &send_routed(10, &format!("{address}::{queue}"), "text", Some(3), routing));
            rig.settle();
            only(rig.hear(peer))
        };
        let refused = What::Exception(ErrorCode::ADDRESS_DOES_NOT_EXIST, Some(3));
        assert_eq!(answer("missing", Some(RoutingType::ANYCAST)), refused);
        assert_eq!(answer("missing", Some(RoutingType::MULTICAST)), refused);
        // Without a routing type nothing is made, and the message is dropped, as with the reference.
        assert_eq!(answer("missing", None), What::Null(3));
        assert_eq!(answer("there", Some(RoutingType::ANYCAST)), What::Null(3));
        assert_eq!(messages(&mut rig, peer, "there"), Some(1));
    }
}
