//! `bench audit` beside brokers of which it is known when they flush: stand-ins that flush, that do not, that flush too late or the wrong file, and
//! the built broker with its defaults and with acks that do not wait.
//!
//! The stand-ins need `strace`, the built broker a loop device and root; else it says `skipped:` with the reason. A stand-in is this very
//! program, called again.

#[path = "../../tests/process/harness.rs"]
mod harness;

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use bench::audit::{Audit, Plan, Verdict, audit};
use bench::result::schema::Durability;
use bench::targets::{Place, Protocol, RingMq, Running, Target, Way};
use harness::{Outcome, Trial};

/// Called with this, the program is a stand-in.
const STAND_IN: &str = "--stand-in";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, first, habit, store] = arguments.as_slice()
        && first == STAND_IN
    {
        return match stand_in(habit, Path::new(store)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        };
    }
    harness::run(&[
        Trial { name: "harness_counts_what_happens", run: harness::counts_what_happens },
        Trial { name: "who_flushes_before_the_ack_is_durable", run: || stand_in_is("flushes", &Durability::Local) },
        Trial { name: "who_writes_through_is_durable", run: || stand_in_is("writes-through", &Durability::Local) },
        Trial { name: "who_never_flushes_is_caught", run: || stand_in_is("never", &Durability::NotDurable) },
        Trial { name: "who_flushes_behind_the_ack_is_caught", run: || stand_in_is("late", &Durability::NotDurable) },
        Trial { name: "who_flushes_another_file_is_caught", run: || stand_in_is("elsewhere", &Durability::NotDurable) },
        Trial { name: "the_broker_is_durable", run: || broker_is(false, &Durability::Local) },
        Trial {
            name: "the_broker_on_a_disk_that_is_not_flushed_is_caught",
            run: || broker_is(true, &Durability::NotDurable),
        },
    ])
}

fn directory(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("audit-{name}-{}", std::process::id()))
}

fn is(audit: &Audit, expected: &Durability) -> harness::Verdict {
    match &audit.verdict {
        Verdict::Unknown(why) => Ok(Outcome::Skipped(why.clone())),
        verdict if verdict.label() == *expected => Ok(Outcome::Passed),
        verdict => Err(format!("{verdict} instead of {expected}: {:?}", audit.loads)),
    }
}

fn stand_in_is(habit: &'static str, expected: &Durability) -> harness::Verdict {
    let directory = directory(habit);
    let plan = Plan { single: 40, grouped: 256, ..Plan::below(&directory) };
    let audited = audit(&StandIn { habit }, &plan, &mut |_| {});
    // A leftover folder in the build directory harms nobody.
    let _leftover = std::fs::remove_dir_all(&directory);
    is(&audited?, expected)
}

fn broker_is(lying_disk: bool, expected: &Durability) -> harness::Verdict {
    let here = std::env::current_exe().map_err(|error| format!("this test does not know where it is: {error}"))?;
    let built = here.parent().and_then(Path::parent).map(|folder| folder.join("ringmq"));
    let binary = built.filter(|path| path.is_file()).ok_or("no broker beside this test: cargo build --bin ringmq")?;
    let directory = directory(if lying_disk { "broker-lied-to" } else { "broker" });
    // One lane and small segments: what a start prepares is short.
    let settings = vec!["journal-lanes=1".to_owned(), "journal-file-size=16MiB".to_owned()];
    let plan = Plan { single: 60, grouped: 640, settings, lying_disk, ..Plan::below(&directory) };
    let audited = audit(&RingMq { binary }, &plan, &mut |_| {});
    let _leftover = std::fs::remove_dir_all(&directory);
    is(&audited?, expected)
}

/// A broker whose habit is known.
#[derive(Debug)]
struct StandIn {
    habit: &'static str,
}

impl Target for StandIn {
    fn name(&self) -> &str {
        self.habit
    }

    fn version(&self) -> Result<String, String> {
        Ok("1".to_owned())
    }

    fn durability(&self) -> Durability {
        Durability::Unknown
    }

    fn protocol(&self) -> Protocol {
        Protocol::Stomp
    }

    fn start(&self, place: &Place) -> Result<Running, String> {
        let store = place.directory.join("data");
        std::fs::create_dir_all(&store).map_err(|error| error.to_string())?;
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut command = Command::new(program);
        command.args([STAND_IN, self.habit]).arg(&store).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| error.to_string())?;
        let mut line = String::new();
        let said = child.stdout.take().map(|out| BufReader::new(out).read_line(&mut line));
        let port = line.trim().parse().map_err(|_| format!("no port: {said:?}"));
        let running = Running::new(child, Way { port: port.clone().unwrap_or(0), store, log: PathBuf::new() });
        port.map(|_: u16| running)
    }
}

/// Serves one client after the other, with STOMP, until it is ended.
fn stand_in(habit: &str, store: &Path) -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut log = open(&store.join("log"), habit == "writes-through")?;
    let mut other = open(&store.with_extension("other"), false)?;
    println!("{}", listener.local_addr()?.port());
    loop {
        let (client, _) = listener.accept()?;
        // A client that goes is no reason to end.
        let _gone = serve(client, habit, &mut log, &mut other);
    }
}

fn open(path: &Path, through: bool) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = if through { nix::libc::O_DSYNC } else { 0 };
    OpenOptions::new().create(true).append(true).custom_flags(flags).open(path)
}

fn serve(client: TcpStream, habit: &str, log: &mut File, other: &mut File) -> std::io::Result<()> {
    let mut out = client.try_clone()?;
    let mut input = BufReader::new(client);
    let mut frame = Vec::new();
    loop {
        frame.clear();
        if (&mut input).take(4096).read_until(0, &mut frame)? == 0 {
            return Ok(());
        }
        if frame.starts_with(b"CONNECT") {
            out.write_all(b"CONNECTED\nversion:1.2\n\n\0")?;
            continue;
        }
        log.write_all(&frame)?;
        if habit == "flushes" {
            log.sync_data()?;
        }
        if habit == "elsewhere" {
            other.write_all(&frame)?;
            other.sync_data()?;
        }
        out.write_all(b"RECEIPT\nreceipt-id:r\n\n\0")?;
        if habit == "late" {
            log.sync_data()?;
        }
    }
}
