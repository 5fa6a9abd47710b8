//! `ringmq browser` against a running broker: what it shows of each kind of message, and that the queue stays as it is.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use protocol::core::identity::RoutingType;
use protocol::core::packet::Packet;
use protocol::core::packet::transfer::Send;
use protocol::message::{MessageBuilder, MessageKind, PropertyValue, UserId};

use crate::client::Client;
use crate::folder::Folder;
use crate::harness::{Outcome, Verdict};
use crate::process::{Ended, Process, text_of};
use crate::server::{BINARY, Server};

const WITHIN: Duration = Duration::from_secs(60);

fn browser(server: &Server, words: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command.arg("browser").args(words).args(["--url", &server.url()]);
    command
}

/// The lines that it shows; it must end with this code.
fn browse(server: &Server, words: &[&str], code: i32) -> Result<Vec<String>, String> {
    let ended: Ended = Process::start(&mut browser(server, words))?.end(WITHIN)?;
    if ended.status.code() == Some(code) {
        return Ok(ended.out().into_iter().map(str::to_owned).collect());
    }
    Err(format!("ringmq browser {words:?} ended with {}, not {code}\n{}", ended.status, text_of(&ended.lines)))
}

fn expect(server: &Server, words: &[&str], lines: &[&str]) -> Result<(), String> {
    let found = browse(server, words, 0)?;
    if found == lines { Ok(()) } else { Err(format!("ringmq browser {words:?}: {found:?} instead of {lines:?}")) }
}

/// Without the first word, which is the id.
fn without_ids(lines: &[String]) -> Vec<&str> {
    lines.iter().map(|line| line.split_once("  ").map_or(line.as_str(), |(_, rest)| rest)).collect()
}

fn send(client: &mut Client, message: &MessageBuilder) -> Result<(), String> {
    let mut encoded = Vec::new();
    message.clone().routing_type(RoutingType::ANYCAST).write(&mut encoded);
    let trailer = client.trailer();
    client.tell(&Packet::Send(Send { message: &encoded, trailer }))?;
    client.done("a send")
}

fn message() -> MessageBuilder {
    MessageBuilder::new("kinds").durable(true).timestamp_ms(1_234)
}

/// One of each kind, the last first because of its priority.
fn kinds() -> [MessageBuilder; 6] {
    [
        message().text("one\u{1b}[2J").user_id(UserId([7; 16])),
        message().bytes(&[0, 1, 2]).property("colour", PropertyValue::Int(5)),
        message().body(MessageKind::MAP, &[0]).durable(false),
        message().body(MessageKind::STREAM, &[3, 9]),
        message().null_text(),
        message().body(MessageKind::OBJECT, &[0, 0, 0, 1, 9]).priority(9).text_property("colour", "red"),
    ]
}

pub(crate) fn each_kind_is_shown() -> Verdict {
    let folder = Folder::new("browser-kinds")?;
    let server = Server::small(&folder.path().join("data"), &[])?;
    // There is no queue, and looking at it makes none.
    browse(&server, &["--destination", "kinds"], 6)?;
    browse(&server, &["--destination", "kinds"], 6)?;
    other(&server, &["queue", "create", "--name", "kinds"], 0)?;
    let mut client = Client::new(server.port)?;
    expect(&server, &["--destination", "kinds"], &["browsed: 0 messages"])?;
    expect(&server, &["--destination", "kinds", "--json"], &[])?;
    for message in kinds() {
        send(&mut client, &message)?;
    }
    let shown = browse(&server, &["--destination", "queue://kinds"], 0)?;
    let wanted = [
        "(object, 5 bytes)",
        "one [2J",
        "(bytes, 3 bytes)",
        "(map, 1 bytes)",
        "(stream, 2 bytes)",
        "(no text)",
        "browsed: 6 messages",
    ];
    if without_ids(&shown) != wanted {
        return Err(format!("{shown:?} instead of {wanted:?}"));
    }
    let json = browse(&server, &["--destination", "kinds", "--json", "--message-count", "3"], 0)?;
    let (common, at) =
        ("\"timestamp\":1234,\"expiration\":0,\"deliveries\":0", "\"address\":\"kinds\",\"durable\":true");
    let routing = "\"_AMQ_ROUTING_TYPE\":\"ANYCAST\"";
    let wanted = [
        format!(
            "\"userId\":null,{at},\"priority\":9,{common},\"properties\":{{\"colour\":\"red\",{routing}}},\
             \"type\":\"object\",\"bytes\":5}}"
        ),
        format!(
            "\"userId\":\"07070707-0707-0707-0707-070707070707\",{at},\"priority\":4,{common},\"properties\":{{{routing}}},\
             \"type\":\"text\",\"bytes\":19,\"text\":\"one\\u001b[2J\"}}"
        ),
        format!(
            "\"userId\":null,{at},\"priority\":4,{common},\"properties\":{{\"colour\":5,{routing}}},\
             \"type\":\"bytes\",\"bytes\":3}}"
        ),
    ];
    let without_id = |line: &String| line.split_once(',').map(|(_, rest)| rest.to_owned()).unwrap_or_default();
    if json.iter().map(without_id).ne(wanted.iter().cloned()) {
        return Err(format!("{json:#?} instead of {wanted:#?}"));
    }
    let whole = browse(&server, &["--destination", "kinds", "--verbose", "--filter", "colour='red'"], 0)?.join("\n");
    for part in
        ["\n  timestamp    1970-01-01T00:00:01.234Z", "\n  property     colour=red", "\n  object       (object, 5"]
    {
        if !whole.contains(part) {
            return Err(format!("no `{part}` in\n{whole}"));
        }
    }
    server.terminate()?;
    Ok(Outcome::Passed)
}

