//! Sums over sessions and names are bounded, and who comes to a bound hears so.

use protocol::core::error_code::ErrorCode;
use protocol::core::identity::{CorrelationId, ProducerId, RoutingType};
use protocol::core::packet::queue::{CreateQueueV2, GroupCount, QueueAttributes, QueueDefinition};
use protocol::core::packet::session::AddMetadataV2;
use protocol::core::packet::transaction::{Commit, Rollback};
use protocol::core::packet::transfer::{Send, SendTrailer};
use protocol::core::packet::{Direction, Packet, decode};
use protocol::core::version::Version;
use protocol::message::MessageBuilder;
use protocol::simple_string::SimpleString;
use ringmq::broker::Census;
use ringmq::limits::{CONSUMERS_PER_SESSION_MAX, HomeBounds, METADATA_PER_SESSION_MAX, QUEUES_PER_ADDRESS_MAX};

use crate::peer::{
    AUTOMATIC, Heard, TRANSACTED, What, close_consumer, create_consumer, create_queue, frame, frames, send,
};
use crate::rig::{Peer, Rig};

/// Signs of a text; twice as many bytes.
const TEXT: usize = 20_000;

fn commit(number: i64) -> Packet<'static> {
    Packet::Commit(Commit { correlation_id: Some(CorrelationId(number)) })
}

