//! P12: what an idle client that has logged in costs the broker, counted at many of them.

use super::idle::settled;
use super::verdict::{Bound, Verdict};
use crate::measure::descriptors::allow_connections;
use crate::measure::process::Usage;
use crate::peers::wire::raw::log_in;
use crate::targets::{Place, Running, Target};

/// Judges so many connections: those that have only logged in, and the same after each has sent a durable message.
///
/// # Errors
///
/// The broker does not start or does not answer, or the system does not allow so many open files.
pub fn judge(target: &dyn Target, place: &Place, count: u32) -> Result<Vec<Verdict>, String> {
    allow_connections(count)?;
    let running = target.start(place)?;
    let judged = counted(&running, &place.queue, count);
    running.stop()?;
    judged
}

fn counted(running: &Running, queue: &str, count: u32) -> Result<Vec<Verdict>, String> {
    let (before, _) = settled(running)?;
    let mut clients = log_in(running.port(), count)?;
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
