//! Settings of addresses by match: what clients hear of them on whichever core, and queues that go by themselves.

use protocol::core::error_code::ErrorCode;
use protocol::core::identity::{CorrelationId, RoutingType};
use protocol::core::packet::query::{BindingQuery, QueueQuery};
use protocol::core::packet::transaction::{Commit, Rollback};
use protocol::core::packet::{Direction, Packet, decode};
use protocol::core::version::Version;
use protocol::simple_string::SimpleString;
use ringmq::message::AddressMatch;
use ringmq::routing::{AddressSettings, FullPolicy, SettingsByAddress, SettingsOfMatch};

use crate::peer::{
    AUTOMATIC, TRANSACTED, What, acknowledge, close_consumer, consume, create_address, create_queue, frames, send,
    send_routed,
};
use crate::rig::{Peer, Rig};

const SEEDS: std::ops::Range<u64> = 1..9;

/// Three matches over each other: nothing is made for `closed`, what is in `short` may have two messages, and what its first use made in
/// `short.lived` goes by itself.
fn settings() -> SettingsByAddress {
    let closed = SettingsOfMatch {
        auto_create_addresses: Some(false),
        auto_create_queues: Some(false),
        ..SettingsOfMatch::default()
    };
    let short = SettingsOfMatch {
        full_policy: Some(FullPolicy::Fail),
        messages_max: Some(Some(2)),
        ..SettingsOfMatch::default()
    };
    let lived = SettingsOfMatch { auto_delete_queues: Some(true), ..SettingsOfMatch::default() };
    let matches = [("short.#", short), ("*.lived.*", lived), ("closed.#", closed)];
    let matches = matches.map(|(text, settings)| (AddressMatch::new(text), settings)).to_vec();
    SettingsByAddress::new(AddressSettings::default(), matches)
}

#[test]
fn a_queue_makes_its_address_where_the_settings_say_so() {
    for seed in SEEDS {
        let mut rig = Rig::with(2, seed, settings());
        let peer = rig.session(0, AUTOMATIC);
        for core in 0..2 {
            for (above, made) in [("closed", false), ("open", true)] {
                let address = name_on(&rig, above, core);
                let create = create_queue(10, &address, &format!("{address}.q"), RoutingType::ANYCAST);
                rig.receive(peer, &create);
                rig.settle();
                let heard: Vec<What> = rig.hear(peer).into_iter().map(|heard| heard.what).collect();
                let refused = What::Exception(ErrorCode::ADDRESS_DOES_NOT_EXIST, None);
                assert_eq!(heard.contains(&refused), !made, "{address}: {heard:?}");
                // Once the address is there, so may the queue be.
                rig.receive(peer, &create_address(10, &address));
                rig.settle();
                rig.hear(peer);
                rig.receive(peer, &create);
                rig.settle();
                let heard: Vec<What> = rig.hear(peer).into_iter().map(|heard| heard.what).collect();
                assert_eq!(heard, [if made { What::Exception(ErrorCode::QUEUE_EXISTS, None) } else { What::Null(-1) }]);
            }
        }
    }
}

/// An address below this one whose home is that core.
fn name_on(rig: &Rig, above: &str, core: usize) -> String {
    (0..).map(|number| format!("{above}.{number}")).find(|name| rig.home_of(name) == core).unwrap()
}

/// What is said of making and going: of an address, and of the queue of its name.
fn flags(rig: &mut Rig, peer: Peer, name: &str) -> [Option<bool>; 4] {
    let text = SimpleString::from(name);
    rig.tell(peer, 10, &Packet::BindingQuery(BindingQuery { address: text.as_simple() }));
    rig.tell(peer, 10, &Packet::QueueQuery(QueueQuery { name: text.as_simple() }));
    rig.settle();
    let bytes = rig.take_heard(peer);
    let mut said = [None; 4];
    for body in frames(&bytes) {
        match decode(body, Direction::ServerToClient, Version::NEWEST).unwrap().packet {
            Packet::BindingQueryResponse(address) => {
                (said[0], said[1]) = (Some(address.auto_create_addresses), Some(address.auto_create_queues));
            }
            Packet::QueueQueryResponse(queue) => {
                (said[2], said[3]) = (Some(queue.auto_create_queues), queue.attributes.auto_delete);
            }
            other => panic!("{other:?}"),
        }
    }
    said
}

