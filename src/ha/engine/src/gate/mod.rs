//! The ack gate of an active: how far everything is promised.
//!
//! Takes what is appended, what is durable here, what the other members confirm, and what is known of the register; gives one vector, up to which
//! operations may be acked, delivered and freed. What must stay true:
//!
//! - It counts what every member of the *view* has, not either of two (SR11), and of this server what is durable. A member's confirmation counts
//!   on the connection that was made in this epoch (SR2).
//! - The view is never smaller than the register's in-sync set. It grows before the change of the register is asked for, and shrinks only when
//!   the register is known to have changed (SR3). A member that is lost stays in the view and holds everything up.
//! - Nothing of an epoch is promised before the records that begin it are, in every lane: a start would not know that this epoch acked.
//! - It never goes back. What was promised stays so, whoever joins.

#[cfg(test)]
mod explore;
#[cfg(test)]
mod tests;

use smallvec::SmallVec;

use crate::ids::{Epoch, InstanceId, Lsn};
use crate::limits::IN_SYNC_MAX;
use crate::register::{AckMode, Register};
use crate::rules::{Rule, Rules};
use crate::vector::Vector;

/// A connection to another member; its number is used once in a life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Link(pub u64);

/// Why nothing is promised for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Hold {
    /// The right to ack is in doubt: the register must speak first.
    Suspended = 1,
    /// A handover has begun (SR10).
    Frozen = 2,
    /// The end of a synchronisation.
    Barrier = 4,
}

/// What the next promise waits for, for those who look at the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WaitsFor {
    /// The register.
    Register,
    /// The end of a handover.
    Handover,
    /// The end of a synchronisation.
    Barrier,
    /// The own disk.
    Local,
    /// This member's confirmation.
    Replica(InstanceId),
}

/// The gate cannot keep another member apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TooManyMembers;

/// What an active counts together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Gate {
    rules: Rules,
    me: InstanceId,
    mode: AckMode,
    epoch: Epoch,
    /// The ends of the records that begin the epoch, once they are appended.
    start: Option<Vector>,
    appended: Vector,
    durable: Vector,
    others: SmallVec<[Other; 1]>,
    holds: u8,
    promised: Vector,
}

/// Another member, or one that is about to become one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Other {
    instance: InstanceId,
    in_view: bool,
    link: Option<Link>,
    /// What it has confirmed on that connection.
    received: Vector,
    durable: Vector,
}

impl Gate {
    /// The gate of a server that becomes active. `promised`: what was promised before, as far as it is known; it has as many lanes as the store.
    #[must_use]
    pub fn new(rules: Rules, me: InstanceId, mode: AckMode, epoch: Epoch, promised: Vector) -> Self {
        let none = Vector::zero(promised.0.len());
        Self {
            rules,
            me,
            mode,
            epoch,
            start: None,
            appended: promised.clone(),
            durable: none,
            others: SmallVec::new(),
            holds: 0,
            promised,
        }
    }

    /// Another epoch of the same active begins: whoever has confirmed something must do it again, on a new connection.
    pub fn begin(&mut self, epoch: Epoch) {
        self.epoch = epoch;
        self.start = None;
        if self.rules.keep(Rule::Sr2) {
            self.others.iter_mut().for_each(Other::unlink);
        }
        self.others.retain(|other| other.in_view || other.link.is_some());
    }

    /// The records that begin the epoch are appended, up to `end`.
    pub fn started(&mut self, end: Vector) -> bool {
        raise(&mut self.appended, &end);
        self.start = Some(end);
        self.advance()
    }

    /// The lanes reach up to `end`. Only for what is said of waiting; it promises nothing.
    pub fn appended(&mut self, end: &Vector) -> bool {
        raise(&mut self.appended, end);
        // Nothing, as long as SR2 and SR11 are kept.
        self.advance()
    }

