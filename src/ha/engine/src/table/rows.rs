//! The rows.
//!
//! The order of the actions is where the rules live: a right that goes is gone durably before anybody sees it gone, one that comes is written
//! after what gives it.

use super::Row;
use super::words::Action as A;
use super::words::Trigger as T;
use crate::state::State as S;
use crate::state::State::{
    Activating, ActiveReplicated, ActiveSolo, Demoting, Detached, Fenced, Handover, InSync, Joining, Lagging, Probing,
    Quarantined, Spare, Starting, Stopped, Suspended, Syncing,
};

const fn to(from: &'static [S], on: T, next: S, actions: &'static [A]) -> Row {
    Row { number: 0, from, on, next: Some(next), actions }
}

const fn stays(from: &'static [S], on: T, actions: &'static [A]) -> Row {
    Row { number: 0, from, on, next: None, actions }
}

/// Start, load and serve, once an epoch is known to be one's own. A dial of before may have come to a connection meanwhile.
const CLAIMED: &[A] = &[A::CloseLink, A::WriteState, A::StartEpoch, A::FlushStart, A::Load, A::Ready];
/// The same behind a handover: nobody asked whether the own lanes are flushed (SR6).
const GRANTED: &[A] = &[A::CloseLink, A::WriteState, A::FlushAll, A::StartEpoch, A::FlushStart, A::Load, A::Ready];
/// Nothing is confirmed any more, the promise is kept, the log is flushed: then ask (SR6).
const CLAIM: &[A] = &[A::CloseLink, A::Promise, A::FlushAll, A::ClaimCas];
/// Go on alone.
const REMOVE: &[A] = &[A::Hold, A::Promise, A::RemoveCas];
/// An end in good order.
const END: &[A] = &[A::Hold, A::Quiesce, A::CloseReplica, A::CloseLink, A::FlushAll, A::MarkCleanStop, A::ExitOk];
/// Look at the register and for the peer.
const LOOK: &[A] = &[A::ReadRegister, A::Dial];

