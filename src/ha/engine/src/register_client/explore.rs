//! Two members and one register, in every order of what may happen: requests are taken at any time, or never; answers come at any time, or
//! never, and tell the truth or that nobody knows; wakes fire at any time.

use smallvec::smallvec;

use super::{Answer, Ask, Call, Compare, Done, RegisterClient, Request, Step};
use crate::ids::{Epoch, Incarnation, InstanceId, Member};
use crate::register::{AckMode, Register};
use crate::rules::{Rule, Rules};
use crate::walk::{Walked, World, walk};

/// A value like no other.
fn value(by: u8, change: u8) -> Register {
    let instance = InstanceId(u128::from(by));
    let number = u64::from(by) * 10 + u64::from(change);
    Register {
        version: 1,
        epoch: Epoch { number, activation: 0 },
        holder: instance,
        in_sync: smallvec![Member { instance, incarnation: Incarnation::default() }],
        ack_mode: AckMode::Durable,
        voters_version: 0,
    }
}

/// What is under way of one member.
#[derive(Clone, Debug, Hash)]
struct Side {
    client: RegisterClient,
    changes: u8,
    /// Requests that it may still make: what bounds the walk.
    requests: u8,
    base: Option<Register>,
    wanted: Option<Register>,
    asked: Vec<(Request, Ask)>,
    answers: Vec<(Request, Answer)>,
    wake: Option<Request>,
    /// Told to be no more possible.
    dead: Vec<Register>,
}

#[derive(Clone, Debug, Hash)]
struct Table {
    register: Option<Register>,
    sides: [Side; 2],
    wrong: Option<String>,
}

#[derive(Clone, Copy)]
struct Bounds {
    changes: u8,
    requests: u8,
}

impl Table {
    fn new(rules: Rules, register: Option<Register>, bounds: [Bounds; 2]) -> Self {
        let side = |Bounds { changes, requests }| Side {
            client: RegisterClient::new(rules),
            changes,
            requests,
            base: register.clone(),
            wanted: None,
            asked: Vec::new(),
            answers: Vec::new(),
            wake: None,
            dead: Vec::new(),
        };
        Self { sides: bounds.map(side), register, wrong: None }
    }

    /// The register takes the `at`th request of a member.
    fn taken(mut self, side: usize, at: usize) -> Self {
        let (request, ask) = self.sides[side].asked.remove(at);
        let answer = match ask {
            Ask::Read => Answer::Value(self.register.clone()),
            Ask::Write { compare, value } => {
                let fits = match compare {
                    Compare::Absent => self.register.is_none(),
                    Compare::Version(version) => self.register.as_ref().is_some_and(|now| now.version == version),
                    Compare::Anything => true,
                };
                if fits { self.put(value) } else { Answer::Lost(self.register.clone()) }
            }
        };
        self.sides[side].answers.push((request, answer));
        self
    }

    fn put(&mut self, value: Register) -> Answer {
        let before = self.register.as_ref().map_or(0, |register| register.version);
        if value.version != before + 1 {
            self.wrong = Some(format!("version {} is written after version {before}", value.version));
        }
        if self.sides.iter().any(|side| side.dead.contains(&value)) {
            self.wrong = Some("what was told to be impossible is in the register".into());
        }
        self.register = Some(value);
        Answer::Applied
    }

    /// A member's client wants this.
    fn step(mut self, side: usize, step: Step) -> Self {
        let it = &mut self.sides[side];
        if let Some(Call { request, ask }) = step.call {
            it.requests -= 1;
            it.asked.push((request, ask));
        }
        it.wake = step.wake.map(|wake| wake.request);
        let Some(done) = step.done else { return self };
        let wanted = it.wanted.take().unwrap();
        let now = self.register.as_ref();
        // The register may have moved on since; it cannot be behind what was told.
        let newer = |told: &Register| now.is_some_and(|now| now.version > told.version || now == told);
        match &done {
            Done::Changed(told) if !newer(told) || !super::same(told, &wanted) => {
                self.wrong = Some("told that a change is done, and it is not".into());
            }
            Done::Refused(Some(told)) if !newer(told) || now.is_some_and(|now| super::same(now, &wanted)) => {
                self.wrong = Some("told that a change is not done, and it is".into());
            }
            Done::Changed(told) | Done::Refused(Some(told)) => it.base = Some(told.clone()),
            Done::Withdrawn => {}
            other => self.wrong = Some(format!("an outcome that cannot be: {other:?}")),
        }
        if !matches!(done, Done::Changed(_)) {
            it.dead.push(wanted);
        }
        self
    }

