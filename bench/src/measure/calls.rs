//! System calls of running processes, as the kernel counts them for `perf`.
//!
//! Counting slows every process of the machine a little, so that it is done beside a measurement and not during it. Takes process ids;
//! gives how many calls all their threads made between [`Counting::begin`] and [`Counting::end`]. What cannot be counted here, because
//! `perf` is missing or not allowed, is an error that says so.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

/// Every system call of a thread, when it begins.
const EVENT: &str = "raw_syscalls:sys_enter";
/// What an order may take: on a busy machine perf itself starts late.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// How often its pipe is looked at: there is no other way to wait for it and for an end at once.
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// What it says when an order is done.
const DONE: u8 = b'\n';

/// A running count.
#[derive(Debug)]
pub struct Counting {
    perf: Child,
    folder: PathBuf,
    orders: File,
    answers: File,
}

impl Counting {
    /// Begins to count; pipes for it lie in a folder of its own under `folder` meanwhile.
    ///
    /// # Errors
    ///
    /// `perf` is not there, or the kernel does not let it count.
    pub fn begin(pids: &[u32], folder: &Path) -> Result<Self, String> {
        let folder = folder.join(format!("calls-{}", std::process::id()));
        let failed = |error: &dyn std::fmt::Display| format!("system calls cannot be counted: {error}");
        std::fs::create_dir_all(&folder).map_err(|error| failed(&error))?;
        let (orders, answers) = (folder.join("orders"), folder.join("answers"));
        for pipe in [&orders, &answers] {
            let _from_before = std::fs::remove_file(pipe);
            mkfifo(pipe, Mode::S_IRWXU).map_err(|error| failed(&error))?;
        }
        let open = |path: &Path| {
            let mut options = File::options();
            options.read(true).write(true).custom_flags(OFlag::O_NONBLOCK.bits());
            options.open(path).map_err(|error| failed(&error))
        };
        // Open at both ends before the other side comes, so that nobody waits for it.
        let (orders_end, answers_end) = (open(&orders)?, open(&answers)?);
        let pids: Vec<String> = pids.iter().map(u32::to_string).collect();
        let mut command = Command::new("perf");
        command.args(["stat", "-x", ",", "-e", EVENT, "-D", "-1", "--control"]);
        command.arg(format!("fifo:{},{}", orders.display(), answers.display()));
        // It counts until its own program ends, which does so with its input.
        command.args(["-p", &pids.join(","), "--", "cat"]);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let perf = command.spawn().map_err(|error| failed(&format!("perf does not start: {error}")))?;
        let mut counting = Self { perf, folder, orders: orders_end, answers: answers_end };
        counting.order("enable")?;
        Ok(counting)
    }

    /// Ends it, and gives the number.
    ///
    /// # Errors
    ///
    /// As [`Counting::begin`].
    pub fn end(mut self) -> Result<u64, String> {
        self.order("disable")?;
        drop(self.perf.stdin.take());
        let said = self.said();
        said.lines().find_map(number).ok_or_else(|| format!("system calls cannot be counted: {}", said.trim()))
    }

    /// Says it and waits until it is done.
    fn order(&mut self, word: &str) -> Result<(), String> {
        let failed = |what: &dyn std::fmt::Display| format!("system calls cannot be counted: {what}");
        self.orders.write_all(format!("{word}\n").as_bytes()).map_err(|error| failed(&error))?;
        let begun = Instant::now();
        let mut answer = [0; 64];
        loop {
            match self.answers.read(&mut answer) {
                Ok(length) if answer.get(..length).is_some_and(|answer| answer.contains(&DONE)) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(failed(&error)),
            }
            if let Ok(Some(_ended)) = self.perf.try_wait() {
                return Err(failed(&self.said().trim()));
            }
            if begun.elapsed() > ANSWER_WITHIN {
                return Err(failed(&format!("perf did not {word} it within {ANSWER_WITHIN:?}")));
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// All that perf says until its end.
    fn said(&mut self) -> String {
        let mut said = String::new();
        if let Some(mut pipe) = self.perf.stderr.take() {
            // What cannot be read is not a number.
            let _read = pipe.read_to_string(&mut said);
        }
        said
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        drop(self.perf.stdin.take());
        // Ended already, unless something went wrong on the way.
        let _gone = self.perf.kill();
        let _reaped = self.perf.wait();
        let _left = std::fs::remove_dir_all(&self.folder);
    }
}

/// The number at the start of the line of the event; none if perf could not count it.
fn number(line: &str) -> Option<u64> {
    let mut fields = line.split(',');
    let count = fields.next()?.trim().parse().ok()?;
    fields.any(|field| field == EVENT).then_some(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_found_and_nothing_else_is_one() {
        assert_eq!(number("394,,raw_syscalls:sys_enter,55008219,100.00,,"), Some(394));
        assert_eq!(number("<not counted>,,raw_syscalls:sys_enter,0,100.00,,"), None);
        assert_eq!(number("Events enabled"), None);
        assert_eq!(number("7,,cycles,1,100.00,,"), None);
    }

    #[test]
    fn calls_are_counted_or_it_is_said_why_not() {
        let counting = match Counting::begin(&[std::process::id()], &std::env::temp_dir()) {
            Ok(counting) => counting,
            Err(why) => {
                assert!(why.starts_with("system calls cannot be counted: ") && why.len() > 40, "{why}");
                return;
            }
        };
        for _ in 0..1_000 {
            // Each is a call: nothing here keeps its answer.
            let _limits = std::hint::black_box(nix::unistd::getppid());
        }
        let counted = counting.end().unwrap();
        assert!(counted >= 1_000, "{counted}");
    }

    #[test]
    fn a_process_that_is_not_there_is_an_error() {
        assert!(Counting::begin(&[u32::MAX / 2], &std::env::temp_dir()).is_err());
    }
}
