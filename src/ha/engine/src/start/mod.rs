//! The decision at a start: what a member that serves nobody yet does next, by what it knows of itself, of the register and of its peer.
//!
//! One pure function, [`decide`]; it is asked again whenever a fact changes (the peer answers, a wait ends, a pull is done), and each time it looks
//! at everything. The rows have the numbers of the document's table; those with a letter close what had no row, or the wrong one. The tests
//! go through all inputs there are: every possible one has exactly one row, whatever their order, and nobody activates who must not.

#[cfg(test)]
mod lives;
#[cfg(test)]
mod passives;
mod standing;
mod table;
#[cfg(test)]
mod tests;

pub use standing::{Membership, Own, is_rolled_back};
pub use table::{Row, markdown};

use crate::ha_state::Role;
use crate::history::{Reason, Verdict};

/// What is known at a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StartFacts {
    /// What it is configured to be.
    pub role: Role,
    /// What the register says, and what counts only with or only without it.
    pub register: RegisterFacts,
    /// What its own copy is worth by its own record.
    pub own: Own,
    /// Whether its store holds anything.
    pub data: bool,
    /// What the scan found at the end of its lanes.
    pub tail: Tail,
    /// Whether the tails of a passive peer were asked for in this life, and what they have taken over: what is missing now, the peer has not either.
    pub pulled: bool,
    /// Who answers.
    pub peer: Peer,
    /// Whether the network check says that this member is cut off. It only takes rights away.
    pub isolated: bool,
}

impl StartFacts {
    /// Whether nobody else can go on beside this member once it has activated by these facts: a register decides, or the peer has agreed with its
    /// copy compared, or everybody had agreed before, or there was nobody. Else it is [unagreed](crate::ha_state::HaState::unagreed).
    #[must_use]
    pub const fn is_agreed(&self) -> bool {
        match self.register {
            RegisterFacts::Unconfigured(known) => {
                matches!(known.agreed, Agreed::Compared)
                    || matches!(self.own, Own::Alone)
                    || matches!((self.own, self.data), (Own::New, false))
            }
            _ => true,
        }
    }
}

/// The register, as seen from a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RegisterFacts {
    /// None is configured.
    Unconfigured(Unregistered),
    /// It cannot be reached.
    Unreadable {
        /// Whether this member tried to make an epoch above everything that it or the peer has seen, and does not know what came of it.
        unresolved: bool,
    },
    /// It can be reached and has no value.
    Absent,
    /// It has a value. It was read after the peer's answer: what the peer says of epochs is not newer.
    Value(Registered),
}

/// What counts where no register is configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Unregistered {
    /// `check-for-live-server`: look for a peer before serving.
    pub search: bool,
    /// The search is over: nobody answered within five seconds, or the peer's host refused the connection.
    pub searched: bool,
    /// `stale-start` is `refuse`.
    pub refuse_stale: bool,
    /// `slave-cold-start` is `if-newest`.
    pub cold_start: bool,
    /// Whether the peer, passive, has agreed in this life that this member serves. It has written that down first.
    pub agreed: Agreed,
}

/// Whether and on what the peer has agreed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Agreed {
    /// It has not.
    No,
    /// The two copies were compared ([`Verdict::Mine`]).
    Compared,
    /// It has nothing to compare ([`Verdict::Sole`]).
    Empty,
}

/// What the value of the register says to this member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Registered {
    /// Whether this member is the holder.
    pub mine: bool,
    /// Whether this member may serve by it.
    pub member: Membership,
    /// Whether the in-sync set has others.
    pub others: bool,
    /// Its epoch is neither the one that this member has seen nor one with a higher number: it was restored from a backup.
    pub stale: bool,
    /// This member's disk was rolled back ([`is_rolled_back`]).
    pub rolled_back: bool,
    /// As in [`RegisterFacts::Unreadable`].
    pub unresolved: bool,
    /// The holder's lease is over.
    pub lease_over: bool,
    /// `startup-peer-wait` is over.
    pub peer_waited: bool,
    /// `tail-recovery-wait` is over, or the peer's host refused the connection.
    pub tail_waited: bool,
}

