//! Passwords are seen nowhere: in no log, no list of processes, no output, no file of the store.
//!
//! Clients log in with a canary, in every way in which a password can be given, and everything that anybody could read is
//! searched for it. Each search must find a harmless word that is there beside it, or it could not have found the canary either.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::folder::Folder;
use crate::harness::{Outcome, Verdict};
use crate::process::{Process, Stream, text_of};
use crate::server::{BINARY, Server};
use crate::users;
use crate::wire::SOON;

const CANARY: &str = "c4n4ry-9f2e-s3cr3t";
/// The client id of every client, and what its message says.
const MARKER: &str = "marker-7b1d";
const MESSAGES: Duration = Duration::from_secs(60);

/// The ways to give a password.
#[derive(Clone, Copy, Debug)]
enum Way {
    Option,
    Joined,
    Url,
    Variable,
}

/// A client's command that logs in with the canary.
fn client(verb: &str, url: &str, way: Way) -> Command {
    let mut command = Command::new(BINARY);
    command.args([verb, "--clientID", MARKER, "--message-count", "1", "--destination", MARKER]);
    match way {
        Way::Option => command.args(["--url", url, "--user", "somebody", "--password", CANARY]),
        Way::Joined => command.arg(format!("--url={url}")).args(["--user=somebody", &format!("--password={CANARY}")]),
        Way::Url => command.arg("--url").arg(format!("{url}?user=somebody&password={CANARY}")),
        Way::Variable => command.args(["--url", url, "--user", "somebody"]).env("RINGMQ_PASSWORD", CANARY),
    };
    command
}

/// The canary must not be in it, and the marker must.
fn searched(what: &str, text: &str) -> Result<(), String> {
    match (text.contains(CANARY), text.contains(MARKER)) {
        (true, _) => Err(format!("{what} shows the password: {text}")),
        (false, false) => Err(format!("{what} was not read: `{MARKER}` is not in it: {text}")),
        (false, true) => Ok(()),
    }
}

fn arguments_of(pid: u32) -> Result<String, String> {
    let path = format!("/proc/{pid}/cmdline");
    std::fs::read(&path)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .map_err(|error| format!("{path}: {error}"))
}

pub(crate) fn passwords_are_seen_nowhere() -> Verdict {
    for with_users in [false, true] {
        seen_nowhere(with_users).map_err(|what| format!("users: {with_users}: {what}"))?;
    }
    Ok(Outcome::Passed)
}

/// Where there are users, the password is checked; a wrong login has it too, and a name.
fn seen_nowhere(with_users: bool) -> Result<(), String> {
    let folder = Folder::new("secrets")?;
    let data = folder.path().join("data");
    if with_users {
        users::add(&data, "somebody", CANARY)?;
    }
    let server = Server::small(&data, &["--set", "log-level=trace"])?.expect_complaint("NT209");
    searched_broker(&server)?;
    if with_users {
        let mut wrong = Command::new(BINARY);
        wrong.args(["producer", "--url", &server.url(), "--user", MARKER, "--message-count", "1"]);
        let ended = Process::start(wrong.env("RINGMQ_PASSWORD", CANARY))?.end(MESSAGES)?;
        searched("a refusal", &text_of(&ended.lines))?;
    }
    for way in [Way::Option, Way::Joined, Way::Url, Way::Variable] {
        one_message(&server, way).map_err(|what| format!("{way:?}: {what}"))?;
    }
    let mut stat = Command::new(BINARY);
    stat.args(["queue", "stat", "--json", "--user", "somebody", "--url", &server.url()]);
    let ended = Process::start(stat.env("RINGMQ_PASSWORD", CANARY))?.end(MESSAGES)?;
    searched("an answer of the management address", &text_of(&ended.lines))?;
    server.signal(Signal::SIGTERM)?;
    let log = text_of(&server.ended()?.lines);
    if log.contains(CANARY) {
        return Err(format!("the broker's log shows the password:\n{log}"));
    }
    if !(log.contains("INFO") || log.contains("info")) {
        return Err(format!("the log was not read:\n{log}"));
    }
    if with_users && !log.contains(MARKER) {
        return Err(format!("a refused login is not in the log:\n{log}"));
    }
    store(&data)
}

