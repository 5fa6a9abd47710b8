//! The words of the table: what moves a server from state to state, and what it does then.

use crate::event::Timer;
use crate::state::State;

/// Makes an enum whose variants are also listed and described.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[doc = $text:literal])* $variant:ident,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $($(#[doc = $text])* $variant,)+
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// What it means, in a sentence.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($($text),+),)+
                }
            }
        }
    };
}

words! {
    /// What happened, its guards looked at.
    Trigger {
        /// The life begins: the store is scanned.
        Started,
        /// It is time to look again.
        Again,
        /// An answer of the peer is too long in coming.
        TooLong,
        /// The peer answers as active, in no older an epoch than the own one.
        ActiveFound,
        /// It may activate: the start's table says so, or the verdict after the link was lost.
        MayActivate,
        /// What is here contradicts what others know; nobody but the operator can say which is right.
        Contradiction,
        /// The active has its replica already.
        Busy,
        /// The active, or its epoch, is not one to join.
        Refused,
        /// Both know where their histories part; the joiner is not in the in-sync set.
        CutAgreed,
        /// The same, for a joiner in the in-sync set.
        CutAgreedMember,
        /// The joiner is in the in-sync set, in the epoch that it knows, and has nothing to cut.
        Rejoined,
        /// Something acked would be cut.
        AckedCut,
        /// The lanes differ where the histories say that they are equal.
        ChainsDiffer,
        /// The link to the active is gone, or silent for too long.
        LinkLost,
        /// The active wants everything acked to be confirmed.
        BarrierAsked,
        /// The active says that the joiner is in the in-sync set.
        SyncDone,
        /// The active says that the replica is not in the in-sync set any more.
        Removed,
        /// The active announces a handover, or that it goes on.
        StopCalled,
        /// The active says that the replica may serve.
        Granted,
        /// The register says so too, or there is none.
        GrantProved,
        /// There is no room for what the active sends.
        NoSpace,
        /// The peer asks whether it may go on, or activate, without this server, where no register decides.
        ConsentAsked,
        /// The register, or the own state, says that it is not entitled to take over.
        NotMember,
        /// It is entitled, and something may yet make it needless: a lease, a register that does not answer, a network that is gone.
        NotYet,
        /// It was told so too often.
        VerdictsSpent,
        /// The register names it, in the epoch that it made.
        ClaimWon,
        /// It does not, and never will because of that attempt.
        ClaimLost,
        /// Loaded; it is alone in the in-sync set.
        ReadySolo,
        /// Loaded; others are in the in-sync set.
        ReadyReplicated,
        /// The activation did not end in time.
        ActivationFailed,
        /// A newer epoch exists.
        NewerEpoch,
        /// Two without a register have met, both have acked alone, and the claim of this server is the lower one.
        Outclaimed,
        /// It goes on, and the other one has seen an epoch that is not below its own.
        RivalAbove,
        /// The joiner is in the register.
        JoinWon,
        /// A member of the view is lost, silent or too slow, and the register could be changed.
        ReplicaGone,
        /// It confirms again, and nothing was asked of the register meanwhile.
        ReplicaBack,
        /// The register names this server alone, in the epoch that it made.
        RemoveWon,
        /// It does not, and never will because of that attempt; the server still holds it.
        RemoveRefused,
        /// The lease is lost and the replica is silent.
        LeaseSilent,
        /// The network is not reached, and no replica could take over.
        Isolated,
        /// It is reached again, the register still names this server, alone.
        HealthySolo,
        /// Clients have been held for too long.
        SuspendedLong,
        /// The replica is to serve, and is in sync.
        HandoverWanted,
        /// It did not come to that in time; nothing was asked of the register.
        HandoverLate,
        /// The register does not name the successor and never will because of that attempt; the server still holds it.
        HandoverRefused,
        /// The register names the successor; this server becomes its backup.
        HandedOverStay,
        /// The register names the successor; this server ends.
        HandedOverStop,
        /// Clients are gone, nothing is written any more.
        Quiet,
        /// The operator, or the service manager, wants it to end.
        StopAsked,
        /// The operator wants it to serve, whatever the rules say.
        Promoted,
        /// The operator says whose data count.
        Resolved,
        /// The own store failed.
        StoreFailed,
        /// Somebody else runs under this name.
        Duplicate,
    }
}

