//! The generator of loads against the built broker, small: whatever was sent is acked, and what waits can be taken out again.
//!
//! Beside it the controls: brokers that answer late or never, which must show, and the count of allocations. The broker is the one that was
//! built beside this test: `cargo test --workspace` builds it, as does `cargo build`.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bench::load::{Changes, Done, Length, Outcome, Pace, Plan, Scenario, Subject, perform, rows, run};
use bench::targets::{Place, Protocol, RingMq, Running, Target};

/// A broker of a test's own; its store goes with it.
struct Stage {
    running: Option<Running>,
    directory: PathBuf,
}

impl Stage {
    fn new(name: &str) -> Self {
        let binary = std::env::current_exe().unwrap().parent().and_then(Path::parent).unwrap().join("ringmq");
        assert!(binary.is_file(), "no broker beside this test: cargo build --bin ringmq");
        let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("load-{name}-{}", std::process::id()));
        let settings = vec!["journal-file-size=4MiB".to_owned()];
        let place = Place { directory: directory.clone(), port: 0, queue: "start".to_owned(), settings };
        Self { running: Some(RingMq { binary }.start(&place).unwrap()), directory }
    }

    /// A plan of so many messages.
    fn plan(&self, messages: u64) -> Plan {
        let running = self.running.as_ref().unwrap();
        Plan {
            length: Length::Messages(messages),
            pids: running.pids(),
            directory: Some(running.store().to_owned()),
            ..Plan::new(&format!("127.0.0.1:{}", running.port()), Protocol::Core)
        }
    }

    /// All rows of a scenario.
    fn rounds(&self, scenario: Scenario, messages: u64, changes: Changes) -> Vec<Done> {
        let base = self.plan(messages);
        let subject = Subject { scenario: scenario.name(), ..Subject::default() };
        let rows = rows(scenario, &base, changes);
        rows.iter().flat_map(|row| perform(row, &subject, &mut |_| {}, &AtomicBool::new(false)).unwrap()).collect()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // It is killed: whatever it wrote goes now.
        drop(self.running.take());
        let _left = std::fs::remove_dir_all(&self.directory);
    }
}

fn runs(plan: &Plan) -> Outcome {
    run(plan, &mut |_| {}, &AtomicBool::new(false)).unwrap()
}

fn all_acked(done: &[Done], messages: u64) {
    for Done { round, outcome } in done {
        let load = &round.parameters;
        // A transaction is begun while messages may be sent.
        let most = messages + u64::from(load.transaction.unwrap_or(1)) - 1;
        assert!((messages..=most).contains(&outcome.sent), "{} of {messages}: {load:?}", outcome.sent);
        assert_eq!((outcome.acked, outcome.unanswered), (outcome.sent, 0), "{load:?}");
        assert_eq!(round.figures.ack.n * u64::from(load.transaction.unwrap_or(1)), outcome.acked, "{load:?}");
        assert!(round.figures.target.is_some() && round.figures.client_us > 0);
    }
}

#[test]
fn producers_alone() {
    let stage = Stage::new("alone");
    all_acked(&stage.rounds(Scenario::S1, 40, Changes::default()), 40);
    all_acked(&stage.rounds(Scenario::S2, 640, Changes::default()), 640);
    all_acked(&stage.rounds(Scenario::S3, 2_000, Changes::default()), 2_000);
}

#[test]
fn producers_and_consumers() {
    let stage = Stage::new("consumers");
    let done = stage.rounds(Scenario::S4, 1_500, Changes::default());
    all_acked(&done, 1_500);
    for Done { round, outcome } in &done {
        assert_eq!(outcome.consumed, 1_500);
        assert_eq!(round.figures.delivery.map(|delivery| delivery.n), Some(1_500));
    }
}

#[test]
fn on_schedule_over_many_queues() {
    let stage = Stage::new("schedule");
    let done = stage.rounds(Scenario::S5, 1_000, Changes { rate: Some(2_000.0), poisson: true, ..Changes::default() });
    all_acked(&done, 1_000);
    assert_eq!(done[0].outcome.consumed, 1_000);
    assert_eq!(done[0].round.figures.send_delay.map(|delay| delay.n), Some(1_000));
    assert!(done[0].round.figures.ack.p50.is_some_and(|p50| p50 > 0.0));
}

#[test]
fn transactions() {
    let stage = Stage::new("transactions");
    all_acked(&stage.rounds(Scenario::S6, 300, Changes::default()), 300);
}

#[test]
fn sizes_queues_and_connections() {
    let stage = Stage::new("sizes");
    all_acked(&stage.rounds(Scenario::S8, 12, Changes::default()), 12);
    let changes = Changes { queues: Some(50), ..Changes::default() };
    let done = stage.rounds(Scenario::S9, 500, changes);
    all_acked(&done, 500);
    // Rounds that differ in their spread alone are no rounds of the same load.
    let names: Vec<&str> = done.iter().map(|done| done.round.scenario.as_str()).collect();
    assert_eq!(names, ["S9", "S9-zipf"]);
    all_acked(&stage.rounds(Scenario::S10, 20, Changes { connections: Some(100), ..Changes::default() }), 20);
}

#[test]
fn what_was_queued_can_be_drained() {
    let stage = Stage::new("drain");
    let done = stage.rounds(Scenario::S11, 700, Changes { depth: Some(3_000), ..Changes::default() });
    let [published, drained] = done.as_slice() else { panic!("{} rounds", done.len()) };
    assert_eq!((published.outcome.acked, published.round.parameters.depth), (700, 3_000));
    // Nothing that was acked was missing, and nothing came that was not sent.
    assert_eq!((drained.outcome.consumed, drained.round.parameters.depth), (3_700, 3_700));
    assert_eq!(drained.round.scenario, "S11-drain");
}