    /// The own lanes are durable and without a gap up to `end`. Whether something was promised by it, as for all that follow.
    pub fn durable(&mut self, end: &Vector) -> bool {
        raise(&mut self.durable, end);
        raise(&mut self.appended, end);
        self.advance()
    }

    /// A member, or one that wants to be, is connected in `epoch`.
    ///
    /// # Errors
    ///
    /// [`TooManyMembers`]: it can only be a spare.
    pub fn connected(&mut self, instance: InstanceId, link: Link, epoch: Epoch) -> Result<(), TooManyMembers> {
        if epoch != self.epoch && self.rules.keep(Rule::Sr2) {
            return Ok(());
        }
        let forget = self.rules.keep(Rule::Sr2);
        let other = self.other(instance)?;
        if forget {
            other.unlink();
        }
        other.link = Some(link);
        Ok(())
    }

    /// The connection is lost. A member stays in the view: until it has left the in-sync set, all waits for it.
    pub fn disconnected(&mut self, instance: InstanceId, link: Link) -> bool {
        let (forgets, leaves) = (self.rules.keep(Rule::Sr2), !self.rules.keep(Rule::Sr3));
        if let Some(other) = self.others.iter_mut().find(|other| other.instance == instance && other.link == Some(link))
        {
            other.link = None;
            if forgets {
                other.unlink();
            }
            other.in_view &= !leaves;
        }
        self.others.retain(|other| other.in_view || other.link.is_some());
        self.advance()
    }

    /// A member has confirmed so much on that connection, as one that follows `epoch`.
    pub fn confirmed(
        &mut self,
        instance: InstanceId,
        (link, epoch): (Link, Epoch),
        received: &Vector,
        durable: &Vector,
    ) -> bool {
        let strict = self.rules.keep(Rule::Sr2);
        let current = epoch == self.epoch;
        let Some(other) = self.others.iter_mut().find(|other| other.instance == instance) else { return false };
        if strict && !(current && other.link == Some(link)) {
            return false;
        }
        raise(&mut other.received, received);
        raise(&mut other.durable, durable);
        self.advance()
    }

    /// A joiner will be proposed to the register: from now on everything waits for it. Before the change is asked for (SR3).
    ///
    /// # Errors
    ///
    /// [`TooManyMembers`].
    pub fn join(&mut self, instance: InstanceId) -> Result<(), TooManyMembers> {
        if self.rules.keep(Rule::Sr3) {
            self.other(instance)?.in_view = true;
        }
        Ok(())
    }

    /// This is known to be in the register, and no change of this server is under way: the view is its in-sync set. To be told only of what a
    /// change came to, never of what a read brought (SR16).
    pub fn known(&mut self, register: &Register) -> bool {
        for other in &mut self.others {
            other.in_view = register.member(other.instance).is_some();
        }
        for member in &register.in_sync {
            if member.instance != self.me && !self.others.iter().any(|other| other.instance == member.instance) {
                // Unconnected, it holds everything up until the register lets it go.
                self.others.push(Other::new(member.instance, true));
            }
        }
        self.others.retain(|other| other.in_view || other.link.is_some());
        self.mode = register.ack_mode;
        self.advance()
    }

    /// Nothing is promised until this hold is gone.
    pub const fn hold(&mut self, hold: Hold) {
        self.holds |= hold as u8;
    }

    /// This hold is gone.
    pub fn release(&mut self, hold: Hold) -> bool {
        self.holds &= !(hold as u8);
        self.advance()
    }

    /// Up to here everything is promised.
    #[must_use]
    pub const fn promised(&self) -> &Vector {
        &self.promised
    }

    /// Whether everything waits for that member.
    #[must_use]
    pub fn in_view(&self, instance: InstanceId) -> bool {
        self.others.iter().any(|other| other.instance == instance && other.in_view)
    }

