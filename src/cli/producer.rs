//! `ringmq producer`: sends messages and prints what the Artemis command line prints.

use std::io::Write;
use std::time::{Duration, Instant};

use super::arguments::ProducerOptions;
use super::exit::Exit;
use super::output::Output;
use super::progress::rate;
use super::work::{self, Counter, Done, Failure, Job};

/// What is in a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Body {
    /// A text message.
    Text(String),
    /// A bytes message.
    Bytes(Vec<u8>),
}

/// One message to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outgoing<'a> {
    pub(super) body: &'a Body,
    pub(super) durable: bool,
    /// The properties that the Artemis command line sets too: `count` and `ThreadSent`.
    pub(super) count: u64,
    pub(super) thread: &'a str,
}

/// A session that sends. `send` returns when the broker has answered, or, in a transaction, when the message is on its
/// way.
pub(super) trait Sending {
    fn send(&mut self, message: &Outgoing<'_>) -> Result<(), Failure>;
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
    durable: bool,
    verbose: bool,
    body: BodyPlan,
}

/// How bodies are made.
#[derive(Debug, Clone)]
enum BodyPlan {
    /// `test message: N`
    Numbered,
    /// The same for all.
    Same(Body),
}

impl BodyPlan {
    fn new(options: &ProducerOptions) -> Self {
        // The sizes are bounded by the grammar of the options.
        let length = |size: u32| usize::try_from(size).unwrap_or(0);
        if let Some(text) = &options.message {
            Self::Same(Body::Text(text.clone()))
        } else if let Some(size) = options.message_size {
            Self::Same(Body::Bytes(vec![b'.'; length(size)]))
        } else if let Some(size) = options.text_size {
            Self::Same(Body::Text("ringmq ".chars().cycle().take(length(size)).collect()))
        } else {
            Self::Numbered
        }
    }
}

/// `producer`.
pub(super) fn produce(options: &ProducerOptions) -> Exit {
    let common = &options.common;
    let plan = Plan {
        count: common.message_count,
        commit_interval: common.commit_interval,
        sleep: Duration::from_millis(common.sleep),
        durable: !options.non_persistent,
        verbose: common.verbose,
        body: BodyPlan::new(options),
    };
    let job = Job { verb: "sent", threads: common.threads, each: common.message_count };
    work::run(job, &|index, counter: &Counter| {
        let name = format!("Producer {}, thread={index}", common.destination);
        match super::connection::Sender::open(common, index) {
            Ok(session) => thread(&name, session, &plan, counter, &mut Output::stdout()),
            Err(failure) => Done { count: 0, failure: Some(failure) },
        }
    })
}

/// One thread's life.
fn thread<W: Write>(
    name: &str,
    mut session: impl Sending,
    plan: &Plan,
    counter: &Counter,
    out: &mut Output<W>,
) -> Done {
    out.line(format_args!("{name} Started to calculate elapsed time ..."));
    let started = Instant::now();
    let mut count = 0;
    let mut failure = send_all(name, &mut session, plan, counter, out, &mut count).err();
    let elapsed = started.elapsed();
    out.line(format_args!("{name} Produced: {count} messages"));
    out.line(format_args!("{name} Elapsed time in second : {} s", elapsed.as_secs()));
    out.line(format_args!("{name} Elapsed time in milli second : {} milli seconds", elapsed.as_millis()));
    out.line(format_args!("{name} Rate: {} messages/s", rate(count, elapsed)));
    if failure.is_none() {
        failure = session.close().err();
    }
    Done { count, failure }
}

/// Sends; `safe` counts what is certainly with the broker.
fn send_all<W: Write>(
    name: &str,
    session: &mut impl Sending,
    plan: &Plan,
    counter: &Counter,
    out: &mut Output<W>,
    safe: &mut u64,
) -> Result<(), Failure> {
    let transacted = plan.commit_interval > 0;
    let mut transactions = 0;
    for number in 0..plan.count {
        let numbered;
        let body = match &plan.body {
            BodyPlan::Same(body) => body,
            BodyPlan::Numbered => {
                numbered = Body::Text(format!("test message: {number}"));
                &numbered
            }
        };
        session.send(&Outgoing { body, durable: plan.durable, count: number, thread: name })?;
        counter.add_one();
        if plan.verbose {
            match body {
                Body::Text(text) => out.line(format_args!("{name} Sent: {text}")),
                Body::Bytes(bytes) => out.line(format_args!("{name} Sent: {} bytes", bytes.len())),
            };
        }
        let sent = number + 1;
        let ends = sent == plan.count || (transacted && sent.is_multiple_of(plan.commit_interval));
        if transacted && ends {
            out.line(format_args!("{name} Committing transaction: {transactions}"));
            session.commit()?;
            transactions += 1;
        }
        if !transacted || ends {
            *safe = sent;
        }
        if !plan.sleep.is_zero() && sent < plan.count {
            session.pause(plan.sleep);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A broker that takes `limit` messages and remembers what happened.
    struct Fake<'a> {
        limit: usize,
        log: &'a mut Vec<String>,
    }

    impl Sending for Fake<'_> {
        fn send(&mut self, message: &Outgoing<'_>) -> Result<(), Failure> {
            if self.log.iter().filter(|entry| !entry.starts_with("commit")).count() >= self.limit {
                return Err(Failure { exit: Exit::CannotConnect, text: "planted".to_owned() });
            }
            self.log.push(match message.body {
                Body::Text(text) => text.clone(),
                Body::Bytes(bytes) => format!("{} bytes", bytes.len()),
            });
            Ok(())
        }

        fn commit(&mut self) -> Result<(), Failure> {
            self.log.push("commit".to_owned());
            Ok(())
        }

        fn pause(&mut self, _time: Duration) {}

        fn close(self) -> Result<(), Failure> {
            Ok(())
        }
    }

    fn plan(count: u64, commit_interval: u64, body: BodyPlan) -> Plan {
        Plan { count, commit_interval, sleep: Duration::ZERO, durable: true, verbose: false, body }
    }

    fn check(plan: &Plan, limit: usize, expected: &[&str], safe: u64) {
        let mut log = Vec::new();
        let session = Fake { limit, log: &mut log };
        let done = thread("P", session, plan, &Counter::default(), &mut Output::new(Vec::new()));
        assert_eq!(log, expected);
        assert_eq!((done.count, done.failure.is_some()), (safe, safe < plan.count));
    }

    #[test]
    fn sends_and_commits() {
        check(&plan(2, 0, BodyPlan::Numbered), 9, &["test message: 0", "test message: 1"], 2);
        let bytes = BodyPlan::Same(Body::Bytes(vec![0; 5]));
        let expected = ["5 bytes", "5 bytes", "commit", "5 bytes", "5 bytes", "commit", "5 bytes", "commit"];
        check(&plan(5, 2, bytes), 9, &expected, 5);
        check(&plan(0, 2, BodyPlan::Numbered), 9, &[], 0);
    }

    #[test]
    fn only_what_was_committed_counts() {
        let text = || BodyPlan::Same(Body::Text("x".to_owned()));
        check(&plan(5, 0, text()), 3, &["x", "x", "x"], 3);
        check(&plan(5, 2, text()), 3, &["x", "x", "commit", "x"], 2);
    }

    #[test]
    fn prints_what_the_artemis_command_line_prints() {
        let mut log = Vec::new();
        let mut printed = Vec::new();
        let name = "Producer haQueue, thread=0";
        let session = Fake { limit: 10, log: &mut log };
        let plan = Plan { verbose: true, ..plan(1, 0, BodyPlan::Numbered) };
        thread(name, session, &plan, &Counter::default(), &mut Output::new(&mut printed));
        let printed = String::from_utf8(printed).unwrap();
        for line in [
            " Started to calculate",
            " Sent: test message: 0",
            " Produced: 1 messages",
            " Elapsed time in milli second : ",
        ] {
            assert!(printed.contains(&format!("{name}{line}")), "{printed}");
        }
    }
}
