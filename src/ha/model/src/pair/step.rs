//! What may happen next in a pair.

use ha_engine::event::{Admin, Timer};
use ha_engine::gate::Link;
use smallvec::SmallVec;

/// How a process ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Crash {
    /// The process alone: what it wrote stands in the page cache.
    Killed,
    /// With the power: so many blocks of each lane, which were not durable, are lost.
    PowerCut(SmallVec<[usize; 2]>),
}

/// One thing that may happen. Servers are numbered from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The oldest write of a server's state is durable.
    StateWritten(usize),
    /// The oldest job of its store has ended.
    JobDone(usize),
    /// What stands in a lane is durable.
    Durable(usize, usize),
    /// The register carries out one of its requests.
    CarriedOut(usize, usize),
    /// The answer to one of its requests arrives.
    Answered(usize, usize),
    /// It has waited long enough for the register, or before asking it again.
    Woken(usize),
    /// The register carries out a request of a life that has ended.
    LateWrite(usize),
    /// A timer fires.
    Fired(usize, Timer),
    /// A dial reaches another server.
    Connected(usize, usize),
    /// It is refused: nobody runs there.
    Refused(usize),
    /// Nothing answers.
    Unanswered(usize),
    /// A packet arrives at a server.
    Packet(usize, Link),
    /// A block arrives there, of a lane.
    Block(usize, Link, usize),
    /// A server learns of the end of a connection.
    Lost(usize, Link),
    /// A connection is cut.
    Cut(Link),
    /// A client's operation is appended to a lane.
    Appended(usize, usize),
    /// An order comes.
    Ordered(usize, Admin),
    /// A process ends; so many writes of its state, which were under way, count.
    Crashed(usize, Crash, usize),
    /// It starts.
    Started(usize),
}