#[test]
fn an_interrupt_keeps_what_was_measured() {
    let stage = Stage::new("interrupt");
    let stop = AtomicBool::new(false);
    let mut plan = Plan { length: Length::Time(Duration::from_secs(3600)), ..stage.plan(0) };
    plan.warm.most = Duration::ZERO;
    let outcome = run(&plan, &mut |glimpse| stop.store(glimpse.acked > 10, Ordering::Relaxed), &stop).unwrap();
    assert!(outcome.figures.messages > 0 && outcome.figures.ack.n > 0);
    assert!(outcome.remarks.iter().any(|remark| remark.contains("interrupted")), "{:?}", outcome.remarks);
}

#[test]
fn a_message_allocates_nothing() {
    let stage = Stage::new("allocations");
    let counted = |messages: u64, planted: u64| {
        let plan = Plan { window: 64, ..stage.plan(messages) };
        let counted = allocation_counter::measure(|| {
            assert_eq!(runs(&plan).acked, messages);
            (0..planted).for_each(|number| drop(std::hint::black_box(Box::new(number))));
        });
        counted.count_total
    };
    counted(100, 0);
    let (few, many) = (counted(2_000, 0), counted(22_000, 0));
    // What is left is for looks at the clock and at /proc, not for messages.
    let is_for_messages = |few: u64, many: u64| many > few + 2_000;
    assert!(!is_for_messages(few, many), "{few} allocations for 2,000 messages, {many} for 22,000");
    // The control: one for each message.
    assert!(is_for_messages(few, counted(22_000, 22_000)), "an allocation for each message is not noticed");
}

/// Speaks enough NATS to be sent to. `answers` says when the ack of a message goes, from the number of messages so far; never: none.
fn stand_in(answers: fn(u64, Instant) -> Option<Instant>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || serve(&stream, answers));
        }
    });
    address
}

fn serve(stream: &TcpStream, answers: fn(u64, Instant) -> Option<Instant>) -> Option<()> {
    let mut out = stream;
    out.write_all(b"INFO {}\r\n").ok()?;
    let (mut lines, mut line, mut count) = (BufReader::new(stream), String::new(), 0);
    let begun = Arc::new(OnceLock::new());
    loop {
        line.clear();
        lines.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["PING"] => out.write_all(b"PONG\r\n").ok()?,
            ["PUB", _, inbox, length] => {
                let mut body = vec![0; length.parse::<usize>().ok()? + 2];
                lines.read_exact(&mut body).ok()?;
                count += 1;
                if let Some(when) = answers(count, *begun.get_or_init(Instant::now)) {
                    std::thread::sleep(when.saturating_duration_since(Instant::now()));
                    out.write_all(format!("MSG {inbox} 1 7\r\n{{\"a\":1}}\r\n").as_bytes()).ok()?;
                }
            }
            _ => {}
        }
    }
}

fn against(address: &str, pace: Pace, messages: u64) -> Plan {
    Plan {
        makes_queues: false,
        pace,
        length: Length::Messages(messages),
        drain: Duration::from_millis(200),
        ..Plan::new(address, Protocol::Nats)
    }
}

/// The hundredth message holds up all behind it for half a second.
fn stalls_once(count: u64, begun: Instant) -> Option<Instant> {
    Some(if count < 100 { begun } else { begun + Duration::from_millis(600) })
}

#[test]
fn a_stall_shows_in_an_open_loop_and_not_in_a_closed_one() {
    let outcome = runs(&Plan {
        drain: Duration::from_secs(60),
        ..against(&stand_in(stalls_once), Pace::Constant(1_000.0), 1_000)
    });
    assert_eq!((outcome.acked, outcome.ack.count()), (1_000, 1_000));
    // About 500 of the thousand were due while nobody answered, evenly up to half a second before the end of that.
    let p90 = outcome.ack.percentile(0.9).unwrap();
    assert!(p90 >= 300_000.0, "{p90} us");
    // The control: one message at a time waits once, and 99 of a hundred know of nothing.
    let outcome =
        runs(&Plan { drain: Duration::from_secs(60), ..against(&stand_in(stalls_once), Pace::Closed, 1_000) });
    let p90 = outcome.ack.percentile(0.9).unwrap();
    assert!(p90 < 300_000.0, "{p90} us");
}

#[test]
fn a_message_that_is_never_answered_is_told() {
    let length = Length::AtMost(5, Duration::from_millis(300));
    let outcome = runs(&Plan { length, ..against(&stand_in(|_, _| None), Pace::Constant(1_000.0), 5) });
    assert_eq!((outcome.sent, outcome.acked, outcome.unanswered), (5, 0, 5));
    assert!(outcome.ack.summary().max_us.unwrap() >= 200_000.0);
    assert!(outcome.remarks.iter().any(|remark| remark.contains("no answer")), "{:?}", outcome.remarks);
}

#[test]
fn a_closed_loop_that_nobody_answers_is_an_error() {
    let length = Length::AtMost(5, Duration::from_millis(300));
    let plan = Plan { length, ..against(&stand_in(|_, _| None), Pace::Closed, 5) };
    let error = run(&plan, &mut |_| {}, &AtomicBool::new(false)).unwrap_err();
    assert!(error.contains("none of the"), "{error}");
}

#[test]
fn a_broker_that_is_not_there_is_told() {
    let error = run(&against("127.0.0.1:1", Pace::Closed, 1), &mut |_| {}, &AtomicBool::new(false)).unwrap_err();
    assert!(error.contains("127.0.0.1:1"), "{error}");
}
