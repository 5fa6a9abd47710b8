//! Transactions over both cores of a broker: whatever their parts are, and however full the lanes.
//!
//! The broker has two journal lanes, so on a machine with two processors or more it has two cores; on a smaller one the same
//! must hold on one.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use protocol::core::identity::{ConsumerId, CorrelationId, MessageId, ProducerId, RoutingType};
use protocol::core::packet::Packet;
use protocol::core::packet::consumer::Acknowledge;
use protocol::core::packet::transfer::{Send, SendTrailer};
use protocol::message::MessageBuilder;

use crate::client::{Answer, Client};
use crate::folder::Folder;
use crate::harness::{Outcome, Verdict};
use crate::server::Server;

/// Names whose homes are not all on the same of two cores.
const QUEUES: [&str; 6] = ["red", "green", "blue", "white", "black", "grey"];

/// Who waits while others get so many answers is not served in turn. Served in turn, a commit saw some hundred.
const STARVED: u64 = 2_000;

/// Sends without asking for an answer.
fn tell_send(client: &mut Client, queue: &str, body: &[u8], durable: bool) -> Result<(), String> {
    let mut message = Vec::new();
    MessageBuilder::new(queue).bytes(body).durable(durable).routing_type(RoutingType::ANYCAST).write(&mut message);
    let silent =
        SendTrailer { requires_response: false, correlation_id: CorrelationId(0), producer_id: ProducerId::UNNAMED };
    client.tell(&Packet::Send(Send { message: &message, trailer: silent }))
}

fn committed(client: &mut Client, what: &str) -> Result<(), String> {
    match client.commit()? {
        Answer::Done => Ok(()),
        refused => Err(format!("{what}: {refused:?}")),
    }
}

/// Non-durable parts lie on any core, also on the one that would be asked first to decide.
pub(crate) fn parts_need_not_be_durable() -> Verdict {
    let folder = Folder::new("two-phase-parts")?;
    let server = Server::small(folder.path(), &[])?;
    let mut client = Client::transacted(server.port)?;
    let kinds = [(true, true), (true, false), (false, true), (false, false)];
    for first in QUEUES {
        for second in QUEUES {
            for (first_durable, second_durable) in kinds {
                tell_send(&mut client, first, b"first", first_durable)?;
                tell_send(&mut client, second, b"second", second_durable)?;
                committed(&mut client, &format!("{first} durable {first_durable}, {second} durable {second_durable}"))?;
            }
        }
    }
    server.kill()?;
    // Each queue is first and second in six pairs, and of four kinds two are durable in each place.
    let server = Server::small(folder.path(), &[])?;
    for queue in QUEUES {
        let mut client = Client::new(server.port)?;
        client.consume(queue)?;
        client.drain(2 * 2 * QUEUES.len())?;
        if client.take_now()?.is_some() {
            return Err(format!("{queue} has more messages than were durable"));
        }
    }
    server.terminate()?;
    Ok(Outcome::Passed)
}

/// While other clients fill the lanes, a commit waits for room; it is not refused, and it gets its turn. How long it waits is counted in
/// what the others got meanwhile: a slow machine is slow for them too.
pub(crate) fn commits_wait_for_room() -> Verdict {
    const COMMITS: usize = 60;
    const FLOODERS: usize = 3;
    let folder = Folder::new("two-phase-load")?;
    let server = Server::small(folder.path(), &[])?;
    let port = server.port;
    let (over, answers) = (&AtomicBool::new(false), &AtomicU64::new(0));
    let (done, floods) = std::thread::scope(|scope| {
        let floods: Vec<_> = (0..FLOODERS)
            .map(|flooder| scope.spawn(move || flood(port, flooder, answers, || over.load(Ordering::Relaxed))))
            .collect();
        let commits: Vec<_> =
            (0..2).map(|_| scope.spawn(move || commit_again_and_again(port, COMMITS, answers))).collect();
        let done: Result<Vec<()>, String> = commits.into_iter().map(joined).collect();
        over.store(true, Ordering::Relaxed);
        (done, floods.into_iter().map(joined).collect::<Result<Vec<()>, String>>())
    });
    done?;
    floods?;
    server.terminate()?;
    Ok(Outcome::Passed)
}