words! {
    /// A step of what is done at a transition. Steps are taken in their order; one that waits holds up those behind it.
    Action {
        /// Write `ha.state`; wait until it is durable.
        WriteState,
        /// Read the register.
        ReadRegister,
        /// Connect to the peer.
        Dial,
        /// Say what is held here.
        SendHistory,
        /// Close the connection to the active: nothing that came by it is taken or confirmed any more.
        CloseLink,
        /// Close the connection to the replica.
        CloseReplica,
        /// Keep what is here as an old replica, if anything is cut or copied; wait.
        Snapshot,
        /// `eligible = false`; wait until it is durable.
        MarkIneligible,
        /// Cut the lanes; wait until that is durable.
        Truncate,
        /// Flush what is kept; wait (SR8).
        FlushKept,
        /// Take blocks, and say that they may come.
        SendReady,
        /// Confirm what is durable, in the epoch of the active.
        ConfirmNow,
        /// Wait until everything up to the barrier is durable.
        FlushBarrier,
        /// `eligible = barrier`; wait until it is durable.
        MarkBarrier,
        /// Confirm the barrier.
        SendBarrierOk,
        /// The register after the join, and `eligible = true`; wait until they are durable.
        MarkEligible,
        /// Say that the join is known here.
        SendSyncDoneAck,
        /// Expect silence: the active is busy with handing over.
        GuardStop,
        /// Write the promise to follow nothing older than the epoch that is about to be asked for; wait (SR6).
        Promise,
        /// Flush the own lanes whole; wait (SR6).
        FlushAll,
        /// Ask the register for the epoch, this server alone in the in-sync set (SR4).
        ClaimCas,
        /// Write the start of the epoch into every lane; wait (SR5).
        StartEpoch,
        /// Flush it; wait.
        FlushStart,
        /// Load the queues, open the acceptors; wait.
        Load,
        /// Look who is in the in-sync set, and go on.
        Ready,
        /// Let clients go on.
        Serve,
        /// Keep clients connected; no credit, no deliveries, no answers.
        Hold,
        /// Close clients' sockets.
        Drop,
        /// Tell the joiner that it is in the in-sync set.
        SendSyncDone,
        /// Tell the former replica that it is not any more.
        SendRemoved,
        /// Ask the register, or the replica where there is none, to be alone in the in-sync set, in a new epoch.
        RemoveCas,
        /// Tell the replica that a handover comes.
        SendStopCalled,
        /// Let running commits end, and nothing else begin; wait (SR10).
        Freeze,
        /// Wait until everything is durable here and there (SR6).
        AwaitDrained,
        /// Ask the register to name the successor.
        HandoverCas,
        /// Tell the replica that it does not, and let clients go on.
        Unfreeze,
        /// Remember to whom it was handed over; wait until that is durable.
        MarkHandedOver,
        /// Tell the successor.
        SendGrant,
        /// Say to the peer that this server will not activate by itself any more.
        SendConsent,
        /// Send clients away, end what is under way; wait.
        Quiesce,
        /// Say so to the table.
        Quiet,
        /// The ends of the lanes, as those of a clean stop; wait until they are durable.
        MarkCleanStop,
        /// End the process in good order.
        ExitOk,
        /// End the process so that it is started again.
        ExitFailed,
    }
}

/// The timers that run while a server is in a state: armed when it comes in, disarmed when it leaves.
#[must_use]
pub const fn watched(state: State) -> &'static [Timer] {
    match state {
        State::Probing | State::Spare => &[Timer::Retry],
        State::Joining => &[Timer::Answer],
        State::Syncing | State::Lagging | State::InSync => &[Timer::Heartbeat, Timer::Silence],
        State::Detached => &[Timer::Verdict],
        State::Activating => &[Timer::Activation],
        State::ActiveSolo | State::ActiveReplicated => &[Timer::Heartbeat, Timer::Silence],
        State::Suspended => &[Timer::Heartbeat, Timer::Silence, Timer::Retry, Timer::Suspended],
        State::Handover => &[Timer::Heartbeat, Timer::Silence, Timer::Handover],
        State::Stopped | State::Starting | State::Demoting | State::Quarantined | State::Fenced => &[],
    }
}
