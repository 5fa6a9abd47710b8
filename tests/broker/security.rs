//! Who may open a session, and what a session may do: every permission, alone, for everything that a client can ask for.

use std::sync::Arc;

use protocol::core::error_code::ErrorCode;
use protocol::core::identity::{ConsumerId, CorrelationId, RoutingType};
use protocol::core::packet::Packet;
use protocol::core::packet::consumer::CreateConsumer;
use protocol::core::packet::queue::{CreateQueueV2, DeleteQueue, GroupCount, QueueAttributes, QueueDefinition};
use protocol::core::packet::transaction::{Commit, Rollback};
use protocol::core::packet::{Direction, decode};
use protocol::core::version::Version;
use protocol::simple_string::SimpleString;
use ringmq::limits;
use ringmq::message::AddressMatch;
use ringmq::security::{Grant, Identity, Login, Permission, Policy, Verdict};

use crate::peer::{
    AUTOMATIC, How, TRANSACTED, What, consume, create_address, create_consumer, create_queue, create_session, frame,
    frames, log_in, send, summary,
};
use crate::reattach::WINDOWED;
use crate::rig::{Peer, Rig};

/// Everybody's password is his name; the name is the only role.
fn judge(login: &Login) -> Verdict {
    match (&login.user, &login.password) {
        (Some(user), Some(password)) if password.0 == *user => {
            Verdict::Known(Arc::new(Identity { name: user.clone(), roles: vec![user.clone()] }))
        }
        (user, _) => Verdict::Refused(format!("no {user:?}")),
    }
}

/// `root` may do everything, `u` these things, to the addresses of one match.
fn policy(addresses: &str, permissions: &[Permission]) -> Policy {
    let root = Permission::ALL.map(|(permission, _)| ("root".to_owned(), permission));
    let user = permissions.iter().map(|permission| ("u".to_owned(), *permission));
    let to = root.iter().cloned().chain(user).collect();
    Policy::new(vec![
        Grant { covers: AddressMatch::new(addresses), to },
        Grant { covers: AddressMatch::new("#"), to: root.to_vec() },
    ])
}

fn rig(cores: u16, seed: u64, addresses: &str, permissions: &[Permission]) -> Rig {
    let mut rig = Rig::new(cores, seed);
    rig.require_login(policy(addresses, permissions), judge);
    rig
}

/// `u` may do everything to this address.
pub(crate) fn allow(rig: &mut Rig, address: &str) {
    rig.require_login(policy(address, &Permission::ALL.map(|(permission, _)| permission)), judge);
}

pub(crate) fn session(rig: &mut Rig, core: usize, user: &str, how: How) -> Peer {
    let peer = rig.greet(core);
    let heard = told(rig, peer, &log_in(10, how, Some((user, user))));
    assert!(heard.contains(&Told::What(What::SessionOpen)), "{heard:?}");
    peer
}

/// What a client hears; of refusals the text.
#[derive(Clone, Debug, PartialEq)]
enum Told {
    Refused(i64, String),
    What(What),
}

fn told(rig: &mut Rig, peer: Peer, bytes: &[u8]) -> Vec<Told> {
    rig.receive(peer, bytes);
    rig.settle();
    heard(rig, peer)
}

fn heard(rig: &mut Rig, peer: Peer) -> Vec<Told> {
    let bytes = rig.take_heard(peer);
    let told = |body: &[u8]| match decode(body, Direction::ServerToClient, Version::NEWEST).unwrap().packet {
        Packet::Exception(exception) if exception.code == ErrorCode::SECURITY_EXCEPTION => {
            let text = exception.message.map(|text| text.to_string()).unwrap_or_default();
            Told::Refused(exception.correlation_id.map_or(-1, |id| id.0), text)
        }
        _ => Told::What(summary(body, Version::NEWEST).what),
    };
    frames(&bytes).map(told).collect()
}