fn whats(rig: &mut Rig, peer: Peer) -> Vec<What> {
    rig.settle();
    rig.hear(peer).into_iter().map(|heard| heard.what).collect()
}

/// Is there a queue of this name, and an address?
fn is_there(rig: &mut Rig, peer: Peer, name: &str) -> (bool, bool) {
    let text = SimpleString::from(name);
    rig.tell(peer, 10, &Packet::QueueQuery(QueueQuery { name: text.as_simple() }));
    rig.tell(peer, 10, &Packet::BindingQuery(BindingQuery { address: text.as_simple() }));
    let heard = whats(rig, peer);
    let queue = heard.iter().any(|what| matches!(what, What::Queue { exists: true, .. }));
    (queue, heard.iter().any(|what| matches!(what, What::Address { exists: true, .. })))
}

#[test]
fn each_address_has_the_settings_of_its_matches() {
    for (cores, home) in [(1, 0), (2, 0), (2, 1)] {
        let mut rig = Rig::with(cores, 1, settings());
        let peer = rig.session(0, AUTOMATIC);
        let [closed, short, other] = ["closed", "short", "other"].map(|above| name_on(&rig, above, home));
        let lived = name_on(&rig, "short.lived", home);
        let (yes, no) = (Some(true), Some(false));
        assert_eq!(flags(&mut rig, peer, &closed), [no, no, no, no]);
        assert_eq!(flags(&mut rig, peer, &lived), [yes, yes, yes, no], "what is not there does not go");
        assert_eq!(flags(&mut rig, peer, "activemq.management"), [yes, yes, yes, no]);
        let mut answers = |name: &str, routing| -> Vec<What> {
            for number in 1..=3 {
                rig.receive(peer, &send_routed(10, name, "text", Some(number), Some(routing)));
            }
            whats(&mut rig, peer)
        };
        let refused = |code| move |number| What::Exception(code, Some(number));
        let missing = [1, 2, 3].map(refused(ErrorCode::ADDRESS_DOES_NOT_EXIST));
        assert_eq!(answers(&closed, RoutingType::ANYCAST), missing);
        assert_eq!(answers(&closed, RoutingType::MULTICAST), missing);
        let full = refused(ErrorCode::ADDRESS_FULL)(3);
        for name in [&short, &lived] {
            assert_eq!(answers(name, RoutingType::ANYCAST), [What::Null(1), What::Null(2), full.clone()], "{name}");
        }
        assert_eq!(answers(&other, RoutingType::ANYCAST), [1, 2, 3].map(What::Null));
        assert_eq!(flags(&mut rig, peer, &lived), [yes, yes, yes, yes]);
        assert_eq!(flags(&mut rig, peer, &short), [yes, yes, yes, no]);
    }
}

/// A consumer that takes all, and the id of the last message.
fn take_all(rig: &mut Rig, peer: Peer, consumer: i64, name: &str) -> i64 {
    rig.receive(peer, &consume(10, consumer, name));
    let mut ids = whats(rig, peer).into_iter().filter_map(|what| match what {
        What::Delivery { id, .. } => Some(id),
        _ => None,
    });
    ids.next_back().unwrap()
}

#[test]
fn an_empty_queue_goes_with_its_last_consumer() {
    for (cores, home) in [(1, 0), (2, 0), (2, 1)] {
        for seed in SEEDS {
            let mut rig = Rig::with(cores, seed, settings());
            let name = name_on(&rig, "a.lived", home);
            let stays = name_on(&rig, "a.other", home);
            let peer = rig.session(0, AUTOMATIC);
            for (consumer, name, goes) in [(1, &name, true), (2, &stays, false)] {
                rig.receive(peer, &send(10, name, "text", Some(1)));
                assert_eq!(whats(&mut rig, peer), [What::Null(1)]);
                let id = take_all(&mut rig, peer, consumer, name);
                rig.receive(peer, &close_consumer(10, consumer));
                assert_eq!(whats(&mut rig, peer), [What::Null(-1)]);
                assert_eq!(is_there(&mut rig, peer, name), (true, true), "what it held is there again");
                assert_eq!(take_all(&mut rig, peer, consumer, name), id);
                rig.receive(peer, &acknowledge(10, consumer, id));
                rig.settle();
                assert_eq!(is_there(&mut rig, peer, name), (true, true), "it has a consumer");
                rig.receive(peer, &close_consumer(10, consumer));
                assert_eq!(whats(&mut rig, peer), [What::Null(-1)]);
                assert_eq!(is_there(&mut rig, peer, name), (!goes, !goes), "{name}");
            }
            // A producer that has it open need not know: its next message makes it again.
            rig.receive(peer, &send(10, &name, "again", Some(2)));
            assert_eq!(whats(&mut rig, peer), [What::Null(2)]);
            assert_eq!(is_there(&mut rig, peer, &name), (true, true));
        }
    }
}

