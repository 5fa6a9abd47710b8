//! Bodies that have a lane of their own: read back whole when they are not in memory any more, from a broker that goes on, after
//! a kill and after a stop in order.

use crate::client::Client;
use crate::folder::Folder;
use crate::harness::{Outcome, Verdict};
use crate::server::Server;

/// A hot window that holds no body above 128 KiB, and segments that every larger body crosses.
const COLD: [&str; 6] =
    ["--set", "journal-file-size=1MiB", "--set", "journal-lanes=1", "--set", "hot-window-size=1MiB"];
/// Characters; one that is not ASCII makes two bytes of each.
const SIZES: [usize; 8] = [100_000, 200_000, 260_000, 700_000, 1_500_000, 2_500_000, 2_500_000, 5_000_000];

fn text(number: usize, characters: usize) -> String {
    let mut text = String::with_capacity(characters + 16);
    for at in (0..characters).step_by(10) {
        text.push_str(&format!("ö{:09}", at + number));
    }
    text
}

fn texts() -> impl Iterator<Item = String> {
    SIZES.into_iter().enumerate().map(|(number, characters)| text(number, characters))
}

/// All bodies come, in order; none is acknowledged.
fn all_come(server: &Server, when: &str) -> Result<(), String> {
    let mut client = Client::new(server.port)?;
    client.consume("large")?;
    for (number, expected) in texts().enumerate() {
        let found = client.take().map_err(|error| format!("{when}, body {number}: {error}"))?.text;
        if found != expected {
            return Err(format!("{when}, body {number} is another one, of {} bytes", found.len()));
        }
    }
    Ok(())
}

pub(crate) fn they_come_back_from_the_disk() -> Verdict {
    let folder = Folder::new("large")?;
    let server = Server::start(folder.path(), &COLD)?;
    let mut client = Client::new(server.port)?;
    for text in texts() {
        client.send("large", &text)?;
    }
    drop(client);
    all_come(&server, "live")?;
    server.kill()?;
    let server = Server::start(folder.path(), &COLD)?;
    all_come(&server, "after a kill")?;
    server.terminate()?;
    let server = Server::start(folder.path(), &COLD)?;
    all_come(&server, "after a stop")?;
    let mut client = Client::new(server.port)?;
    client.consume("large")?;
    client.drain(SIZES.len())?;
    client.send("large", "the next one")?;
    drop(client);
    server.kill()?;
    let server = Server::start(folder.path(), &COLD)?;
    let mut client = Client::new(server.port)?;
    client.consume("large")?;
    let left = client.drain(1)?;
    drop(client);
    server.terminate()?;
    if left == ["the next one"] { Ok(Outcome::Passed) } else { Err("a consumed body came again".to_owned()) }
}
