//! What this version does not serve: each request is answered by an exception that says so, and the session goes on.

use protocol::core::error_code::ErrorCode;
use protocol::core::identity::{CorrelationId, RoutingType};
use protocol::core::packet::Packet;
use protocol::core::packet::queue::{CreateSharedQueueV2, GroupCount, QueueAttributes, SharedQueueDefinition};
use protocol::core::packet::transfer::{SendContinuation, SendLarge, SendTrailer};
use protocol::message::{MessageBuilder, MessageView};
use protocol::simple_string::{SimpleStr, SimpleString};

use crate::client::{Answer, Client};
use crate::folder::Folder;
use crate::harness::{Outcome, Verdict};
use crate::server::Server;

/// Names whose homes are not all on the same of two cores.
const BOTH_CORES: [&str; 4] = ["alpha", "beta", "gamma", "delta"];

fn shared_queue(name: SimpleStr<'_>) -> Packet<'_> {
    let definition = SharedQueueDefinition {
        address: name,
        name,
        filter: None,
        durable: true,
        requires_response: true,
        routing_type: RoutingType::MULTICAST,
    };
    Packet::CreateSharedQueueV2(CreateSharedQueueV2 {
        definition,
        max_consumers: None,
        purge_on_no_consumers: None,
        attributes: QueueAttributes::default(),
        groups: GroupCount(0),
    })
}

pub(crate) fn what_is_not_served_is_refused_and_the_session_goes_on() -> Verdict {
    let folder = Folder::new("refusals")?;
    let server = Server::small(folder.path(), &[])?.expect_complaint("NT205");
    let mut client = Client::new(server.port)?;
    client.send("orders", "before")?;
    let other = SimpleString::from("topic");
    let requests = [("a shared subscription", shared_queue(other.as_simple()))];
    for (what, request) in &requests {
        client.tell(request)?;
        match client.answer(what)? {
            Answer::Refused { code: ErrorCode::NOT_IMPLEMENTED, text, .. } if text.contains("not served") => {}
            answer => return Err(format!("{what}: {answer:?}")),
        }
        client.send("orders", what).map_err(|error| format!("after {what}: {error}"))?;
    }
    // The control: the same request without what is not served.
    client.consume("orders")?;
    let texts = client.drain(1 + requests.len())?;
    server.terminate()?;
    let sent: Vec<&str> = [&["before"], requests.map(|(what, _)| what).as_slice()].concat();
    if texts == sent { Ok(Outcome::Passed) } else { Err(format!("sent {sent:?}, received {texts:?}")) }
}

/// Sends a message in three pieces and gives the answer to the last; nothing else may be answered.
fn send_large(client: &mut Client, queue: &str) -> Result<(CorrelationId, Answer), String> {
    let mut message = Vec::new();
    MessageBuilder::new(queue).text("a head").durable(true).routing_type(RoutingType::ANYCAST).write(&mut message);
    let view = MessageView::parse(&message).map_err(|error| error.to_string())?;
    // The head of a large message is an encoded message without its body's two length fields and its body.
    let (_, header) = message.split_at(message.len() - header_bytes(&view));
    client.tell(&Packet::SendLarge(SendLarge { header }))?;
    let silent = SendTrailer { requires_response: false, correlation_id: CorrelationId(0), ..client.trailer() };
    let chunk = vec![7; 100 << 10];
    for _ in 0..2 {
        client.tell(&Packet::SendContinuation(SendContinuation {
            chunk: &chunk,
            last_of_body_size: None,
            trailer: silent,
        }))?;
    }
    let trailer = client.trailer();
    let last = SendContinuation { chunk: &[7; 10], last_of_body_size: Some((200 << 10) + 10), trailer };
    client.tell(&Packet::SendContinuation(last))?;
    Ok((trailer.correlation_id, client.answer("the last piece of a large message")?))
}

/// What follows the body: headers and properties.
fn header_bytes(view: &MessageView<'_>) -> usize {
    view.encoded_size() - view.body().len() - 8
}

pub(crate) fn a_large_message_is_refused_at_its_last_piece() -> Verdict {
    let folder = Folder::new("large")?;
    let server = Server::small(folder.path(), &[])?.expect_complaint("NT205");
    let mut client = Client::new(server.port)?;
    let (asked, answer) = send_large(&mut client, "large")?;
    match answer {
        Answer::Refused { code: ErrorCode::NOT_IMPLEMENTED, correlation, .. } if correlation == Some(asked) => {}
        answer => return Err(format!("{asked:?} was answered by {answer:?}")),
    }
    client.send("large", "small enough")?;
    client.consume("large")?;
    let texts = client.drain(1)?;
    server.terminate()?;
    if texts == ["small enough"] { Ok(Outcome::Passed) } else { Err(format!("received {texts:?}")) }
}

/// The transaction is over queues of both cores, so that one core refuses and the other had agreed. A core that still thought
/// the transaction open could not write its index when the broker stops, and would say so.
pub(crate) fn a_refused_send_spoils_its_transaction() -> Verdict {
    let folder = Folder::new("spoilt")?;
    let server = Server::small(folder.path(), &[])?.expect_complaint("NT205");
    let mut client = Client::transacted(server.port)?;
    for queue in BOTH_CORES {
        client.send(queue, "beside the large one")?;
    }
    send_large(&mut client, BOTH_CORES[0])?;
    match client.commit()? {
        Answer::Refused { .. } => {}
        Answer::Done => return Err("a commit succeeded although one of its sends had been refused".to_owned()),
    }
    // The control: the next transaction of the same session is its own.
    for queue in BOTH_CORES {
        client.send(queue, "the next one")?;
    }
    if client.commit()? != Answer::Done {
        return Err("the transaction after a spoilt one cannot be committed".to_owned());
    }
    for queue in BOTH_CORES {
        let mut reader = Client::new(server.port)?;
        reader.consume(queue)?;
        let texts = reader.drain(1)?;
        if texts != ["the next one"] {
            return Err(format!("received {texts:?}"));
        }
    }
    server.terminate()?;
    Ok(Outcome::Passed)
}
