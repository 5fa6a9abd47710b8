//! Two members and one register, in every order of what may happen: requests are taken at any time, or never; answers come at any time, or
//! never, and tell the truth or that nobody knows; wakes fire at any time; a member dies and begins another life while its requests are still
//! under way; somebody writes the same value again by hand.

mod store;

use smallvec::smallvec;
use store::{Asked, Brought, Made, Store, made};

use super::etcd::Known;
use super::{Answer, Call, Done, RegisterClient, Request, Step, same};
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

/// What bounds a walk, of one member.
#[derive(Clone, Copy, Debug, Hash)]
struct Bounds {
    changes: u8,
    requests: u8,
    deaths: u8,
}

/// One member and what is under way of it.
#[derive(Clone, Debug, Hash)]
struct Side {
    client: RegisterClient,
    left: Bounds,
    base: Option<Register>,
    known: Option<Known>,
    wanted: Option<Register>,
    asked: Vec<(Request, Asked)>,
    answers: Vec<(Request, Brought)>,
    wake: Option<Request>,
    /// Requests of a life that has ended, and what it wanted.
    ghosts: Vec<Asked>,
    former: Option<Register>,
    /// It has not found out yet what became of that.
    unsettled: bool,
    /// Told to be no more possible.
    dead: Vec<Register>,
}

#[derive(Clone, Debug, Hash)]
struct Table {
    rules: Rules,
    store: Store,
    sides: [Side; 2],
    /// Times that somebody may still write the value again.
    hands: u8,
    /// A new life writes the value that it read before it believes it.
    settles: bool,
    wrong: Option<String>,
}

impl Table {
    fn new(rules: Rules, store: Store, bounds: [Bounds; 2]) -> Self {
        let side = |left| Side {
            client: RegisterClient::new(rules),
            left,
            base: store.value.clone(),
            known: None,
            wanted: None,
            asked: Vec::new(),
            answers: Vec::new(),
            wake: None,
            ghosts: Vec::new(),
            former: None,
            unsettled: false,
            dead: Vec::new(),
        };
        Self { rules, sides: bounds.map(side), hands: 0, settles: true, store, wrong: None }
    }

    fn put(&mut self, value: Register) {
        let before = self.store.value.as_ref().map_or(0, |register| register.version);
        if value.version != before + 1 {
            self.wrong = Some(format!("version {} is written after version {before}", value.version));
        }
        if self.sides.iter().any(|side| side.dead.contains(&value)) {
            self.wrong = Some("what was told to be impossible is in the register".into());
        }
        self.store.put(value);
    }

    /// The register takes a request; its answer is on the way to who still waits for it.
    fn taken(&mut self, side: usize, asked: Asked, request: Option<Request>) {
        let (brought, put) = self.store.take(asked);
        if let Some(value) = put {
            self.put(value);
        }
        if let Some(request) = request {
            self.sides[side].answers.push((request, brought));
        }
    }

    /// A member's client wants this.
    fn step(&mut self, side: usize, step: Step) {
        // An event that is ignored does not take away the wake that is armed.
        if step == Step::default() {
            return;
        }
        let it = &mut self.sides[side];
        if let Some(Call { request, ask }) = step.call {
            it.left.requests -= 1;
            let asked = self.store.asked(ask, it.known);
            it.asked.push((request, asked));
        }
        it.wake = step.wake.map(|wake| wake.request);
        match step.done {
            Some(Done::Read(read)) => self.has_read(side, read),
            Some(done) => self.judge(side, done),
            None => {}
        }
    }

    fn judge(&mut self, side: usize, done: Done) {
        let it = &mut self.sides[side];
        let wanted = it.wanted.take().unwrap();
        let settled = it.unsettled;
        let now = self.store.value.as_ref();
        // The register may have moved on since; it cannot be behind what was told.
        let newer = |told: &Register| now.is_some_and(|now| now.version > told.version || now == told);
        match &done {
            Done::Changed(told) if !newer(told) || !same(told, &wanted) => {
                self.wrong = Some("told that a change is done, and it is not".into());
            }
            Done::Refused(Some(told)) if !newer(told) || now.is_some_and(|now| same(now, &wanted)) => {
                self.wrong = Some("told that a change is not done, and it is".into());
            }
            Done::Changed(told) | Done::Refused(Some(told)) => {
                let told = told.clone();
                if it.unsettled {
                    it.settled(Some(&told));
                }
                it.base = Some(told);
            }
            Done::Withdrawn => {}
            other => self.wrong = Some(format!("an outcome that cannot be: {other:?}")),
        }
        // What a settling write puts is the old value, which others may write too.
        if !settled && !matches!(done, Done::Changed(_)) {
            self.sides[side].dead.push(wanted);
        }
    }