/// What the scan found at the end of the lanes; the worst of all lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tail {
    /// Nothing is missing, or what is missing was torn and nothing stands behind it.
    Whole,
    /// Valid blocks stand behind a hole: undecided.
    Evidence,
    /// Something below a known promised position is missing.
    Lost,
}

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Peer {
    /// Nobody, up to now.
    Silent,
    /// A peer that serves nobody.
    Passive {
        /// Whether it is in the in-sync set of the register. It need not be complete to have what is missing here.
        member: bool,
        /// Whether it says that it is about to serve, by its own table, once it has what it waits for from us: not if it is quarantined, cut off or
        /// waits for an active.
        willing: bool,
        /// What comes of comparing the two copies.
        verdict: Verdict,
    },
    /// A peer that serves.
    Active {
        /// Whether its epoch is what this member has seen, or newer.
        current: bool,
    },
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Make the register by compare-and-set from absent, and activate in the first epoch.
    CreateRegister,
    /// Promise, compare-and-set where there is a register, start an epoch, serve.
    Activate {
        /// What the start records say.
        reason: Reason,
        /// Valid blocks behind a hole are dropped: nobody has what is missing.
        cut: bool,
    },
    /// Take over what the passive peer has more of, then decide anew. If it does not answer in time, that counts as a peer that is silent.
    Pull,
    /// Ask the passive peer to agree.
    AskConsent,
    /// Follow the active.
    Join {
        /// First settle what became of an own compare-and-set, by a write of the same value (SR16).
        settle: bool,
        /// First write down that this copy lacks something: its tail is not whole.
        lacking: bool,
    },
    /// Show an active with an older epoch the newer one: the two compare their claims.
    Challenge,
    /// Keep asking.
    Wait(Wait),
    /// Serve nobody and tell the operator; a restart asks again.
    Refuse,
    /// Serve nobody, keep everything, until the operator decides.
    Quarantine,
}

/// What a member waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wait {
    /// The end of the search for a peer.
    Search,
    /// The end of `tail-recovery-wait`, or the peer before it.
    TailPeer,
    /// The end of `startup-peer-wait` and of the lease.
    Peer,
    /// The peer, for what is missing here; or the operator's word that nothing is.
    Tail,
    /// The peer, which is about to act.
    PeerActs,
    /// An active, for ever; or the operator.
    Active,
    /// The register.
    Register,
    /// The network check.
    Network,
}

/// What the operator is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Notice {
    /// HA310: it serves without proof that its copy is current.
    PossiblyStale,
    /// HA311: its copy is not current, it waits for the other.
    KnownStale,
    /// HA312: there is data, and the register is empty.
    RegisterEmpty,
    /// HA313: the disk was rolled back.
    RolledBack,
    /// HA314: the register cannot be reached.
    RegisterUnreachable,
    /// HA352: it waits for the peer's tail.
    WaitingForTail,
    /// HA353: something that was promised is missing or differs.
    Damaged,
    /// HA401: both have acked what the other does not have.
    SplitBrain,
    /// HA402: the register is older than what was seen.
    RegisterOld,
}

impl Notice {
    /// The number of its code.
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::PossiblyStale => 310,
            Self::KnownStale => 311,
            Self::RegisterEmpty => 312,
            Self::RolledBack => 313,
            Self::RegisterUnreachable => 314,
            Self::WaitingForTail => 352,
            Self::Damaged => 353,
            Self::SplitBrain => 401,
            Self::RegisterOld => 402,
        }
    }
}

/// A decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Decision {
    /// By which row.
    pub row: Row,
    /// What to do.
    pub action: Action,
    /// What to tell, if anything.
    pub notice: Option<Notice>,
}

impl Decision {
    const fn new(row: Row, action: Action) -> Self {
        Self { row, action, notice: None }
    }

    const fn wait(row: Row, wait: Wait) -> Self {
        Self::new(row, Action::Wait(wait))
    }

    const fn told(self, notice: Notice) -> Self {
        Self { notice: Some(notice), ..self }
    }
}

/// What to do now.
#[must_use]
pub fn decide(facts: &StartFacts) -> Decision {
    let decision = match facts.register {
        _ if facts.own == Own::Quarantined => Decision::new(Row::R0, Action::Quarantine),
        RegisterFacts::Absent => absent(facts),
        RegisterFacts::Unreadable { unresolved } => unreadable(facts, unresolved),
        RegisterFacts::Value(register) if register.mine => holder(facts, register),
        RegisterFacts::Value(register) => other_holder(facts, register),
        RegisterFacts::Unconfigured(known) => unconfigured(facts, known),
    };
    match decision.action {
        Action::Activate { .. } | Action::CreateRegister | Action::AskConsent if facts.isolated => {
            Decision::wait(decision.row, Wait::Network)
        }
        _ => decision,
    }
}

const fn activate(row: Row, reason: Reason, tail: Tail) -> Decision {
    Decision::new(row, Action::Activate { reason, cut: matches!(tail, Tail::Evidence) })
}

/// Follows an active whose epoch is not behind; else waits for one.
fn follow(row: Row, facts: &StartFacts, unresolved: bool, notice: Notice) -> Decision {
    if matches!(facts.peer, Peer::Active { current: true }) {
        join(row, facts, unresolved)
    } else {
        Decision::wait(row, Wait::Active).told(notice)
    }
}

