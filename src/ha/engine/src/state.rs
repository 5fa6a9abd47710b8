//! The states of a member of a pair that replicates, and what each of them may do.

use std::fmt;

/// What a member is doing. It is one of these at any time, and writes the last one down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// No process, or one that has ended in good order. Also that of an instance that never ran.
    #[default]
    Stopped,
    /// The life is written down, the directory is locked, the lanes are read.
    Starting,
    /// Asks the register and the peer who serves.
    Probing,
    /// Is connected to the active and agrees with it where to cut.
    Joining,
    /// Copies what it lacks, and takes new blocks behind it.
    Syncing,
    /// Is in the in-sync set.
    InSync,
    /// Was taken out of the in-sync set, is still connected and catches up.
    Lagging,
    /// The active has its replica already.
    Spare,
    /// Has lost the active and waits for the verdict.
    Detached,
    /// May serve; writes its epoch starts and loads.
    Activating,
    /// Serves alone.
    ActiveSolo,
    /// Serves with a replica in sync.
    ActiveReplicated,
    /// Was active, and does not know whether it may still ack.
    Suspended,
    /// Hands over to its replica.
    Handover,
    /// Has seen a newer epoch: ends its I/O, cuts, joins.
    Demoting,
    /// Has what another does not have, or lacks what it should have; only the operator goes on.
    Quarantined,
    /// Its own store fails. The process ends.
    Fenced,
}

/// What becomes of clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Serving {
    /// There are none, or they are told to go elsewhere.
    No,
    /// They stay connected; nothing is answered, producers have no credit.
    Held,
    /// They are served.
    Yes,
}

/// What an answer to a durable operation waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Acking {
    /// There is none.
    No,
    /// To the active: what is durable here.
    Confirms,
    /// Durable here.
    Alone,
    /// Durable at every member of the view.
    View,
}

/// Whether a member may become active out of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Activation {
    /// Never. Whatever it holds may lack something that was acked.
    No,
    /// As the start's table says.
    ByStart,
    /// It is asking; not before the answer.
    Asking,
    /// As a member of the in-sync set (SR4).
    Yes,
    /// It is active, or about to be, or ceasing to be: the question does not arise.
    Underway,
}

impl State {
    /// All states, in the order of the documents.
    pub const ALL: [Self; 17] = [
        Self::Stopped,
        Self::Starting,
        Self::Probing,
        Self::Joining,
        Self::Syncing,
        Self::InSync,
        Self::Lagging,
        Self::Spare,
        Self::Detached,
        Self::Activating,
        Self::ActiveSolo,
        Self::ActiveReplicated,
        Self::Suspended,
        Self::Handover,
        Self::Demoting,
        Self::Quarantined,
        Self::Fenced,
    ];

    /// What becomes of clients.
    #[must_use]
    pub const fn serves(self) -> Serving {
        match self {
            Self::ActiveSolo | Self::ActiveReplicated => Serving::Yes,
            Self::Suspended | Self::Handover => Serving::Held,
            _ => Serving::No,
        }
    }

    /// What an answer waits for.
    #[must_use]
    pub const fn acks(self) -> Acking {
        match self {
            Self::ActiveSolo => Acking::Alone,
            Self::ActiveReplicated => Acking::View,
            Self::InSync => Acking::Confirms,
            _ => Acking::No,
        }
    }

    /// Whether it may become active out of this state, whatever else is true.
    #[must_use]
    pub const fn may_activate(self) -> Activation {
        match self {
            Self::InSync => Activation::Yes,
            Self::Probing => Activation::ByStart,
            Self::Detached => Activation::Asking,
            Self::Activating | Self::ActiveSolo | Self::ActiveReplicated | Self::Suspended | Self::Handover => {
                Activation::Underway
            }
            Self::Stopped
            | Self::Starting
            | Self::Joining
            | Self::Syncing
            | Self::Lagging
            | Self::Spare
            | Self::Demoting
            | Self::Quarantined
            | Self::Fenced => Activation::No,
        }
    }

    /// Whether it holds the epoch: it serves, or has served and not yet given up.
    #[must_use]
    pub const fn is_active(self) -> bool {
        matches!(self, Self::ActiveSolo | Self::ActiveReplicated | Self::Suspended | Self::Handover)
    }

