//! What goes between a member and its register: requests, answers, and what comes of them.

use std::time::Duration;

use crate::register::Register;

/// The number of a request in one life of a member; higher than those of all earlier ones. A driver gives it back with the answer, and drops
/// answers to a life that has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Request(pub u64);

/// What the register must still be for a write to take effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compare {
    /// There is none yet.
    Absent,
    /// It has this version.
    Version(u64),
    /// Whatever it is. Only where SR1 is taken away; a driver of a server never meets it.
    Anything,
}

/// What a request asks of the register.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Ask {
    /// Its present value, linearizable: no older than the request.
    Read,
    /// A compare-and-set. If the comparison fails, the answer brings the present value, read in the same step.
    Write {
        /// What is compared.
        compare: Compare,
        /// What is put.
        value: Register,
    },
}

/// A request to carry out. Its answer may come late, or never; an earlier one may be given up when the next one comes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Call {
    /// Comes back with the answer.
    pub request: Request,
    /// What is asked.
    pub ask: Ask,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// To a read: the value, or that there is none.
    Value(Option<Register>),
    /// To a write: it took effect.
    Applied,
    /// To a write: the comparison failed, and this is the present value.
    Lost(Option<Register>),
    /// Nobody knows: it may have taken effect, or may still take effect, at any time.
    Unknown,
    /// It has certainly had no effect and never will: it did not leave, or was turned away.
    Unreachable,
}

/// A wish to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Wake {
    /// Comes back when the time is over. A wake of an earlier request harms nothing, so none needs to be cancelled.
    pub request: Request,
    /// From now.
    pub after: Duration,
}

/// What came of what was asked of the client.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Done {
    /// A read.
    Read(Option<Register>),
    /// The register is what the change wanted it to be. Definitive.
    Changed(Register),
    /// The register is something else, and no request of this change can change it any more. Definitive. It may have been what the change
    /// wanted for a while, until another member changed it again: only the value tells what holds now. If that says the same as the replaced one
    /// ([`same`](super::same)), the change may be tried again on it.
    Refused(Option<Register>),
    /// The register has a version that it had before: somebody put an old copy in its place. Nothing that it says may be believed, and no outcome
    /// is known: what was asked for may still come to be over that copy. No view shrinks by this.
    WentBack(Option<Register>),
    /// The change was taken back before any request of it left.
    Withdrawn,
}

/// What the client wants after an event: at most one of each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Step {
    /// A request to carry out.
    pub call: Option<Call>,
    /// A time to be woken at.
    pub wake: Option<Wake>,
    /// What came of the read or the change; the client is free again.
    pub done: Option<Done>,
}

/// The client does one thing at a time, and has not finished the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Busy;
