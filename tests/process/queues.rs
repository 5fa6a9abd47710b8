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

/// Five messages of so many bytes fit an address; producers send ten.
fn limited(folder: &Folder, policy: &str) -> Result<Server, String> {
    let policy = format!("address.address-full-policy={policy}");
    let options = ["--set", "address.max-size-messages=5", "--set", &policy];
    Ok(Server::small(&folder.path().join("data"), &options)?.expect_complaint("QU10"))
}

const TEN: &str = "producer --destination orders --message-count 10 --message-size 10000";

pub(crate) fn full_addresses() -> Verdict {
    for (policy, code, left) in [("PAGE", 0, "10"), ("FAIL", 1, "5"), ("DROP", 0, "5")] {
        let folder = Folder::new("full-address")?;
        let server = limited(&folder, policy)?;
        let (found, _) = ringmq(&server, TEN)?;
        let (_, stat) = ringmq(&server, "queue stat --queue-name orders --json")?;
        if found != code || !stat.contains(&format!("\"messages\":{left},")) {
            return Err(format!("{policy}: exit code {found}, not {code}, or not {left} messages: {stat}"));
        }
        server.terminate()?;
    }
    let folder = Folder::new("full-address")?;
    let server = limited(&folder, "BLOCK")?;
    let mut command = Command::new(BINARY);
    command.args(TEN.split_whitespace()).args(["--url", &server.url()]);
    let producer = Process::start(&mut command)?;
    server.heard("QU103", WITHIN)?;
    let (received, _) = ringmq(&server, "consumer --destination orders --message-count 10 --receive-timeout 30000")?;
    let sent = producer.end(WITHIN)?;
    server.heard("QU104", WITHIN)?;
    if received != 0 || !sent.status.success() {
        return Err(format!("BLOCK: the consumer ended with {received}, the producer so: {}", text_of(&sent.lines)));
    }
    server.terminate()?;
    Ok(Outcome::Passed)
}