#[test]
fn a_queue_that_a_client_asked_for_stays() {
    let mut rig = Rig::with(2, 1, settings());
    let name = name_on(&rig, "a.lived", 1);
    let peer = rig.session(0, AUTOMATIC);
    rig.receive(peer, &crate::peer::create_queue(10, &name, &name, RoutingType::ANYCAST));
    rig.receive(peer, &send(10, &name, "text", Some(1)));
    rig.settle();
    let id = take_all(&mut rig, peer, 1, &name);
    rig.receive(peer, &acknowledge(10, 1, id));
    rig.receive(peer, &close_consumer(10, 1));
    rig.settle();
    assert_eq!(is_there(&mut rig, peer, &name), (true, true));
}

#[test]
fn what_a_crash_could_take_back_keeps_its_queue() {
    for (cores, home) in [(1, 0), (2, 0), (2, 1)] {
        for seed in SEEDS {
            let mut rig = Rig::with(cores, seed, settings());
            let name = name_on(&rig, "a.lived", home);
            let peer = rig.session(0, AUTOMATIC);
            rig.receive(peer, &send(10, &name, "text", Some(1)));
            rig.settle();
            let id = take_all(&mut rig, peer, 1, &name);
            // The acknowledgement is not on the disk.
            rig.disk_stands = true;
            rig.receive(peer, &acknowledge(10, 1, id));
            rig.receive(peer, &close_consumer(10, 1));
            rig.settle();
            let other = rig.session(0, AUTOMATIC);
            assert_eq!(is_there(&mut rig, other, &name), (true, true), "{cores} cores, home {home}, seed {seed}");
            rig.disk_stands = false;
            rig.settle();
            assert_eq!(is_there(&mut rig, other, &name), (false, false));
        }
    }
}

#[test]
fn what_an_open_transaction_has_of_a_queue_keeps_it() {
    for (cores, home) in [(1, 0), (2, 0), (2, 1)] {
        for (seed, commits) in SEEDS.flat_map(|seed| [(seed, false), (seed, true)]) {
            let mut rig = Rig::with(cores, seed, settings());
            let name = name_on(&rig, "a.lived", home);
            let peer = rig.session(0, AUTOMATIC);
            let in_transaction = rig.session(0, TRANSACTED);
            rig.receive(peer, &send(10, &name, "first", Some(1)));
            rig.settle();
            // It takes the message in its transaction, and its consumer goes.
            let id = take_all(&mut rig, in_transaction, 1, &name);
            rig.receive(in_transaction, &acknowledge(10, 1, id));
            rig.receive(in_transaction, &close_consumer(10, 1));
            rig.settle();
            assert_eq!(is_there(&mut rig, peer, &name), (true, true));
            let end = if commits {
                Packet::Commit(Commit { correlation_id: Some(CorrelationId(2)) })
            } else {
                Packet::Rollback(Rollback { consider_last_message_as_delivered: false })
            };
            rig.tell(in_transaction, 10, &end);
            rig.settle();
            rig.hear(in_transaction);
            assert_eq!(is_there(&mut rig, peer, &name), (!commits, !commits));
            if commits {
                continue;
            }
            // It sends something in the next one, while another one empties the queue.
            rig.receive(in_transaction, &send(10, &name, "second", None));
            rig.settle();
            let id = take_all(&mut rig, peer, 2, &name);
            rig.receive(peer, &acknowledge(10, 2, id));
            rig.receive(peer, &close_consumer(10, 2));
            rig.settle();
            rig.tell(in_transaction, 10, &Packet::Commit(Commit { correlation_id: Some(CorrelationId(3)) }));
            assert_eq!(whats(&mut rig, in_transaction), [What::Null(3)]);
            take_all(&mut rig, peer, 3, &name);
        }
    }
}
