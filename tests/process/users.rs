//! Users from their file to their clients: `ringmq user`, logins, permissions, and the door that they open.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::folder::Folder;
use crate::harness::{Outcome, Verdict};
use crate::process::{Ended, Process, text_of};
use crate::server::{BINARY, Server};

const WITHIN: Duration = Duration::from_secs(60);

/// A command over the data in this directory, with a password in its environment if there is one.
fn ringmq(data: &Path, words: &[&str], password: Option<&str>) -> Result<Ended, String> {
    let mut command = Command::new(BINARY);
    command.args(words).arg("--data-directory").arg(data).env_remove("RINGMQ_PASSWORD");
    Process::start(command.envs(password.map(|password| ("RINGMQ_PASSWORD", password))))?.end(WITHIN)
}

/// A command that must end with this code, and say these words.
fn check(data: &Path, words: &[&str], password: Option<&str>, code: i32, said: &[&str]) -> Result<(), String> {
    ended(words, &ringmq(data, words, password)?, code, said)
}

fn ended(words: &[&str], ended: &Ended, code: i32, said: &[&str]) -> Result<(), String> {
    let text = text_of(&ended.lines);
    let missing: Vec<&&str> = said.iter().filter(|part| !text.contains(**part)).collect();
    if ended.status.code() == Some(code) && missing.is_empty() {
        return Ok(());
    }
    Err(format!("{words:?} ended with {}, not {code}, or without {missing:?}\n{text}", ended.status))
}

/// Adds a user, as other tests do it.
pub(crate) fn add(data: &Path, name: &str, password: &str) -> Result<(), String> {
    check(data, &["user", "add", name], Some(password), 0, &["was added"])
}

