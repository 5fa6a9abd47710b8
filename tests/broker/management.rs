//! Requests to the management address: carried out on whichever core the thing lives, answered to whatever queue the client names,
//! before the send itself is answered.

use protocol::core::identity::{CorrelationId, ProducerId, RoutingType};
use protocol::core::packet::Packet;
use protocol::core::packet::transfer::{Send, SendTrailer};
use protocol::message::{MessageBuilder, MessageKind, MessageView};
use ringmq::broker::Census;
use ringmq::limits::HomeBounds;

use crate::peer::{AUTOMATIC, How, TRANSACTED, What, consume, create_queue, frame, send};
use crate::rig::{Peer, Rig};

pub(crate) const ANSWERS: &str = "answers";

/// What is asked.
#[derive(Clone, Copy)]
pub(crate) enum Wanted<'a> {
    Operation(&'a str, &'a str),
    Attribute(&'a str),
}

pub(crate) fn request(resource: &str, wanted: Wanted<'_>, reply_to: Option<&str>, answer: Option<i64>) -> Vec<u8> {
    let mut builder = MessageBuilder::new("activemq.management").text_property("_AMQ_ResourceName", resource);
    if let Some(reply_to) = reply_to {
        builder = builder.text_property("JMSReplyTo", reply_to);
    }
    builder = match wanted {
        Wanted::Operation(name, arguments) => {
            let mut body = Vec::new();
            MessageBuilder::new("").text(arguments).write(&mut body);
            let body = MessageView::parse(&body).unwrap().body().to_vec();
            builder.text_property("_AMQ_OperationName", name).body(MessageKind::PLAIN, &body)
        }
        Wanted::Attribute(name) => builder.text_property("_AMQ_Attribute", name),
    };
    let mut message = Vec::new();
    builder.write(&mut message);
    let trailer = SendTrailer {
        requires_response: answer.is_some(),
        correlation_id: CorrelationId(answer.unwrap_or(0)),
        producer_id: ProducerId::UNNAMED,
    };
    frame(10, &Packet::Send(Send { message: &message, trailer }))
}

/// A client that hears the answers.
fn keeper(rig: &mut Rig, how: How) -> Peer {
    let peer = rig.session(0, how);
    rig.receive(peer, &create_queue(10, ANSWERS, ANSWERS, RoutingType::ANYCAST));
    rig.receive(peer, &consume(10, 1, ANSWERS));
    rig.settle();
    rig.hear(peer);
    peer
}

/// Asks, and gives the result, which must come before the answer to the send.
fn ask(rig: &mut Rig, peer: Peer, resource: &str, wanted: Wanted<'_>) -> String {
    rig.receive(peer, &request(resource, wanted, Some(ANSWERS), Some(-5)));
    rig.settle();
    let heard: Vec<What> = rig.hear(peer).into_iter().map(|heard| heard.what).collect();
    match heard.as_slice() {
        [What::Delivery { text, .. }, What::Null(-5)] => text.clone(),
        other => panic!("{other:?}"),
    }
}

fn message_count(rig: &mut Rig, peer: Peer, queue: &str) -> String {
    ask(rig, peer, &format!("queue.{queue}"), Wanted::Attribute("MessageCount"))
}

