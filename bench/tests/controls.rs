//! The controls of every ratio. The floor broker under both of its protocols: what it answers lies in its file, and is on the device. The
//! calibration: its figures fit each other, and what cannot be had is named. Starts and memory: a broker that starts late and holds memory is seen,
//! and so is what bodies of waiting messages take.
//!
//! One trial needs root and loop devices, another a file system in memory, else they say `skipped:` with the reason.

#[path = "shared/beside.rs"]
mod beside;
// It serves other tests as well.
#[allow(dead_code)]
#[path = "../../tests/process/harness.rs"]
mod harness;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use bench::calibrate::{self, Calibration, Plan};
use bench::floor::{Durability, Figures, Running, Settings};
use bench::footprint::{self, Counts};
use bench::measure::device::Device;
use bench::prove::write_amp::{LoopDisk, NoLoopDisk};
use bench::result::schema::Results;
use bench::targets::{RingMq, Target};
use harness::{Outcome, Trial, Verdict};
use protocol::message::MessageBuilder;
use ringmq_client::{ConnectOptions, Connection, Endpoint, ProducerOptions, SessionOptions};

/// Messages of a trial.
const COUNT: usize = 200;
/// Bytes of a large message: it comes in several receive buffers.
const LARGE_BYTES: usize = 700_000;
const FILE_BYTES: u64 = 8 * 1024 * 1024;
const DISK_BYTES: u64 = 96 * 1024 * 1024;

fn main() -> ExitCode {
    let waiting = [
        Trial { name: "a_broker_that_starts_late_and_holds_memory_is_seen", run: late_and_fat },
        Trial { name: "memory_of_connections_and_of_messages_is_seen", run: memory },
    ];
    harness::run_beside(
        &waiting,
        &[
            Trial { name: "harness_counts_what_happens", run: harness::counts_what_happens },
            Trial { name: "nats_messages_are_answered_and_in_the_file", run: nats_messages },
            Trial { name: "core_messages_are_answered_and_in_the_file", run: core_messages },
            Trial { name: "groups_in_flight_are_answered_in_order", run: groups_in_flight },
            Trial { name: "a_client_that_breaks_its_protocol_is_left", run: a_broken_client },
            Trial { name: "the_device_is_flushed_for_each_group_unless_told_not_to", run: the_device_is_flushed },
            Trial { name: "the_figures_of_a_calibration_fit_each_other", run: calibration },
            Trial { name: "what_a_calibration_cannot_have_is_named", run: calibration_in_memory },
        ],
    )
}

fn late_and_fat() -> Verdict {
    let folder = Folder::new("late-and-fat")?;
    let seen = footprint::control(&RingMq { binary: beside::built("ringmq")? }, &folder.0)?;
    println!("{seen}");
    Ok(Outcome::Passed)
}

fn memory() -> Verdict {
    let folder = Folder::new("memory")?;
    let targets: [Box<dyn Target>; 1] = [Box::new(RingMq { binary: beside::built("ringmq")? })];
    let counts = Counts { connections: 500, queued: 8_000 };
    let plan = footprint::Plan { targets: &targets, rounds: 1, directory: folder.0.clone(), counts };
    let mut results = Results::default();
    footprint::run(&plan, &mut |_| {}, &AtomicBool::new(false), &mut results);
    let [taken] = results.footprints.as_slice() else { return Err(format!("nothing was measured: {results:?}")) };
    println!("{taken:?}");
    let (connection, message) = (taken.connection_bytes(), taken.message_bytes());
    // The window of recent bodies is far from full, so that each body of 1 KiB lies in memory.
    if message.is_none_or(|bytes| bytes < 1_024.0) {
        return Err(format!("a message of 1 KiB in the hot window takes {message:?} bytes"));
    }
    if connection.is_none_or(|bytes| !(100.0..65_536.0).contains(&bytes)) {
        return Err(format!("a connection with a session takes {connection:?} bytes"));
    }
    if taken.start_ms <= 0.0 || taken.idle_bytes == 0 { Err(format!("{taken:?}")) } else { Ok(Outcome::Passed) }
}