fn text(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

pub(crate) fn a_users_file_is_made_and_changed() -> Verdict {
    let folder = Folder::new("users-file")?;
    let data = folder.path().join("data");
    let file = data.join("users.toml");
    check(&data, &["user", "list"], None, 6, &["there is no users file"])?;
    check(&data, &["user", "add", "ann"], None, 1, &["no password was given"])?;
    if data.exists() {
        return Err("a command that failed left something behind".to_owned());
    }
    check(&data, &["user", "add", "ann", "--set", "acceptor.host=0.0.0.0"], Some("s3cr3t"), 0, &["ann was added"])?;
    let mode = std::fs::metadata(&file).map_err(|error| error.to_string())?.permissions().mode();
    if mode & 0o777 != 0o600 {
        return Err(format!("the users file has the mode {mode:o}"));
    }
    check(&data, &["user", "add", "ann"], Some("x"), 7, &["there is a user ann already"])?;
    check(&data, &["user", "add", ""], Some("x"), 2, &["it is empty"])?;
    from_standard_input(&data)?;
    check(&data, &["user", "list", "--json"], None, 0, &["\"ann\"", "\"amq\"", "\"bob\"", "\"ops\""])?;
    let before = text(&file)?;
    check(&data, &["user", "reset", "ann"], Some("other"), 0, &["another password"])?;
    let after = text(&file)?;
    let hash = |text: &str| text.lines().find(|line| line.contains("argon2id")).unwrap_or_default().to_owned();
    if hash(&before) == hash(&after) || hash(&before).is_empty() || after.contains("s3cr3t") || after.contains("other")
    {
        return Err(format!("a reset made\n{before}\ninto\n{after}"));
    }
    check(&data, &["user", "reset", "eve"], Some("x"), 6, &["there is no user eve"])?;
    check(&data, &["user", "remove", "bob"], None, 0, &["was removed"])?;
    check(&data, &["user", "remove", "bob"], None, 6, &["there is no user bob"])?;
    std::fs::write(&file, "[user.ann]\npassword = \"s3cr3t\"\n").map_err(|error| error.to_string())?;
    for (words, code) in [(&["user", "list"][..], 3), (&["user", "remove", "ann"], 3), (&["run", "--port", "0"], 78)] {
        let ended = ringmq(&data, words, None)?;
        let text = text_of(&ended.lines);
        if ended.status.code() != Some(code) || !text.contains("users.toml:2:12") || text.contains("s3cr3t") {
            return Err(format!("{words:?} with a file that is wrong ended with {}\n{text}", ended.status));
        }
    }
    Ok(Outcome::Passed)
}

/// A password in a line of standard input.
fn from_standard_input(data: &Path) -> Result<(), String> {
    let mut command = Command::new(BINARY);
    command.args(["user", "add", "bob", "--role", "ops", "--data-directory"]).arg(data);
    command.env_remove("RINGMQ_PASSWORD").stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let written = child.stdin.take().map(|mut stdin| stdin.write_all(b"bobs password\n"));
    let status = child.wait().map_err(|error| error.to_string())?;
    if matches!(written, Some(Ok(()))) && status.success() {
        Ok(())
    } else {
        Err(format!("user add ended with {status}"))
    }
}

/// One message as this user; the words of the client, and how it must end.
fn client(server: &Server, verb: &str, queue: &str, user: &str, password: &str) -> Result<Ended, String> {
    let mut command = Command::new(BINARY);
    command.args([verb, "--url", &server.url(), "--user", user, "--message-count", "1"]);
    command.args(
        ["--destination", queue, "--receive-timeout", "30000"]
            .get(..if verb == "consumer" { 4 } else { 2 })
            .unwrap_or_default(),
    );
    Process::start(command.env("RINGMQ_PASSWORD", password))?.end(WITHIN)
}

pub(crate) fn clients_log_in_and_do_what_they_may() -> Verdict {
    let folder = Folder::new("users-login")?;
    let data = folder.path().join("data");
    add(&data, "ann", "anns password")?;
    check(&data, &["user", "add", "bob", "--role", "readers"], Some("bobs password"), 0, &[])?;
    let file = data.join("users.toml");
    let grants = "\n[permission.\"shared.#\"]\nconsume = [\"readers\", \"amq\"]\nsend = [\"amq\"]\ncreateAddress = \
                  [\"amq\"]\ncreateDurableQueue = [\"amq\"]\n";
    std::fs::write(&file, text(&file)? + grants).map_err(|error| error.to_string())?;
    let server = Server::small(&data, &["--set", "data-cores=2"])?.expect_complaint("NT209").expect_complaint("NT205");
    let one = |verb: &str, queue: &str, user: &str, password: &str, code: i32, said: &[&str]| {
        ended(&[verb, queue, user], &client(&server, verb, queue, user, password)?, code, said)
    };
    for (user, password) in
        [("ann", "wrong"), ("nobody", "anns password"), ("ann", "bobs password"), ("bob", "anns password")]
    {
        let text = format!("Username: {user}; SSL certificate subject DN: unavailable");
        one("producer", "shared.a", user, password, 4, &["AMQ229031: Unable to validate user from 127.0.0.1:", &text])?;
    }
    for _ in 0..2 {
        one("producer", "shared.a", "ann", "anns password", 0, &[])?;
        let text = "AMQ229032: User: bob does not have permission='SEND' on address shared.a";
        one("producer", "shared.a", "bob", "bobs password", 4, &[text])?;
        let text = "permission='BROWSE' for queue shared.a on address shared.a";
        one("browser", "shared.a", "bob", "bobs password", 4, &[text])?;
        one("consumer", "shared.a", "bob", "bobs password", 0, &[])?;
        one("producer", "private", "ann", "anns password", 0, &[])?;
        one(
            "consumer",
            "private",
            "bob",
            "bobs password",
            4,
            &["permission='CONSUME' for queue private on address private"],
        )?;
        one("consumer", "private", "ann", "anns password", 0, &[])?;
    }
    server.terminate()?;
    Ok(Outcome::Passed)
}

pub(crate) fn a_user_opens_the_door() -> Verdict {
    let folder = Folder::new("users-door")?;
    let data = folder.path().join("data");
    let words = ["config", "show", "--bind", "0.0.0.0"];
    check(&data, &words, None, 3, &["refusing to listen on 0.0.0.0", "ringmq user add NAME"])?;
    add(&data, "ann", "x")?;
    check(&data, &words, None, 0, &["0.0.0.0"])?;
    check(&data, &["user", "remove", "ann"], None, 0, &[])?;
    check(&data, &words, None, 3, &["refusing to listen on 0.0.0.0", "names no user"])?;
    Ok(Outcome::Passed)
}
