//! What each request asks for and what is made of the answers; a home is played by its answers.

use serde_json::{Value, json};

use super::*;
use crate::mail::{
    AddressDetail, AddressPage, DiskSpace, QueueDetail, QueuePage, QueueState, QueueUpdate, RoutingType,
};

const FACTS: Facts<'static> = Facts {
    node_id: "node",
    version: "1.2.3",
    started_unix_ms: 1_000,
    uptime_ms: 234,
    management_address: "activemq.management",
};

fn operation(resource: &str, name: &str, arguments: &Value) -> Step {
    let call = Call::operation(name, Some(&arguments.to_string())).unwrap();
    begin(Request { resource: resource.to_owned(), call }, &FACTS)
}

fn attribute(resource: &str, name: &str) -> Step {
    begin(Request { resource: resource.to_owned(), call: Call::Attribute(name.to_owned()) }, &FACTS)
}

fn done(step: Step) -> Outcome {
    match step {
        Step::Done(outcome) => outcome,
        other => panic!("not done: {other:?}"),
    }
}

/// Answers a question with these replies, one from each home.
fn answer(step: Step, replies: Vec<Result<Reply, Failure>>) -> Step {
    match step {
        Step::One(_, conversation) | Step::All(_, conversation) | Step::Disk(conversation) => {
            conversation.answered(replies)
        }
        Step::Done(outcome) => panic!("done already: {outcome:?}"),
    }
}

fn queue(name: &str, messages: i64) -> QueueDetail {
    let (name, address) = (name.to_owned(), name.to_owned());
    let state =
        QueueState { exists: true, name, address, messages, routing: 1, max_consumers: -1, ..QueueState::default() };
    QueueDetail { id: 7, state, delivering: 1, added: messages + 5, acknowledged: 5, removed: 0 }
}

fn queues(rows: Vec<QueueDetail>) -> Result<Reply, Failure> {
    Ok(Reply::Queues(Box::new(QueuePage { count: rows.len(), rows })))
}

fn addresses(names: &[&str]) -> Result<Reply, Failure> {
    let routing = RoutingTypes::only(RoutingType::Anycast);
    let queues = |name: &&str| vec![format!("{name}.1"), format!("{name}.2")];
    let address =
        |name: &&str| AddressDetail { name: (*name).to_owned(), routing, queues: queues(name), ..Default::default() };
    Ok(Reply::Addresses(Box::new(AddressPage { rows: names.iter().map(address).collect() })))
}

#[test]
fn what_the_broker_knows_is_told_at_once_under_each_of_its_names() {
    for step in
        [attribute("broker", "NodeID"), attribute("broker", "nodeID"), operation("broker", "getNodeID", &json!([]))]
    {
        assert_eq!(done(step), Ok(json!("node")));
    }
    assert_eq!(done(attribute("broker", "Started")), Ok(json!(true)));
    assert_eq!(done(operation("broker", "isStarted", &json!([]))), Ok(json!(true)));
    assert_eq!(done(operation("broker", "getCurrentTimeMillis", &json!([]))), Ok(json!(1_234)));
    assert_eq!(done(operation("broker", "listNetworkTopology", &json!([]))), Ok(json!("[]")));
}

#[test]
fn what_there_is_not_is_told_as_the_reference_tells_it() {
    let unknown = "AMQ229069: no operation nosuchop/0";
    assert_eq!(done(operation("broker", "nosuchop", &json!([]))), Err(unknown.to_owned()));
    assert_eq!(
        done(operation("broker", "createQueue", &json!([1]))),
        Err("AMQ229069: no operation createQueue/1".to_owned())
    );
    let attribute_problem = Err("Problem while retrieving attribute Nope".to_owned());
    assert_eq!(done(attribute("broker", "Nope")), attribute_problem);
    assert_eq!(done(attribute("bridge.x", "Nope")), attribute_problem);
    let missing = Err("AMQ229067: Cannot find resource with name queue.nope".to_owned());
    assert_eq!(done(answer(operation("queue.nope", "getMessageCount", &json!([])), vec![queues(vec![])])), missing);
    let problem = Err("Problem while retrieving attribute Paused".to_owned());
    assert_eq!(done(answer(attribute("queue.nope", "Paused"), vec![queues(vec![])])), problem);
    assert!(Call::operation("x", Some("{}")).is_err());
    assert!(Call::operation("x", Some("[1")).is_err());
    assert!(Call::operation("x", Some(&format!("[\"{}\"]", "x".repeat(70_000)))).is_err());
}