fn no_permission(permission: &str, address: &str) -> String {
    format!("AMQ229032: User: u does not have permission='{permission}' on address {address}")
}

fn no_permission_for_queue(permission: &str, queue: &str, address: &str) -> String {
    format!("AMQ229213: User: u does not have permission='{permission}' for queue {queue} on address {address}")
}

fn volatile_queue(address: &str, name: &str, temporary: bool) -> Vec<u8> {
    let (address, name) = (SimpleString::from(address), SimpleString::from(name));
    let definition = QueueDefinition {
        address: address.as_simple(),
        name: name.as_simple(),
        filter: None,
        durable: false,
        temporary,
        requires_response: true,
        auto_created: false,
        routing_type: RoutingType::ANYCAST,
        max_consumers: -1,
        purge_on_no_consumers: false,
    };
    let create = CreateQueueV2 { definition, attributes: QueueAttributes::default(), groups: GroupCount::ALL };
    frame(10, &Packet::CreateQueueV2(create))
}

fn browse(queue: &str) -> Vec<u8> {
    let name = SimpleString::from(queue);
    let create = CreateConsumer {
        consumer_id: ConsumerId(1),
        queue_name: name.as_simple(),
        filter: None,
        browse_only: true,
        requires_response: true,
        priority: 0,
    };
    frame(10, &Packet::CreateConsumer(create))
}

fn delete_queue(name: &str) -> Vec<u8> {
    let name = SimpleString::from(name);
    frame(10, &Packet::DeleteQueue(DeleteQueue { name: name.as_simple() }))
}

