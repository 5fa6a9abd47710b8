//! P26: from the start of the process to the first durable ack, on a store that is there, beyond the start of a bare program in the same
//! round. The creation of the store is reported apart.

use std::time::Instant;

use super::figures::{milliseconds, of};
use super::launch::{Launched, bare};
use super::verdict::{Bound, Verdict};
use crate::targets::{Place, RingMq, Target};

/// Judges so many starts after orderly stops.
///
/// # Errors
///
/// The broker does not start or does not answer.
pub fn judge(target: &RingMq, place: &Place, rounds: u32) -> Result<Vec<Verdict>, String> {
    let created = Instant::now();
    let running = target.start(place)?;
    let created = created.elapsed();
    running.stop()?;
    let (mut beyond, mut ready, mut controls) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let control = bare()?;
        let broker = Launched::start(target, place)?;
        let acked = broker.acked(&place.queue)?;
        beyond.push(milliseconds(acked.saturating_sub(control)));
        ready.push(milliseconds(broker.ready));
        controls.push(milliseconds(control));
        broker.stop()?;
    }
    let beyond = of(&beyond)?;
    Ok(vec![Verdict {
        id: "P26".to_owned(),
        what: "start to the first durable ack beyond a bare program".to_owned(),
        value: beyond.median,
        unit: "ms".to_owned(),
        limit: Some(of(&controls)?.median),
        // Judged by itself: what is beyond the control is what is meant.
        ratio: beyond.median,
        gate: Bound::AtMost(50.0),
        moonshot: Some(Bound::AtMost(15.0)),
        note: format!(
            "n = {rounds}, least {:.1} ms, ready line after {:.1} ms; creation of the store and its queue: {:.0} ms",
            beyond.min,
            of(&ready)?.median,
            milliseconds(created)
        ),
    }])
}
