//! What an operator types at the `artemis` command line, and what must come of it.

use std::path::Path;

use nix::sys::statvfs::statvfs;

use crate::distribution::{Distribution, Said};
use crate::folder::Folder;
use crate::harness::Outcome;
use crate::server::Server;

/// The command line and the broker that it speaks to.
struct Desk {
    artemis: Distribution,
    url: String,
    own: Option<(Server, Folder)>,
}

impl Desk {
    fn command(&self, words: &[&str]) -> Result<Said, String> {
        self.artemis.run(&self.url, words)
    }

    /// A command that must end with 0 and say all of this. Most end with 0 even when the broker refuses.
    fn says(&self, words: &[&str], wanted: &[&str]) -> Result<String, String> {
        let said = self.command(words)?;
        let missing: Vec<_> = wanted.iter().filter(|text| !said.text.contains(**text)).collect();
        if said.success && missing.is_empty() {
            return Ok(said.text);
        }
        Err(format!("artemis {}: success {}, missing {missing:?}\n{}", words.join(" "), said.success, said.text))
    }

    /// A command that must not end with 0, and say this.
    fn refuses(&self, words: &[&str], wanted: &str) -> Result<(), String> {
        let said = self.command(words)?;
        if !said.success && said.text.contains(wanted) {
            return Ok(());
        }
        Err(format!("artemis {}: success {}, no `{wanted}`\n{}", words.join(" "), said.success, said.text))
    }

    /// The numbers of a queue as `queue stat` shows them: messages, added, acknowledged. `None`: it is not in the table.
    fn stat(&self, queue: &str) -> Result<Option<[u64; 3]>, String> {
        let table = self.says(&["queue", "stat", "--queueName", queue], &["NAME", "ADDRESS", "ROUTING"])?;
        let row = table.lines().map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
        let Some(row) = row.into_iter().find(|row| row.get(1) == Some(&queue)) else { return Ok(None) };
        let number = |at: usize| row.get(at).and_then(|cell| cell.parse().ok()).ok_or(format!("no number in {row:?}"));
        Ok(Some([number(4)?, number(5)?, number(7)?]))
    }

    fn expect_stat(&self, queue: &str, wanted: Option<[u64; 3]>) -> Result<(), String> {
        let found = self.stat(queue)?;
        if found == wanted { Ok(()) } else { Err(format!("queue stat of {queue}: {found:?}, not {wanted:?}")) }
    }

    fn close(self) -> Result<Outcome, String> {
        if let Some((server, _folder)) = self.own {
            server.terminate()?;
        }
        Ok(Outcome::Passed)
    }
}

/// Runs a trial at a desk, or skips it where there is no distribution.
fn at_desk(trial: impl FnOnce(&Desk) -> Result<(), String>) -> Result<Outcome, String> {
    let artemis = match Distribution::find() {
        Ok(artemis) => artemis,
        Err(reason) => return Ok(Outcome::Skipped(format!("artemis: {}", reason.replace('\n', " ")))),
    };
    let desk = match std::env::var("RINGMQ_ARTEMIS_URL") {
        Ok(url) => Desk { artemis, url, own: None },
        Err(_) => {
            let folder = Folder::new("artemis")?;
            let server = Server::small(&folder.path().join("data"), &[])?;
            Desk { artemis, url: server.url(), own: Some((server, folder)) }
        }
    };
    trial(&desk)?;
    desk.close()
}

fn create(queue: &str) -> Vec<&str> {
    let attributes = ["--anycast", "--durable", "--preserve-on-no-consumers", "--auto-create-address"];
    [&["queue", "create", "--name", queue, "--address", queue][..], &attributes].concat()
}

/// The other trials run the command line in a Java machine that goes on; what that says and how it ends is what the script does, for a
/// success, for what the broker refuses, and for a command that fails.
pub(crate) fn the_script_says_the_same() -> Result<Outcome, String> {
    // Times differ, and so does the order of the two streams of a process.
    let comparable = |said: Said| {
        let mut lines: Vec<String> =
            said.text.lines().filter(|line| !line.contains("elapsed")).map(str::to_owned).collect();
        lines.sort();
        (said.success, lines)
    };
    at_desk(|desk| {
        desk.says(&create("compared"), &["created successfully"])?;
        let stat = ["queue", "stat", "--queueName", "compared"];
        let check = ["check", "queue", "--name", "nowhere", "--up"];
        for (words, success) in [(&stat[..], true), (&create("compared"), true), (&check, false)] {
            let script = comparable(desk.artemis.run_script(&desk.url, words)?);
            let here = comparable(desk.command(words)?);
            if script.0 != success || script != here {
                return Err(format!("artemis {}: by the script {script:?}, here {here:?}", words.join(" ")));
            }
        }
        desk.says(&["queue", "delete", "--name", "compared"], &["deleted successfully"]).map(drop)
    })
}

pub(crate) fn a_queue_from_birth_to_end() -> Result<Outcome, String> {
    at_desk(|desk| {
        let at = ["--destination", "queue://orders", "--message-count"];
        desk.says(
            &create("orders"),
            &["Queue [name=orders, address=orders, routingType=ANYCAST", "created successfully"],
        )?;
        desk.says(&create("orders"), &["AMQ229019"])?;
        desk.says(&[&["producer"][..], &at, &["20"]].concat(), &["Produced: 20 messages"])?;
        desk.says(&[&["consumer"][..], &at, &["5"]].concat(), &["Consumed: 5 messages"])?;
        desk.says(&["browser", "--destination", "queue://orders"], &["browsed: 15 messages"])?;
        desk.expect_stat("orders", Some([15, 20, 5]))?;
        desk.says(&["queue", "purge", "--name", "orders"], &["Queue orders purged successfully"])?;
        desk.expect_stat("orders", Some([0, 20, 5]))?;
        desk.says(&["queue", "delete", "--name", "orders"], &["Queue orders deleted successfully"])?;
        desk.says(&["queue", "delete", "--name", "orders"], &["AMQ229017"]).map(drop)
    })
}

