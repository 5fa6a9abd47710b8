//! The end of one lane on two disks: crashes that keep any of the blocks in flight, torn and rotten blocks, takeovers, joins with a cut.
//!
//! Two members and one register. Several blocks are in flight at a time. A running member does not notice that a block rots; a start does. A
//! compare-and-set of the register is one step here: its own races are looked at elsewhere.

#![allow(
    clippy::indexing_slicing,
    reason = "an index of this model that leaves its array is a mistake of the model, and says where"
)]

use ha_engine::history::Verdict;
use ha_engine::start::{self, Action, Membership, Own, Peer, RegisterFacts, Registered, StartFacts, decide};
use journal::Company;

use super::scan::{Begin, Block, EPOCHS, Kind, OnDisk, PLACES, Scanned, Scanner, Tail};
use crate::world::{Violation, World};

/// Which rules are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Kept {
    /// A header says what was promised, not what its writer has on its own disk.
    pub(super) header_promised: bool,
    /// An idle lane writes a block that says what is promised.
    pub(super) seal: bool,
    /// Sound blocks behind a hole keep the holder of the register from a start without its peer.
    pub(super) evidence: bool,
    /// They keep a member that is not the holder from it as well.
    pub(super) evidence_binds_all: bool,
    /// Who found them is not eligible before it has confirmed everything.
    pub(super) undecided_waits: bool,
    /// Who is not eligible does not start by itself either, whatever its lane looks like by then.
    pub(super) eligible_binds_start: bool,
    /// Who cuts its lane writes that down where it cuts, before anything else.
    pub(super) cut_is_written: bool,
    /// For a limit: rot may strike before a later block is durable on that disk.
    pub(super) rot_is_late: bool,
    /// For a limit: nobody is to wait who has all that was promised.
    pub(super) may_wait: bool,
}

impl Kept {
    pub(super) const ALL: Self = Self {
        header_promised: true,
        seal: true,
        evidence: true,
        evidence_binds_all: true,
        undecided_waits: true,
        eligible_binds_start: true,
        cut_is_written: true,
        rot_is_late: true,
        may_wait: true,
    };
}

/// How much may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Bounds {
    pub(super) operations: u8,
    pub(super) crashes: u8,
    pub(super) epochs: u8,
    pub(super) rots: u8,
    /// Crashes that leave one block half written.
    pub(super) tears: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Role {
    Down,
    /// It has looked at its disk and is not decided.
    Started,
    /// It receives from the active.
    Passive,
    Active,
}

/// A place of a lane: what is on the disk, and what is on its way there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Place {
    disk: OnDisk,
    flying: Option<Block>,
}

impl Place {
    /// What the member that runs believes to be there.
    fn written(&self) -> Option<Block> {
        self.flying.or(self.disk.block)
    }