/// More than a window holds (1 MiB), and more than a turn of the broker's home looks at for a filter.
const MANY: u64 = 3_000;
const LARGE: &str =
    "producer --destination many --text-size 2000 --message-count 1500 --threads 2 --commit-interval 500";

pub(crate) fn a_long_queue_is_shown_whole_and_stays() -> Verdict {
    let folder = Folder::new("browser-many")?;
    let server = Server::small(&folder.path().join("data"), &[])?;
    let mut producer = Command::new(BINARY);
    let sent = Process::start(producer.args(LARGE.split(' ')).args(["--url", &server.url()]))?.end(WITHIN)?;
    if !sent.status.success() {
        return Err(format!("the producer ended with {}\n{}", sent.status, text_of(&sent.lines)));
    }
    let mut client = Client::new(server.port)?;
    send(&mut client, &MessageBuilder::new("many").text("needle").property("n", PropertyValue::Int(1)).durable(true))?;
    // Twice: the first has taken nothing.
    for _ in 0..2 {
        let shown = browse(&server, &["--destination", "many"], 0)?;
        let mut ids: Vec<&str> = shown.iter().filter_map(|line| Some(line.split_once("  ")?.0)).collect();
        ids.sort_unstable();
        ids.dedup();
        if ids.len() != 3_001 || shown.last().is_none_or(|line| line != "browsed: 3001 messages") {
            return Err(format!("{} messages, then {:?}", ids.len(), shown.last()));
        }
    }
    let found = browse(&server, &["--destination", "many", "--filter", "n = 1"], 0)?;
    if without_ids(&found) != ["needle", "browsed: 1 messages"] {
        return Err(format!("the needle: {found:?}"));
    }
    let none = browse(&server, &["--destination", "many", "--filter", "n = 2", "--json"], 0)?;
    let some = browse(&server, &["--destination", "many", "--message-count", "7"], 0)?;
    if !none.is_empty() || some.len() != 8 {
        return Err(format!("{} messages match nothing, and {} lines are seven messages", none.len(), some.len()));
    }
    // Not a filter; the queue of another address.
    browse(&server, &["--destination", "many", "--filter", "n ="], 2)?;
    browse(&server, &["--destination", "other::many"], 7)?;
    browse(&server, &["--destination", "many::other"], 6)?;
    the_reader_goes_away(&server)?;
    filters_of_the_other_commands(&server)?;
    let left = left(&server)?;
    server.terminate()?;
    if left == MANY { Ok(Outcome::Passed) } else { Err(format!("{left} messages were left, not {MANY}")) }
}

/// `ringmq browser | head -1`.
fn the_reader_goes_away(server: &Server) -> Result<(), String> {
    let mut command = browser(server, &["--destination", "many"]);
    let spawned = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = spawned.map_err(|error| error.to_string())?;
    let mut line = String::new();
    let read = child.stdout.take().map(|out| BufReader::new(out).read_line(&mut line));
    let ended = child.wait_with_output().map_err(|error| error.to_string())?;
    if matches!(read, Some(Ok(_))) && line.contains("  ") && ended.status.success() && ended.stderr.is_empty() {
        return Ok(());
    }
    Err(format!("a reader that went away: {}, `{line}`, {}", ended.status, String::from_utf8_lossy(&ended.stderr)))
}

fn other(server: &Server, words: &[&str], code: i32) -> Result<Vec<String>, String> {
    let ended = Process::start(Command::new(BINARY).args(words).args(["--url", &server.url()]))?.end(WITHIN)?;
    if ended.status.code() == Some(code) {
        return Ok(ended.out().into_iter().map(str::to_owned).collect());
    }
    Err(format!("ringmq {words:?} ended with {}, not {code}\n{}", ended.status, text_of(&ended.lines)))
}

/// `--filter` of the consumer, and of a queue that is created.
fn filters_of_the_other_commands(server: &Server) -> Result<(), String> {
    let consume = ["consumer", "--destination", "many", "--verbose", "--message-count", "1", "--filter"];
    other(server, &[&consume[..], &["n ="]].concat(), 2)?;
    let taken = other(server, &[&consume[..], &["n = 1"]].concat(), 0)?;
    if !taken.iter().any(|line| line.ends_with(" Received needle")) {
        return Err(format!("a consumer with a filter: {taken:?}"));
    }
    let create = ["queue", "create", "--address", "picky", "--name"];
    other(server, &[&create[..], &["reds", "--filter", "colour ="]].concat(), 2)?;
    other(server, &[&create[..], &["reds", "--filter", "colour = 'red'"]].concat(), 0)?;
    let mut client = Client::new(server.port)?;
    for colour in ["red", "blue"] {
        send(&mut client, &MessageBuilder::new("picky").text(colour).text_property("colour", colour))?;
    }
    let reds = browse(server, &["--destination", "picky::reds"], 0)?;
    if without_ids(&reds) == ["red", "browsed: 1 messages"] {
        return Ok(());
    }
    Err(format!("a queue with a filter has {reds:?}"))
}

/// The messages in the long queue.
fn left(server: &Server) -> Result<u64, String> {
    let stat = other(server, &["queue", "stat", "--queue-name", "many", "--json"], 0)?.join("");
    let left = stat.split_once("\"messages\":").and_then(|(_, rest)| rest.split(',').next()?.parse().ok());
    left.ok_or(format!("no count in {stat}"))
}
