//! What must be caught: clients that really use the processor, clients that really use memory, a broker that waits for ever or keeps
//! whatever it is sent.

use std::time::Duration;

use super::{Figures, Judged, Kind, Stage, in_time, part};

/// A broker that waits so long for half a handshake waits for ever.
const NEVER: Duration = Duration::from_secs(3_600);
/// By then the time of a proper broker would be over.
const SOON: Duration = Duration::from_secs(3);

/// Plants each. Gives what each was caught by.
///
/// # Errors
/// One was not caught.
pub fn controls(stage: &Stage, rounds: u64, judged: Judged) -> Result<String, String> {
    let mut caught = vec![
        caught(stage, Kind::Fat, rounds, judged, "memory: ")?,
        // One round shows it, and takes long enough.
        caught(stage, Kind::Unbounded, 1, judged, "memory: ")?,
    ];
    if judged == Judged::All {
        caught.push(self::caught(stage, Kind::Busy, rounds, judged, "processor")?);
    }
    match in_time(stage, NEVER, SOON) {
        Err(what) if what.contains("was not closed") => caught.push(format!("an endless time limit ({what})")),
        other => return Err(format!("an endless time limit was not caught: {other:?}")),
    }
    Ok(format!("caught: {}", caught.join("; ")))
}

fn caught(stage: &Stage, kind: Kind, rounds: u64, judged: Judged, what: &str) -> Result<String, String> {
    let figures: Figures = part(stage, kind, rounds, &mut |_| ())?;
    let faults = figures.faults(stage.memory_max, judged);
    match faults.iter().find(|fault| fault.starts_with(what)) {
        Some(fault) => Ok(format!("{kind} clients ({fault})")),
        None => Err(format!("{kind} clients were not caught: {figures}")),
    }
}
