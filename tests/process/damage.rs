//! A journal that lost what it had promised, and a store that somebody else holds: refused, with a way out.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::blocks::{Block, PAYLOAD, blocks};
use crate::client::Client;
use crate::folder::Folder;
use crate::harness::{Outcome, Verdict};
use crate::process::{Ended, Process, text_of};
use crate::server::{BINARY, SMALL, Server};
use crate::wire::SOON;

const MESSAGES: usize = 60;
const QUEUES: [&str; 4] = ["alpha", "beta", "gamma", "delta"];

/// The blocks of the journal lanes that hold records, in the order of lane and LSN.
fn with_records(data: &Path) -> Result<Vec<Block>, String> {
    Ok(blocks(data)?.into_iter().filter(|block| block.fragments > 0).collect())
}

/// Changes one byte of a block's payload.
fn flip(block: &Block) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", block.file.display());
    let file = OpenOptions::new().read(true).write(true).open(&block.file).map_err(failed)?;
    let mut byte = [0];
    file.read_exact_at(&mut byte, block.at + PAYLOAD).map_err(failed)?;
    file.write_all_at(&[!byte[0]], block.at + PAYLOAD).map_err(failed)?;
    file.sync_all().map_err(failed)
}

/// A store that was closed in order, with messages in several queues, and no checkpoint: all of the journal is read.
fn filled(data: &Path) -> Result<(), String> {
    filled_and_indexed(data)?;
    for path in checkpoints(data)? {
        std::fs::remove_file(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(())
}

/// The files of the index checkpoint.
fn checkpoints(data: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = std::fs::read_dir(data.join("journal")).map_err(|error| error.to_string())?;
    let is_one = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with('c') && name.ends_with(".seg")
    };
    Ok(entries.filter_map(Result::ok).map(|entry| entry.path()).filter(is_one).collect())
}

/// A store that was closed in order, with messages in several queues.
fn filled_and_indexed(data: &Path) -> Result<(), String> {
    let server = Server::small(data, &[])?;
    let mut client = Client::new(server.port)?;
    for number in 0..MESSAGES {
        for queue in QUEUES {
            client.send(queue, &format!("{queue} {number}"))?;
        }
    }
    drop(client);
    server.terminate()
}

/// Starts a broker that must not come up.
fn refused(data: &Path, options: &[&str]) -> Result<Ended, String> {
    let mut command = Command::new(BINARY);
    command.args(["run", "--port", "0", "--data-directory"]).arg(data).args(SMALL).args(options);
    Process::start(&mut command)?.end(SOON)
}

/// It must have ended with this code and have said all of this.
fn expect(ended: &Ended, code: i32, parts: &[&str]) -> Result<(), String> {
    let text = text_of(&ended.lines);
    let missing: Vec<&&str> = parts.iter().filter(|part| !text.contains(**part)).collect();
    if ended.status.code() == Some(code) && missing.is_empty() {
        return Ok(());
    }
    Err(format!("expected exit code {code} and {parts:?}; {}, without {missing:?}\n{text}", ended.status))
}

/// What is in a queue: the numbers behind its name.
fn numbers(server: &Server, queue: &str) -> Result<Vec<usize>, String> {
    let mut client = Client::new(server.port)?;
    client.consume(queue)?;
    let mut numbers = Vec::new();
    while let Some(message) = client.take_now()? {
        let number = message.text.strip_prefix(queue).and_then(|number| number.trim().parse().ok());
        numbers.push(number.ok_or_else(|| format!("{queue} holds {message:?}"))?);
    }
    Ok(numbers)
}

pub(crate) fn damage_is_refused_with_a_way_out() -> Verdict {
    let folder = Folder::new("damage")?;
    filled(folder.path())?;
    // The control: without damage everything is there.
    let server = Server::small(folder.path(), &[])?;
    for queue in QUEUES {
        let found = numbers(&server, queue)?;
        if found != (0..MESSAGES).collect::<Vec<_>>() {
            return Err(format!("without damage, {queue} holds {found:?}"));
        }
    }
    server.terminate()?;
    filled(folder.path())?;
    let all = with_records(folder.path())?;
    let Some(victim) = all.get(all.len() / 3) else { return Err("no blocks were found".to_owned()) };
    flip(victim)?;
    let way_out = format!("--accept-loss {}@{}", victim.lane, victim.lsn);
    let file = victim.file.display().to_string();
    let lane = format!("lane {}", victim.lane);
    for _ in 0..2 {
        // Refused again: the first time has changed nothing.
        expect(&refused(folder.path(), &[])?, 1, &["JN302", &lane, &victim.lsn.to_string(), &file, &way_out])?;
    }
    let consent = format!("{}@{}", victim.lane, victim.lsn);
    let server = Server::small(folder.path(), &["--accept-loss", &consent])?.expect_complaint("JN203");
    server.heard("JN203", SOON)?;
    // Two rounds were sent; the first was looked at and not acknowledged.
    let sent: Vec<usize> = (0..MESSAGES).chain(0..MESSAGES).collect();
    let lost = missing(&server, &sent)?;
    let mut client = Client::new(server.port)?;
    client.send("alpha", "alpha 1000")?;
    drop(client);
    server.terminate()?;
    // Without the option from now on.
    Server::small(folder.path(), &[])?.terminate()?;
    only_the_victim(victim, lost)
}

/// How many messages are missing; those that are there are in the order in which they were sent.
fn missing(server: &Server, sent: &[usize]) -> Result<u64, String> {
    let mut missing = 0;
    for queue in QUEUES {
        let found = numbers(server, queue)?;
        let mut rest = sent.iter();
        if !found.iter().all(|number| rest.any(|other| other == number)) {
            return Err(format!("{queue} holds {found:?}, which is not what was sent, in its order"));
        }
        missing += (sent.len() - found.len()) as u64;
    }
    Ok(missing)
}

/// Every record of the block was a message, and nothing else is gone.
fn only_the_victim(victim: &Block, lost: u64) -> Verdict {
    if lost == victim.fragments {
        return Ok(Outcome::Passed);
    }
    Err(format!("{lost} messages are missing; {victim:?} was damaged"))
}

/// A start that goes by an index checkpoint passes the damage over. Whoever reads it is not served, and the start after that names it.
pub(crate) fn damage_below_a_checkpoint_is_found_when_read() -> Verdict {
    let folder = Folder::new("below")?;
    let data = folder.path();
    filled_and_indexed(data)?;
    let all = with_records(data)?;
    let Some(victim) = all.get(all.len() / 3) else { return Err("no blocks were found".to_owned()) };
    // The control: without damage a start by the checkpoint delivers everything.
    let server = Server::small(data, &[])?;
    for queue in QUEUES {
        let found = numbers(&server, queue)?;
        if found != (0..MESSAGES).collect::<Vec<_>>() {
            return Err(format!("without damage, {queue} holds {found:?}"));
        }
    }
    server.terminate()?;
    flip(victim)?;
    let way_out = format!("--accept-loss {}@{}", victim.lane, victim.lsn);
    let (lane, lsn, file) =
        (format!("lane {}", victim.lane), victim.lsn.to_string(), victim.file.display().to_string());

    let server = Server::small(data, &[])?.expect_complaint("JN208").expect_complaint("JN304");
    for queue in QUEUES {
        // A queue that is not damaged is served until the broker ends, the others up to the damage.
        let found = delivered(&server, queue);
        if !(0..MESSAGES).collect::<Vec<_>>().starts_with(&found) {
            return Err(format!("with damage, {queue} gives {found:?}"));
        }
    }
    server.heard("JN304", SOON)?;
    expect(&server.ended()?, 76, &["JN304", &lane, &lsn, &file, &way_out])?;
    if !checkpoints(data)?.is_empty() {
        return Err("the checkpoint is still there".to_owned());
    }
    for _ in 0..2 {
        expect(&refused(data, &[])?, 1, &["JN302", &lane, &lsn, &file, &way_out])?;
    }
    let consent = format!("{}@{}", victim.lane, victim.lsn);
    let server = Server::small(data, &["--accept-loss", &consent])?.expect_complaint("JN203");
    let lost = missing(&server, &(0..MESSAGES).collect::<Vec<_>>())?;
    server.terminate()?;
    // What was given up stays so, without asking again, also where everything is read.
    for path in checkpoints(data)? {
        std::fs::remove_file(&path).map_err(|error| error.to_string())?;
    }
    let server = Server::small(data, &[])?;
    if missing(&server, &(0..MESSAGES).collect::<Vec<_>>())? != lost {
        return Err("another start finds something else".to_owned());
    }
    server.terminate()?;
    only_the_victim(victim, lost)
}

/// What comes out of a queue before the broker ends, or before there is nothing more.
fn delivered(server: &Server, queue: &str) -> Vec<usize> {
    let mut numbers = Vec::new();
    let Ok(mut client) = Client::new(server.port) else { return numbers };
    if client.consume(queue).is_err() {
        return numbers;
    }
    while let Ok(Some(message)) = client.take_now() {
        numbers.extend(message.text.strip_prefix(queue).and_then(|number| number.trim().parse::<usize>().ok()));
    }
    numbers
}

pub(crate) fn a_loss_that_is_none_is_refused() -> Verdict {
    let folder = Folder::new("no-damage")?;
    filled(folder.path())?;
    let all = with_records(folder.path())?;
    let Some(sound) = all.get(all.len() / 2) else { return Err("no blocks were found".to_owned()) };
    let consent = format!("{}@{}", sound.lane, sound.lsn);
    expect(&refused(folder.path(), &["--accept-loss", &consent])?, 1, &["JN305", &consent])?;
    let server = Server::small(folder.path(), &[])?;
    let found = numbers(&server, QUEUES[0])?;
    server.terminate()?;
    if found.len() == MESSAGES { Ok(Outcome::Passed) } else { Err(format!("{found:?} after a refused consent")) }
}

/// The names of all queues are gone, and nothing else. Without them no message has a place, which is no reason to forget them all.
pub(crate) fn lost_names_are_missed() -> Verdict {
    let folder = Folder::new("names")?;
    filled(folder.path())?;
    let bindings = folder.path().join("bindings");
    let entries = std::fs::read_dir(&bindings).map_err(|error| format!("{}: {error}", bindings.display()))?;
    for entry in entries.filter_map(Result::ok).filter(|entry| entry.path().extension().is_some_and(|end| end == "seg"))
    {
        std::fs::remove_file(entry.path()).map_err(|error| error.to_string())?;
    }
    let ended = refused(folder.path(), &[])?;
    expect(&ended, 1, &["lane b00", "--accept-loss b00@"])?;
    let said = text_of(&ended.lines);
    let consent = said.split("--accept-loss ").nth(1).and_then(|rest| rest.split([':', ' ', '\n']).next());
    let consent = consent.ok_or("no consent in the refusal")?;
    let server = Server::small(folder.path(), &["--accept-loss", consent])?.expect_complaint("JN203");
    server.heard("JN203", SOON)?;
    Client::new(server.port)?.send(QUEUES[0], "the first of a new beginning")?;
    server.kill()?;
    // What was given up stays so, without asking again.
    let server = Server::small(folder.path(), &[])?;
    let mut client = Client::new(server.port)?;
    client.consume(QUEUES[0])?;
    let texts = client.drain(1)?;
    let more = client.take_now()?;
    server.terminate()?;
    if texts == ["the first of a new beginning"] && more.is_none() {
        return Ok(Outcome::Passed);
    }
    Err(format!("{texts:?}, {more:?} came after the loss was accepted"))
}

pub(crate) fn a_second_process_is_refused() -> Verdict {
    let folder = Folder::new("second")?;
    let server = Server::small(folder.path(), &[])?;
    let mut client = Client::new(server.port)?;
    client.send("second", "before")?;
    let holder = server.pid().to_string();
    expect(&refused(folder.path(), &[])?, 7, &["SV305", &holder, "in use"])?;
    // The first one has noticed nothing.
    client.send("second", "after")?;
    client.consume("second")?;
    let texts = client.drain(2)?;
    server.terminate()?;
    // The control: when the holder is gone, the same command line starts.
    Server::small(folder.path(), &[])?.terminate()?;
    if texts == ["before", "after"] { Ok(Outcome::Passed) } else { Err(format!("{texts:?}")) }
}