fn join(row: Row, facts: &StartFacts, settle: bool) -> Decision {
    Decision::new(row, Action::Join { settle, lacking: facts.tail != Tail::Whole })
}

fn absent(facts: &StartFacts) -> Decision {
    if facts.data {
        return Decision::new(Row::R2, Action::Refuse).told(Notice::RegisterEmpty);
    }
    match (facts.peer, facts.role) {
        (Peer::Silent | Peer::Passive { verdict: Verdict::Mine { .. } | Verdict::Sole, .. }, Role::Primary) => {
            Decision::new(Row::R1, Action::CreateRegister)
        }
        (Peer::Silent | Peer::Passive { verdict: Verdict::Mine { .. } | Verdict::Sole, .. }, Role::Backup) => {
            Decision::wait(Row::R1, Wait::Active)
        }
        _ => Decision::wait(Row::R1b, Wait::PeerActs).told(Notice::RegisterEmpty),
    }
}

fn unreadable(facts: &StartFacts, unresolved: bool) -> Decision {
    if !unresolved && matches!(facts.peer, Peer::Active { current: true }) {
        join(Row::R10, facts, false)
    } else {
        Decision::wait(Row::R11, Wait::Register).told(Notice::RegisterUnreachable)
    }
}

/// What no member of the register gets past: a register that was restored, an own disk that was.
fn restored(facts: &StartFacts, register: Registered) -> Option<Decision> {
    if register.stale {
        Some(Decision::new(Row::R3, Action::Quarantine).told(Notice::RegisterOld))
    } else if register.rolled_back && register.others {
        Some(follow(Row::R4, facts, register.unresolved, Notice::RolledBack))
    } else if register.rolled_back {
        Some(Decision::new(Row::R4, Action::Quarantine).told(Notice::RolledBack))
    } else {
        None
    }
}

fn holder(facts: &StartFacts, register: Registered) -> Decision {
    if let Some(decision) = restored(facts, register) {
        return decision;
    }
    if register.member != Membership::Entitled {
        return if register.others {
            follow(Row::R4b, facts, register.unresolved, Notice::KnownStale)
        } else {
            Decision::new(Row::R4b, Action::Quarantine).told(Notice::Damaged)
        };
    }
    match facts.tail {
        Tail::Lost if !register.others => return Decision::new(Row::R6c, Action::Quarantine).told(Notice::Damaged),
        // The others have what is missing: one of them serves, as if this one could not be reached, and this one copies.
        Tail::Lost => return follow(Row::R6d, facts, register.unresolved, Notice::KnownStale),
        Tail::Whole | Tail::Evidence => {}
    }
    if !register.others {
        return activate(Row::R6, Reason::Restart, facts.tail);
    }
    match facts.peer {
        _ if facts.pulled => activate(Row::R5, Reason::Restart, facts.tail),
        Peer::Passive { member: true, .. } => Decision::new(Row::R5, Action::Pull),
        Peer::Silent if !register.tail_waited => Decision::wait(Row::R5, Wait::TailPeer),
        _ if facts.tail == Tail::Whole => activate(Row::R6, Reason::Restart, facts.tail),
        _ => Decision::wait(Row::R6b, Wait::Tail).told(Notice::WaitingForTail),
    }
}

fn other_holder(facts: &StartFacts, register: Registered) -> Decision {
    if let Some(decision) = restored(facts, register) {
        return decision;
    }
    if register.member != Membership::Entitled || facts.tail == Tail::Lost {
        return follow(Row::R9, facts, register.unresolved, Notice::KnownStale);
    }
    match facts.peer {
        Peer::Active { current: true } => join(Row::R7, facts, register.unresolved),
        Peer::Active { current: false } => Decision::wait(Row::R7b, Wait::PeerActs),
        Peer::Passive { willing: true, .. } => Decision::wait(Row::R7c, Wait::PeerActs),
        Peer::Passive { member: true, .. } if facts.tail == Tail::Evidence && !facts.pulled => {
            Decision::new(Row::R8b, Action::Pull)
        }
        _ if facts.tail == Tail::Evidence => Decision::wait(Row::R8b, Wait::Tail).told(Notice::WaitingForTail),
        Peer::Silent if !(register.peer_waited && register.lease_over) => Decision::wait(Row::R8, Wait::Peer),
        Peer::Silent | Peer::Passive { .. } => activate(Row::R8, Reason::Takeover, facts.tail),
    }
}

fn unconfigured(facts: &StartFacts, known: Unregistered) -> Decision {
    match facts.peer {
        Peer::Active { current: true } => join(Row::R12, facts, false),
        Peer::Active { current: false } => Decision::new(Row::R12b, Action::Challenge),
        Peer::Passive { verdict, .. } => met(facts, known, verdict),
        Peer::Silent if known.agreed != Agreed::No => agreed(facts, known.agreed),
        Peer::Silent => alone(facts, known),
    }
}

