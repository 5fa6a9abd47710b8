//! Transactions that are larger than a segment: what was committed is there after a kill, all of it and in order.

use crate::client::{Answer, Client};
use crate::folder::Folder;
use crate::harness::{Outcome, Verdict};
use crate::server::Server;

/// With one lane, so that everything lies behind everything else; segments of 1 MiB.
const ONE_LANE: [&str; 4] = ["--set", "journal-file-size=1MiB", "--set", "journal-lanes=1"];
/// Together more than four segments.
const MESSAGES: usize = 4_500;
const BYTES: usize = 1_024;

fn text(number: usize) -> String {
    format!("{number:08}").repeat(BYTES / 8)
}

pub(crate) fn a_commit_over_many_segments_survives_a_kill() -> Verdict {
    let folder = Folder::new("commit")?;
    let server = Server::start(folder.path(), &ONE_LANE)?;
    let mut client = Client::transacted(server.port)?;
    for number in 0..MESSAGES {
        client.send("commit", &text(number))?;
    }
    match client.commit()? {
        Answer::Done => {}
        refused => return Err(format!("the commit: {refused:?}")),
    }
    server.kill()?;
    let server = Server::start(folder.path(), &ONE_LANE)?;
    let mut client = Client::new(server.port)?;
    client.consume("commit")?;
    for number in 0..MESSAGES {
        let found = client.take()?.text;
        if found != text(number) {
            return Err(format!("message {number} is {} bytes: {found:.16}…", found.len()));
        }
    }
    match client.take_now()? {
        None => {}
        Some(message) => return Err(format!("one message more than was committed: {message:?}")),
    }
    drop(client);
    server.terminate()?;
    Ok(Outcome::Passed)
}