fn nats_messages() -> Verdict {
    let folder = Folder::new("nats")?;
    let settings = Settings { file_bytes: FILE_BYTES, ..Settings::new(&folder.0) };
    let floor = Running::start(settings.clone())?;
    let mut client = Nats::connect(floor.port())?;
    let bodies = bodies();
    for (at, body) in bodies.iter().enumerate() {
        client.publish(body)?;
        let number = client.acked()?;
        if number != at as u64 + 1 {
            return Err(format!("message {} was answered as number {number}", at + 1));
        }
        if at % 50 == 0 {
            // Already now, not only when the floor broker ends.
            holds(&settings.file(), std::slice::from_ref(body))?;
        }
    }
    let figures = floor.stop()?;
    holds(&settings.file(), &bodies)?;
    judge(&figures, bodies.len() as u64)?;
    if holds(&settings.file(), &[b"a message that nobody sent".to_vec()]).is_ok() {
        return Err("a message that nobody sent is found too".to_owned());
    }
    Ok(Outcome::Passed)
}

fn core_messages() -> Verdict {
    let folder = Folder::new("core")?;
    let settings = Settings { file_bytes: FILE_BYTES, ..Settings::new(&folder.0) };
    let floor = Running::start(settings.clone())?;
    let bodies = bodies();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime.block_on(send_core(floor.port(), &bodies)).map_err(|error| format!("the client says: {error}"))?;
    let figures = floor.stop()?;
    holds(&settings.file(), &bodies)?;
    judge(&figures, bodies.len() as u64)?;
    Ok(Outcome::Passed)
}

async fn send_core(port: u16, bodies: &[Vec<u8>]) -> Result<(), ringmq_client::Error> {
    let endpoint = Endpoint { host: Ipv4Addr::LOCALHOST.to_string(), port };
    let connection = Connection::connect(&endpoint, ConnectOptions::default()).await?;
    let session = connection.create_session(SessionOptions::AUTO).await?;
    session.ensure_queue("floor").await?;
    let producer = session.producer("floor", ProducerOptions::default())?;
    let mut receipts = Vec::new();
    for (at, body) in bodies.iter().enumerate() {
        let message = MessageBuilder::new("floor").bytes(body);
        match at % 2 {
            0 => producer.send(&message).await?,
            _ => receipts.push(producer.send_async(&message).await?),
        }
    }
    for receipt in receipts {
        receipt.await?;
    }
    producer.close()?;
    session.close().await?;
    connection.close().await;
    Ok(())
}

fn groups_in_flight() -> Verdict {
    let folder = Folder::new("inflight")?;
    let settings = Settings { file_bytes: FILE_BYTES, in_flight: 4, ..Settings::new(&folder.0) };
    let floor = Running::start(settings)?;
    let mut clients = (0..8).map(|_| Nats::connect(floor.port())).collect::<Result<Vec<_>, _>>()?;
    let mut last = vec![0; clients.len()];
    for _ in 0..COUNT {
        for client in &mut clients {
            client.publish(b"one of many")?;
        }
        for (client, last) in clients.iter_mut().zip(&mut last) {
            let number = client.acked()?;
            if number <= *last {
                return Err(format!("{number} was answered after {last}"));
            }
            *last = number;
        }
    }
    judge(&floor.stop()?, (clients.len() * COUNT) as u64)?;
    Ok(Outcome::Passed)
}

fn a_broken_client() -> Verdict {
    let folder = Folder::new("broken")?;
    let floor = Running::start(Settings { file_bytes: FILE_BYTES, ..Settings::new(&folder.0) })?;
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"ARTEMIS\x7f\xff\xff\xff", b"ARTEMIS\0\0\0\x0c\x47aaaaaaaaaaa"] {
        let mut stream = connect(floor.port())?;
        stream.write_all(bytes).map_err(|error| error.to_string())?;
        let mut rest = Vec::new();
        // It is closed, in order or not: either way the read ends.
        let _reset = stream.read_to_end(&mut rest);
    }
    let mut client = Nats::connect(floor.port())?;
    client.publish(b"all is well")?;
    client.acked()?;
    judge(&floor.stop()?, 1)?;
    Ok(Outcome::Passed)
}

