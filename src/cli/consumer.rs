//! `ringmq consumer`: receives messages and prints what the Artemis command line prints.

use std::io::Write;
use std::time::{Duration, Instant};

use super::arguments::ConsumerOptions;
use super::exit::Exit;
use super::output::Output;
use super::progress::rate;
use super::work::{self, Counter, Done, Failure, Job};

/// How long `--break-on-null` waits, where no time is given.
const BREAK_TIMEOUT: Duration = Duration::from_secs(3);

/// One message that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Received {
    /// The body of a text message.
    pub(super) text: Option<String>,
    /// The broker's id of the message.
    pub(super) id: i64,
    /// The size of the body.
    pub(super) bytes: usize,
}

/// A session that receives.
pub(super) trait Receiving {
    /// The next message; `None` if none came in time. Without a time it waits on.
    fn receive(&mut self, timeout: Option<Duration>) -> Result<Option<Received>, Failure>;
    /// Says that the last received message is done. In a transaction it counts with the commit; outside one the answer
    /// is waited for at least at the `last` of all.
    fn acknowledge(&mut self, last: bool) -> Result<(), Failure>;
    /// Ends the transaction with success.
    fn commit(&mut self) -> Result<(), Failure>;
    /// Lets time pass, and keeps the connection alive meanwhile.
    fn pause(&mut self, time: Duration);
    fn close(self) -> Result<(), Failure>;
}

/// What every thread does.
#[derive(Debug, Clone)]
struct Plan {
    count: u64,
    /// Messages of a transaction; 0 is none.
    commit_interval: u64,
    sleep: Duration,
    verbose: bool,
    /// How long to wait for one message before giving up.
    timeout: Option<Duration>,
}

/// `consumer`.
pub(super) fn consume(options: &ConsumerOptions) -> Exit {
    let common = &options.common;
    let asked = options.receive_timeout.map(Duration::from_millis);
    let plan = Plan {
        count: common.message_count,
        commit_interval: common.commit_interval,
        sleep: Duration::from_millis(common.sleep),
        verbose: common.verbose,
        timeout: asked.or_else(|| options.break_on_null.then_some(BREAK_TIMEOUT)),
    };
    let job = Job { verb: "received", threads: common.threads, each: common.message_count };
    work::run(job, &|index, counter: &Counter| {
        let name = format!("Consumer {}, thread={index}", common.destination);
        match super::connection::Receiver::open(common, options.filter.as_deref(), index) {
            Ok(session) => thread(&name, session, &plan, counter, &mut Output::stdout()),
            Err(failure) => Done { count: 0, failure: Some(failure) },
        }
    })
}

/// One thread's life.
fn thread<W: Write>(
    name: &str,
    mut session: impl Receiving,
    plan: &Plan,
    counter: &Counter,
    out: &mut Output<W>,
) -> Done {
    out.line(format_args!("{name} wait until {} messages are consumed", plan.count));
    let started = Instant::now();
    let mut count = 0;
    let mut failure = receive_all(name, &mut session, plan, counter, out, &mut count).err();
    let elapsed = started.elapsed();
    out.line(format_args!("{name} Consumed: {count} messages"));
    out.line(format_args!("{name} Elapsed time in second : {} s", elapsed.as_secs()));
    out.line(format_args!("{name} Elapsed time in milli second : {} milli seconds", elapsed.as_millis()));
    out.line(format_args!("{name} Rate: {} messages/s", rate(count, elapsed)));
    if failure.is_none() {
        failure = session.close().err();
    }
    out.line(format_args!("{name} Consumer thread finished"));
    Done { count, failure }
}

/// Receives; `safe` counts what was acknowledged, and committed where there are transactions.
fn receive_all<W: Write>(
    name: &str,
    session: &mut impl Receiving,
    plan: &Plan,
    counter: &Counter,
    out: &mut Output<W>,
    safe: &mut u64,
) -> Result<(), Failure> {
    let transacted = plan.commit_interval > 0;
    let mut transactions = 0;
    let mut received = 0;
    while received < plan.count {
        let message = session.receive(plan.timeout)?;
        let came = message.is_some();
        if let Some(message) = message {
            received += 1;
            session.acknowledge(received == plan.count)?;
            counter.add_one();
            if plan.verbose {
                say(name, &message, out);
            } else if received.is_multiple_of(1000) {
                out.line(format_args!("{name} Received {received}"));
            }
        }
        let last = !came || received == plan.count;
        let open = received > *safe;
        if transacted && open && (last || received.is_multiple_of(plan.commit_interval)) {
            out.line(format_args!("{name} Committing transaction: {transactions}"));
            session.commit()?;
            transactions += 1;
            *safe = received;
        }
        if !transacted {
            *safe = received;
        }
        if !came {
            return Ok(());
        }
        if !plan.sleep.is_zero() && !last {
            session.pause(plan.sleep);
        }
    }
    Ok(())
}

