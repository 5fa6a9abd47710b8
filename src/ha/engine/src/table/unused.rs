//! The pairs of state and trigger without a row, each with its reason.

use super::Unused::{self, Ignored, Impossible};
use super::words::Trigger;
use crate::state::State;

/// Why `trigger` does nothing in `state`, for a pair that has no row.
pub(super) const fn why(state: State, trigger: Trigger) -> Unused {
    match state {
        State::Stopped | State::Fenced => return Ignored("the life has ended"),
        State::Quarantined if !matches!(trigger, Trigger::Started | Trigger::Duplicate) => {
            return Ignored("only the operator goes on, or the store's failure, or an end");
        }
        _ => {}
    }
    match trigger {
        Trigger::Started => Ignored("the life has begun"),
        Trigger::Again | Trigger::TooLong => Impossible("this timer does not run here"),
        Trigger::ActiveFound | Trigger::Busy | Trigger::Refused => {
            Impossible("nobody is being greeted here: the active is followed, or it is this server")
        }
        Trigger::MayActivate | Trigger::Contradiction => Impossible("nothing is to be decided here"),
        Trigger::ClaimWon | Trigger::ClaimLost => Impossible("nothing of this server's is with the register here"),
        Trigger::CutAgreed
        | Trigger::CutAgreedMember
        | Trigger::Rejoined
        | Trigger::AckedCut
        | Trigger::ChainsDiffer => Ignored("no cut is being agreed on: an answer that came too late"),
        Trigger::LinkLost => match state {
            State::Starting | State::Demoting => Ignored("no active is followed yet"),
            _ => Impossible("no active is followed: what is lost is the replica"),
        },
        Trigger::BarrierAsked | Trigger::SyncDone | Trigger::Removed => {
            Ignored("the sender is not followed in its epoch: said too late, or by mistake")
        }
        Trigger::StopCalled => Ignored("silence matters only to a replica in sync"),
        Trigger::Granted | Trigger::GrantProved => Ignored("only a replica that was in sync is handed over to"),
        Trigger::NoSpace => Ignored("an active keeps producers back instead; others take no blocks"),
        Trigger::ConsentAsked => Ignored("the sender is not followed; it is answered with no"),
        Trigger::NotMember | Trigger::NotYet | Trigger::VerdictsSpent => Impossible("no verdict is waited for"),
        Trigger::ReadySolo | Trigger::ReadyReplicated | Trigger::ActivationFailed => {
            Impossible("no activation is under way")
        }
        Trigger::Outclaimed | Trigger::RivalAbove => {
            Impossible("only what serves meets a rival, and not while it hands over; only who is alone goes above")
        }
        Trigger::NewerEpoch => Ignored("it does not serve: what it has seen is remembered, and that is all"),
        Trigger::JoinWon => match state {
            State::Handover => Impossible("a handover begins when no other change is with the register"),
            _ => Impossible("it admits nobody here"),
        },
        Trigger::ReplicaGone | Trigger::ReplicaBack | Trigger::RemoveWon | Trigger::RemoveRefused => {
            Impossible("nobody is in the view, or it is not in doubt")
        }
        Trigger::LeaseSilent | Trigger::Isolated | Trigger::HealthySolo | Trigger::SuspendedLong => {
            Ignored("its right to ack is not what is asked: it has none here, or gives it up")
        }
        Trigger::HandoverWanted => Ignored("there is no replica in sync that could serve"),
        Trigger::HandoverLate | Trigger::HandoverRefused | Trigger::HandedOverStay | Trigger::HandedOverStop => {
            Impossible("no handover is under way")
        }
        Trigger::Quiet => Impossible("only what was deposed waits for this"),
        Trigger::StopAsked => Ignored("a handover is under way; the wish is kept for its end"),
        Trigger::Promoted => Ignored("it serves, is about to, or has just given way"),
        Trigger::Resolved => Ignored("nothing is quarantined"),
        Trigger::StoreFailed => Ignored("the life has ended"),
        Trigger::Duplicate => Ignored("it is quarantined already"),
    }
}