pub(crate) fn checks_and_their_control() -> Result<Outcome, String> {
    at_desk(|desk| {
        let watched = ["check", "queue", "--name", "watched"];
        desk.says(&create("watched"), &["created successfully"])?;
        desk.says(&["check", "node", "--up"], &["Checks run: 1, Failures: 0, Errors: 0"])?;
        desk.says(
            &[&watched[..], &["--up", "--produce", "3", "--browse", "3", "--consume", "3"]].concat(),
            &["Checks run: 4, Failures: 0, Errors: 0"],
        )?;
        // The control: a check that cannot find what it looks for fails, so the ones above have looked.
        desk.refuses(&["check", "queue", "--name", "nowhere", "--up"], "QueueCheck failed")?;
        desk.refuses(&[&watched[..], &["--consume", "1", "--timeout", "1000"]].concat(), "QueueCheck failed")
    })
}

/// The words of `queue update`, with what is to be different.
fn update<'a>(queue: &'a str, different: &[&'a str]) -> Vec<&'a str> {
    [&["queue", "update", "--name", queue, "--anycast"][..], different].concat()
}

pub(crate) fn a_queue_is_changed_for_good() -> Result<Outcome, String> {
    let outcome = at_desk(|desk| {
        desk.says(&create("orders"), &["created successfully"])?;
        let told = ["name=orders", "durable=true, maxConsumers=1,", "purgeOnNoConsumers=false", "updated successfully"];
        desk.says(&update("orders", &["--max-consumers", "1"]), &told)?;
        desk.says(&update("orders", &["--purge-on-no-consumers"]), &["maxConsumers=1,", "purgeOnNoConsumers=true"])?;
        desk.says(&update("nowhere", &["--max-consumers", "1"]), &["AMQ229017"])?;
        let topic = ["queue", "update", "--name", "orders", "--multicast", "--max-consumers", "2"];
        // It says so, and leaves everything as it was.
        if desk.own.is_some() {
            desk.says(&topic, &["its routing type cannot be changed to MULTICAST"])?;
        }
        desk.says(&update("orders", &[]), &["maxConsumers=1,", "purgeOnNoConsumers=true"]).map(drop)
    })?;
    if let Outcome::Skipped(reason) = outcome {
        return Ok(Outcome::Skipped(reason));
    }
    // A restart finds the queue as it was changed.
    let folder = Folder::new("artemis-update")?;
    let data = folder.path().join("data");
    for (words, said) in
        [(create("kept"), "durable=true, purge"), (update("kept", &[]), "durable=true, maxConsumers=3,")]
    {
        let server = Server::small(&data, &[])?;
        let own = Desk { artemis: Distribution::find()?, url: server.url(), own: None };
        own.says(&words, &[said])?;
        own.says(&update("kept", &["--max-consumers", "3"]), &["durable=true, maxConsumers=3,"])?;
        server.terminate()?;
    }
    Ok(Outcome::Passed)
}

/// How full the disk is that this lies on, in percent.
fn disk_percent(directory: &Path) -> Result<u64, String> {
    let found = statvfs(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let (all, free) = (found.blocks().max(1), found.blocks_available());
    Ok(all.saturating_sub(free).saturating_mul(100) / all)
}

pub(crate) fn how_full_a_node_is() -> Result<Outcome, String> {
    at_desk(|desk| {
        // Without a limit of its own the command asks for the broker's.
        let both = ["check", "node", "--diskUsage", "-1", "--memoryUsage", "99"];
        desk.says(&both, &["Failures: 0, Errors: 0"])?;
        // Another broker's disk is not known here.
        let Some((_, folder)) = &desk.own else { return Ok(()) };
        let used = disk_percent(folder.path())?;
        if used < 97 {
            desk.says(&["check", "node", "--diskUsage", &(used + 2).to_string()], &["Failures: 0, Errors: 0"])?;
        }
        // The control: below what is used the check fails, so the ones above have compared.
        if used > 3 {
            desk.refuses(&["check", "node", "--diskUsage", &(used - 2).to_string()], "DiskStoreUsage")?;
        }
        // 256 MiB are one core's; 8 MiB are 3 percent of it, wherever they lie.
        let send = ["producer", "--destination", "queue://light", "--message-count", "80", "--message-size", "100000"];
        desk.says(&["check", "node", "--memoryUsage", "1"], &["Failures: 0, Errors: 0"])?;
        desk.says(&[&send[..], &["--non-persistent"]].concat(), &["Produced: 80 messages"])?;
        desk.refuses(&["check", "node", "--memoryUsage", "1"], "MemoryUsage")?;
        desk.says(&["queue", "purge", "--name", "light"], &["purged successfully"])?;
        desk.says(&["check", "node", "--memoryUsage", "1"], &["Failures: 0, Errors: 0"]).map(drop)
    })
}

pub(crate) fn addresses() -> Result<Outcome, String> {
    at_desk(|desk| {
        let name = ["--name", "news"];
        let create = [&["address", "create"][..], &name, &["--multicast", "--no-anycast"]].concat();
        desk.says(&create, &["routingTypes={MULTICAST}", "created successfully"])?;
        desk.says(&["address", "show", "--name", "news"], &["routingTypes={MULTICAST}"])?;
        desk.says(&["address", "delete", "--name", "news"], &["deleted successfully"])?;
        desk.says(&["address", "delete", "--name", "news"], &["AMQ229203"]).map(drop)
    })
}
