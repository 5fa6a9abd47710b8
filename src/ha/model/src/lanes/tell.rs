//! The sentences of a trace.

#![allow(
    clippy::indexing_slicing,
    reason = "an index of this model that leaves its array is a mistake of the model, and says where"
)]

use super::log::{B, J, K, Logs, NAMES};
use super::world::{Step, lengths};

/// What a step does where these lanes are, in this epoch.
pub(super) fn tell(step: &Step, logs: &Logs, epoch: u8) -> String {
    let ends = lengths(logs);
    let on = |lane: usize| format!("({}, block {})", NAMES[lane], ends[lane]);
    match *step {
        Step::Land(lane) => format!("one more block of {} is durable at the active", NAMES[lane]),
        Step::Confirm(lane) => format!("the backup confirms one more block of {}", NAMES[lane]),
        Step::Open => {
            "the epoch's start is promised on all lanes; what the start owes is written, and clients are served"
                .to_owned()
        }
        Step::Leave => format!("the backup is out of the in-sync set; epoch {} begins", epoch + 1),
        Step::StartLane(lane) => format!("the epoch begins {}", on(lane)),
        Step::Join => "the other broker joins and is in sync".to_owned(),
        Step::Crash { takeover, keep: [b, j, k] } => {
            let who = if takeover { "its backup takes over" } else { "starts again" };
            format!("the active crashes and {who}, with {b} blocks of b00, {j} of j00, {k} of j01; epoch {}", epoch + 1)
        }
        Step::Create => format!("a queue is made {}", on(B)),
        Step::Send(lane) => format!("the message with an id is sent {}", on(lane)),
        Step::SendAgain => "it is sent again and answered: it is there".to_owned(),
        Step::Other => format!("another message is sent {}", on(K)),
        Step::Consume(_) => format!("the message with an id is consumed, its segment is full {}", on(J)),
        Step::Free => format!("the segment of the message is freed {}", on(J)),
        Step::Reuse(lane) => format!("the active uses the file of the freed segment of {} again", NAMES[lane]),
        Step::Prepare => format!("a transaction: PREPARE {}", on(J)),
        Step::Decide => format!("PREPARE and DECISION {}", on(K)),
        Step::End(lane) => format!("END is written {}", on(lane)),
        Step::ForgetEnd => format!("the END is freed, the PREPARE is not {}", on(J)),
        Step::Clear(lane) => format!("the first segment is freed, what lives is written again {}", on(lane)),
        Step::First => format!("a commit of two messages: the first {}", on(J)),
        Step::Last => format!("the second, which closes the commit {}", on(J)),
    }
}
