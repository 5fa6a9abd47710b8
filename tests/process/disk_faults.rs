//! Disks that fill up and disks that fail, under a whole broker.
//!
//! A full disk blocks who sends and nobody else, and nobody loses anything; when there is room again, all goes on by itself. A write into an existing segment
//! that fails ends the broker with exit code 76 and the cause; what was acked is there at the next start.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use nix::fcntl::{FallocateFlags, fallocate};
use protocol::core::identity::{ChannelId, CorrelationId, RoutingType};
use protocol::core::packet::Packet;
use protocol::core::packet::transaction::Commit;
use protocol::core::packet::transfer::Send;
use protocol::message::MessageBuilder;

use crate::blocks::{Block, blocks, wait_for_seals};
use crate::client::Client;
use crate::folder::Folder;
use crate::harness::{Outcome, Verdict};
use crate::loop_disk::{LoopDisk, NoLoopDisk};
use crate::process::text_of;
use crate::server::{BINARY, Server};
use crate::wire::{Mode, SOON};

/// What a broker ends with whose disk has failed.
const FENCED: i32 = 76;
const MIB: u64 = 1024 * 1024;
/// One lane, so that it is known where the next block goes.
const ONE_LANE: [&str; 4] = ["--set", "journal-file-size=1MiB", "--set", "journal-lanes=1"];
const QUEUE: &str = "disk";
/// In UTF-16: several fit a segment, and far fewer than are sent fit what is made ready in advance.
const LONG: usize = 60 * 1024;
const MESSAGES: usize = 100;
/// The channel of a second session.
const BESIDE: ChannelId = ChannelId(11);
/// The number of its commit.
const COMMIT: i64 = 1_000;
/// A producer that hears nothing for so long is blocked.
const STILL: Duration = Duration::from_secs(1);

pub(crate) fn a_full_disk_blocks_until_there_is_room() -> Verdict {
    let folder = Folder::new("full")?;
    let disk = match LoopDisk::new(folder.path(), 64 * MIB) {
        Ok(disk) => disk,
        Err(NoLoopDisk(why)) => return Ok(Outcome::Skipped(why)),
    };
    let blocked = Blocked::new(&disk)?;
    std::fs::remove_file(&blocked.ballast).map_err(|error| error.to_string())?;
    let (server, data) = blocked.all_sent()?;
    server.kill()?;
    let server = Server::start(&data, &ONE_LANE)?.expect_complaint("JN204");
    all_come(&server)?;
    server.terminate()?;
    Ok(Outcome::Passed)
}

pub(crate) fn a_full_disk_can_be_emptied() -> Verdict {
    let folder = Folder::new("emptied")?;
    let disk = match LoopDisk::new(folder.path(), 64 * MIB) {
        Ok(disk) => disk,
        Err(NoLoopDisk(why)) => return Ok(Outcome::Skipped(why)),
    };
    let blocked = Blocked::new(&disk)?;
    // There is as little room as before, but what is consumed makes some.
    all_come(&blocked.server)?;
    blocked.all_sent()?.0.terminate()?;
    Ok(Outcome::Passed)
}

/// As a client library does it: producers and consumers are sessions of one connection.
pub(crate) fn a_full_disk_can_be_emptied_by_who_also_sends() -> Verdict {
    let folder = Folder::new("both")?;
    let disk = match LoopDisk::new(folder.path(), 64 * MIB) {
        Ok(disk) => disk,
        Err(NoLoopDisk(why)) => return Ok(Outcome::Skipped(why)),
    };
    let blocked = Blocked::new(&disk)?;
    let mut client = Client::new(blocked.server.port)?;
    client.wire.open_session(BESIDE, Mode::Transacted)?;
    let trailer = client.trailer();
    let mut message = Vec::new();
    MessageBuilder::new("beside").text("waits").durable(true).routing_type(RoutingType::ANYCAST).write(&mut message);
    client.wire.tell(BESIDE, &Packet::Send(Send { message: &message, trailer }))?;
    all_come_to(&mut client)?;
    let (server, _) = blocked.all_sent()?;
    // What waited is in its transaction now. (Outside one it would lie in the oldest segment, and keep it.)
    client.wire.tell(BESIDE, &Packet::Commit(Commit { correlation_id: Some(CorrelationId(COMMIT)) }))?;
    client.wire.wait("the answer to a commit", |channel, packet| {
        let Packet::NullResponse(response) = packet else { return None };
        (channel == BESIDE && response.correlation_id == CorrelationId(COMMIT)).then_some(())
    })?;
    let mut other = Client::new(server.port)?;
    other.consume("beside")?;
    let beside = other.drain(1)?;
    server.terminate()?;
    if beside == ["waits"] { Ok(Outcome::Passed) } else { Err(format!("received {beside:?}")) }
}