#[test]
fn a_queue_is_made_filled_listed_emptied_and_removed_wherever_it_lives() {
    for (cores, home) in [(1, 0), (3, 0), (3, 1), (3, 2)] {
        let mut rig = Rig::new(cores, 7);
        let queue = rig.address_on(home);
        let peer = keeper(&mut rig, AUTOMATIC);
        let create = format!(r#"["{queue}","ANYCAST","{queue}",null,true,-1,false,true]"#);
        let text = ask(&mut rig, peer, "broker", Wanted::Operation("createQueue", &create));
        assert!(text.starts_with(&format!("[\"Queue [name={queue}, address={queue}, routingType=ANYCAST")), "{text}");
        let twice = ask(&mut rig, peer, "broker", Wanted::Operation("createQueue", &create));
        assert_eq!(twice, format!("[\"AMQ229019: Queue {queue} already exists on address {queue}\"]"));

        for number in 1..=3 {
            rig.receive(peer, &send(10, &queue, "x", Some(number)));
        }
        rig.settle();
        rig.hear(peer);
        assert_eq!(message_count(&mut rig, peer, &queue), "[3]");
        let list = ask(&mut rig, peer, "broker", Wanted::Operation("listQueues", r#"["",1,50]"#));
        let list: serde_json::Value = serde_json::from_str(&list).unwrap();
        let list: serde_json::Value = serde_json::from_str(list[0].as_str().unwrap()).unwrap();
        assert_eq!(list["count"], 2);
        let row = list["data"].as_array().unwrap().iter().find(|row| row["name"] == queue.as_str()).unwrap();
        assert_eq!((&row["messageCount"], &row["messagesAdded"]), (&"3".into(), &"3".into()));

        let gone = ask(&mut rig, peer, &format!("queue.{queue}"), Wanted::Operation("removeAllMessages", "[]"));
        assert_eq!(gone, "[3]");
        assert_eq!(message_count(&mut rig, peer, &queue), "[0]");
        // Nobody has acknowledged them.
        for (attribute, value) in [("MessagesKilled", "[3]"), ("MessagesAcknowledged", "[0]")] {
            assert_eq!(ask(&mut rig, peer, &format!("queue.{queue}"), Wanted::Attribute(attribute)), value);
        }

        // A queue with a consumer goes only by force, and the consumer is told.
        rig.receive(peer, &consume(10, 2, &queue));
        rig.settle();
        rig.hear(peer);
        let kept = ask(&mut rig, peer, "broker", Wanted::Operation("destroyQueue", &format!("[\"{queue}\"]")));
        assert!(kept.contains("AMQ229025"), "{kept}");
        let by_force = Wanted::Operation("destroyQueue", &format!("[\"{queue}\",true,true]")).owned();
        rig.receive(peer, &request("broker", by_force.borrowed(), Some(ANSWERS), Some(-6)));
        rig.settle();
        let heard: Vec<What> = rig.hear(peer).into_iter().map(|heard| heard.what).collect();
        assert!(heard.contains(&What::Null(-6)), "{heard:?}");
        assert!(
            heard.iter().any(|what| matches!(what, What::Other(name) if name.contains("DISCONNECT_CONSUMER"))),
            "{heard:?}"
        );
        let missing = message_count(&mut rig, peer, &queue);
        assert_eq!(missing, "[\"Problem while retrieving attribute MessageCount\"]");

        rig.lose(peer);
        rig.settle();
        assert_eq!(rig.census(), vec![Census::default(); usize::from(cores)]);
    }
}

/// The same, owning its arguments.
struct OwnedWanted(String, String);

impl Wanted<'_> {
    fn owned(self) -> OwnedWanted {
        match self {
            Self::Operation(name, arguments) => OwnedWanted(name.to_owned(), arguments.to_owned()),
            Self::Attribute(name) => OwnedWanted(name.to_owned(), String::new()),
        }
    }
}

impl OwnedWanted {
    fn borrowed(&self) -> Wanted<'_> {
        Wanted::Operation(&self.0, &self.1)
    }
}

#[test]
fn a_result_is_heard_only_when_what_it_tells_of_is_promised() {
    for home in [0, 1] {
        let mut rig = Rig::new(2, 3);
        let queue = rig.address_on(home);
        let peer = keeper(&mut rig, AUTOMATIC);
        rig.disk_stands = true;
        let create = format!(r#"["{queue}","ANYCAST","{queue}",null,true,-1,false,true]"#);
        rig.receive(peer, &request("broker", Wanted::Operation("createQueue", &create), Some(ANSWERS), Some(-5)));
        rig.settle();
        assert_eq!(rig.hear(peer), []);
        rig.disk_stands = false;
        rig.settle();
        assert_eq!(rig.hear(peer).len(), 2);
    }
}

#[test]
fn a_transacted_session_hears_its_answer_without_a_commit() {
    let mut rig = Rig::new(2, 1);
    let peer = keeper(&mut rig, TRANSACTED);
    assert_eq!(ask(&mut rig, peer, "broker", Wanted::Attribute("NodeID")), "[\"rig\"]");
}

#[test]
fn nobody_has_to_want_the_result() {
    let mut rig = Rig::new(2, 1);
    let peer = keeper(&mut rig, AUTOMATIC);
    for reply_to in [None, Some("nobody"), Some("queue://nobody")] {
        for answer in [None, Some(-9)] {
            rig.receive(peer, &request("broker", Wanted::Operation("getQueueNames", "[]"), reply_to, answer));
            rig.settle();
            let heard: Vec<What> = rig.hear(peer).into_iter().map(|heard| heard.what).collect();
            assert_eq!(heard, answer.map(What::Null).into_iter().collect::<Vec<_>>());
        }
    }
    // Nothing was made for the answers.
    assert_eq!(ask(&mut rig, peer, "broker", Wanted::Operation("getQueueNames", "[]")), "[[\"answers\"]]");
}

#[test]
fn sessions_may_end_at_any_moment_of_a_request() {
    for events in 0..40 {
        let mut rig = Rig::new(3, events);
        let peer = keeper(&mut rig, AUTOMATIC);
        let other = keeper_without_queue(&mut rig);
        for wanted in [
            Wanted::Operation("listQueues", r#"["",1,5]"#),
            Wanted::Operation("createQueue", r#"["a","ANYCAST","b",null,true,-1,false,true]"#),
            Wanted::Attribute("TotalMessageCount"),
        ] {
            rig.receive(other, &request("broker", wanted, Some(ANSWERS), None));
        }
        if events % 2 == 0 {
            rig.receive(other, &frame(10, &Packet::SessionClose));
        }
        rig.go_on(events);
        rig.lose(other);
        rig.settle();
        rig.lose(peer);
        rig.settle();
        assert_eq!(rig.census(), vec![Census::default(); 3], "after {events} events");
    }
}

fn keeper_without_queue(rig: &mut Rig) -> Peer {
    let peer = rig.session(1, AUTOMATIC);
    rig.settle();
    rig.hear(peer);
    peer
}

#[test]
fn the_memory_of_non_durable_messages_is_told() {
    let mut rig = Rig::new(2, 7);
    for core in 0..2 {
        rig.set_bounds(core, HomeBounds { volatile_bytes: 1_000_000, ..HomeBounds::default() });
    }
    let (peer, queue) = (keeper(&mut rig, AUTOMATIC), rig.address_on(1));
    let told = |rig: &mut Rig, name: &str| ask(rig, peer, "broker", Wanted::Attribute(name));
    assert_eq!(told(&mut rig, "AddressMemoryUsagePercentage"), "[0]");
    rig.receive(peer, &create_queue(10, &queue, &queue, RoutingType::ANYCAST));
    let mut message = Vec::new();
    MessageBuilder::new(&queue).bytes(&[7; 200_000]).routing_type(RoutingType::ANYCAST).write(&mut message);
    let trailer =
        SendTrailer { requires_response: false, correlation_id: CorrelationId(0), producer_id: ProducerId::UNNAMED };
    rig.receive(peer, &frame(10, &Packet::Send(Send { message: &message, trailer })));
    rig.settle();
    rig.hear(peer);
    // The answers lie in memory too, until they are acknowledged.
    let usage = |text: String| text.trim_matches(['[', ']']).parse::<usize>().unwrap();
    let used = usage(told(&mut rig, "AddressMemoryUsage"));
    assert!((message.len()..message.len() + 2_000).contains(&used), "{used}");
    assert_eq!(told(&mut rig, "GlobalMaxSize"), "[2000000]");
    assert_eq!(told(&mut rig, "AddressMemoryUsagePercentage"), "[20]");
    assert_eq!(ask(&mut rig, peer, &format!("queue.{queue}"), Wanted::Operation("removeAllMessages", "[]")), "[1]");
    assert!(usage(told(&mut rig, "AddressMemoryUsage")) < 2_000);
}

#[test]
fn the_disk_is_measured_once_for_all_who_ask_meanwhile() {
    let mut rig = Rig::new(2, 7);
    let peer = keeper(&mut rig, AUTOMATIC);
    let usage = Wanted::Attribute("DiskStoreUsage");
    assert_eq!((ask(&mut rig, peer, "broker", usage), rig.measurements), ("[0.25]".to_owned(), 1));
    rig.measures_rest = true;
    let gone = rig.session(0, AUTOMATIC);
    rig.receive(gone, &request("broker", usage, Some(ANSWERS), Some(-5)));
    rig.receive(peer, &request("broker", usage, Some(ANSWERS), Some(-6)));
    rig.settle();
    assert!(rig.hear(peer).is_empty() && rig.measurements == 2, "{}", rig.measurements);
    // Who asked first goes; who asks now waits for the same measurement.
    rig.lose(gone);
    rig.receive(peer, &request("broker", usage, Some(ANSWERS), Some(-7)));
    rig.settle();
    assert!(rig.hear(peer).is_empty() && rig.measurements == 2, "{}", rig.measurements);
    rig.disk_measured(0, Err("no disk".to_owned()));
    rig.settle();
    let heard: Vec<What> = rig.hear(peer).into_iter().map(|heard| heard.what).collect();
    let results = heard.iter().filter(|what| matches!(what, What::Delivery { text, .. } if text == "[\"no disk\"]"));
    assert_eq!((results.count(), heard.len()), (2, 4), "{heard:?}");
    rig.measures_rest = false;
    assert_eq!(ask(&mut rig, peer, "broker", usage), "[0.25]");
}

#[test]
fn too_many_requests_at_once_are_told_so() {
    let mut rig = Rig::new(2, 1);
    let peer = keeper(&mut rig, AUTOMATIC);
    // Letters to the other core do not pass while the disk stands: all of these wait.
    rig.disk_stands = true;
    let create = |number: usize| format!(r#"["q{number}","ANYCAST","q{number}",null,true,-1,false,true]"#);
    let count = ringmq::limits::MANAGEMENT_CALLS_MAX + 10;
    for number in 0..count {
        rig.receive(peer, &request("broker", Wanted::Operation("createQueue", &create(number)), Some(ANSWERS), None));
    }
    rig.settle();
    rig.disk_stands = false;
    rig.settle();
    let heard = rig.hear(peer);
    let text = |heard: &crate::peer::Heard| match &heard.what {
        What::Delivery { text, .. } => text.clone(),
        other => panic!("{other:?}"),
    };
    let refused = heard.iter().map(text).filter(|text| text.contains("too many requests")).count();
    assert_eq!((heard.len(), refused), (count, 10));
}
