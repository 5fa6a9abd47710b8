//! P12: what an idle client that has logged in costs the broker, counted at many of them.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::client::Client;
use super::idle::settled;
use super::verdict::{Bound, Verdict};
use crate::measure::process::Usage;
use crate::targets::{Place, Running, Target};

/// Clients that log in before the first of them is waited for.
const AT_ONCE: usize = 256;
/// Descriptors that both processes need beside those of the clients.
const OTHERS: u64 = 1_000;

/// Judges so many connections: those that have only logged in, and the same after each has sent a durable message.
///
/// # Errors
///
/// The broker does not start or does not answer, or the system does not allow so many open files.
pub fn judge(target: &dyn Target, place: &Place, count: u32) -> Result<Vec<Verdict>, String> {
    allow(u64::from(count) + OTHERS)?;
    let running = target.start(place)?;
    let judged = counted(&running, &place.queue, count);
    running.stop()?;
    judged
}

fn counted(running: &Running, queue: &str, count: u32) -> Result<Vec<Verdict>, String> {
    let (before, _) = settled(running)?;
    let mut clients: Vec<Client> = Vec::new();
    while clients.len() < count as usize {
        let first = clients.len();
        let more = AT_ONCE.min(count as usize - first);
        for _ in 0..more {
            clients.push(Client::begin(running.port())?);
        }
        clients.iter_mut().skip(first).try_for_each(Client::opened)?;
    }
    let each = |resident: u64| resident.saturating_sub(before) as f64 / f64::from(count.max(1));
    let logged_in = Usage::of(&running.pids())?.resident_bytes;
    clients.iter_mut().try_for_each(|client| client.send(queue))?;
    let worked = Usage::of(&running.pids())?.resident_bytes;
    let verdict = |what: &str, value: f64, moonshot: Option<f64>| Verdict {
        id: "P12".to_owned(),
        what: format!("memory of one of {count} connections, {what}"),
        value,
        unit: "bytes".to_owned(),
        limit: None,
        ratio: value,
        gate: Bound::AtMost(4096.0),
        moonshot: moonshot.map(Bound::AtMost),
        note: format!("{before} bytes without any"),
    };
    Ok(vec![
        verdict("logged in", each(logged_in), Some(1024.0)),
        // The index and the hot window grow by the messages as well.
        verdict("after a durable message of each", each(worked), None),
    ])
}

/// Lets this process, and those that it starts, have so many open files.
fn allow(wanted: u64) -> Result<(), String> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(|error| error.to_string())?;
    if soft >= wanted {
        return Ok(());
    }
    let limit = hard.max(wanted);
    setrlimit(Resource::RLIMIT_NOFILE, wanted, limit).map_err(|error| {
        format!("{wanted} open files are wanted and {hard} allowed ({error}): run `ulimit -Hn {wanted}` as root")
    })
}