/// A broker on a full disk, and a producer that waits.
struct Blocked {
    server: Server,
    data: PathBuf,
    ballast: PathBuf,
    producer: std::thread::JoinHandle<Result<(), String>>,
}

impl Blocked {
    fn new(disk: &LoopDisk) -> Result<Self, String> {
        let data = disk.folder().join("data");
        let server = Server::start(&data, &ONE_LANE)?.expect_complaint("JN204");
        Client::new(server.port)?.send(QUEUE, "before")?;
        let ballast = fill(disk.folder())?;
        let acked = Arc::new(AtomicUsize::new(0));
        let (port, counter) = (server.port, Arc::clone(&acked));
        let producer = std::thread::spawn(move || produce(port, &counter));
        server.heard("JN204", SOON)?;
        wait_until_in_the_last_segment(&data)?;
        wait_until_still(&acked);
        // It lives: who only asks is answered.
        Client::new(server.port)?.wire.ping(60_000)?;
        let acked = acked.load(Ordering::SeqCst);
        if acked >= MESSAGES || producer.is_finished() {
            return Err(format!("{acked} of {MESSAGES} messages were acked on a full disk"));
        }
        Ok(Self { server, data, ballast, producer })
    }

    /// Waits until the producer is done.
    fn all_sent(self) -> Result<(Server, PathBuf), String> {
        self.producer.join().map_err(|_| "the producer panicked".to_owned())??;
        Ok((self.server, self.data))
    }
}

/// Consumes everything; it must be what was sent.
fn all_come(server: &Server) -> Result<(), String> {
    all_come_to(&mut Client::new(server.port)?)
}

fn all_come_to(client: &mut Client) -> Result<(), String> {
    client.consume(QUEUE)?;
    let found = client.drain(MESSAGES + 1)?;
    let rest = client.take_now()?;
    let wanted: Vec<String> = std::iter::once("before".to_owned()).chain((0..MESSAGES).map(text)).collect();
    if found == wanted && rest.is_none() {
        return Ok(());
    }
    Err(format!("{} messages came, {rest:?} behind them; not all of them those that were acked", found.len()))
}

fn text(number: usize) -> String {
    format!("{number:0LONG$}")
}

fn produce(port: u16, acked: &AtomicUsize) -> Result<(), String> {
    let mut client = Client::new(port)?;
    for number in 0..MESSAGES {
        client.send(QUEUE, &text(number))?;
        acked.fetch_add(1, Ordering::SeqCst);
    }
    Ok(())
}