/// What a request was answered with: a number, or why not.
fn outcome(heard: &[Heard]) -> Result<i64, ErrorCode> {
    let found = heard.iter().find_map(|heard| match heard.what {
        What::Null(number) => Some(Ok(number)),
        What::Exception(code, _) => Some(Err(code)),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("no answer: {heard:?}"))
}

fn stage(rig: &mut Rig, peer: Peer, queue: &str) -> Result<i64, ErrorCode> {
    rig.receive(peer, &send(10, queue, &"x".repeat(TEXT), Some(7)));
    rig.settle();
    outcome(&rig.hear(peer))
}

#[test]
fn open_transactions_have_a_bound_together() {
    for (cores, home) in [(1, 0), (2, 1)] {
        let mut rig = Rig::new(cores, 1);
        // One of them fits, two do not.
        rig.set_bounds(home, HomeBounds { staged_bytes: 3 * TEXT, ..HomeBounds::default() });
        let address = rig.address_on(home);
        let peers = [rig.session(0, TRANSACTED), rig.session(0, TRANSACTED)];
        assert_eq!(stage(&mut rig, peers[0], &address), Ok(7));
        assert_eq!(stage(&mut rig, peers[1], &address), Err(ErrorCode::ADDRESS_FULL));
        // What was refused spoils its transaction alone.
        assert_eq!(outcome(&rig.ask(peers[1], 10, &commit(1))), Err(ErrorCode::ADDRESS_FULL));
        assert_eq!(outcome(&rig.ask(peers[0], 10, &commit(1))), Ok(1));
        // Its end made room, and so does a rollback and the loss of a connection.
        assert_eq!(stage(&mut rig, peers[1], &address), Ok(7));
        assert_eq!(stage(&mut rig, peers[0], &address), Err(ErrorCode::ADDRESS_FULL));
        rig.ask(peers[0], 10, &Packet::Rollback(Rollback { consider_last_message_as_delivered: false }));
        rig.lose(peers[1]);
        rig.settle();
        assert_eq!(stage(&mut rig, peers[0], &address), Ok(7));
        rig.lose(peers[0]);
        rig.settle();
        assert_eq!(rig.census(), vec![Census::default(); usize::from(cores)]);
    }
}

#[test]
fn a_transaction_over_several_cores_gives_back_what_it_took() {
    let mut rig = Rig::new(2, 1);
    let bounds = HomeBounds { staged_bytes: 3 * TEXT, ..HomeBounds::default() };
    (0..2).for_each(|core| rig.set_bounds(core, bounds));
    let addresses = [rig.address_on(0), rig.address_on(1)];
    let peer = rig.session(0, TRANSACTED);
    for round in 1..4 {
        for address in &addresses {
            assert_eq!(stage(&mut rig, peer, address), Ok(7), "round {round}");
        }
        assert!(rig.census().iter().all(|census| census.home.staged_bytes > 0));
        assert_eq!(outcome(&rig.ask(peer, 10, &commit(round))), Ok(round));
        assert!(rig.census().iter().all(|census| census.home.staged_bytes == 0));
    }
}

#[test]
fn transactions_of_non_durable_messages_have_the_bound_of_those() {
    let mut rig = Rig::new(1, 1);
    rig.set_bounds(0, HomeBounds { volatile_bytes: 5 * TEXT, ..HomeBounds::default() });
    let address = rig.address_on(0);
    let peer = rig.session(0, TRANSACTED);
    let mut message = Vec::new();
    let text = "x".repeat(TEXT);
    let builder = MessageBuilder::new(&address).text(&text).durable(false).routing_type(RoutingType::ANYCAST);
    builder.write(&mut message);
    let trailer =
        SendTrailer { requires_response: false, correlation_id: CorrelationId(0), producer_id: ProducerId::UNNAMED };
    let outcomes: Vec<_> = (1..4)
        .map(|number| {
            rig.tell(peer, 10, &Packet::Send(Send { message: &message, trailer }));
            outcome(&rig.ask(peer, 10, &commit(number)))
        })
        .collect();
    assert_eq!(outcomes, [Ok(1), Ok(2), Err(ErrorCode::ADDRESS_FULL)]);
}

/// Makes a note about a session that nobody else may have.
fn claim(rig: &mut Rig, peer: Peer, key: &str, value: &str) -> Result<i64, ErrorCode> {
    let metadata = AddMetadataV2 { key: key.into(), data: value.into(), requires_confirmation: true };
    outcome(&rig.ask(peer, 10, &Packet::UniqueAddMetadata(metadata)))
}

#[test]
fn a_session_has_one_note_for_a_key_and_a_bound_of_keys() {
    let mut rig = Rig::new(2, 1);
    let (peer, other) = (rig.session(1, AUTOMATIC), rig.session(0, AUTOMATIC));
    for value in 0..200 {
        claim(&mut rig, peer, "client", &format!("{value}")).unwrap();
        assert_eq!(rig.census()[0].home.claims, 1);
    }
    // The last one is taken, those before it are not.
    assert!(claim(&mut rig, other, "client", "199").is_err());
    claim(&mut rig, other, "client", "198").unwrap();
    let refused = (0..METADATA_PER_SESSION_MAX)
        .map(|key| claim(&mut rig, peer, &format!("key {key}"), ""))
        .position(|outcome| outcome.is_err());
    assert_eq!(refused, Some(METADATA_PER_SESSION_MAX - 1));
    claim(&mut rig, peer, "client", "a new value of a known key").unwrap();
    rig.lose(peer);
    rig.settle();
    assert_eq!(rig.census()[0].home.claims, 1);
}

#[test]
fn consumers_that_could_not_be_opened_are_forgotten() {
    let mut rig = Rig::new(2, 1);
    let peer = rig.session(0, AUTOMATIC);
    for core in 0..2 {
        for (number, answer) in (0..10).zip([true, false].into_iter().cycle()) {
            rig.receive(peer, &create_consumer(10, number, &format!("{}.missing", rig.address_on(core)), answer));
        }
    }
    rig.settle();
    assert!(!rig.hear(peer).is_empty());
    assert_eq!(rig.census().iter().map(|census| census.consumers).sum::<usize>(), 0);
}

#[test]
fn a_session_has_a_bound_of_consumers_over_all_cores() {
    let mut rig = Rig::new(2, 1);
    let peer = rig.session(0, AUTOMATIC);
    let queues = [rig.address_on(0), rig.address_on(1)];
    for queue in &queues {
        rig.receive(peer, &create_queue(10, queue, queue, RoutingType::ANYCAST));
        rig.settle();
    }
    rig.hear(peer);
    for number in 0..CONSUMERS_PER_SESSION_MAX as i64 {
        rig.receive(peer, &create_consumer(10, number, &queues[0], false));
        rig.settle();
    }
    assert_eq!(rig.hear(peer), []);
    let one_more = create_consumer(10, 100_000, &queues[1], true);
    rig.receive(peer, &one_more);
    rig.settle();
    assert_eq!(outcome(&rig.hear(peer)), Err(ErrorCode::ADDRESS_FULL));
    // The control: one less, and it is opened.
    rig.receive(peer, &close_consumer(10, 5));
    rig.receive(peer, &one_more);
    rig.settle();
    assert!(rig.hear(peer).iter().any(|heard| matches!(heard.what, What::Queue { exists: true, .. })));
}

#[test]
fn a_consumer_is_not_lost_because_its_number_is_used_twice() {
    let mut rig = Rig::new(2, 1);
    let peer = rig.session(0, AUTOMATIC);
    let queues = [rig.address_on(0), rig.address_on(1)];
    for queue in &queues {
        rig.receive(peer, &create_queue(10, queue, queue, RoutingType::ANYCAST));
        rig.settle();
    }
    rig.receive(peer, &create_consumer(10, 1, &queues[0], true));
    rig.settle();
    rig.hear(peer);
    rig.receive(peer, &create_consumer(10, 1, &queues[1], true));
    rig.settle();
    assert_eq!(outcome(&rig.hear(peer)), Err(ErrorCode::ILLEGAL_STATE));
    rig.receive(peer, &close_consumer(10, 1));
    rig.settle();
    assert_eq!(rig.census().iter().map(|census| census.home.consumers).sum::<usize>(), 0);
}

#[test]
fn addresses_made_by_their_first_use_count() {
    for (cores, home) in [(1, 0), (2, 0), (2, 1)] {
        let mut rig = Rig::new(cores, 1);
        rig.set_bounds(home, HomeBounds { addresses: 3, ..HomeBounds::default() });
        let names: Vec<String> =
            (0..).map(|number| format!("queue.{number}")).filter(|name| rig.home_of(name) == home).take(6).collect();
        let peer = rig.session(0, AUTOMATIC);
        let mut say = |bytes: Vec<u8>| {
            rig.receive(peer, &bytes);
            rig.settle();
            outcome(&rig.hear(peer))
        };
        for name in &names[..3] {
            assert_eq!(say(send(10, name, "text", Some(1))), Ok(1));
        }
        let full = Err(ErrorCode::ADDRESS_FULL);
        assert_eq!(say(send(10, &names[3], "text", Some(2))), full, "{cores} cores");
        assert_eq!(say(send(10, &format!("{}::a queue", names[4]), "text", Some(3))), full);
        assert_eq!(say(create_queue(10, &names[5], &names[5], RoutingType::ANYCAST)), full);
        // The control: those that are there are used as before, and get further queues.
        assert_eq!(say(send(10, &names[0], "text", Some(4))), Ok(4));
        assert_eq!(say(send(10, &format!("{}::a queue", names[0]), "text", Some(5))), Ok(5));
    }
}

#[test]
fn queues_made_by_their_first_use_count() {
    let mut rig = Rig::new(1, 1);
    let peer = rig.session(0, AUTOMATIC);
    let refused = (0..QUEUES_PER_ADDRESS_MAX + 10).position(|number| {
        rig.receive(peer, &send(10, &format!("orders::orders.{number}"), "text", Some(1)));
        rig.settle();
        outcome(&rig.hear(peer)).is_err()
    });
    assert_eq!(refused, Some(QUEUES_PER_ADDRESS_MAX));
}

/// The answer to the creation of a queue with these attributes: nothing, or a code and a text.
fn create_with(rig: &mut Rig, peer: Peer, name: &str, attributes: QueueAttributes<'_>) -> Option<(ErrorCode, String)> {
    let name = SimpleString::from(name);
    let definition = QueueDefinition {
        address: name.as_simple(),
        name: name.as_simple(),
        filter: None,
        durable: true,
        temporary: false,
        requires_response: true,
        auto_created: false,
        routing_type: RoutingType::ANYCAST,
        max_consumers: -1,
        purge_on_no_consumers: false,
    };
    let create = CreateQueueV2 { definition, attributes, groups: GroupCount::ALL };
    rig.receive(peer, &frame(10, &Packet::CreateQueueV2(create)));
    rig.settle();
    let bytes = rig.take_heard(peer);
    let refusal = |body| match decode(body, Direction::ServerToClient, Version::NEWEST).unwrap().packet {
        Packet::Exception(refused) => Some((refused.code, refused.message.unwrap().to_string())),
        _ => None,
    };
    frames(&bytes).find_map(refusal)
}

#[test]
fn what_queues_do_not_do_is_refused_by_its_name() {
    let mut rig = Rig::new(1, 1);
    let peer = rig.session(0, AUTOMATIC);
    let key = SimpleString::from("key");
    let usual = QueueAttributes {
        exclusive: Some(false),
        last_value: Some(false),
        non_destructive: Some(false),
        consumers_before_dispatch: Some(0),
        delay_before_dispatch: Some(-1),
        group_rebalance: Some(false),
        group_rebalance_pause_dispatch: Some(false),
        group_buckets: Some(-1),
        auto_delete: Some(true),
        auto_delete_delay: Some(0),
        auto_delete_message_count: Some(0),
        ring_size: Some(-1),
        enabled: Some(true),
        ..QueueAttributes::default()
    };
    let table = [
        ("exclusive", QueueAttributes { exclusive: Some(true), ..usual }),
        ("last-value", QueueAttributes { last_value: Some(true), ..usual }),
        ("last-value-key", QueueAttributes { last_value_key: Some(key.as_simple()), ..usual }),
        ("non-destructive", QueueAttributes { non_destructive: Some(true), ..usual }),
        ("consumers-before-dispatch", QueueAttributes { consumers_before_dispatch: Some(2), ..usual }),
        ("delay-before-dispatch", QueueAttributes { delay_before_dispatch: Some(100), ..usual }),
        ("group-rebalance", QueueAttributes { group_rebalance: Some(true), ..usual }),
        ("group-rebalance-pause-dispatch", QueueAttributes { group_rebalance_pause_dispatch: Some(true), ..usual }),
        ("group-buckets", QueueAttributes { group_buckets: Some(8), ..usual }),
        ("group-first-key", QueueAttributes { group_first_key: Some(key.as_simple()), ..usual }),
        ("ring-size", QueueAttributes { ring_size: Some(10), ..usual }),
        ("enabled=false", QueueAttributes { enabled: Some(false), ..usual }),
    ];
    for (name, attributes) in table {
        let (code, text) = create_with(&mut rig, peer, name, attributes).expect(name);
        assert_eq!(code, ErrorCode::NOT_IMPLEMENTED);
        assert!(text.contains(&format!("with {name} are")), "{name}: {text}");
        // The control: the same queue without it.
        assert_eq!(create_with(&mut rig, peer, name, usual), None, "{name}");
    }
    assert_eq!(create_with(&mut rig, peer, "nothing is said", QueueAttributes::default()), None);
}