    /// Whether this state tells what a copy is worth after a crash. The others are ways from one of these to another, and say nothing new: a start
    /// that dies while it asks around must not forget that it had been active alone.
    #[must_use]
    pub const fn is_telling(self) -> bool {
        matches!(
            self,
            Self::Syncing
                | Self::InSync
                | Self::Lagging
                | Self::Spare
                | Self::ActiveSolo
                | Self::ActiveReplicated
                | Self::Demoting
                | Self::Quarantined
        )
    }

    /// What it is doing, for whoever runs it.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Stopped => "It has ended in good order, or never ran.",
            Self::Starting => "It writes down its new life, locks its directories and reads its lanes to their ends.",
            Self::Probing => "It asks the register and the peer who serves, and goes by the table of the start.",
            Self::Joining => {
                "It is connected to the active. The two find out where their histories part, and what is to be cut here."
            }
            Self::Syncing => {
                "It copies what it lacks and takes new blocks behind that. It may lack something that was acked."
            }
            Self::InSync => "It holds everything that was acked and confirms what comes. It may take over.",
            Self::Lagging => {
                "It was too slow and was taken out of the in-sync set. It is still connected and catches up by itself."
            }
            Self::Spare => "The active has its replica already. It asks again, and holds no claim.",
            Self::Detached => {
                "It was in sync and has lost the active. It confirms nothing any more and asks whether it may take over."
            }
            Self::Activating => {
                "It may serve. It writes the start of its epoch into every lane, loads its queues and opens its acceptors."
            }
            Self::ActiveSolo => {
                "It serves, and there is no replica in sync. If its disk is lost now, what it acked is lost."
            }
            Self::ActiveReplicated => "It serves, and its replica has everything that it acks.",
            Self::Suspended => {
                "It serves, but does not know whether it may still ack. Clients wait; nothing is acked or delivered."
            }
            Self::Handover => {
                "It lets its replica serve. Clients wait until the register has said which of the two it is."
            }
            Self::Demoting => {
                "A newer epoch exists. It sends its clients away, ends what is under way, and joins the new active."
            }
            Self::Quarantined => {
                "It holds what others do not have, or lacks what it should have. It keeps everything and waits for an order."
            }
            Self::Fenced => {
                "Its own store fails, or its activation has. It releases everything and ends with exit code 76."
            }
        }
    }

    /// The name in events, in the status and in documents.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stopped => "STOPPED",
            Self::Starting => "STARTING",
            Self::Probing => "PROBING",
            Self::Joining => "JOINING",
            Self::Syncing => "SYNCING",
            Self::InSync => "IN_SYNC",
            Self::Lagging => "LAGGING",
            Self::Spare => "SPARE",
            Self::Detached => "DETACHED",
            Self::Activating => "ACTIVATING",
            Self::ActiveSolo => "ACTIVE_SOLO",
            Self::ActiveReplicated => "ACTIVE_REPLICATED",
            Self::Suspended => "SUSPENDED",
            Self::Handover => "HANDOVER",
            Self::Demoting => "DEMOTING",
            Self::Quarantined => "QUARANTINED",
            Self::Fenced => "FENCED",
        }
    }
}

impl Serving {
    /// In the documents.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::No => "none",
            Self::Held => "held",
            Self::Yes => "served",
        }
    }
}

impl Acking {
    /// In the documents.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::No => "nothing",
            Self::Confirms => "confirms to the active",
            Self::Alone => "what is durable here",
            Self::View => "what is durable at both",
        }
    }
}

impl Activation {
    /// In the documents.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::ByStart => "as the start's table says",
            Self::Asking => "is asking",
            Self::Yes => "yes",
            Self::Underway => "is",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_whole_and_in_order() {
        assert!(State::ALL.is_sorted());
        let mut names: Vec<_> = State::ALL.iter().map(|state| state.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), State::ALL.len());
        assert_eq!(*State::ALL.last().unwrap() as usize + 1, State::ALL.len());
    }

    #[test]
    fn who_acks_serves_and_nobody_acks_who_may_not() {
        for state in State::ALL {
            let acks = matches!(state.acks(), Acking::Alone | Acking::View);
            assert_eq!(acks, state.serves() == Serving::Yes, "{state}");
            assert!(!acks || state.is_active(), "{state}");
            assert!(!state.is_active() || state.may_activate() == Activation::Underway, "{state}");
        }
        let may: Vec<_> = State::ALL.into_iter().filter(|state| state.may_activate() == Activation::Yes).collect();
        assert_eq!(may, [State::InSync]);
    }
}