/// Leaves nothing free on a file system. Gives the file that takes it all.
fn fill(folder: &Path) -> Result<PathBuf, String> {
    let path = folder.join("ballast");
    let file = File::create(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let (mut end, mut step) = (0, 64 * MIB as i64);
    while step >= 1024 {
        match fallocate(&file, FallocateFlags::empty(), end, step) {
            Ok(()) => end += step,
            Err(nix::errno::Errno::ENOSPC) => step /= 2,
            Err(error) => return Err(format!("{}: {error}", path.display())),
        }
    }
    Ok(path)
}

/// Waits until the broker writes into the last segment that it has: then no message is taken.
fn wait_until_in_the_last_segment(data: &Path) -> Result<(), String> {
    let begun = Instant::now();
    loop {
        let all = blocks(data)?;
        let last = all.last().ok_or("no blocks")?;
        if next_segment(last).is_some_and(|next| !next.exists()) {
            return Ok(());
        }
        if begun.elapsed() > SOON {
            return Err(format!("there is still a segment ahead after {SOON:?}: {last:?}"));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Waits until nothing has been acked for a while: whatever was still taken has been. On a disk that is slower than that, less is proved.
fn wait_until_still(acked: &AtomicUsize) {
    let (mut last, mut since) = (acked.load(Ordering::SeqCst), Instant::now());
    while since.elapsed() < STILL {
        std::thread::sleep(Duration::from_millis(10));
        let now = acked.load(Ordering::SeqCst);
        if now != last {
            (last, since) = (now, Instant::now());
        }
    }
}

/// The file behind the one that this block lies in.
fn next_segment(block: &Block) -> Option<PathBuf> {
    let stem = block.file.file_stem()?.to_str()?;
    let (lane, sequence) = stem.split_once('-')?;
    let next = u64::from_str_radix(sequence, 16).ok()? + 1;
    Some(block.file.with_file_name(format!("{lane}-{next:016x}.seg")))
}

/// A device that fails, with EIO.
pub(crate) fn a_failed_device_ends_the_broker() -> Verdict {
    let folder = Folder::new("device")?;
    let mut disk = match LoopDisk::new(folder.path(), 64 * MIB) {
        Ok(disk) => disk,
        Err(NoLoopDisk(why)) => return Ok(Outcome::Skipped(why)),
    };
    let data = disk.folder().join("data");
    let (server, acked) = loaded(&data, Server::start(&data, &ONE_LANE)?)?;
    let last = last_block(&data)?;
    disk.cut(place_on_device(&last.file, last.at + last.bytes)?)?;
    refused_and_ended(server, &last, "Input/output error")?;
    disk.mend()?;
    all_there(&data, &acked)
}

/// A file that takes no more, with EFBIG: what any user can bring about.
pub(crate) fn a_failed_write_ends_the_broker() -> Verdict {
    let folder = Folder::new("limit")?;
    let data = folder.path().join("data");
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\"", BINARY, "run", "--port", "0", "--data-directory"]);
    let (server, acked) = loaded(&data, Server::ready(command.arg(&data).args(ONE_LANE), SOON)?)?;
    let last = last_block(&data)?;
    // A page of the next block still fits, so that the failure comes behind a short write.
    let limit = format!("--fsize={}", last.at + last.bytes + 4096);
    let limited = Command::new("prlimit").args(["--pid", &server.pid().to_string(), &limit]).status();
    match limited {
        Ok(status) if status.success() => {}
        Ok(status) => return Err(format!("prlimit ended with {status}")),
        Err(error) => return Ok(Outcome::Skipped(format!("prlimit cannot be run: {error}"))),
    }
    refused_and_ended(server, &last, "File too large")?;
    all_there(&data, &acked)
}

/// A broker at rest that has acked some messages.
fn loaded(data: &Path, server: Server) -> Result<(Server, Vec<String>), String> {
    let server = server.expect_complaint("JN301");
    let mut client = Client::new(server.port)?;
    let texts: Vec<String> = (0..20).map(|number| format!("acked {number}")).collect();
    for text in &texts {
        client.send(QUEUE, text)?;
    }
    drop(client);
    wait_for_seals(data)?;
    Ok((server, texts))
}

fn last_block(data: &Path) -> Result<Block, String> {
    blocks(data)?.pop().ok_or_else(|| "no blocks".to_owned())
}

/// The next durable send is not acked, and the broker ends with the cause.
fn refused_and_ended(server: Server, last: &Block, cause: &str) -> Result<(), String> {
    let mut client = Client::new(server.port)?;
    if client.send(QUEUE, &"x".repeat(8 * 1024)).is_ok() {
        return Err("a message was acked whose write failed".to_owned());
    }
    let ended = server.ended()?;
    let said = text_of(&ended.lines);
    let file = last.file.display().to_string();
    let parts = ["JN301", &last.lane, &file, cause];
    let missing: Vec<&&str> = parts.iter().filter(|part| !said.contains(**part)).collect();
    if ended.status.code() == Some(FENCED) && missing.is_empty() {
        return Ok(());
    }
    Err(format!("ended with {}, without {missing:?}\n{said}", ended.status))
}

/// The next start finds what was acked; the message without an answer may be there or not.
fn all_there(data: &Path, acked: &[String]) -> Verdict {
    let server = Server::start(data, &ONE_LANE)?.expect_complaint("JN201");
    let mut client = Client::new(server.port)?;
    client.consume(QUEUE)?;
    let found = client.drain(acked.len())?;
    client.send(QUEUE, "after")?;
    drop(client);
    server.terminate()?;
    if found == acked { Ok(Outcome::Passed) } else { Err(format!("acked were {acked:?}\nfound {found:?}")) }
}

/// Where a byte of a file lies on its device, as `filefrag` tells it in units of 1 KiB.
fn place_on_device(path: &Path, at: u64) -> Result<u64, String> {
    const UNIT: u64 = 1024;
    let file = OpenOptions::new().read(true).open(path).and_then(|file| file.sync_all());
    file.map_err(|error| format!("{}: {error}", path.display()))?;
    let output = Command::new("filefrag").args(["-v", "-b1024"]).arg(path).output();
    let output = output.map_err(|error| format!("filefrag cannot be run: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // `   0:        0..    1023:      11265..     12288:   1024:             last,eof`
    let extents = text.lines().filter_map(|line| {
        let numbers: Vec<u64> =
            line.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect();
        match *numbers.as_slice() {
            [_, from, to, place, ..] if line.contains("..") => Some((from, to, place)),
            _ => None,
        }
    });
    let unit = at / UNIT;
    let extent = extents.into_iter().find(|(from, to, _)| (*from..=*to).contains(&unit));
    let (from, _, place) = extent.ok_or_else(|| format!("{} has no byte {at}: {text}", path.display()))?;
    Ok((place + unit - from) * UNIT)
}