    fn land(&mut self) {
        if let Some(block) = self.flying.take() {
            self.disk = OnDisk { block: Some(block), damaged: false };
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Member {
    role: Role,
    len: u8,
    eligible: bool,
    places: [Place; PLACES],
}

impl Member {
    fn disk(&self) -> [OnDisk; PLACES] {
        self.places.map(|place| place.disk)
    }

    fn flying(&self) -> impl Iterator<Item = usize> + '_ {
        (0..usize::from(self.len)).filter(|at| self.places[*at].flying.is_some())
    }

    /// Written and flushed without a gap, as far as the member knows.
    fn durable(&self) -> u8 {
        self.flying().next().and_then(|at| u8::try_from(at).ok()).unwrap_or(self.len)
    }

    fn last(&self) -> Option<Block> {
        self.places[..usize::from(self.len)].last().and_then(Place::written)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Wrong {
    Cut(u8),
    FalseAlarm(u8),
}

/// The pair.
#[derive(Clone, Debug, Hash)]
pub(super) struct Pair {
    kept: Kept,
    bounds: Bounds,
    scanner: Scanner,
    members: [Member; 2],
    /// The register.
    holder: usize,
    in_sync: [bool; 2],
    epoch: u8,
    begins: [Begin; EPOCHS],
    /// The epoch of the block of each number that was promised once, or none. For the properties alone.
    promised: [u8; PLACES],
    idle_for_long: bool,
    operations: u8,
    rots: u8,
    crashes: u8,
    tears: u8,
    wrong: Option<Wrong>,
}

/// What can happen. A member is named by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Write(usize),
    SealIdle(usize),
    StayIdle(usize),
    Receive(usize),
    Remove(usize),
    CatchUp(usize),
    Land(usize, usize),
    /// Of the blocks in flight those are kept whose bits are set, and one may be torn.
    Crash(usize, u16, Option<usize>),
    Start(usize),
    Join(usize),
    Activate(usize),
    TakeOver(usize),
    Rot(usize, usize),
}

enum Decision {
    Activate { end: u8, pulls: bool },
    Join,
    Wait,
}

const NAMES: [&str; 2] = ["A", "B"];

impl Pair {
    pub(super) fn new(kept: Kept, bounds: Bounds) -> Self {
        let mut places = [Place::default(); PLACES];
        places[0].disk.block = Some(Block { kind: Kind::Start, epoch: 1, promised: 0 });
        let member = |role| Member { role, len: 1, eligible: true, places };
        let mut promised = [0; PLACES];
        promised[0] = 1;
        Self {
            kept,
            bounds,
            scanner: Scanner::default(),
            members: [member(Role::Active), member(Role::Passive)],
            holder: 0,
            in_sync: [true; 2],
            epoch: 1,
            begins: [Begin::default(); EPOCHS],
            promised,
            idle_for_long: false,
            operations: 0,
            rots: 0,
            crashes: 0,
            tears: 0,
            wrong: None,
        }
    }

    /// What an active may ack: durable at every member of the in-sync set. While one of them is silent nothing new is.
    fn promises(&self, who: usize) -> u8 {
        let other = 1 - who;
        match (self.in_sync[other], self.members[other].role) {
            (true, Role::Passive) => self.members[who].durable().min(self.members[other].durable()),
            (true, _) => 0,
            _ => self.members[who].durable(),
        }
    }

    fn settle(&mut self) {
        for who in 0..2 {
            if self.members[who].role == Role::Active {
                for at in 0..usize::from(self.promises(who)) {
                    self.promised[at] = self.members[who].places[at].written().map_or(0, |block| block.epoch);
                }
            }
        }
    }

    fn append(&mut self, who: usize, kind: Kind) {
        let now = if self.kept.header_promised { self.promises(who) } else { self.members[who].durable() };
        let (epoch, member) = (self.epoch, &mut self.members[who]);
        // A lane's promise never goes back.
        let promised = now.max(member.last().map_or(0, |block| block.promised));
        member.places[usize::from(member.len)].flying = Some(Block { kind, epoch, promised });
        member.len += 1;
        self.idle_for_long = false;
    }

    fn has_room(&self, who: usize) -> bool {
        usize::from(self.members[who].len) < PLACES
    }

    /// Everything the active has is promised, and its last block holds data.
    fn is_idle(&self, who: usize) -> bool {
        let member = &self.members[who];
        self.promises(who) == member.len && member.last().is_some_and(|block| block.kind == Kind::Operation)
    }

    fn scan(&self, who: usize, company: Company) -> Scanned {
        self.scanner.scan(self.members[who].disk(), &self.begins, company)
    }

    /// Who else the recovery is told that there is: those of the in-sync set, unless a mutant looks away.
    fn company(&self, who: usize) -> Company {
        let binds = self.kept.evidence && (self.holder == who || self.kept.evidence_binds_all);
        if self.in_sync[1 - who] && binds { Company::Pair } else { Company::Alone }
    }

    /// What a member decides that has looked at its disk, by the engine's table of the start. The peer says what it would do by itself.
    fn decide(&self, who: usize) -> Decision {
        let other = 1 - who;
        let started = self.members[other].role == Role::Started;
        let willing = started && matches!(self.decide_beside(other, false), Decision::Activate { .. });
        self.decide_beside(who, willing)
    }

    fn decide_beside(&self, who: usize, willing: bool) -> Decision {
        let facts = self.facts(who, willing);
        match decide(&facts).action {
            Action::Join { .. } => Decision::Join,
            Action::Activate { .. } => {
                let scanned = self.scan(who, self.company(who));
                if scanned.goes_on { Decision::Activate { end: scanned.end, pulls: false } } else { Decision::Wait }
            }
            Action::Pull => {
                let (end, tail) = self.tail_with_pulled(who);
                match decide(&StartFacts { pulled: true, tail: self.told(who, tail), ..facts }).action {
                    Action::Activate { .. } => Decision::Activate { end, pulls: true },
                    _ => Decision::Wait,
                }
            }
            _ => Decision::Wait,
        }
    }

    fn facts(&self, who: usize, willing: bool) -> StartFacts {
        let (own, peer) = (&self.members[who], &self.members[1 - who]);
        let (listed, peer_listed) = (self.in_sync[who], self.in_sync[1 - who]);
        let member = match (listed, own.eligible || !self.kept.eligible_binds_start) {
            (false, _) => Membership::None,
            (true, false) => Membership::Unfit,
            (true, true) => Membership::Entitled,
        };
        // Nobody waits here: what a member waits for comes before it decides, or never.
        let register = RegisterFacts::Value(Registered {
            mine: self.holder == who,
            member,
            others: peer_listed,
            stale: false,
            rolled_back: false,
            unresolved: false,
            lease_over: true,
            peer_waited: true,
            tail_waited: true,
        });
        let peer = match peer.role {
            Role::Down => Peer::Silent,
            Role::Active => Peer::Active { current: true },
            Role::Started | Role::Passive => Peer::Passive { member: peer_listed, willing, verdict: Verdict::Theirs },
        };
        StartFacts {
            role: if who == 0 { ha_engine::ha_state::Role::Primary } else { ha_engine::ha_state::Role::Backup },
            register,
            own: Own::Whole,
            data: true,
            tail: self.told(who, self.scan(who, Company::Pair).tail),
            pulled: false,
            peer,
            isolated: false,
        }
    }

    /// What the table is told of the end of a lane; mutants keep it quiet.
    fn told(&self, who: usize, tail: Tail) -> start::Tail {
        let binds = self.kept.evidence && (self.holder == who || self.kept.evidence_binds_all);
        match tail {
            Tail::Short => start::Tail::Lost,
            Tail::Evidence if binds => start::Tail::Evidence,
            Tail::Evidence | Tail::Clean => start::Tail::Whole,
        }
    }

    /// The end of its lane, and what is behind it, once what the peer has more is there.
    fn tail_with_pulled(&self, who: usize) -> (u8, Tail) {
        let (end, log) = self.pulled();
        let mut disk = self.members[who].disk();
        for (place, block) in disk.iter_mut().zip(log) {
            if block.is_some() {
                *place = OnDisk { block, damaged: false };
            }
        }
        (end, self.scanner.scan(disk, &self.begins, Company::Pair).tail)
    }

    /// What both disks hold together: a sound block behind a hole counts where the other disk fills the hole, and of two blocks of one number
    /// the one of the later epoch does.
    fn pulled(&self) -> (u8, [Option<Block>; PLACES]) {
        let (mut log, mut epoch) = ([None; PLACES], 0);
        for at in 0..PLACES {
            let sound = self.members.iter().filter_map(|member| member.places[at].disk.sound());
            let data = sound.filter(|block| block.kind != Kind::Cut && block.epoch >= epoch);
            let Some(best) = data.max_by_key(|block| block.epoch) else {
                return (u8::try_from(at).unwrap_or(u8::MAX), log);
            };
            epoch = best.epoch;
            log[at] = Some(best);
        }
        (u8::try_from(PLACES).unwrap_or(u8::MAX), log)
    }

    /// Keeps blocks below `end`, flushed, and starts an epoch behind them in which it is alone.
    fn activate(&mut self, who: usize, end: u8) {
        let other = 1 - who;
        for at in 0..PLACES {
            let was = self.promised[at];
            let has = |member: &Member, epoch| member.places[at].written().is_some_and(|block| block.epoch == epoch);
            let lost = was != 0 && (at >= usize::from(end) || !has(&self.members[who], was));
            // Its own blocks behind a hole are lost as well, but that is told.
            let copy = self.members[other].places[at].disk.sound().filter(|block| block.epoch == was);
            if lost && self.in_sync[other] && copy.is_some_and(|block| block.kind == Kind::Operation) {
                self.wrong = self.wrong.or(Some(Wrong::Cut(u8::try_from(at).unwrap_or(u8::MAX))));
            }
        }
        let behind = self.members[who].places[usize::from(end) - 1].written().map_or(0, |block| block.epoch);
        self.epoch += 1;
        self.holder = who;
        self.begins[usize::from(self.epoch)] = Begin { at: end, behind };
        self.in_sync = [who == 0, who == 1];
        if self.members[other].role == Role::Passive {
            self.members[other].role = Role::Started;
        }
        let member = &mut self.members[who];
        member.places[..usize::from(end)].iter_mut().for_each(Place::land);
        // What was on its way behind the end is not waited for.
        member.places[usize::from(end)..].iter_mut().for_each(|place| place.flying = None);
        (member.role, member.eligible, member.len) = (Role::Active, true, end);
        self.append(who, Kind::Start);
    }

    fn join(&mut self, who: usize) {
        let other = 1 - who;
        let scanned = self.scan(who, Company::Pair);
        let same = self.common(who, scanned.end);
        let keeps = self.in_sync[who] && same == scanned.end;
        let undecided = scanned.tail == Tail::Evidence && !self.kept.undecided_waits;
        let decided = scanned.tail == Tail::Clean || undecided;
        let (last, behind) = (usize::from(same) - 1, usize::from(same));
        let member = &mut self.members[who];
        (member.len, member.role, member.eligible) = (same, Role::Passive, member.eligible && keeps && decided);
        let is_cut = member.places[behind..].iter().any(|place| place.disk.block.is_some());
        if is_cut && self.kept.cut_is_written {
            let before = member.places[last].disk.block;
            let cut = before.map(|block| Block { kind: Kind::Cut, ..block });
            member.places[behind].disk = OnDisk { block: cut, damaged: false };
        }
        debug_assert!(self.members[other].role == Role::Active);
    }

    /// How far a member's lane is the active's.
    fn common(&self, who: usize, end: u8) -> u8 {
        let (own, active) = (&self.members[who], &self.members[1 - who]);
        let same = |at: &u8| {
            let at = usize::from(*at);
            let epoch = |member: &Member| member.places[at].written().map(|block| block.epoch);
            epoch(own) == epoch(active)
        };
        let all = end.min(active.len);
        (0..all).find(|at| !same(at)).unwrap_or(all)
    }

    fn can_take_over(&self, who: usize) -> bool {
        let member = &self.members[who];
        member.role == Role::Passive
            && self.members[1 - who].role != Role::Active
            && self.in_sync[who]
            && member.eligible
    }

    fn may_start(&self, who: usize) -> bool {
        let started = self.members[who].role == Role::Started;
        self.can_take_over(who) || (started && matches!(self.decide(who), Decision::Activate { .. }))
    }

    fn may_rot(&self, who: usize, at: usize) -> bool {
        let places = &self.members[who].places;
        let Some(block) = places[at].disk.sound() else { return false };
        let later = |place: &Place| place.disk.sound().is_some_and(|later| later.epoch >= block.epoch);
        let covered = places[at + 1..].iter().any(later) || self.idle_for_long || block.kind != Kind::Operation;
        covered || !self.kept.rot_is_late
    }

    fn steps_of_active(&self, who: usize, steps: &mut Vec<Step>) {
        let other = 1 - who;
        if self.operations < self.bounds.operations && self.has_room(who) {
            steps.push(Step::Write(who));
        }
        if self.is_idle(who) && self.kept.seal && self.has_room(who) {
            steps.push(Step::SealIdle(who));
        }
        if self.is_idle(who) && !self.kept.seal && !self.idle_for_long {
            steps.push(Step::StayIdle(who));
        }
        let (active, peer) = (&self.members[who], &self.members[other]);
        // It does not send on what it cannot read.
        let sends = |at: usize| !active.places[at].disk.damaged || active.places[at].flying.is_some();
        if peer.role == Role::Passive && peer.len < active.len && sends(usize::from(peer.len)) {
            steps.push(Step::Receive(other));
        }
        let removes = self.in_sync[other] && peer.role != Role::Passive;
        if removes && self.epoch < self.bounds.epochs && self.has_room(who) {
            steps.push(Step::Remove(other));
        }
    }

    fn steps_of_passive(&self, who: usize, steps: &mut Vec<Step>) {
        let (member, active) = (&self.members[who], &self.members[1 - who]);
        let lacks = !member.eligible || !self.in_sync[who];
        let all = active.role == Role::Active && member.durable() == active.len && active.durable() == active.len;
        if lacks && all {
            steps.push(Step::CatchUp(who));
        }
        if self.can_take_over(who) && self.epoch < self.bounds.epochs && self.has_room(who) {
            steps.push(Step::TakeOver(who));
        }
    }

    fn steps_of_crash(&self, who: usize, steps: &mut Vec<Step>) {
        let flying: Vec<usize> = self.members[who].flying().collect();
        for bits in 0..1_u16 << flying.len() {
            let kept = flying.iter().enumerate().filter(|(bit, _)| bits >> bit & 1 == 1);
            let kept = kept.fold(0, |all, (_, at)| all | 1 << at);
            steps.push(Step::Crash(who, kept, None));
            if self.tears < self.bounds.tears {
                let torn = flying.iter().filter(|at| kept >> **at & 1 == 0);
                steps.extend(torn.map(|at| Step::Crash(who, kept, Some(*at))));
            }
        }
    }

    fn crash(&mut self, who: usize, kept: u16, torn: Option<usize>) {
        self.crashes += 1;
        self.tears += u8::from(torn.is_some());
        let member = &mut self.members[who];
        for (at, place) in member.places.iter_mut().enumerate() {
            if kept >> at & 1 == 1 || torn == Some(at) {
                place.land();
                place.disk.damaged |= torn == Some(at);
            }
            place.flying = None;
        }
        (member.role, member.len) = (Role::Down, 0);
    }

    fn start(&mut self, who: usize) {
        let Scanned { end, tail, .. } = self.scan(who, Company::Pair);
        let member = &mut self.members[who];
        (member.role, member.len) = (Role::Started, end);
        if tail == Tail::Short && self.promised[usize::from(end)] == 0 {
            self.wrong = self.wrong.or(Some(Wrong::FalseAlarm(end)));
        }
    }

    fn pull(&mut self, who: usize) {
        let (_, log) = self.pulled();
        for (place, block) in self.members[who].places.iter_mut().zip(log) {
            if block.is_some() {
                *place = Place { disk: OnDisk { block, damaged: false }, flying: None };
            }
        }
    }

    fn judge_waiting(&self) -> Result<(), Violation> {
        let up = |who: usize| self.members[who].role != Role::Down;
        if self.members.iter().any(|member| member.role == Role::Active) {
            return Ok(());
        }
        let someone = (0..2).any(|who| self.may_start(who));
        // A holder that misses something promised leaves it to the other; if that one has blocks behind a hole, the operator decides.
        let left = self.in_sync[self.holder] && self.scan(self.holder, Company::Pair).tail == Tail::Short;
        if (0..2).all(|who| up(who) || !self.in_sync[who]) && !someone && !left && self.is_all_somewhere() {
            return Err(Violation(
                "all members are up, all that was promised is on a disk, and nobody may start".to_owned(),
            ));
        }
        for who in (0..2).filter(|who| self.members[*who].role == Role::Started) {
            if up(1 - who) || !self.in_sync[who] || self.may_start(who) {
                continue;
            }
            let scanned = self.scan(who, Company::Pair);
            if scanned.tail == Tail::Clean {
                return Err(Violation("a lane with nothing behind its end keeps its server from a start".to_owned()));
            }
            let has = |at: usize| {
                let block = self.members[who].places[at].disk.sound();
                at < usize::from(scanned.end) && block.is_some_and(|block| block.epoch == self.promised[at])
            };
            if !self.kept.may_wait && (0..PLACES).all(|at| self.promised[at] == 0 || has(at)) {
                return Err(Violation(format!("{} waits for its peer and has all that was promised", NAMES[who])));
            }
        }
        Ok(())
    }

    /// Is everything that was promised on the disk of a member of the in-sync set?
    fn is_all_somewhere(&self) -> bool {
        let has = |who: usize, at: usize| {
            let block = self.members[who].places[at].disk.sound();
            self.in_sync[who] && block.is_some_and(|block| block.epoch == self.promised[at])
        };
        (0..PLACES).all(|at| self.promised[at] == 0 || has(0, at) || has(1, at))
    }
}

impl World for Pair {
    type Step = Step;

    fn steps(&self, steps: &mut Vec<Step>) {
        for who in 0..2 {
            let member = &self.members[who];
            match member.role {
                Role::Active => self.steps_of_active(who, steps),
                Role::Passive => self.steps_of_passive(who, steps),
                Role::Down => steps.push(Step::Start(who)),
                Role::Started => match self.decide(who) {
                    Decision::Join => steps.push(Step::Join(who)),
                    Decision::Activate { end, .. } if self.epoch < self.bounds.epochs && usize::from(end) < PLACES => {
                        steps.push(Step::Activate(who));
                    }
                    _ => {}
                },
            }
            if member.role != Role::Down {
                steps.extend(member.flying().map(|at| Step::Land(who, at)));
                if self.crashes < self.bounds.crashes {
                    self.steps_of_crash(who, steps);
                }
            }
            if self.rots < self.bounds.rots && member.role != Role::Started {
                steps.extend((1..PLACES).filter(|at| self.may_rot(who, *at)).map(|at| Step::Rot(who, at)));
            }
        }
    }

    fn take(&self, step: &Step) -> Self {
        let mut next = self.clone();
        match *step {
            Step::Write(who) => {
                next.operations += 1;
                next.append(who, Kind::Operation);
            }
            Step::SealIdle(who) => next.append(who, Kind::Seal),
            Step::StayIdle(_) => next.idle_for_long = true,
            Step::Receive(who) => {
                let at = usize::from(self.members[who].len);
                next.members[who].places[at].flying = self.members[1 - who].places[at].written();
                next.members[who].len += 1;
            }
            Step::Remove(who) => {
                let active = 1 - who;
                next.epoch += 1;
                next.in_sync[who] = false;
                let (at, behind) = (self.members[active].len, self.members[active].last());
                let behind = behind.map_or(0, |block| block.epoch);
                next.begins[usize::from(next.epoch)] = Begin { at, behind };
                next.append(active, Kind::Start);
            }
            Step::CatchUp(who) => (next.in_sync[who], next.members[who].eligible) = (true, true),
            Step::Land(who, at) => next.members[who].places[at].land(),
            Step::Crash(who, kept, torn) => next.crash(who, kept, torn),
            Step::Start(who) => next.start(who),
            Step::Join(who) => next.join(who),
            Step::Activate(who) => {
                if let Decision::Activate { end, pulls } = self.decide(who) {
                    if pulls {
                        next.pull(who);
                    }
                    next.activate(who, end);
                }
            }
            Step::TakeOver(who) => next.activate(who, self.members[who].len),
            Step::Rot(who, at) => {
                next.rots += 1;
                next.members[who].places[at].disk.damaged = true;
            }
        }
        next.settle();
        next
    }

    fn tell(&self, step: &Step) -> String {
        self.sentence(step)
    }

    fn judge(&self) -> Result<(), Violation> {
        match self.wrong {
            Some(Wrong::Cut(at)) => {
                return Err(Violation(format!("acked block {at} is cut, and a member in sync has it whole")));
            }
            Some(Wrong::FalseAlarm(at)) => {
                return Err(Violation(format!("block {at} is called lost data, and was never promised")));
            }
            None => {}
        }
        self.judge_waiting()
    }
}

/// What the sentences of a trace say.
impl Pair {
    fn sentence(&self, step: &Step) -> String {
        let next = self.take(step);
        let name = |who: usize| NAMES[who];
        let promised = |who: usize| next.members[who].last().map_or(0, |block| block.promised);
        match *step {
            Step::Write(who) => {
                let (at, below) = (self.members[who].len, promised(who));
                format!("{} writes block {at}, an operation; its header says: promised below {below}", name(who))
            }
            Step::SealIdle(who) => {
                let (at, below) = (self.members[who].len, promised(who));
                format!("{} is idle and writes block {at}, which says: promised below {below}", name(who))
            }
            Step::StayIdle(who) => format!("{} is idle for a long time", name(who)),
            Step::Receive(who) => format!("{} receives block {}", name(who), self.members[who].len),
            Step::Remove(who) => {
                format!("{} takes {} out of the in-sync set, epoch {}", name(1 - who), name(who), next.epoch)
            }
            Step::CatchUp(who) => format!("{} has confirmed everything and is in sync", name(who)),
            Step::Land(who, at) => format!("block {at} is durable at {}", name(who)),
            Step::Crash(who, _, torn) => {
                let holds = |at: &usize| {
                    let sound = next.members[who].places[*at].disk.sound();
                    sound.is_some_and(|block| block.kind != Kind::Cut)
                };
                let sound: Vec<usize> = (0..PLACES).filter(holds).collect();
                let torn = torn.map_or(String::new(), |at| format!(", block {at} is half written"));
                format!("{} crashes; sound on its disk are {sound:?}{torn}", name(who))
            }
            Step::Start(who) => {
                let scanned = self.scan(who, Company::Pair);
                let what = match scanned.tail {
                    Tail::Clean => "nothing behind it",
                    Tail::Evidence => "sound blocks behind it",
                    Tail::Short => "a header says that what is missing was promised",
                };
                format!("{} starts; its lane ends at {}, {what}", name(who), scanned.end)
            }
            Step::Join(who) => {
                format!("{} joins {} and keeps blocks below {}", name(who), name(1 - who), next.members[who].len)
            }
            Step::Activate(who) => {
                let Decision::Activate { end, pulls } = self.decide(who) else { return "nothing".to_owned() };
                let how = if pulls { "with what its peer has" } else { "without its peer" };
                format!("{} activates {how}, keeps blocks below {end}, epoch {}", name(who), next.epoch)
            }
            Step::TakeOver(who) => format!("{} takes over, epoch {}", name(who), next.epoch),
            Step::Rot(who, at) => format!("block {at} rots on the disk of {}", name(who)),
        }
    }
}
