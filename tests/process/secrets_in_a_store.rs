//! `journal-tool` shows no secret: what clients log in with, what their sessions are called, what their messages say.
//!
//! A broker gets all of these as canaries, and every command of the tool reads its store: while the broker runs, when it has stopped, and
//! with a damaged block in the place of a canary. The output is searched for each in every form in which the tool could write it. The
//! control is the tool's own `--bodies`, which shows the body: there the same search must find it.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::signal::Signal;
use protocol::core::identity::RoutingType;
use protocol::core::packet::Packet;
use protocol::core::packet::transfer::Send;
use protocol::message::MessageBuilder;

use crate::blocks::{PAYLOAD, blocks};
use crate::client::Client;
use crate::folder::Folder;
use crate::harness::{Outcome, Verdict};
use crate::process::{Process, text_of};
use crate::server::{BINARY, Server};
use crate::users;
use crate::wire::{Mode, SESSION, SOON, Wire};

const PASSWORD: &str = "c4n4ry-p4ssw0rd";
const SESSION_NAME: &str = "c4n4ry-s3ss10n";
const BODY: &str = "c4n4ry-b0dy";
const PROPERTY: &str = "c4n4ry-pr0p3rty";
const CANARIES: [&str; 4] = [PASSWORD, SESSION_NAME, BODY, PROPERTY];
/// The address of all messages: the tool shows it, or nothing was read.
const MARKER: &str = "marker-5e0c";

/// The tool in the build directory that the broker lies in.
fn tool() -> Result<PathBuf, String> {
    let built = Path::new(BINARY).with_file_name("journal-tool");
    if built.is_file() { Ok(built) } else { Err("no journal-tool beside the broker: cargo build -p tools".to_owned()) }
}

/// What a command of the tool says about the store, on both of its streams.
fn said(command: &str, options: &[&str], data: &Path) -> Result<String, String> {
    let ended = Process::start(Command::new(tool()?).arg(command).args(options).arg(data))?.end(SOON)?;
    match ended.status.code() {
        // Sound or damaged: the store was read in both cases.
        Some(0 | 10) => Ok(text_of(&ended.lines)),
        _ => Err(format!("journal-tool {command} {options:?} ended with {}\n{}", ended.status, text_of(&ended.lines))),
    }
}

/// Does a word stand in the text, as it is or in hexadecimal digits, with one byte a character or two? Its first three characters may
/// be missing, since they may be damaged.
fn shows(text: &str, word: &str) -> bool {
    let word = word.get(3..).unwrap_or(word);
    let digits = |bytes: Vec<u8>| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    // Without the outermost zero byte, both orders of two bytes are the same.
    let wide = word.bytes().flat_map(|byte| [byte, 0]).take(2 * word.len() - 1).collect();
    let forms = [word.to_owned(), digits(word.as_bytes().to_vec()), digits(wide)];
    let text = text.to_lowercase();
    forms.iter().any(|form| text.contains(form.as_str()))
}

/// Every command, for people and for programs.
fn searched(when: &str, data: &Path) -> Result<(), String> {
    for command in ["print", "verify", "stats"] {
        for options in [&[][..], &["--json"], &["--progress"]] {
            let text = said(command, options, data)?;
            if let Some(canary) = CANARIES.iter().find(|canary| shows(&text, canary)) {
                return Err(format!("{when}, {command} {options:?} shows {canary}:\n{text}"));
            }
            // The others count and judge, and name no address.
            if command == "print" && !text.contains(MARKER) {
                return Err(format!("{when}, {command} {options:?} has not read the store:\n{text}"));
            }
            if text.lines().count() < 3 {
                return Err(format!("{when}, {command} {options:?} says next to nothing:\n{text}"));
            }
        }
    }
    Ok(())
}

/// The control: with bodies shown the same search finds the body, and nothing that is in none.
fn found_where_it_is(data: &Path) -> Result<(), String> {
    for options in [&["--bodies"][..], &["--bodies", "--json"]] {
        let text = said("print", options, data)?;
        if !shows(&text, BODY) {
            return Err(format!("print {options:?} shows the body, and the search does not find it:\n{text}"));
        }
        if [PASSWORD, SESSION_NAME].iter().any(|canary| shows(&text, canary)) {
            return Err(format!("print {options:?} shows what is in no body:\n{text}"));
        }
    }
    Ok(())
}

/// Changes the first byte of a word where it lies in a block of the journal, with two bytes a character.
fn damage(data: &Path, word: &str) -> Result<(), String> {
    let wide: Vec<u8> = word.bytes().flat_map(|byte| [byte, 0]).collect();
    let wide = wide.get(..wide.len() - 1).unwrap_or_default();
    for block in blocks(data)? {
        let failed = |error: std::io::Error| format!("{}: {error}", block.file.display());
        let file = OpenOptions::new().read(true).write(true).open(&block.file).map_err(failed)?;
        let mut bytes = vec![0; 64 << 10];
        let read = file.read_at(&mut bytes, block.at + PAYLOAD).map_err(failed)?;
        if let Some(at) = bytes.get(..read).unwrap_or_default().windows(wide.len()).position(|part| part == wide) {
            return file.write_all_at(b"!", block.at + PAYLOAD + at as u64).map_err(failed);
        }
    }
    Err(format!("`{word}` is in no block"))
}

pub(crate) fn the_tool_shows_none() -> Verdict {
    let folder = Folder::new("secrets-in-a-store")?;
    let data = folder.path().join("data");
    let server = Server::small(&data, &[])?;
    let mut wire = Wire::greeted(server.port)?;
    wire.open_named(SESSION, Mode::Automatic, SESSION_NAME, 1 << 20)?;
    let mut client = Client::over(wire);
    let mut message = Vec::new();
    let builder = MessageBuilder::new(MARKER).text(BODY).durable(true).routing_type(RoutingType::ANYCAST);
    builder.text_property("key", PROPERTY).write(&mut message);
    let trailer = client.trailer();
    client.tell(&Packet::Send(Send { message: &message, trailer }))?;
    client.done("a durable send")?;
    searched("while the broker runs", &data)?;
    server.terminate()?;
    // The same store with users: the password goes the way of every login.
    users::add(&data, "somebody", PASSWORD)?;
    let server = Server::small(&data, &["--set", "log-level=trace"])?.expect_complaint("NT209");
    for (password, success) in [(PASSWORD, true), ("c4n4ry-p4ssw0rd-wrong", false)] {
        let mut producer = Command::new(BINARY);
        producer.args(["producer", "--url", &server.url(), "--user", "somebody", "--message-count", "1"]);
        producer.args(["--destination", MARKER]);
        let ended = Process::start(producer.env("RINGMQ_PASSWORD", password))?.end(SOON)?;
        if ended.status.success() != success {
            return Err(format!("a producer ended with {}\n{}", ended.status, text_of(&ended.lines)));
        }
    }
    server.signal(Signal::SIGTERM)?;
    server.ended()?;
    searched("when the broker has stopped", &data)?;
    found_where_it_is(&data)?;
    damage(&data, BODY)?;
    let verified = said("verify", &[], &data)?;
    if !verified.contains("damage") {
        return Err(format!("a changed byte was not found:\n{verified}"));
    }
    searched("with a damaged block", &data)?;
    Ok(Outcome::Passed)
}
