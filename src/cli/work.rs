//! Threads that send or receive, and how their work adds up to one exit code.
//!
//! Takes: what each thread does. Gives: the exit code, with every failure told on standard error. Must stay true: a
//! command ends with success only if every message was done.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::exit::Exit;
use super::output::Output;
use super::progress::Progress;

/// Why a thread gave up: what failed, where, why, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) exit: Exit,
    pub(super) text: String,
}

/// How far one thread came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Done {
    /// Messages that are certainly done: acked, and committed where there are transactions.
    pub(super) count: u64,
    pub(super) failure: Option<Failure>,
}

/// The work of one command.
#[derive(Debug, Clone, Copy)]
pub(super) struct Job<'a> {
    /// `sent` or `received`.
    pub(super) verb: &'a str,
    pub(super) threads: u16,
    /// Messages of each thread.
    pub(super) each: u64,
}

/// What a thread reports while it works.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    /// One more message.
    pub(super) fn add_one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Runs the threads and waits for all of them.
pub(super) fn run(job: Job<'_>, work: &(impl Fn(u16, &Counter) -> Done + Sync)) -> Exit {
    let counter = &Counter::default();
    let total = job.each.saturating_mul(u64::from(job.threads));
    let mut progress = Progress::new(job.verb, total, Instant::now());
    let mut all = Vec::new();
    std::thread::scope(|scope| {
        let (sender, receiver) = channel();
        for index in 0..job.threads {
            let sender = sender.clone();
            let spawned = std::thread::Builder::new().spawn_scoped(scope, move || {
                // The receiver lives until every thread has ended.
                let _gone = sender.send(work(index, counter));
            });
            if let Err(error) = spawned {
                let text = format!("thread {index} cannot be started: {error}");
                all.push(Done { count: 0, failure: Some(Failure { exit: Exit::Failed, text }) });
            }
        }
        drop(sender);
        loop {
            match receiver.recv_timeout(Duration::from_millis(500)) {
                Ok(done) => all.push(done),
                Err(RecvTimeoutError::Timeout) => progress.show(Instant::now(), counter.0.load(Ordering::Relaxed)),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
    });
    progress.clear();
    sum_up(job, total, &all)
}

/// The exit code of all threads together; tells what was not done.
fn sum_up(job: Job<'_>, total: u64, all: &[Done]) -> Exit {
    let mut complaints = Output::stderr();
    for failure in all.iter().filter_map(|done| done.failure.as_ref()) {
        complaints.line(format_args!("error: {}", failure.text));
    }
    let done: u64 = all.iter().map(|done| done.count).sum();
    if done >= total {
        return Exit::Ok;
    }
    complaints.line(format_args!("{done} of {total} messages {}", job.verb));
    let first = all.iter().find_map(|done| done.failure.as_ref());
    first.map_or(Exit::Failed, |failure| failure.exit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(counts: &[(u64, Option<Exit>)], expected: Exit) {
        let job = Job { verb: "sent", threads: u16::try_from(counts.len()).unwrap(), each: 10 };
        let work = |index: u16, counter: &Counter| {
            let (count, exit) = counts[usize::from(index)];
            (0..count).for_each(|_| counter.add_one());
            let failure = exit.map(|exit| Failure { exit, text: "planted".to_owned() });
            Done { count, failure }
        };
        assert_eq!(run(job, &work), expected, "{counts:?}");
    }

    #[test]
    fn success_only_if_every_message_was_done() {
        check(&[(10, None)], Exit::Ok);
        check(&[(10, None), (10, None), (10, None)], Exit::Ok);
        check(&[(10, None), (9, None)], Exit::Failed);
        check(&[(10, None), (0, Some(Exit::CannotConnect))], Exit::CannotConnect);
        // What fails after the last message was done (a close) does not undo it.
        check(&[(10, Some(Exit::Failed))], Exit::Ok);
    }

    #[test]
    fn a_thread_that_panics_is_no_success() {
        let job = Job { verb: "sent", threads: 1, each: 1 };
        let panicked = std::panic::catch_unwind(|| run(job, &|_, _| std::panic::resume_unwind(Box::new("planted"))));
        assert!(panicked.is_err());
    }
}