fn met(facts: &StartFacts, known: Unregistered, verdict: Verdict) -> Decision {
    let row = Row::R13;
    match verdict {
        Verdict::Theirs => Decision::wait(row, Wait::PeerActs),
        Verdict::NoProof => Decision::wait(row, Wait::Active).told(Notice::KnownStale),
        Verdict::BothAcked => Decision::new(row, Action::Quarantine).told(Notice::SplitBrain),
        Verdict::Corrupt => Decision::new(row, Action::Quarantine).told(Notice::Damaged),
        Verdict::Mine { pull } if !facts.pulled && (pull || facts.tail != Tail::Whole) => {
            Decision::new(row, Action::Pull)
        }
        Verdict::Mine { .. } | Verdict::Sole if facts.tail == Tail::Lost => {
            Decision::new(row, Action::Quarantine).told(Notice::Damaged)
        }
        Verdict::Sole if facts.tail == Tail::Evidence && !facts.own.is_sole() => {
            Decision::wait(row, Wait::Tail).told(Notice::WaitingForTail)
        }
        // An empty disk agrees to anything: this proves no more than silence does.
        Verdict::Sole if known.refuse_stale && facts.role == Role::Primary && facts.own != Own::Alone => {
            Decision::wait(row, Wait::Active).told(Notice::KnownStale)
        }
        Verdict::Mine { .. } | Verdict::Sole if known.agreed != Agreed::No => agreed(facts, known.agreed),
        Verdict::Mine { .. } | Verdict::Sole => Decision::new(row, Action::AskConsent),
    }
}

/// The peer has agreed, and may have gone since.
fn agreed(facts: &StartFacts, on: Agreed) -> Decision {
    let settled = facts.pulled || on == Agreed::Empty && facts.own.is_sole();
    let reason = match facts.own {
        Own::New if !facts.data => Reason::First,
        Own::Alone | Own::Solo => Reason::Restart,
        _ => Reason::Takeover,
    };
    match facts.tail {
        Tail::Evidence | Tail::Lost if facts.tail == Tail::Lost || !settled => {
            Decision::wait(Row::R13, Wait::Tail).told(Notice::WaitingForTail)
        }
        _ if on == Agreed::Empty && facts.own != Own::Alone => {
            activate(Row::R13, reason, facts.tail).told(Notice::PossiblyStale)
        }
        _ => activate(Row::R13, reason, facts.tail),
    }
}

/// No register, and nobody answers.
fn alone(facts: &StartFacts, known: Unregistered) -> Decision {
    let sole = facts.own.is_sole();
    match facts.role {
        _ if matches!(facts.own, Own::Given | Own::Lacking) => {
            Decision::wait(Row::R14, Wait::Active).told(Notice::KnownStale)
        }
        _ if facts.tail == Tail::Lost && sole => Decision::new(Row::R14b, Action::Refuse).told(Notice::Damaged),
        _ if facts.tail == Tail::Lost => Decision::wait(Row::R14b, Wait::Tail).told(Notice::WaitingForTail),
        Role::Backup if !(known.cold_start && sole) => Decision::wait(Row::R19, Wait::Active),
        Role::Backup => unproven(Row::R19, facts, known.searched),
        Role::Primary => {
            let row = match facts.own {
                Own::Alone => Row::R15,
                Own::New if !facts.data => Row::R16,
                // An own record that is new beside data: the copy came from somewhere, and nobody knows how old it is.
                _ => Row::R17,
            };
            let refused = row == Row::R17 && known.refuse_stale;
            match (known.search, known.searched) {
                (false, _) if !refused => unproven(Row::R18, facts, true),
                (_, false) => unproven(row, facts, false),
                _ if refused => Decision::wait(row, Wait::Active).told(Notice::KnownStale),
                _ => unproven(row, facts, true),
            }
        }
    }
}

/// Activates by what is known without the peer, once it was looked for. Where blocks stand behind a hole, the peer may have what is missing.
fn unproven(row: Row, facts: &StartFacts, searched: bool) -> Decision {
    let reason = if facts.own == Own::New && !facts.data { Reason::First } else { Reason::Restart };
    let proven = row == Row::R16 || row != Row::R18 && facts.own == Own::Alone;
    if !searched {
        Decision::wait(row, Wait::Search)
    } else if facts.tail == Tail::Evidence && !facts.own.is_sole() {
        Decision::wait(row, Wait::Tail).told(Notice::WaitingForTail)
    } else if proven {
        activate(row, reason, facts.tail)
    } else {
        activate(row, reason, facts.tail).told(Notice::PossiblyStale)
    }
}
