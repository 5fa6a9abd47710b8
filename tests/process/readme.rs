//! The README's commands, run as a newcomer would run them, in the order in which they stand there.
//!
//! Takes the lines of its `sh` blocks. `cargo run --release --` becomes the binary under test (it is built already), the
//! broker gets a free port and a folder of its own, and the clients get its address; nothing else is changed.

use std::path::Path;
use std::time::Duration;

use crate::folder::Folder;
use crate::harness::{Outcome, Verdict};
use crate::process::{Process, text_of};
use crate::server::{Server, behind};

const README: &str = include_str!("../../README.md");
const RUN: &str = "cargo run --release -- ";
const ADDRESS: &str = "tcp://127.0.0.1:61616";
/// Ten messages, on any disk.
const CLIENT_WITHIN: Duration = Duration::from_secs(120);

/// The lines of the `sh` blocks of a document, comments left out.
fn examples(document: &str) -> Vec<&str> {
    let mut inside = false;
    let mut lines = Vec::new();
    for line in document.lines() {
        if line.starts_with("```") {
            inside = line == "```sh";
        } else if inside && !line.trim().is_empty() && !line.starts_with('#') {
            lines.push(line.trim());
        }
    }
    lines
}

pub(crate) fn examples_are_found() -> Verdict {
    let found = examples("```sh\n# why\na b\n```\nc\n```toml\nd = 1\n```\n```sh\ne\n```\n");
    if found != ["a b", "e"] {
        return Err(format!("found {found:?}"));
    }
    let ours = examples(README);
    let has = |start: &str| ours.iter().any(|line| line.starts_with(start));
    let wanted = [format!("{RUN}run"), format!("{RUN}producer"), format!("{RUN}consumer"), "cargo test".to_owned()];
    let missing: Vec<&String> = wanted.iter().filter(|start| !has(start)).collect();
    if missing.is_empty() { Ok(Outcome::Passed) } else { Err(format!("README.md lacks {missing:?}: {ours:?}")) }
}

pub(crate) fn commands_work() -> Verdict {
    let folder = Folder::new("readme")?;
    run_all(folder.path(), &[])?.terminate()?;
    Ok(Outcome::Passed)
}

/// Runs the commands in a folder, each behind these words. Gives the broker.
pub(crate) fn run_all(folder: &Path, words: &[&str]) -> Result<Server, String> {
    let mut server: Option<Server> = None;
    for line in examples(README) {
        let Some(arguments) = line.strip_prefix(RUN) else { continue };
        match (arguments, server.as_ref()) {
            ("run", _) => server = Some(Server::start_behind(words, &folder.join("ringmq-data"), &[])?),
            (arguments, Some(server)) => client(arguments, server, folder, words)?,
            (arguments, None) => return Err(format!("README.md runs `{arguments}` before the broker")),
        }
    }
    server.ok_or_else(|| "README.md never starts the broker".to_owned())
}

/// Runs a client command of the README; it must end with success and name the number of messages, where one was asked for.
fn client(arguments: &str, server: &Server, folder: &Path, before: &[&str]) -> Result<(), String> {
    let arguments = arguments.replace(ADDRESS, &server.url());
    let words: Vec<&str> = arguments.split_whitespace().collect();
    let ended = Process::start(behind(before).args(&words).current_dir(folder))?.end(CLIENT_WITHIN)?;
    if !ended.status.success() {
        return Err(format!("`ringmq {arguments}` ended with {}\n{}", ended.status, text_of(&ended.lines)));
    }
    let Some(count) = words.iter().skip_while(|word| **word != "--message-count").nth(1) else { return Ok(()) };
    let named = ended.out().iter().any(|line| line.split_whitespace().any(|word| word == *count));
    if named { Ok(()) } else { Err(format!("`ringmq {arguments}` does not say {count}\n{}", text_of(&ended.lines))) }
}