    /// Whether that member has confirmed, on its connection of this epoch, that it has all up to `vector` durably. SR9 asks this of a joiner, with
    /// what was promised when it came into the view.
    #[must_use]
    pub fn covers(&self, instance: InstanceId, vector: &Vector) -> bool {
        self.others.iter().any(|other| other.instance == instance && other.durable.covers(vector))
    }

    /// What the next promise waits for; nothing if all that is appended is promised.
    #[must_use]
    pub fn waits_for(&self) -> Option<WaitsFor> {
        let lane = (0..self.appended.0.len()).find(|lane| self.promised.at(*lane) < self.appended.at(*lane))?;
        let held = [
            (Hold::Suspended, WaitsFor::Register),
            (Hold::Frozen, WaitsFor::Handover),
            (Hold::Barrier, WaitsFor::Barrier),
        ];
        if let Some((_, what)) = held.into_iter().find(|(hold, _)| self.holds & *hold as u8 != 0) {
            return Some(what);
        }
        // A lane may be far enough and wait for the epoch's start in another one.
        let behind = |lane: &usize| self.reached(*lane) < self.start.as_ref().unwrap_or(&self.appended).at(*lane);
        let lane = (0..self.appended.0.len()).find(behind).unwrap_or(lane);
        let slowest = self.others.iter().filter(|other| other.in_view).min_by_key(|other| other.has(lane, self.mode));
        match slowest {
            Some(other) if other.has(lane, self.mode) < self.durable.at(lane) => {
                Some(WaitsFor::Replica(other.instance))
            }
            _ => Some(WaitsFor::Local),
        }
    }

    /// Promises what can be promised now.
    fn advance(&mut self) -> bool {
        let Some(start) = &self.start else { return false };
        let lanes = self.appended.0.len();
        if self.holds != 0 || (0..lanes).any(|lane| self.reached(lane) < start.at(lane)) {
            return false;
        }
        let mut more = false;
        for lane in 0..lanes {
            let reached = self.reached(lane);
            if reached > self.promised.at(lane) {
                self.promised.set(lane, reached);
                more = true;
            }
        }
        more
    }

    /// How far a lane is where it must be.
    fn reached(&self, lane: usize) -> Lsn {
        let own = if self.rules.keep(Rule::Sr2) { self.durable.at(lane) } else { self.appended.at(lane) };
        let theirs = self.others.iter().filter(|other| other.in_view).map(|other| other.has(lane, self.mode));
        if self.rules.keep(Rule::Sr11) {
            theirs.fold(own, Lsn::min)
        } else {
            theirs.filter(|has| *has <= self.appended.at(lane)).fold(own, Lsn::max)
        }
    }

    fn other(&mut self, instance: InstanceId) -> Result<&mut Other, TooManyMembers> {
        let at = self.others.iter().position(|other| other.instance == instance);
        if at.is_none() && self.others.len() >= IN_SYNC_MAX {
            return Err(TooManyMembers);
        }
        let at = at.unwrap_or_else(|| {
            self.others.push(Other::new(instance, false));
            self.others.len() - 1
        });
        self.others.get_mut(at).ok_or(TooManyMembers)
    }
}

impl Other {
    fn new(instance: InstanceId, in_view: bool) -> Self {
        Self { instance, in_view, link: None, received: Vector::default(), durable: Vector::default() }
    }

    fn unlink(&mut self) {
        self.link = None;
        self.received.0.clear();
        self.durable.0.clear();
    }

    /// How far it has a lane, as the mode asks.
    fn has(&self, lane: usize, mode: AckMode) -> Lsn {
        match mode {
            AckMode::Durable => self.durable.at(lane),
            AckMode::Memory => self.received.at(lane),
            // Nobody waits for it.
            AckMode::Local => Lsn(u64::MAX),
        }
    }
}

/// For each lane the higher one, without another vector.
fn raise(vector: &mut Vector, to: &Vector) {
    for lane in 0..to.0.len() {
        if to.at(lane) > vector.at(lane) {
            vector.set(lane, to.at(lane));
        }
    }
}
