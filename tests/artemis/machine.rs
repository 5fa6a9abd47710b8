//! One Java machine that runs the distribution's command line again and again: a start of its own costs each command two seconds.
//!
//! Takes the home of a distribution and the words of a command, gives what it said. The program is `CommandLine.java`, which Java
//! compiles as it starts; a trial compares it with the script that a user starts. The machine ends when its standard input does, and so
//! with this process at the latest.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::distribution::Said;

/// A Java machine that starts and compiles on a busy machine, and a command that gives up by itself long before.
const LINE_WITHIN: Duration = Duration::from_secs(120);

/// The running machine.
pub(crate) struct Machine {
    child: Child,
    requests: ChildStdin,
    lines: Receiver<String>,
}

impl Machine {
    /// Starts it; it is ready when it answers.
    pub(crate) fn start(home: &Path) -> Result<Self, String> {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/artemis/CommandLine.java");
        let mut command = Command::new("java");
        // Compiling for a long run costs more than the short commands take.
        command.args(["-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Xmx256m"]);
        command.arg(format!("-Dartemis.home={}", home.display()));
        command.arg("-cp").arg(home.join("lib/*")).arg(program);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("java does not start: {error}"))?;
        let requests = child.stdin.take().ok_or("java has no standard input")?;
        let (sender, lines) = channel();
        let out = child.stdout.take();
        std::thread::spawn(move || {
            let all = out.into_iter().flat_map(|out| BufReader::new(out).lines().map_while(Result::ok));
            // Nobody may listen any more.
            all.for_each(|line| drop(sender.send(line)));
        });
        Ok(Self { child, requests, lines })
    }

    /// Runs one command to its end.
    pub(crate) fn run(&mut self, words: &[&str]) -> Result<Said, String> {
        writeln!(self.requests, "{}", words.join("\t")).map_err(|error| format!("java does not listen: {error}"))?;
        let mut text = String::new();
        loop {
            let line = self.lines.recv_timeout(LINE_WITHIN);
            let line = line.map_err(|error| format!("artemis {}: {error}\n{text}", words.join(" ")))?;
            if let Some(code) = line.strip_prefix("exit ") {
                return Ok(Said { text, success: code == "0" });
            }
            text.push_str(line.strip_prefix("| ").unwrap_or(&line));
            text.push('\n');
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Gone already, unless something went wrong here.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}