fn say<W: Write>(name: &str, message: &Received, out: &mut Output<W>) {
    match &message.text {
        // A message must not be able to drive the terminal.
        Some(text) => out.line(format_args!("{name} Received {}", text.replace(char::is_control, " "))),
        None => out.line(format_args!("{name} Received ID:{} ({} bytes)", message.id, message.bytes)),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A queue with some messages, and the log of what was done with them.
    struct Fake<'a> {
        left: u64,
        log: &'a mut Vec<&'static str>,
    }

    impl Receiving for Fake<'_> {
        fn receive(&mut self, timeout: Option<Duration>) -> Result<Option<Received>, Failure> {
            if self.left == 0 {
                self.log.push("none");
                // A queue that stays empty: without a time this would wait for ever.
                let failed = || Failure { exit: Exit::Failed, text: "planted".to_owned() };
                return timeout.map(|_| None).ok_or_else(failed);
            }
            self.left -= 1;
            self.log.push("message");
            Ok(Some(Received { text: Some("hello".to_owned()), id: 7, bytes: 5 }))
        }

        fn acknowledge(&mut self, last: bool) -> Result<(), Failure> {
            self.log.push(if last { "last ack" } else { "ack" });
            Ok(())
        }

        fn commit(&mut self) -> Result<(), Failure> {
            self.log.push("commit");
            Ok(())
        }

        fn pause(&mut self, _time: Duration) {}

        fn close(self) -> Result<(), Failure> {
            Ok(())
        }
    }

    fn check(count: u64, commit_interval: u64, timeout: bool, left: u64, expected: &[&str], done: (u64, bool)) {
        let timeout = timeout.then_some(BREAK_TIMEOUT);
        let plan = Plan { count, commit_interval, sleep: Duration::ZERO, verbose: false, timeout };
        let mut log = Vec::new();
        let session = Fake { left, log: &mut log };
        let ended = thread("C", session, &plan, &Counter::default(), &mut Output::new(Vec::new()));
        assert_eq!(log, expected);
        assert_eq!((ended.count, ended.failure.is_some()), done);
    }

    #[test]
    fn stops_at_the_count_or_when_nothing_comes() {
        check(2, 0, false, 3, &["message", "ack", "message", "last ack"], (2, false));
        check(2, 0, true, 1, &["message", "ack", "none"], (1, false));
        check(2, 0, false, 1, &["message", "ack", "none"], (1, true));
        check(0, 0, true, 1, &[], (0, false));
    }

    #[test]
    fn commits_what_it_took_and_counts_nothing_else() {
        check(
            3,
            2,
            true,
            9,
            &["message", "ack", "message", "ack", "commit", "message", "last ack", "commit"],
            (3, false),
        );
        check(5, 2, true, 1, &["message", "ack", "none", "commit"], (1, false));
        check(5, 2, true, 0, &["none"], (0, false));
        check(5, 2, false, 1, &["message", "ack", "none"], (0, true));
    }

    #[test]
    fn prints_what_the_artemis_command_line_prints() {
        let plan = Plan { count: 1, commit_interval: 0, sleep: Duration::ZERO, verbose: true, timeout: None };
        let (mut log, mut printed) = (Vec::new(), Vec::new());
        let name = "Consumer haQueue, thread=0";
        let session = Fake { left: 1, log: &mut log };
        thread(name, session, &plan, &Counter::default(), &mut Output::new(&mut printed));
        let printed = String::from_utf8(printed).unwrap();
        for line in [
            " wait until 1 messages are consumed",
            " Received hello",
            " Consumed: 1 messages",
            " Consumer thread finished",
        ] {
            assert!(printed.contains(&format!("{name}{line}")), "{printed}");
        }
    }
}
