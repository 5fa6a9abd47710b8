//! The gate of an active with a replica, in every order of what may happen within small bounds: whoever may take over has what is promised.

use smallvec::SmallVec;

use super::tests::{ME, PEER, epoch, register, to};
use super::*;
use crate::rules::{Rule, Rules};
use crate::walk::{World, walk};

/// One lane of an active and its replica, with the register between them: connections break, confirmations come late and in any order, the
/// replica dies and loses what it had not flushed, changes of the register take effect and are learnt of later.
#[derive(Clone, Debug, Hash)]
struct Pair {
    gate: Gate,
    mode: AckMode,
    appended: u64,
    durable: u64,
    peer_received: u64,
    peer_durable: u64,
    link: Option<Link>,
    last_link: u64,
    /// The connection of the replica's present life that it was taken into the set on; in memory mode a new life is no member.
    life: u8,
    register: Register,
    /// The life of the replica that the register means.
    listed_life: u8,
    known: Register,
    /// A change that the active has asked for, and whether the register has taken it.
    asked: Option<(Register, u8, bool)>,
    barrier: Option<Vector>,
    confirms: SmallVec<[(Link, Epoch, u64, u64); 2]>,
    crashes: u8,
}

/// Notes a step: its sentence, and what it does.
type Step<'a> = dyn FnMut(String, &dyn Fn(&mut Pair)) + 'a;

const APPENDED_MAX: u64 = 2;
const LINKS_MAX: u64 = 2;
const CONFIRMS_MAX: usize = 2;

impl Pair {
    fn new(rules: Rules, mode: AckMode) -> Self {
        let mut gate = Gate::new(rules, ME, mode, epoch(1), to([0]));
        let register = register(1, &[ME, PEER], mode);
        gate.known(&register);
        gate.connected(PEER, Link(1), epoch(1)).unwrap();
        gate.started(to([1]));
        Self {
            gate,
            mode,
            appended: 1,
            durable: 0,
            peer_received: 0,
            peer_durable: 0,
            link: Some(Link(1)),
            last_link: 1,
            life: 0,
            known: register.clone(),
            register,
            listed_life: 0,
            asked: None,
            barrier: None,
            confirms: SmallVec::new(),
            crashes: 1,
        }
    }

    fn listed(&self) -> bool {
        self.known.member(PEER).is_some()
    }

    /// The change that the active may ask for now.
    fn change(&self) -> Option<Register> {
        let version = self.known.version + 1;
        let to = |members: &[InstanceId]| Register { epoch: self.known.epoch, ..register(version, members, self.mode) };
        let barrier = self.barrier.as_ref();
        match (self.listed(), self.link) {
            // Who leaves begins a new epoch.
            (true, None) => Some(Register { epoch: epoch(version), ..to(&[ME]) }),
            (false, Some(_)) if barrier.is_some_and(|barrier| self.gate.covers(PEER, barrier)) => Some(to(&[ME, PEER])),
            _ => None,
        }
    }

    fn learn(&mut self) {
        let before = self.known.epoch;
        self.known = self.register.clone();
        self.asked = None;
        self.barrier = None;
        if self.known.epoch != before {
            self.gate.begin(self.known.epoch);
            self.link = None;
            self.appended += 1;
            self.gate.known(&self.known);
            self.gate.started(to([self.appended]));
        } else {
            self.gate.known(&self.known);
        }
    }

    fn cut(&mut self) {
        if let Some(link) = self.link.take() {
            self.gate.disconnected(PEER, link);
        }
    }
}