#[test]
fn the_list_of_queues_is_a_text_of_texts_sorted_and_paged_over_all_homes() {
    let list = |options: &str, page: i64, size: i64| {
        let step = operation("broker", "listQueues", &json!([options, page, size]));
        let replies = vec![queues(vec![queue("b", 2), queue("d", 4)]), queues(vec![queue("a", 1), queue("c", 3)])];
        let text = done(answer(step, replies)).unwrap();
        serde_json::from_str::<Value>(text.as_str().unwrap()).unwrap()
    };
    let names = |list: &Value| -> Vec<String> {
        list["data"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
    };
    let all = list("", 1, 50);
    assert_eq!(names(&all), ["a", "b", "c", "d"]);
    assert_eq!(all["count"], json!(4));
    for (key, value) in all["data"][0].as_object().unwrap() {
        assert!(value.is_string(), "{key} is {value}: the reference's command line crashes on it");
    }
    assert_eq!(all["data"][0]["messageCount"], json!("1"));
    assert_eq!(all["data"][0].as_object().unwrap().keys().next().unwrap(), "id");
    assert_eq!(names(&list(r#"{"field":"","operation":"","value":""}"#, 2, 3)), ["d"]);
    assert_eq!(names(&list(r#"{"sortField":"messageCount","sortOrder":"desc"}"#, 1, 2)), ["d", "c"]);
    let step =
        operation("broker", "listQueues", &json!([r#"{"field":"NAME","operation":"CONTAINS","value":"x"}"#, 1, 5]));
    let Step::All(Question::Queues(listing), _) = step else { panic!("{step:?}") };
    let filter = listing.filter.unwrap();
    assert!(filter.takes(&queue("axe", 0)) && !filter.takes(&queue("bee", 0)));
    assert!(done(operation("broker", "listQueues", &json!(["{", 1, 5]))).is_err());
    assert!(done(operation("broker", "listQueues", &json!([r#"{"sortField":"nope"}"#, 1, 5]))).is_err());
}

#[test]
fn a_queue_can_be_described_by_its_configuration() {
    let wanted = r#"{"name":"q","address":"a","routing-type":"ANYCAST","max-consumers":3,"auto-create-address":true}"#;
    let step = operation("broker", "createQueue", &json!([wanted]));
    let Step::One(Ask::CreateQueue(definition), conversation) = step else { panic!("{step:?}") };
    assert_eq!((&*definition.name, &*definition.address, definition.max_consumers), ("q", "a", 3));
    assert!(!definition.exists_is_fine);
    let step = conversation.answered(vec![Ok(Reply::Done)]);
    assert!(matches!(&step, Step::One(Ask::DescribeQueue { .. }, _)));
    let text = done(answer(step, vec![queues(vec![queue("q", 2)])])).unwrap();
    let told: Value = serde_json::from_str(text.as_str().unwrap()).unwrap();
    assert_eq!(
        (&told["name"], &told["routing-type"], &told["ring-size"]),
        (&json!("q"), &json!("ANYCAST"), &json!(-1))
    );
    let said = |text: &str| done(operation("broker", "createQueue", &json!([text, true])));
    let unserved = "queues with exclusive are not served by this version";
    assert_eq!(said(r#"{"name":"q","exclusive":true}"#), Err(unserved.to_owned()));
    assert_eq!(said("{}"), Err("the configuration of the queue names none".to_owned()));
    assert_eq!(said("[]"), Err("the configuration of the queue is no JSON object".to_owned()));
}

#[test]
fn those_who_consume_from_an_address_are_cut_off() {
    let step = || operation("broker", "closeConsumerConnectionsForAddress", &json!(["a"]));
    assert!(matches!(step(), Step::One(Ask::CloseConnections { address }, _) if address == "a"));
    assert_eq!(done(answer(step(), vec![Ok(Reply::Count(2))])), Ok(json!(true)));
    assert_eq!(done(answer(step(), vec![Ok(Reply::Count(0))])), Ok(json!(false)));
}

#[test]
fn a_queue_tells_its_properties() {
    for (name, value) in [
        ("MessageCount", json!(3)),
        ("messagesAdded", json!(8)),
        ("ConsumerCount", json!(0)),
        ("Paused", json!(false)),
        ("RoutingType", json!("ANYCAST")),
    ] {
        let step = answer(attribute("queue.q", name), vec![queues(vec![queue("q", 3)])]);
        assert_eq!(done(step), Ok(value), "{name}");
    }
}

#[test]
fn a_purge_goes_on_until_nothing_is_left() {
    let step = operation("queue.q", "removeAllMessages", &json!([]));
    let step = answer(step, vec![Ok(Reply::Count(4_096))]);
    let step = answer(step, vec![Ok(Reply::Count(10))]);
    assert_eq!(done(answer(step, vec![Ok(Reply::Count(0))])), Ok(json!(4_106)));
}

#[test]
fn queues_are_made_as_asked_and_told_as_the_reference_prints_them() {
    let arguments = |make_address: bool| json!(["a", "ANYCAST", "q", null, true, 5, false, make_address]);
    let step = operation("broker", "createQueue", &arguments(true));
    let Step::One(Ask::CreateQueue(definition), _) = &step else { panic!("{step:?}") };
    assert_eq!((&*definition.address, &*definition.name, definition.max_consumers), ("a", "q", 5));
    let text = "Queue [name=q, address=a, routingType=ANYCAST, durable=true, maxConsumers=5, purgeOnNoConsumers=false, \
                autoCreateAddress=false, exclusive=false, lastValue=false, lastValueKey=null, nonDestructive=false, \
                consumersBeforeDispatch=0, delayBeforeDispatch=-1, autoCreateAddress=false]";
    assert_eq!(done(answer(step, vec![Ok(Reply::Done)])), Ok(json!(text)));
    let step = answer(operation("broker", "createQueue", &arguments(false)), vec![addresses(&[])]);
    assert_eq!(done(step), Err("AMQ229203: Address Does Not Exist: a".to_owned()));
    let step = answer(operation("broker", "createQueue", &arguments(false)), vec![addresses(&["a"])]);
    assert!(matches!(step, Step::One(Ask::CreateQueue(_), _)));
}

#[test]
fn addresses_are_made_told_and_removed() {
    let step = operation("broker", "createAddress", &json!(["m", "ANYCAST,MULTICAST"]));
    let step = answer(answer(step, vec![addresses(&[])]), vec![Ok(Reply::Done)]);
    assert_eq!(done(step), Ok(json!("Address [name=m, routingTypes={MULTICAST,ANYCAST}, autoCreated=false]")));
    let step = answer(operation("broker", "createAddress", &json!(["m", "ANYCAST"])), vec![addresses(&["m"])]);
    assert_eq!(done(step), Err("AMQ229204: Address already exists: m".to_owned()));
    let step =
        answer(operation("broker", "listAddresses", &json!(["\n"])), vec![addresses(&["b", "C"]), addresses(&["a"])]);
    assert_eq!(done(step), Ok(json!("a\nb\nC")));
    // With force, its queues go first; the last one may take the address along.
    let mut step = answer(operation("broker", "deleteAddress", &json!(["m", true])), vec![addresses(&["m"])]);
    for name in ["m.2", "m.1"] {
        let Step::One(Ask::DeleteQueue { queue, force: true, .. }, _) = &step else { panic!("{step:?}") };
        assert_eq!(queue, name);
        step = answer(step, vec![Ok(Reply::Done)]);
    }
    assert!(matches!(&step, Step::One(Ask::DeleteAddress { .. }, _)));
    let gone = Failure::new(FailureKind::NoSuchAddress, "gone");
    assert_eq!(done(answer(step, vec![Err(gone)])), Ok(Value::Null));
}

#[test]
fn totals_are_summed_over_all_homes() {
    let one = Ok(Reply::Totals(Box::new(Totals { messages: 3, queues: 1, ..Totals::default() })));
    let other = Ok(Reply::Totals(Box::new(Totals { messages: 4, queues: 2, ..Totals::default() })));
    assert_eq!(done(answer(attribute("broker", "TotalMessageCount"), vec![one, other])), Ok(json!(7)));
}

#[test]
fn the_memory_is_that_of_all_homes_and_its_share_that_of_the_fullest() {
    let totals = |memory: i64| Totals { memory, memory_max: 200, memory_percent: memory / 2, ..Totals::default() };
    let told = |name: &str| {
        let replies = [30, 90].into_iter().map(|memory| Ok(Reply::Totals(Box::new(totals(memory))))).collect();
        done(answer(attribute("broker", name), replies))
    };
    assert_eq!(told("AddressMemoryUsage"), Ok(json!(120)));
    assert_eq!(told("GlobalMaxSize"), Ok(json!(400)));
    assert_eq!(told("AddressMemoryUsagePercentage"), Ok(json!(45)));
}

#[test]
fn the_disk_is_measured_when_somebody_asks() {
    let step = attribute("broker", "DiskStoreUsage");
    assert!(matches!(step, Step::Disk(_)), "{step:?}");
    let measured = Reply::Disk(DiskSpace { used: 3, total: 4 });
    assert_eq!(done(answer(step, vec![Ok(measured)])), Ok(json!(0.75)));
    let failed = Failure::new(FailureKind::Internal, "the disk cannot be measured");
    let step = answer(operation("broker", "getDiskStoreUsage", &json!([])), vec![Err(failed)]);
    assert_eq!(done(step), Err("the disk cannot be measured".to_owned()));
    assert_eq!(done(attribute("broker", "MaxDiskUsage")), Ok(json!(100)));
}

#[test]
fn a_queue_is_changed_by_every_form_and_told_as_it_is_then() {
    let asked = |arguments: Value| match operation("broker", "updateQueue", &arguments) {
        Step::One(Ask::UpdateQueue(update), _) => Ok(*update),
        other => Err(done(other)),
    };
    let update = |max_consumers, purge_on_no_consumers| QueueUpdate {
        name: "m".into(),
        routing: Some(RoutingType::Anycast),
        filter: None,
        max_consumers,
        purge_on_no_consumers,
    };
    assert_eq!(asked(json!(["m", "ANYCAST", 5, null])), Ok(update(Some(5), None)));
    assert_eq!(asked(json!(["m", "ANYCAST", null, true, false])), Ok(update(None, Some(true))));
    assert_eq!(asked(json!(["m", "ANYCAST", -1, null, null, null])), Ok(update(Some(-1), None)));
    let long = json!(["m", "ANYCAST", null, 7, null, false, null, -1, null, null, 0, -1, null, -1]);
    assert_eq!(asked(long), Ok(update(Some(7), None)));
    let text = json!({ "name": "m", "routing-type": "anycast", "max-consumers": "3" }).to_string();
    assert_eq!(asked(json!([text])), Ok(update(Some(3), None)));
    // What a queue here does not have is refused by its name.
    let refused = |arguments: Value| asked(arguments).unwrap_err().unwrap_err();
    assert_eq!(refused(json!(["m", null, null, null, true])), "exclusive of queue m cannot be true");
    assert_eq!(refused(json!(["m", null, -2, null])), "max-consumers of queue m cannot be -2");
    let ring = json!({ "name": "m", "ring-size": 10 }).to_string();
    assert_eq!(refused(json!([ring])), "ring-size of queue m cannot be 10");
    assert_eq!(refused(json!([json!({ "name": "m", "colour": 1 }).to_string()])), "colour of queue m cannot be 1");
    assert_eq!(refused(json!(["[]"])), "the queue is no JSON object");
    assert_eq!(refused(json!(["m", null])), "AMQ229069: no operation updateQueue/2");
    let step = answer(operation("broker", "updateQueue", &json!(["m", null, 5, null])), vec![Ok(Reply::Done)]);
    let Step::One(Ask::DescribeQueue { .. }, _) = &step else { panic!("{step:?}") };
    let mut changed = queue("m", 0);
    changed.state.max_consumers = 5;
    let page = QueuePage { count: 1, rows: vec![changed] };
    let told = done(answer(step, vec![Ok(Reply::Queues(Box::new(page)))])).unwrap();
    assert!(told.as_str().is_some_and(|text| text.contains(" maxConsumers=5, purgeOnNoConsumers=false")), "{told}");
}