/// On a disk of its own: as many flushes as groups, and without sync fewer, which shows that they are counted.
fn the_device_is_flushed() -> Verdict {
    let folder = Folder::new("device")?;
    let disk = match LoopDisk::new(&folder.0, DISK_BYTES) {
        Ok(disk) => disk,
        Err(NoLoopDisk(why)) => return Ok(Outcome::Skipped(why)),
    };
    for durability in [Durability::Dsync, Durability::Fdatasync, Durability::None] {
        let settings = Settings { file_bytes: FILE_BYTES, durability, ..Settings::new(disk.folder()) };
        let floor = Running::start(settings)?;
        let mut client = Nats::connect(floor.port())?;
        let device = Device::under(disk.folder())?;
        let before = device.still()?;
        for _ in 0..COUNT {
            client.publish(b"a message")?;
            client.acked()?;
        }
        let counted = device.still()?.since(&before);
        let figures = floor.stop()?;
        let durable = durability != Durability::None;
        if (counted.flushes >= figures.groups) != durable || (figures.durable_groups == figures.groups) != durable {
            return Err(format!("{durability}: the device counted {counted}; the floor broker: {figures}"));
        }
    }
    Ok(Outcome::Passed)
}

fn calibration() -> Verdict {
    let folder = Folder::new("calibrate")?;
    let plan = Plan { directory: folder.0.clone(), quick: true };
    let found = calibrate::run(&plan, &mut |_| {})?;
    let text = serde_json::to_string(&found).map_err(|error| error.to_string())?;
    let read: Calibration = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let left = std::fs::read_dir(&folder.0).map_err(|error| error.to_string())?.count();
    let durable = found.durable.as_ref();
    let per_curve = |point: &calibrate::figures::CurvePoint| {
        point.per_second > 0.0 && point.bytes_per_second == point.per_second * point.bytes as f64
    };
    let speeds = [
        found.write_bytes_per_second,
        found.read_bytes_per_second,
        found.loopback_bytes_per_second,
        found.copy_bytes_per_second,
        found.crc32c_bytes_per_second,
    ];
    let checks = [
        ("nothing is left in the folder", left == 0),
        (
            "the figures are read as they were written",
            read.curve.len() == found.curve.len() && read.missing == found.missing,
        ),
        ("a durable write takes time", durable.is_some_and(|it| it.latency.n > 0 && it.per_second > 0.0)),
        (
            "one at a time is no faster than the latencies allow",
            durable.is_some_and(|it| fits(it.per_second, it.latency.p50)),
        ),
        ("the curve is whole", found.curve.len() == 12 && found.curve.iter().all(per_curve)),
        ("every speed is one", speeds.iter().all(|speed| speed.is_some_and(|speed| speed.is_finite() && speed > 0.0))),
        ("the way over loopback takes time", found.loopback.is_some_and(|it| it.p50.is_some_and(|p50| p50 > 0.0))),
        ("an overwrite asks for a write of its bytes", {
            let work = found.device_work;
            found.device.is_none() || work.is_some_and(|it| it.writes >= 1.0 && it.bytes >= 4096.0)
        }),
    ];
    match checks.iter().find(|(_, holds)| !holds) {
        None => Ok(Outcome::Passed),
        Some((what, _)) => Err(format!("not so: {what}\n{found}\n{text}")),
    }
}

/// Half of all latencies are not below the median, so that so many a second cannot be more than twice what the median gives.
fn fits(per_second: f64, p50_us: Option<f64>) -> bool {
    p50_us.is_none_or(|p50| per_second <= 2.0 * 1e6 / p50)
}