    /// A new life has read the register.
    fn has_read(&mut self, side: usize, read: Option<Register>) {
        let it = &mut self.sides[side];
        it.base.clone_from(&read);
        match read {
            Some(read) if self.settles && it.left.requests > 0 => {
                it.wanted = Some(Register { version: read.version + 1, ..read.clone() });
                let step = it.client.settle(&read).unwrap();
                self.step(side, step);
            }
            read if !self.settles => it.settled(read.as_ref()),
            _ => {}
        }
    }

    fn client(&self, side: usize, act: impl FnOnce(&mut RegisterClient) -> Step) -> Self {
        let mut after = self.clone();
        let step = act(&mut after.sides[side].client);
        after.step(side, step);
        after
    }

    /// The steps of a member that come from itself.
    fn own_steps(&self, side: usize, steps: &mut Vec<(String, Self)>) {
        let it = &self.sides[side];
        let idle = !it.client.is_busy() && it.left.requests > 0;
        if idle && it.unsettled {
            steps.push((format!("{side} reads"), self.client(side, |client| client.read().unwrap())));
        }
        if idle && !it.unsettled && it.left.changes > 0 {
            let mut wanted = value(side as u8 + 1, it.left.changes);
            wanted.version = it.base.as_ref().map_or(0, |base| base.version) + 1;
            let mut next = self.clone();
            next.sides[side].left.changes -= 1;
            next.sides[side].wanted = Some(wanted.clone());
            let next = next.client(side, |client| client.change(it.base.as_ref(), wanted).unwrap());
            steps.push((format!("{side} asks for a change"), next));
        }
        if it.client.is_busy() && it.wanted.is_some() && it.left.requests > 0 {
            steps.push((format!("{side} takes its change back"), self.client(side, RegisterClient::withdraw)));
        }
        if let Some(wake) = it.wake.filter(|_| it.left.requests > 0) {
            let mut next = self.clone();
            next.sides[side].wake = None;
            steps.push((format!("{side} wakes"), next.client(side, |client| client.wake(wake))));
        }
        if it.left.deaths > 0 && it.wanted.is_some() {
            let mut next = self.clone();
            next.sides[side].die(self.rules);
            steps.push((format!("{side} dies and comes back"), next));
        }
    }

    /// The steps of what is under way.
    fn way_steps(&self, side: usize, steps: &mut Vec<(String, Self)>) {
        let it = &self.sides[side];
        for (at, asked) in it.ghosts.iter().enumerate() {
            let mut next = self.clone();
            next.sides[side].ghosts.remove(at);
            next.taken(side, asked.clone(), None);
            steps.push((format!("the register takes {asked:?} of a former life of {side}"), next));
        }
        for (at, (request, asked)) in it.asked.iter().enumerate() {
            let mut next = self.clone();
            next.sides[side].asked.remove(at);
            let unreachable = next.client(side, |client| client.answer(*request, Answer::Unreachable));
            steps.push((format!("{request:?} of {side} does not leave"), unreachable));
            next.taken(side, asked.clone(), Some(*request));
            steps.push((format!("the register takes {asked:?} of {side}"), next));
            let unknown = self.client(side, |client| client.answer(*request, Answer::Unknown));
            steps.push((format!("{side} hears that nobody knows of {request:?}"), unknown));
        }
        for (at, (request, brought)) in it.answers.iter().enumerate() {
            let mut next = self.clone();
            next.sides[side].answers.remove(at);
            let next = match made(brought.clone(), &mut next.sides[side].known) {
                Made::Answer(answer) => next.client(side, |client| client.answer(*request, answer)),
                Made::Ask(asked) => {
                    next.sides[side].asked.push((*request, asked));
                    next
                }
            };
            steps.push((format!("{side} hears of {request:?}: {brought:?}"), next));
        }
    }
}