/// What a client asks for: its name here, its bytes, and each permission that it takes, with the text of a refusal.
type Case = (&'static str, Vec<u8>, Vec<(Permission, String)>);

/// Everything that a client can ask for, with the permissions that it takes, in the order in which they are asked for, and the texts.
fn verbs() -> Vec<Case> {
    use Permission::*;
    let plain = |permission: Permission, address: &str| (permission, no_permission(&permission.shouted(), address));
    let queue = |permission: Permission, name: &str, address: &str| {
        (permission, no_permission_for_queue(&permission.shouted(), name, address))
    };
    vec![
        ("send", send(10, "a.old", "x", Some(5)), vec![plain(Send, "a.old")]),
        (
            "send to what is not there",
            send(10, "a.new", "x", Some(5)),
            vec![plain(Send, "a.new"), plain(CreateAddress, "a.new"), queue(CreateDurableQueue, "a.new", "a.new")],
        ),
        (
            "send to a queue that is not there",
            send(10, "a.new::q.new", "x", Some(5)),
            vec![plain(Send, "a.new"), plain(CreateAddress, "a.new"), queue(CreateDurableQueue, "q.new", "a.new")],
        ),
        ("consume", create_consumer(10, 1, "a.old", true), vec![queue(Consume, "a.old", "a.old")]),
        ("consume by the queue's name", create_consumer(10, 1, "q.old", true), vec![queue(Consume, "q.old", "a.old")]),
        ("consume by both names", create_consumer(10, 1, "a.old::q.old", true), vec![queue(Consume, "q.old", "a.old")]),
        ("browse", browse("q.old"), vec![queue(Browse, "q.old", "a.old")]),
        ("create an address", create_address(10, "a.new"), vec![plain(CreateAddress, "a.new")]),
        ("create an address again", create_address(10, "a.old"), vec![plain(CreateAddress, "a.old")]),
        (
            "create a durable queue",
            create_queue(10, "a.new", "q.new", RoutingType::ANYCAST),
            vec![queue(CreateDurableQueue, "q.new", "a.new"), plain(CreateAddress, "a.new")],
        ),
        (
            "create a durable queue at an address",
            create_queue(10, "a.old", "q.new", RoutingType::ANYCAST),
            vec![queue(CreateDurableQueue, "q.new", "a.old")],
        ),
        (
            "create a queue of this run",
            volatile_queue("a.old", "q.new", false),
            vec![queue(CreateNonDurableQueue, "q.new", "a.old")],
        ),
        (
            "create a temporary queue",
            volatile_queue("a.new", "q.new", true),
            vec![queue(CreateNonDurableQueue, "q.new", "a.new"), plain(CreateAddress, "a.new")],
        ),
        ("delete a durable queue", delete_queue("a.old"), vec![queue(DeleteDurableQueue, "a.old", "a.old")]),
        ("delete it by its name", delete_queue("q.old"), vec![queue(DeleteDurableQueue, "q.old", "a.old")]),
        ("delete a queue of this run", delete_queue("q.run"), vec![queue(DeleteNonDurableQueue, "q.run", "a.old")]),
    ]
}

/// A broker in which `root` has made an address with three queues.
fn prepared(seed: u64, cores: u16, permissions: &[Permission]) -> Rig {
    let mut rig = Rig::staying(cores, seed);
    rig.require_login(policy("a.#", permissions), judge);
    let root = session(&mut rig, 0, "root", AUTOMATIC);
    let made = [
        create_queue(10, "a.old", "a.old", RoutingType::ANYCAST),
        create_queue(10, "a.old", "q.old", RoutingType::MULTICAST),
        volatile_queue("a.old", "q.run", false),
    ];
    let heard = told(&mut rig, root, &made.concat());
    assert_eq!(heard, vec![Told::What(What::Null(-1)); 3]);
    rig.lose(root);
    rig.settle();
    rig
}

#[test]
fn every_verb_takes_its_permissions_and_no_other() {
    for cores in [1, 3] {
        for (what, bytes, needed) in verbs() {
            // With all that it takes it is done.
            let all: Vec<Permission> = needed.iter().map(|(permission, _)| *permission).collect();
            let mut rig = prepared(3, cores, &all);
            let user = session(&mut rig, usize::from(cores) - 1, "u", AUTOMATIC);
            let heard = told(&mut rig, user, &bytes);
            assert!(!heard.is_empty() && !heard.iter().any(is_refusal), "{what}, {cores} cores: {heard:?}");
            // Without one of them, though with all others there are, it is refused, and the texts name it.
            for (missing, text) in &needed {
                let others: Vec<Permission> =
                    Permission::ALL.into_iter().map(|(other, _)| other).filter(|other| other != missing).collect();
                let mut rig = prepared(4, cores, &others);
                let user = session(&mut rig, usize::from(cores) - 1, "u", AUTOMATIC);
                let before = rig.census();
                let heard = told(&mut rig, user, &bytes);
                let answer = if what.starts_with("send") { 5 } else { -1 };
                let expected = Told::Refused(answer, text.clone());
                assert_eq!(heard, [expected], "{what} without {missing:?}, {cores} cores");
                let mut after = rig.census();
                // The name of a temporary queue stays noted until its connection ends, whatever became of the queue.
                after.iter_mut().zip(&before).for_each(|(after, before)| after.temporary = before.temporary);
                assert_eq!(after, before, "{what} without {missing:?}, {cores} cores");
                // The session goes on.
                let heard = told(&mut rig, user, &frame(10, &Packet::Commit(Commit { correlation_id: None })));
                assert_eq!(heard, [Told::What(What::Null(-1))], "{what} without {missing:?}, {cores} cores");
            }
        }
    }
}

fn is_refusal(told: &Told) -> bool {
    matches!(told, Told::Refused(..) | Told::What(What::Exception(..)))
}

#[test]
fn the_management_address_takes_manage_and_send_is_not_enough() {
    for (permissions, may) in [(&[Permission::Manage][..], true), (&[Permission::Send], false)] {
        let mut rig = rig(2, 5, "activemq.#", permissions);
        let user = session(&mut rig, 1, "u", AUTOMATIC);
        let heard = told(&mut rig, user, &send(10, "activemq.management", "x", Some(5)));
        let refused = Told::Refused(5, no_permission("MANAGE", "activemq.management"));
        assert_eq!(heard, [if may { Told::What(What::Null(5)) } else { refused }]);
    }
}

#[test]
fn a_send_that_nobody_waits_for_vanishes() {
    let mut rig = prepared(6, 2, &[Permission::Consume]);
    let user = session(&mut rig, 1, "u", AUTOMATIC);
    assert_eq!(told(&mut rig, user, &send(10, "a.old", "x", None)), []);
    let heard = told(&mut rig, user, &consume(10, 1, "a.old"));
    assert!(heard.iter().all(|told| matches!(told, Told::What(What::Queue { messages: 0, .. }))), "{heard:?}");
    // The control: what is sent arrives.
    let root = session(&mut rig, 0, "root", AUTOMATIC);
    told(&mut rig, root, &send(10, "a.old", "y", None));
    let arrived = super::security::heard(&mut rig, user);
    assert!(matches!(&arrived[..], [Told::What(What::Delivery { text, .. })] if text == "y"), "{arrived:?}");
}

#[test]
fn a_commit_says_what_its_sends_may_not() {
    // Refused by the session, and by a home.
    for (permissions, address, text) in [
        (&[][..], "a.old", no_permission("SEND", "a.old")),
        (&[Permission::Send][..], "a.new", no_permission("CREATE_ADDRESS", "a.new")),
    ] {
        for cores in [1, 3] {
            let mut rig = prepared(7, cores, permissions);
            let user = session(&mut rig, usize::from(cores) - 1, "u", TRANSACTED);
            let commit = frame(10, &Packet::Commit(Commit { correlation_id: Some(CorrelationId(9)) }));
            let bytes = [send(10, address, "x", None), commit.clone()].concat();
            assert_eq!(told(&mut rig, user, &bytes), [Told::Refused(9, text.clone())], "{cores} cores");
            assert_eq!(told(&mut rig, user, &commit), [Told::What(What::Null(9))], "the next one is another one");
            let rollback = Rollback { consider_last_message_as_delivered: false };
            let bytes = [send(10, address, "x", None), frame(10, &Packet::Rollback(rollback))].concat();
            assert_eq!(told(&mut rig, user, &bytes), [Told::What(What::Null(-1))], "{cores} cores");
        }
    }
}

#[test]
fn a_queue_of_another_address_is_not_reached_by_its_name() {
    // `u` may do everything to addresses called as the queue, and nothing to the queue's own.
    let all = Permission::ALL.map(|(permission, _)| permission);
    for cores in [1, 3] {
        for seed in 0..20 {
            let mut rig = rig(cores, seed, "q.#", &all);
            let root = session(&mut rig, 0, "root", AUTOMATIC);
            let user = session(&mut rig, usize::from(cores) - 1, "u", AUTOMATIC);
            rig.receive(root, &create_queue(10, "secret", "q.secret", RoutingType::ANYCAST));
            // At every moment of its making, before all cores know where the queue is.
            for number in 0..40 {
                let bytes = [create_consumer(10, number, "q.secret", true), delete_queue("q.secret")].concat();
                rig.receive(user, &bytes);
                rig.go_on(1);
            }
            rig.settle();
            let opened = heard(&mut rig, user);
            let queue = |told: &Told| matches!(told, Told::What(What::Queue { .. } | What::Null(_)));
            assert!(opened.len() == 80 && !opened.iter().any(queue), "{cores} cores, seed {seed}: {opened:?}");
            let heard = told(&mut rig, root, &create_consumer(10, 1, "q.secret", true));
            assert!(heard.iter().any(queue), "the control: it is there, for those who may: {heard:?}");
        }
    }
}

#[test]
fn a_login_opens_its_own_session_and_no_other() {
    let mut rig = rig(2, 8, "#", &[]);
    let peer = rig.greet(1);
    let text = |user: &str| Told::Refused(-1, format!("no {:?}", Some(user)));
    assert_eq!(told(&mut rig, peer, &log_in(10, AUTOMATIC, Some(("root", "wrong"))))[1..], [text("root")]);
    // Right after wrong, and wrong after right, in one go: each has its own answer.
    let both = [
        log_in(10, AUTOMATIC, Some(("root", "root"))),
        log_in(11, AUTOMATIC, Some(("root", "wrong"))),
        send(11, "a", "x", Some(3)),
        send(10, "a", "x", Some(4)),
    ];
    let heard = told(&mut rig, peer, &both.concat());
    assert_eq!(heard, [Told::What(What::SessionOpen), text("root"), Told::What(What::Null(4))]);
}

#[test]
fn whoever_does_not_log_in_gets_no_session() {
    let mut rig = rig(1, 9, "#", &[]);
    let peer = rig.greet(0);
    let bytes = [create_session(10, AUTOMATIC), send(10, "a", "x", Some(3))].concat();
    assert_eq!(told(&mut rig, peer, &bytes)[1..], [Told::Refused(-1, "no None".to_owned())]);
    assert_eq!(rig.census()[0], ringmq::broker::Census { connections: 1, ..Default::default() });
}

#[test]
fn who_guesses_too_often_is_sent_away() {
    let mut rig = rig(1, 10, "#", &[]);
    let peer = rig.greet(0);
    for number in 0..limits::LOGIN_FAILURES_MAX {
        assert!(rig.closed.is_empty(), "after {number}");
        told(&mut rig, peer, &log_in(10, AUTOMATIC, Some(("root", "wrong"))));
    }
    assert_eq!(rig.closed, [peer]);
}

#[test]
fn a_login_waits_alone() {
    let mut rig = rig(1, 11, "#", &[]);
    let other = session(&mut rig, 0, "root", AUTOMATIC);
    rig.judge_rests = true;
    let waiting: Vec<Peer> = (0..40)
        .map(|_| {
            let peer = rig.greet(0);
            rig.receive(peer, &log_in(10, AUTOMATIC, Some(("root", "root"))));
            rig.receive(peer, &send(10, "a", "x", Some(3)));
            peer
        })
        .collect();
    rig.settle();
    assert_eq!(rig.logins(), limits::LOGINS_PER_CORE_MAX, "no more are looked into at the same time");
    assert_eq!(told(&mut rig, other, &send(10, "a", "x", Some(1))), [Told::What(What::Null(1))]);
    // Some of them do not wait for the answer, whether they are looked into or not.
    let (gone, rest) = waiting.split_at(20);
    gone.iter().for_each(|peer| rig.lose(*peer));
    rig.settle();
    assert_eq!(rig.logins(), limits::LOGINS_PER_CORE_MAX, "what was asked is still looked into");
    rig.judge_rests = false;
    rig.settle();
    for peer in rest {
        let heard = heard(&mut rig, *peer);
        assert_eq!(heard[1..], [Told::What(What::SessionOpen), Told::What(What::Null(3))], "{heard:?}");
    }
    assert_eq!(rig.logins(), 0);
}

#[test]
fn whoever_guesses_does_not_come_back_for_his_sessions() {
    let mut rig = rig(1, 12, "#", &[]);
    let peer = session(&mut rig, 0, "root", WINDOWED);
    for _ in 0..limits::LOGIN_FAILURES_MAX {
        told(&mut rig, peer, &log_in(11, AUTOMATIC, Some(("root", "wrong"))));
    }
    assert_eq!(rig.closed, [peer]);
    assert_eq!(rig.census()[0], ringmq::broker::Census::default());
    // The control: one that is lost waits.
    let peer = session(&mut rig, 0, "root", WINDOWED);
    rig.lose(peer);
    rig.settle();
    assert_eq!(rig.census()[0].sessions, 1);
}