fn calibration_in_memory() -> Verdict {
    let memory = Path::new("/dev/shm");
    if bench::measure::device::Device::under(memory).is_ok_and(|device| device.now().is_ok()) || !memory.is_dir() {
        return Ok(Outcome::Skipped("/dev/shm is no file system in memory: mount a tmpfs there".to_owned()));
    }
    let folder = Folder(memory.join(format!("ringmq-calibrate-{}", std::process::id())));
    let found = calibrate::run(&Plan { directory: folder.0.clone(), quick: true }, &mut |_| {})?;
    let named = |what: &str| found.missing.iter().any(|missing| missing.what == what && !missing.why.is_empty());
    // Whether memory takes direct writes depends on the kernel; without them nothing of the disk may stand there.
    let disk =
        if named("disk") { found.durable.is_none() && found.curve.is_empty() } else { named("work of the device") };
    if named("device") && disk && found.device.is_none() && found.device_work.is_none() {
        return Ok(Outcome::Passed);
    }
    Err(format!("memory has no device, and the calibration says: {found}"))
}

/// Figures that hold for every durable floor broker.
fn judge(figures: &Figures, messages: u64) -> Result<(), String> {
    let right = figures.messages == messages
        && figures.groups > 0
        && figures.groups <= messages
        && figures.durable_groups == figures.groups
        && figures.written_bytes >= figures.message_bytes
        && figures.written_bytes.is_multiple_of(4096);
    if right { Ok(()) } else { Err(format!("{messages} messages were sent; the floor broker says: {figures}")) }
}

/// Bodies that no other place in the file looks like; one of them is large.
fn bodies() -> Vec<Vec<u8>> {
    let small = (0..COUNT).map(|number| format!("body {number} of this run, and its end").into_bytes());
    small.chain([b"large ".iter().copied().cycle().take(LARGE_BYTES).collect()]).collect()
}

/// Each body lies in the file, one behind the other.
fn holds(file: &Path, bodies: &[Vec<u8>]) -> Result<(), String> {
    let bytes = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let mut rest = bytes.as_slice();
    for body in bodies {
        let at = rest.windows(body.len()).position(|window| window == body.as_slice());
        let at = at.ok_or_else(|| {
            format!("`{}` is not in the file", String::from_utf8_lossy(body.get(..30).unwrap_or(body)))
        })?;
        rest = rest.get(at + body.len()..).unwrap_or_default();
    }
    Ok(())
}

/// A folder that goes with the trial.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Result<Self, String> {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("floor-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A leftover folder in the build directory harms nobody.
        let _leftover = std::fs::remove_dir_all(&self.0);
    }
}

fn connect(port: u16) -> Result<TcpStream, String> {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map_err(|error| format!("cannot connect: {error}"))
}

/// A client of NATS that waits to be greeted, as those of NATS do.
struct Nats(BufReader<TcpStream>);

impl Nats {
    fn connect(port: u16) -> Result<Self, String> {
        let mut client = Self(BufReader::new(connect(port)?));
        let greeting = client.line()?;
        if !greeting.starts_with("INFO {") {
            return Err(format!("greeted with `{greeting}`"));
        }
        client.write(b"CONNECT {\"verbose\":false}\r\nSUB _INBOX.test 1\r\nPING\r\n")?;
        let pong = client.line()?;
        if pong == "PONG" { Ok(client) } else { Err(format!("PING was answered with `{pong}`")) }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.0.get_mut().write_all(bytes).map_err(|error| format!("cannot send: {error}"))
    }

    fn publish(&mut self, body: &[u8]) -> Result<(), String> {
        let mut bytes = format!("PUB orders _INBOX.test {}\r\n", body.len()).into_bytes();
        bytes.extend_from_slice(body);
        bytes.extend_from_slice(b"\r\n");
        self.write(&bytes)
    }

    /// The number that the next answer names.
    fn acked(&mut self) -> Result<u64, String> {
        let (head, text) = (self.line()?, self.line()?);
        let number = text.strip_prefix("{\"stream\":\"floor\",\"seq\":").and_then(|rest| rest.strip_suffix('}'));
        let number = number.and_then(|number| number.parse().ok());
        number.filter(|_| head.starts_with("MSG _INBOX.test 1 ")).ok_or(format!("answered with `{head}` `{text}`"))
    }

    fn line(&mut self) -> Result<String, String> {
        let mut line = String::new();
        self.0.read_line(&mut line).map_err(|error| format!("cannot receive: {error}"))?;
        Ok(line.trim_end().to_owned())
    }
}
