//! `ringmq queue` against a running broker: what a person reads, what a script reads, and the exit codes.

use std::process::Command;
use std::time::Duration;

use crate::folder::Folder;
use crate::harness::{Outcome, Verdict};
use crate::process::{Process, text_of};
use crate::server::{BINARY, Server};

/// A command that asks a broker one thing.
const WITHIN: Duration = Duration::from_secs(60);

/// Runs a command at this broker; its exit code and its standard output.
fn ringmq(server: &Server, words: &str) -> Result<(i32, String), String> {
    let mut command = Command::new(BINARY);
    command.args(words.split_whitespace()).args(["--url", &server.url()]);
    let ended = Process::start(&mut command)?.end(WITHIN)?;
    let code = ended.status.code().ok_or_else(|| format!("ringmq {words}: {}", text_of(&ended.lines)))?;
    Ok((code, ended.out().join("\n")))
}

fn check(server: &Server, words: &str, code: i32, said: &str) -> Result<(), String> {
    let (found, text) = ringmq(server, words)?;
    if (found, text.as_str()) == (code, said) {
        return Ok(());
    }
    Err(format!("ringmq {words}: {found} and `{text}` instead of {code} and `{said}`"))
}

fn row(messages: u8, added: u8, acknowledged: u8, removed: u8) -> String {
    format!(
        "{{\"count\":1,\"queues\":[{{\"name\":\"orders\",\"address\":\"orders\",\"routing\":\"ANYCAST\",\"durable\":true,\
         \"consumers\":0,\"messages\":{messages},\"delivering\":0,\"added\":{added},\"acknowledged\":{acknowledged},\
         \"removed\":{removed}}}]}}"
    )
}

/// Two lanes on two cores: the queue lives on one, the command may come to the other.
pub(crate) fn queues_by_command() -> Verdict {
    let folder = Folder::new("queues")?;
    let server = Server::small(&folder.path().join("data"), &[])?;
    let stat = "queue stat --queue-name orders --json";
    check(&server, stat, 0, "{\"count\":0,\"queues\":[]}")?;
    check(&server, "queue create --name orders", 0, "created queue orders at address orders")?;
    check(&server, "queue create --name orders", 7, "")?;
    let (sent, _) = ringmq(&server, "producer --destination orders --message-count 7")?;
    let (received, _) = ringmq(&server, "consumer --destination orders --message-count 2")?;
    if (sent, received) != (0, 0) {
        return Err(format!("producer and consumer ended with {sent} and {received}"));
    }
    check(&server, stat, 0, &row(5, 7, 2, 0))?;
    let (_, table) = ringmq(&server, "queue stat")?;
    let line = table.lines().find(|line| line.starts_with("orders ")).unwrap_or_default();
    if line.split_whitespace().collect::<Vec<_>>()
        != ["orders", "orders", "ANYCAST", "true", "0", "5", "0", "7", "2", "0"]
    {
        return Err(format!("the table has no such line:\n{table}"));
    }
    // Nobody is there to confirm it, so nothing happens.
    check(&server, "queue purge --name orders", 2, "")?;
    check(&server, "queue delete --name orders", 2, "")?;
    check(&server, stat, 0, &row(5, 7, 2, 0))?;
    check(&server, "queue purge --name orders --yes --json", 0, "{\"purged\":\"orders\",\"removed\":5}")?;
    check(&server, stat, 0, &row(0, 7, 2, 5))?;
    check(&server, "queue delete --name orders --yes", 0, "deleted queue orders")?;
    check(&server, "queue delete --name orders --yes", 6, "")?;
    check(&server, "queue purge --name orders --yes", 6, "")?;
    server.terminate()?;
    Ok(Outcome::Passed)
}
