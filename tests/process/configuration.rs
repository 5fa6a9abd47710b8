//! The configuration as a user meets it: who set what, and what is said when it is wrong.

use std::path::Path;
use std::process::Command;

use crate::folder::Folder;
use crate::harness::{Outcome, Verdict};
use crate::process::{Ended, Process, text_of};
use crate::server::{BINARY, Server};
use crate::wire::SOON;

/// What `config show` ends with when the configuration is wrong, and what `run` ends with.
const WRONG: [(&[&str], i32); 2] = [(&["config", "show"], 3), (&["run", "--port", "0"], 78)];

fn ringmq(folder: &Path, arguments: &[&str]) -> Result<Ended, String> {
    let mut command = Command::new(BINARY);
    command.args(arguments).current_dir(folder).env_remove("RINGMQ_CONFIG");
    Process::start(command.env("RINGMQ_JOURNAL_MIN_FILES", "3"))?.end(SOON)
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

// proves: S1-158
pub(crate) fn every_setting_names_its_origin() -> Verdict {
    let folder = Folder::new("origin")?;
    write(&folder.path().join("ringmq.toml"), "journal-lanes = 2\n[acceptor]\nport = 7001\n")?;
    let ended = ringmq(folder.path(), &["config", "show", "--port", "7002"])?;
    let out = ended.out();
    let row = |name: &str| {
        let row = out.iter().map(|line| line.split_whitespace().collect::<Vec<_>>());
        row.into_iter().find(|row| row.first() == Some(&name)).unwrap_or_default().join(" ")
    };
    let wanted = [
        ("journal-lanes", "journal-lanes 2", "ringmq.toml:1"),
        ("journal-min-files", "journal-min-files 3", "RINGMQ_JOURNAL_MIN_FILES"),
        ("acceptor.port", "acceptor.port 7002", "--port"),
        ("connection-ttl-override", "connection-ttl-override -1", "default"),
    ];
    for (name, start, origin) in wanted {
        let row = row(name);
        if !ended.status.success() || !row.starts_with(start) || !row.contains(origin) {
            return Err(format!("`{row}` does not say `{start}` and `{origin}`\n{}", text_of(&ended.lines)));
        }
    }
    Ok(Outcome::Passed)
}

pub(crate) fn errors_name_their_place() -> Verdict {
    let folder = Folder::new("wrong")?;
    write(&folder.path().join("ringmq.toml"), "journal-lanes = 2\n  jurnal-file-size = \"1MiB\"\njournal-type = 7\n")?;
    for (arguments, code) in WRONG {
        let ended = ringmq(folder.path(), arguments)?;
        let text = text_of(&ended.lines);
        let parts = ["ringmq.toml:2:3", "did you mean `journal-file-size`?", "ringmq.toml:3:16"];
        let missing: Vec<&&str> = parts.iter().filter(|part| !text.contains(**part)).collect();
        if ended.status.code() != Some(code) || !missing.is_empty() {
            return Err(format!("{arguments:?} ended with {}, without {missing:?}\n{text}", ended.status));
        }
        if folder.path().join("ringmq-data").exists() {
            return Err("a store was created with a configuration that is wrong".to_owned());
        }
    }
    Ok(Outcome::Passed)
}

pub(crate) fn an_open_door_is_refused() -> Verdict {
    let folder = Folder::new("open-door")?;
    for (arguments, code) in WRONG {
        let ended = ringmq(folder.path(), &[arguments, &["--bind", "0.0.0.0"]].concat())?;
        let text = text_of(&ended.lines);
        if ended.status.code() != Some(code) || !text.contains("--bind") || !text.contains("0.0.0.0") {
            return Err(format!("{arguments:?} --bind 0.0.0.0 ended with {}\n{text}", ended.status));
        }
    }
    // The control: another address that only this host can reach.
    let ended = ringmq(folder.path(), &["config", "show", "--bind", "127.0.0.2"])?;
    if ended.status.success() { Ok(Outcome::Passed) } else { Err(text_of(&ended.lines)) }
}

/// Three matches over each other, and what `config show` says of them.
const MATCHES: &str = "\
[address.\"#\"]
max-size-messages = 3

[address.\"orders.#\"]
address-full-policy = \"FAIL\"

[address.\"orders.*.big\"]
max-size-messages = 5

[address.\"closed.#\"]
auto-create-queues = false
auto-create-addresses = false
";

/// The third of three messages is refused where an address is full, none where another match makes room; nothing is made where it may not.
pub(crate) fn settings_by_match() -> Verdict {
    let folder = Folder::new("matches")?;
    let file = folder.path().join("ringmq.toml");
    write(&file, MATCHES)?;
    let shown = ringmq(folder.path(), &["config", "show"])?;
    let out = text_of(&shown.lines);
    let row = |start: &str| out.lines().any(|line| line.contains(start) && line.contains("ringmq.toml:8:1"));
    if !shown.status.success() || !row("address.\"orders.*.big\".max-size-messages") {
        return Err(format!("no row of the match orders.*.big with its line\n{out}"));
    }
    let name = file.to_string_lossy();
    let server = Server::small(&folder.path().join("data"), &["--config", &name])?.expect_complaint("QU103");
    for (address, count, code) in [
        ("orders.eu", 3, 0),
        ("orders.eu", 1, 1),
        ("orders.eu.big", 5, 0),
        ("orders.eu.big", 1, 1),
        // The limit of all addresses, whose policy takes everything: the control.
        ("other", 9, 0),
        ("closed.door", 1, 6),
    ] {
        let mut command = Command::new(BINARY);
        let count_text = count.to_string();
        command.args(["producer", "--destination", address, "--message-count", &count_text, "--url", &server.url()]);
        let ended = Process::start(&mut command)?.end(SOON)?;
        if ended.status.code() != Some(code) {
            let text = text_of(&ended.lines);
            return Err(format!("{count} to {address} ended with {}, not {code}\n{text}", ended.status));
        }
    }
    server.terminate()?;
    Ok(Outcome::Passed)
}