/// The broker's own arguments.
fn searched_broker(server: &Server) -> Result<(), String> {
    let arguments = arguments_of(server.pid())?;
    if arguments.contains(CANARY) || !arguments.contains("log-level=trace") {
        return Err(format!("the broker's arguments: {arguments}"));
    }
    Ok(())
}

/// A consumer waits while its arguments are read, then a producer sends what it waits for.
fn one_message(server: &Server, way: Way) -> Result<(), String> {
    let consumer = Process::start(client("consumer", &server.url(), way).arg("--verbose"))?;
    consumer.line(|line| line.contains("wait until"), "its session", SOON)?;
    searched("its list of arguments", &arguments_of(consumer.pid())?)?;
    let producer = Process::start(client("producer", &server.url(), way).args(["--message", MARKER, "--verbose"]))?;
    for ended in [producer.end(MESSAGES)?, consumer.end(MESSAGES)?] {
        if !ended.status.success() {
            return Err(format!("a client ended with {}\n{}", ended.status, text_of(&ended.lines)));
        }
        searched("a client's output", &text_of(&ended.lines))?;
        let warned = ended.lines.iter().any(|(from, line)| *from == Stream::Err && line.contains("RINGMQ_PASSWORD"));
        if warned == matches!(way, Way::Variable) {
            return Err(format!("a warning was {}due\n{}", if warned { "not " } else { "" }, text_of(&ended.lines)));
        }
    }
    Ok(())
}

/// Every file of the store. A text lies in a message with two bytes a character.
fn store(data: &Path) -> Result<(), String> {
    let (mut folders, mut all) = (vec![data.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
        for entry in std::fs::read_dir(&folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.is_dir() { folders.push(path) } else { all.push(std::fs::read(&path).map_err(failed)?) }
        }
    }
    let has = |word: &str| {
        let wide = |big: bool| word.bytes().flat_map(|byte| if big { [0, byte] } else { [byte, 0] }).collect();
        let forms: [Vec<u8>; 3] = [word.as_bytes().to_vec(), wide(true), wide(false)];
        forms.iter().any(|form| all.iter().any(|file| file.windows(form.len()).any(|window| window == form.as_slice())))
    };
    match (has(CANARY), has(MARKER)) {
        (true, _) => Err("the store has the password".to_owned()),
        (false, false) => Err(format!("the store was not read: `{MARKER}` is not in it")),
        (false, true) => Ok(()),
    }
}

/// What cannot be done is told without the password that it was to be done with.
pub(crate) fn errors_show_no_password() -> Verdict {
    let urls = [
        format!("tcp://{MARKER}.invalid:1?user=u&password={CANARY}"),
        format!("(tcp://{MARKER}:1?password={CANARY}"),
        format!("tcp://{MARKER}:0?password={CANARY}"),
        format!("{MARKER}?password={CANARY}"),
        format!("tcp://{MARKER}:1?trustStorePassword={CANARY}%zz"),
    ];
    for url in &urls {
        let ended =
            Process::start(Command::new(BINARY).args(["producer", "--url", url, "--message-count", "1"]))?.end(SOON)?;
        searched(&format!("the error for {url}"), &text_of(&ended.lines))?;
        if ended.status.success() {
            return Err(format!("{url} was accepted"));
        }
    }
    Ok(Outcome::Passed)
}

/// The control: a search that finds the canary where it is, and one that read nothing.
pub(crate) fn a_password_that_is_seen_is_caught() -> Verdict {
    let sees = |text: &str| searched("a planted line", text).is_err();
    // A program that does not hide it: its arguments are read in the same way.
    let planted = Process::start(Command::new("tail").args(["-f", "/dev/null", MARKER, CANARY]))?;
    planted.said(CANARY, SOON)?;
    let shown = sees(&arguments_of(planted.pid())?);
    if shown && sees(&format!("{MARKER} {CANARY}")) && sees("nothing") && !sees(MARKER) {
        return Ok(Outcome::Passed);
    }
    Err("a planted password was not caught".to_owned())
}