    fn with(&self, side: usize, act: impl FnOnce(&mut RegisterClient) -> Step) -> Self {
        let mut after = self.clone();
        let step = act(&mut after.sides[side].client);
        // An event that is ignored must not take away the wake that is armed.
        let step = if step == Step::default() { return after } else { step };
        after.step(side, step)
    }
}

impl World for Table {
    fn steps(&self) -> Vec<(String, Self)> {
        let mut steps = Vec::new();
        if self.wrong.is_some() {
            return steps;
        }
        for (side, it) in self.sides.iter().enumerate() {
            if !it.client.is_busy() && it.changes > 0 && it.requests > 0 {
                let mut next = self.clone();
                let mut wanted = value(side as u8 + 1, it.changes);
                let step = next.sides[side].client.change(it.base.as_ref(), wanted.clone()).unwrap();
                wanted.version = it.base.as_ref().map_or(0, |base| base.version) + 1;
                next.sides[side].wanted = Some(wanted);
                next.sides[side].changes -= 1;
                steps.push((format!("{side} asks for a change"), next.step(side, step)));
            }
            if it.client.is_busy() && it.requests > 0 {
                let next = self.with(side, RegisterClient::withdraw);
                steps.push((format!("{side} takes its change back"), next));
            }
            if let Some(wake) = it.wake.filter(|_| it.requests > 0) {
                let mut next = self.clone();
                next.sides[side].wake = None;
                steps.push((format!("{side} wakes"), next.with(side, |client| client.wake(wake))));
            }
            for at in 0..it.asked.len() {
                let (request, ask) = &it.asked[at];
                steps.push((format!("the register takes {ask:?} of {side}"), self.clone().taken(side, at)));
                let unknown = self.with(side, |client| client.answer(*request, Answer::Unknown));
                steps.push((format!("{side} hears that nobody knows of {request:?}"), unknown));
                let mut lost = self.clone();
                lost.sides[side].asked.remove(at);
                let refused = lost.with(side, |client| client.answer(*request, Answer::Unreachable));
                steps.push((format!("{request:?} of {side} does not leave"), refused));
            }
            for at in 0..it.answers.len() {
                let mut next = self.clone();
                let (request, answer) = next.sides[side].answers.remove(at);
                let sentence = format!("{side} hears of {request:?}: {answer:?}");
                steps.push((sentence, next.with(side, |client| client.answer(request, answer))));
            }
        }
        steps
    }

    fn wrong(&self) -> Option<String> {
        self.wrong.clone()
    }
}

const STATES_MAX: usize = 2_000_000;

fn explore(rules: Rules, register: Option<Register>, bounds: [Bounds; 2]) -> Walked {
    let walked = walk(Table::new(rules, register, bounds), STATES_MAX);
    eprintln!("{} states, {} ends", walked.states, walked.ends);
    walked
}

const fn bounds(changes: u8, requests: u8) -> Bounds {
    Bounds { changes, requests }
}

/// The way must end in the wrong that was expected, and in so few steps.
fn expect_wrong(walked: &Walked, what: &str, steps: usize) {
    let (way, wrong) = walked.wrong.as_ref().expect("something wrong must be found");
    assert!(wrong.contains(what), "{wrong}\n{}", way.join("\n"));
    assert_eq!(way.len(), steps, "{}", way.join("\n"));
}

#[test]
fn outcomes_of_changes_are_true() {
    let walked = explore(Rules::ALL, Some(value(0, 0)), [bounds(2, 3), bounds(1, 2)]);
    assert_eq!(walked.wrong, None);
}

#[test]
fn outcomes_of_the_first_change_ever_are_true() {
    let walked = explore(Rules::ALL, None, [bounds(2, 3), bounds(1, 2)]);
    assert_eq!(walked.wrong, None);
}

#[test]
fn a_read_does_not_resolve_what_is_unknown() {
    let walked = explore(Rules::ALL.without(Rule::Sr16), Some(value(0, 0)), [bounds(1, 2), bounds(0, 0)]);
    expect_wrong(&walked, "told that a change is not done, and it is", 5);
}

#[test]
fn a_write_without_comparing_loses_another() {
    let walked = explore(Rules::ALL.without(Rule::Sr1), Some(value(0, 0)), [bounds(1, 1), bounds(1, 1)]);
    expect_wrong(&walked, "is written after version", 4);
}
