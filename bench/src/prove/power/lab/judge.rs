//! A state of a disk is judged, and counted.

use super::work::LabPlan;
use crate::prove::kill9::broker::Place;
use crate::prove::kill9::oracle::{Kind, Oracle};
use crate::prove::power::crash::{Through, keep, look};
use crate::prove::power::figures::Figures;
use crate::prove::power::state::State;

/// Judges a state by what the clients knew; what it says of itself was known before.
pub(super) async fn judge(
    plan: &LabPlan,
    place: &Place,
    seed: u64,
    state: &State,
    history: Oracle,
    name: &str,
    all: &mut Figures,
) {
    all.saw(state);
    let (before, delivered) = (history.findings().clone(), history.counts().delivered);
    let (findings, counts) = look(place, &state.bytes, seed, history, Through::Copy).await;
    all.delivered += counts.delivered - delivered;
    if findings == before {
        return;
    }
    if !plan.unsafe_disk {
        for finding in findings.texts().iter().skip(before.texts().len()) {
            eprintln!("FOUND in {}, {name}: {}: {}", place.directory.display(), finding.kind.word(), finding.text);
        }
        eprintln!("{}", keep(&place.directory, &name.replace([' ', ','], "-"), &state.bytes));
    }
    for kind in Kind::ALL {
        all.findings.count(kind, findings.of(kind).saturating_sub(before.of(kind)));
    }
}

/// What clients have found while they worked is a finding of the whole.
pub(super) fn add_own(history: &Oracle, all: &mut Figures) {
    all.findings.merge(history.findings());
    all.acked += history.counts().acked;
}