impl Pair {
    /// What happens to the lanes and to the connection.
    fn data_steps(&self, step: &mut Step<'_>) {
        if self.appended < APPENDED_MAX {
            step("append".into(), &|pair| {
                pair.appended += 1;
                pair.gate.appended(&to([pair.appended]));
            });
        }
        if self.durable < self.appended {
            step("flush".into(), &|pair| {
                pair.durable = pair.appended;
                pair.gate.durable(&to([pair.durable]));
            });
        }
        if self.link.is_some() && self.peer_received < self.appended {
            step("the replica receives".into(), &|pair| pair.peer_received += 1);
        }
        if self.peer_durable < self.peer_received {
            step("the replica flushes".into(), &|pair| pair.peer_durable = pair.peer_received);
        }
        if let Some(link) = self.link.filter(|_| self.confirms.len() < CONFIRMS_MAX) {
            // What the mode does not look at is left out, which halves the states.
            let received = if self.mode == AckMode::Durable { 0 } else { self.peer_received };
            let confirm = (link, self.known.epoch, received, self.peer_durable);
            if !self.confirms.contains(&confirm) {
                step(format!("the replica sends {confirm:?}"), &|pair| {
                    pair.confirms.push(confirm);
                    // They may arrive in any order.
                    pair.confirms.sort_unstable_by_key(|(link, _, received, durable)| (*link, *received, *durable));
                });
            }
        }
        for at in 0..self.confirms.len() {
            step(format!("{:?} arrives", self.confirms[at]), &|pair| {
                let (link, epoch, received, durable) = pair.confirms.remove(at);
                pair.gate.confirmed(PEER, (link, epoch), &to([received]), &to([durable]));
            });
        }
        if self.link.is_some() {
            step("the connection breaks".into(), &Self::cut);
        }
        if self.crashes > 0 {
            step("the replica dies and comes back".into(), &|pair| {
                pair.crashes -= 1;
                pair.peer_received = pair.peer_durable;
                pair.life += 1;
                pair.cut();
            });
        }
        if self.link.is_none() && self.last_link < LINKS_MAX {
            step("the replica connects".into(), &|pair| {
                pair.last_link += 1;
                pair.link = Some(Link(pair.last_link));
                // It flushes what it keeps (SR8).
                pair.peer_durable = pair.peer_received;
                pair.gate.connected(PEER, Link(pair.last_link), pair.known.epoch).unwrap();
            });
        }
        if self.link.is_some() && !self.listed() && self.barrier.is_none() {
            step("a join begins".into(), &|pair| {
                pair.gate.join(PEER).unwrap();
                pair.barrier = Some(pair.gate.promised().clone());
            });
        }
    }

    /// What happens to the register.
    fn register_steps(&self, step: &mut Step<'_>) {
        if self.asked.is_none()
            && let Some(change) = self.change()
        {
            step(format!("asks for {} members", change.in_sync.len()), &|pair| {
                pair.asked = Some((change.clone(), pair.life, false));
            });
        }
        if let Some((change, life, false)) = &self.asked {
            step("the register takes the change".into(), &|pair| {
                pair.register = change.clone();
                pair.listed_life = *life;
                pair.asked = Some((change.clone(), *life, true));
            });
        }
        if matches!(self.asked, Some((.., true))) {
            step("the active learns of the change".into(), &Self::learn);
        }
        if self.barrier.is_some() && self.link.is_none() && self.asked.is_none() {
            step("the join is given up, as a write proved".into(), &Self::learn);
        }
    }
}

impl World for Pair {
    fn steps(&self) -> Vec<(String, Self)> {
        let mut steps = Vec::new();
        let mut step = |sentence: String, act: &dyn Fn(&mut Self)| {
            let mut next = self.clone();
            act(&mut next);
            steps.push((sentence, next));
        };
        self.data_steps(&mut step);
        self.register_steps(&mut step);
        steps
    }

    fn wrong(&self) -> Option<String> {
        let promised = self.gate.promised().at(0).0;
        if promised > self.durable {
            return Some("promised and not durable at the active".into());
        }
        // In memory mode a new life is not eligible (SR13).
        let entitled = self.mode == AckMode::Durable || self.life == self.listed_life;
        let has = if self.mode == AckMode::Durable { self.peer_durable } else { self.peer_received };
        let member = self.register.member(PEER).is_some();
        (member && entitled && promised > has).then(|| "promised, and the replica may take over without it".into())
    }
}

const STATES_MAX: usize = 1_000_000;

#[test]
fn whoever_may_take_over_has_what_is_promised() {
    for mode in [AckMode::Durable, AckMode::Memory] {
        let walked = walk(Pair::new(Rules::ALL, mode), STATES_MAX);
        eprintln!("{mode:?}: {} states", walked.states);
        assert_eq!(walked.wrong, None);
    }
}

#[test]
fn each_rule_is_needed() {
    for (rule, what, steps) in [
        (Rule::Sr2, "not durable at the active", 4),
        (Rule::Sr3, "may take over without it", 2),
        (Rule::Sr11, "may take over without it", 1),
    ] {
        for mode in [AckMode::Durable, AckMode::Memory] {
            let walked = walk(Pair::new(Rules::ALL.without(rule), mode), STATES_MAX);
            let (way, wrong) = walked.wrong.expect("something wrong must be found");
            assert!(wrong.contains(what), "{rule:?}: {wrong}\n{}", way.join("\n"));
            assert!(way.len() <= steps, "{rule:?} {mode:?}\n{}", way.join("\n"));
        }
    }
}