pub(super) const ROWS: &[Row] = &[
    to(&[Starting], T::Started, Probing, &[A::WriteState, A::ReadRegister, A::Dial]),
    // Asking who serves.
    to(&[Probing, Joining, Spare], T::ActiveFound, Joining, &[A::SendHistory]),
    stays(&[Detached], T::ActiveFound, &[A::SendHistory]),
    stays(&[Probing, Detached], T::Again, LOOK),
    stays(&[Spare], T::Again, &[A::Dial]),
    stays(&[Probing, Detached], T::MayActivate, CLAIM),
    to(&[Probing, Joining], T::Contradiction, Quarantined, &[A::MarkIneligible, A::CloseLink]),
    to(&[Probing, Detached], T::ClaimWon, Activating, CLAIMED),
    stays(&[Probing, Detached], T::ClaimLost, &[A::WriteState, A::ReadRegister, A::Dial]),
    // Joining.
    to(&[Joining], T::Busy, Spare, &[A::CloseLink]),
    stays(&[Spare, Detached], T::Busy, &[A::CloseLink]),
    to(&[Joining], T::Refused, Probing, &[A::CloseLink]),
    stays(&[Probing, Spare, Detached], T::Refused, &[A::CloseLink]),
    to(
        &[Joining, Detached],
        T::CutAgreed,
        Syncing,
        &[A::Snapshot, A::MarkIneligible, A::Truncate, A::FlushKept, A::SendReady],
    ),
    to(
        &[Joining, Detached],
        T::CutAgreedMember,
        Syncing,
        &[A::Snapshot, A::WriteState, A::Truncate, A::FlushKept, A::SendReady],
    ),
    to(&[Detached], T::Rejoined, InSync, &[A::WriteState, A::FlushKept, A::SendReady]),
    to(&[Joining, Detached], T::AckedCut, Quarantined, &[A::MarkIneligible, A::CloseLink]),
    to(&[Joining, Detached], T::ChainsDiffer, Quarantined, &[A::MarkIneligible, A::CloseLink]),
    to(&[Joining], T::TooLong, Probing, &[A::CloseLink]),
    to(&[Joining, Syncing, Lagging], T::LinkLost, Probing, &[A::CloseLink, A::ReadRegister, A::Dial]),
    to(&[Spare], T::LinkLost, Probing, LOOK),
    stays(&[Probing, Detached], T::LinkLost, &[A::CloseLink]),
    stays(&[Syncing, Lagging], T::BarrierAsked, &[A::FlushBarrier, A::MarkBarrier, A::SendBarrierOk]),
    to(&[Syncing, Lagging], T::SyncDone, InSync, &[A::MarkEligible, A::SendSyncDoneAck]),
    stays(&[InSync], T::SyncDone, &[A::MarkEligible, A::SendSyncDoneAck]),
    // In sync.
    to(&[InSync, Syncing], T::Removed, Lagging, &[A::MarkIneligible, A::ConfirmNow]),
    stays(&[Lagging], T::Removed, &[A::MarkIneligible, A::ConfirmNow]),
    to(&[InSync], T::LinkLost, Detached, &[A::CloseLink, A::ReadRegister, A::Dial]),
    stays(&[InSync], T::StopCalled, &[A::GuardStop]),
    stays(&[InSync, Detached], T::Granted, &[A::ReadRegister]),
    to(&[InSync, Detached, Probing], T::GrantProved, Activating, GRANTED),
    to(&[InSync, Syncing, Lagging], T::NoSpace, Probing, &[A::MarkIneligible, A::CloseLink]),
    to(&[InSync, Syncing], T::ConsentAsked, Lagging, &[A::MarkIneligible, A::SendConsent]),
    stays(&[Lagging, Probing], T::ConsentAsked, &[A::MarkIneligible, A::SendConsent]),
    // Deciding who takes over.
    to(&[Detached], T::NotMember, Probing, &[A::MarkIneligible, A::ReadRegister, A::Dial]),
    stays(&[Detached], T::NotYet, &[]),
    to(&[Detached], T::VerdictsSpent, Probing, LOOK),
    // Activating.
    to(&[Activating], T::ReadySolo, ActiveSolo, &[A::WriteState, A::Serve]),
    to(&[Activating], T::ReadyReplicated, ActiveReplicated, &[A::WriteState, A::Serve]),
    to(&[Activating], T::ActivationFailed, Fenced, &[A::ExitFailed]),
    // Serving.
    to(&[ActiveSolo], T::JoinWon, ActiveReplicated, &[A::WriteState, A::SendSyncDone]),
    stays(&[ActiveReplicated, Suspended], T::JoinWon, &[A::WriteState, A::SendSyncDone]),
    to(&[ActiveReplicated, Handover], T::ReplicaGone, Suspended, REMOVE),
    stays(&[Suspended], T::ReplicaGone, REMOVE),
    to(
        &[Suspended],
        T::RemoveWon,
        ActiveSolo,
        &[A::StartEpoch, A::SendRemoved, A::Serve, A::FlushStart, A::WriteState],
    ),
    stays(&[Suspended], T::RemoveRefused, &[A::WriteState]),
    to(&[Suspended], T::ReplicaBack, ActiveReplicated, &[A::WriteState, A::Serve]),
    to(&[Suspended], T::HealthySolo, ActiveSolo, &[A::WriteState, A::Serve]),
    to(&[ActiveReplicated], T::LeaseSilent, Suspended, &[A::Hold]),
    to(&[ActiveSolo, ActiveReplicated], T::Isolated, Suspended, &[A::Hold]),
    stays(&[Suspended], T::Again, LOOK),
    // Without a register nobody else says whether another one serves.
    stays(&[ActiveSolo], T::Again, &[A::Dial]),
    to(&[ActiveSolo], T::RivalAbove, Suspended, REMOVE),
    to(
        &[ActiveSolo, ActiveReplicated, Suspended],
        T::Outclaimed,
        Quarantined,
        &[A::MarkIneligible, A::Quiesce, A::CloseReplica, A::CloseLink],
    ),
    stays(&[Suspended], T::SuspendedLong, &[A::Drop]),
    to(
        &[Activating, ActiveSolo, ActiveReplicated, Suspended, Handover],
        T::NewerEpoch,
        Demoting,
        &[A::Quiesce, A::CloseReplica, A::WriteState, A::Quiet],
    ),
    to(&[Demoting], T::Quiet, Joining, &[A::Dial]),
    // Handing over.
    to(
        &[ActiveReplicated],
        T::HandoverWanted,
        Handover,
        &[A::SendStopCalled, A::Freeze, A::AwaitDrained, A::FlushAll, A::Promise, A::HandoverCas],
    ),
    to(&[Handover], T::HandoverLate, ActiveReplicated, &[A::Unfreeze]),
    to(&[Handover], T::HandoverRefused, ActiveReplicated, &[A::WriteState, A::Unfreeze]),
    to(
        &[Handover],
        T::HandedOverStay,
        Joining,
        &[A::MarkHandedOver, A::SendGrant, A::Quiesce, A::CloseReplica, A::Dial],
    ),
    to(
        &[Handover],
        T::HandedOverStop,
        Stopped,
        &[A::MarkHandedOver, A::SendGrant, A::Quiesce, A::CloseReplica, A::FlushAll, A::MarkCleanStop, A::ExitOk],
    ),
    // Ending.
    to(&[Starting], T::StopAsked, Stopped, &[A::ExitOk]),
    to(
        &[
            Probing,
            Joining,
            Syncing,
            InSync,
            Lagging,
            Spare,
            Detached,
            Activating,
            ActiveSolo,
            ActiveReplicated,
            Suspended,
            Demoting,
            Quarantined,
        ],
        T::StopAsked,
        Stopped,
        END,
    ),
    to(
        &[
            Starting,
            Probing,
            Joining,
            Syncing,
            InSync,
            Lagging,
            Spare,
            Detached,
            Activating,
            ActiveSolo,
            ActiveReplicated,
            Suspended,
            Handover,
            Demoting,
            Quarantined,
        ],
        T::StoreFailed,
        Fenced,
        &[A::ExitFailed],
    ),
    // The operator.
    to(
        &[Joining, Syncing, InSync, Lagging, Spare, Detached, Quarantined],
        T::Promoted,
        Probing,
        &[A::CloseLink, A::ReadRegister],
    ),
    stays(&[Probing], T::Promoted, &[A::ReadRegister]),
    to(&[Quarantined], T::Resolved, Probing, &[A::WriteState, A::ReadRegister, A::Dial]),
    to(
        &[
            Starting,
            Probing,
            Joining,
            Syncing,
            InSync,
            Lagging,
            Spare,
            Detached,
            Activating,
            ActiveSolo,
            ActiveReplicated,
            Suspended,
            Handover,
            Demoting,
        ],
        T::Duplicate,
        Quarantined,
        &[A::Quiesce, A::CloseReplica, A::CloseLink, A::WriteState],
    ),
];