fn joined(thread: std::thread::ScopedJoinHandle<'_, Result<(), String>>) -> Result<(), String> {
    thread.join().map_err(|_| "a client panicked".to_owned())?
}

fn flood(port: u16, number: usize, answers: &AtomicU64, over: impl Fn() -> bool) -> Result<(), String> {
    const OPEN: usize = 40;
    let body = vec![7; 100_000];
    let mut client = Client::new(port)?;
    let mut open = 0;
    for queue in QUEUES.iter().cycle().skip(number) {
        let mut message = Vec::new();
        MessageBuilder::new(queue).bytes(&body).durable(true).routing_type(RoutingType::ANYCAST).write(&mut message);
        let trailer = client.trailer();
        client.tell(&Packet::Send(Send { message: &message, trailer }))?;
        open += 1;
        if open == OPEN {
            client.done("a send of the flood")?;
            answers.fetch_add(1, Ordering::Relaxed);
            open -= 1;
        }
        if over() {
            break;
        }
    }
    for _ in 0..open {
        client.done("a send of the flood")?;
    }
    Ok(())
}

fn commit_again_and_again(port: u16, times: usize, answers: &AtomicU64) -> Result<(), String> {
    let mut client = Client::transacted(port)?;
    let answered = || answers.load(Ordering::Relaxed);
    for _ in 0..times {
        for queue in QUEUES {
            tell_send(&mut client, queue, b"part", true)?;
        }
        let before = answered();
        committed(&mut client, "a commit over all queues")?;
        let others = answered() - before;
        if others > STARVED {
            return Err(format!("a commit got its answer only after {others} sends of others had theirs"));
        }
    }
    Ok(())
}

/// A commit that is refused gives back what was acknowledged in it, and nothing else: the client still holds the rest, and
/// sends no rollback.
pub(crate) fn a_refused_commit_takes_nothing_from_its_client() -> Verdict {
    let folder = Folder::new("two-phase-refused")?;
    let server = Server::small(folder.path(), &[])?;
    let mut producer = Client::new(server.port)?;
    let texts = ["one", "two", "three", "four"];
    for text in texts {
        producer.send("refused", text)?;
    }
    let mut client = Client::transacted(server.port)?;
    client.consume("refused")?;
    let held = [client.take()?, client.take()?, client.take()?, client.take()?];
    let [first, ..] = &held;
    acknowledge(&mut client, first.id)?;
    acknowledge(&mut client, MessageId(first.id.0 + 999_999))?;
    if matches!(client.commit()?, Answer::Done) {
        return Err("a commit with an acknowledgement of no message was taken".to_owned());
    }
    let again = client.take_now()?.ok_or("what was acknowledged did not come back")?;
    if (again.text.as_str(), again.deliveries) != ("one", 2) {
        return Err(format!("came back: {again:?}"));
    }
    if let Some(other) = client.take_now()? {
        return Err(format!("the client holds it already, and it came again: {other:?}"));
    }
    for message in held.iter().skip(1).chain([&again]) {
        acknowledge(&mut client, message.id)?;
    }
    committed(&mut client, "the next commit")?;
    let mut other = Client::new(server.port)?;
    other.consume("refused")?;
    if let Some(left) = other.take_now()? {
        return Err(format!("left after all was consumed: {left:?}"));
    }
    server.terminate()?;
    Ok(Outcome::Passed)
}

fn acknowledge(client: &mut Client, message_id: MessageId) -> Result<(), String> {
    let one = Acknowledge { consumer_id: ConsumerId(0), message_id, requires_response: false };
    client.tell(&Packet::IndividualAcknowledge(one))
}