impl Side {
    /// What it asked for goes on alone; the driver drops the answers.
    fn die(&mut self, rules: Rules) {
        self.left.deaths -= 1;
        self.client = RegisterClient::new(rules);
        self.ghosts.extend(self.asked.drain(..).map(|(_, asked)| asked));
        self.answers.clear();
        self.wake = None;
        self.known = None;
        self.former = self.wanted.take();
        self.unsettled = true;
    }

    /// What the former life wanted is in the value that was told, or will never be.
    fn settled(&mut self, told: Option<&Register>) {
        self.unsettled = false;
        let former = self.former.take();
        self.dead.extend(former.filter(|former| !told.is_some_and(|told| same(told, former))));
    }
}

impl World for Table {
    fn steps(&self) -> Vec<(String, Self)> {
        let mut steps = Vec::new();
        if self.hands > 0
            && let Some(value) = self.store.value.clone()
        {
            let mut next = self.clone();
            next.hands -= 1;
            next.store.put(value);
            steps.push(("somebody writes the value again".into(), next));
        }
        for side in 0..2 {
            self.own_steps(side, &mut steps);
            self.way_steps(side, &mut steps);
        }
        steps
    }

    fn wrong(&self) -> Option<String> {
        self.wrong.clone()
    }
}

const STATES_MAX: usize = 2_000_000;

const fn bounds(changes: u8, requests: u8) -> Bounds {
    Bounds { changes, requests, deaths: 0 }
}

fn expect_right(name: &str, table: Table) {
    let walked = walk(table, STATES_MAX);
    eprintln!("{name}: {} states", walked.states);
    assert_eq!(walked.wrong, None);
    assert!(walked.states > 1_000, "the walk is too short to say something");
}

/// The way must end in the wrong that is expected, in so few steps.
fn expect_wrong(table: Table, what: &str, steps: usize) {
    let Walked { wrong, .. } = walk(table, STATES_MAX);
    let (way, wrong) = wrong.expect("something wrong must be found");
    assert!(wrong.contains(what), "{wrong}\n{}", way.join("\n"));
    assert_eq!(way.len(), steps, "{}", way.join("\n"));
}

#[test]
fn outcomes_of_changes_are_true() {
    let store = Store::new(false, Some(value(0, 0)));
    expect_right("plain", Table::new(Rules::ALL, store, [bounds(2, 3), bounds(2, 2)]));
}

#[test]
fn outcomes_of_the_first_change_ever_are_true() {
    let store = Store::new(false, None);
    expect_right("absent", Table::new(Rules::ALL, store, [bounds(2, 3), bounds(2, 2)]));
}

#[test]
fn etcd_compares_revisions_and_means_versions() {
    let store = Store::new(true, Some(value(0, 0)));
    let table = Table::new(Rules::ALL, store, [bounds(1, 2), bounds(1, 1)]);
    expect_right("etcd", Table { hands: 1, ..table });
    let table = Table::new(Rules::ALL, Store::new(true, None), [bounds(2, 2), bounds(1, 2)]);
    expect_right("etcd, absent", Table { hands: 1, ..table });
}

#[test]
fn a_new_life_settles_what_the_old_one_asked_for() {
    let store = || Store::new(false, Some(value(0, 0)));
    let dies = Bounds { deaths: 1, ..bounds(1, 4) };
    expect_right("a new life", Table::new(Rules::ALL, store(), [dies, bounds(1, 1)]));
    let table = Table::new(Rules::ALL, store(), [dies, bounds(0, 0)]);
    expect_wrong(Table { settles: false, ..table }, "told to be impossible", 6);
}

#[test]
fn a_read_does_not_resolve_what_is_unknown() {
    let store = Store::new(false, Some(value(0, 0)));
    let table = Table::new(Rules::ALL.without(Rule::Sr16), store, [bounds(1, 2), bounds(0, 0)]);
    expect_wrong(table, "told that a change is not done, and it is", 5);
}

#[test]
fn a_write_without_comparing_loses_another() {
    let store = Store::new(false, Some(value(0, 0)));
    let table = Table::new(Rules::ALL.without(Rule::Sr1), store, [bounds(1, 1), bounds(1, 1)]);
    expect_wrong(table, "is written after version", 4);
}
