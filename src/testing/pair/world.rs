//! The world of a pair: lets one event after the other happen, chosen by the seed among all that may.

use ha_engine::event::Event;
use ha_engine::gate::Link;
use ha_engine::ha_state::Role;
use ha_engine::register::AckMode;
use ha_engine::rules::Rules;
use ha_engine::settings::Settings;
use ha_engine::state::State;
use journal::testing::{Random, SimDisk};
use journal::{Geometry, SEGMENT_BYTES_MIN, StoreId, StoreLayout, StoreShape, SyncMode};

use super::day::Held;
use super::followers::Followers;
use super::invariants::Invariants;
use super::register::{RegisterEvent, SimRegister};
use super::site::{Outside, Site, SiteEvent};
use super::wire::{Dialled, SiteNumber, Wire, WireEvent, other};
use crate::replication::Lanes;
use crate::testing::machine::{Setup, buffers_taken};
use crate::testing::oracle::{Counts, Findings, Kind};
use crate::testing::{Control, Crash, Scale};

/// An event takes no longer than this.
const EVENT_NANOS_MAX: u64 = 20_000;
/// One event in so many is followed by a pause of everybody, so that what goes by the clock has its turn beside what is busy.
const PAUSE_ONE_IN: u64 = 150;
/// How long such a pause is at most.
const PAUSE_NANOS_MAX: u64 = 100_000_000;
/// Of 100 steps of a disk that could be next, how many wait for something else to happen first: disks are slow.
const DISK_WAITS_PERCENT: u64 = 60;
/// How often a site that may reach the register beats.
const BEAT_NANOS: u64 = 500_000_000;

/// What may happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Site(SiteNumber, SiteEvent),
    Wire(WireEvent),
    Register(RegisterEvent),
    Hear(usize),
    Act(usize),
    Leave(usize),
}

/// Two sites and all that is between and around them.
pub struct PairWorld {
    pub(super) random: Random,
    pub(super) now: u64,
    pub(super) sites: [Site; 2],
    pub(super) wire: Wire,
    pub(super) register: SimRegister,
    pub(super) followers: Followers,
    pub(super) invariants: Invariants,
    pub(super) lanes: Lanes,
    /// What it held when it first was whole.
    pub(super) first_held: Option<Held>,
    /// A block was damaged on a disk.
    pub(super) rotted: bool,
    /// Answers of the register get lost: of 100.
    pub(super) lose_answers_percent: u64,
    next_beat: u64,
    /// Which sites let clients in.
    served: [bool; 2],
    watched: usize,
    /// A hash of everything that happened.
    hash: u64,
    /// Events that happened.
    pub(super) events: u64,
    /// What happened, in words, if somebody wants it.
    pub(super) diary: Option<Vec<String>>,
}

impl PairWorld {
    /// Two hosts with empty disks.
    #[must_use]
    pub fn new(seed: u64, scale: &Scale, ack_mode: AckMode, rules: Rules, control: Control) -> Self {
        let mut random = Random::new(seed);
        let sync = if random.percent(40) { SyncMode::Dsync } else { SyncMode::Fdatasync };
        let segments = |times: u64| Geometry::new(times * SEGMENT_BYTES_MIN).ok();
        let small = segments(1).unwrap_or_else(|| unreachable!("the smallest size is one"));
        let shape = StoreShape {
            journal_segments: segments(2).unwrap_or(small),
            body_segments: segments(2).unwrap_or(small),
            ..StoreShape::uniform(StoreId(0x51), scale.lanes, small)
        };
        let layout = StoreLayout::under(std::path::Path::new("/store"));
        let setup = Setup { layout, shape, cores: scale.cores.min(scale.lanes).max(1), sync, control };
        let lanes = Lanes::of(&shape);
        let count = lanes.count();
        let mut site = |number: SiteNumber, role| {
            let settings = Settings { role, lanes: count, ack_mode, ..Settings::default() };
            let mut disk = SimDisk::new(random.next());
            disk.forget_operations();
            Site::new(number, setup.clone(), settings, rules, disk)
        };
        let sites = [site(0, Role::Primary), site(1, Role::Backup)];
        let followers = Followers::new(&mut random, scale.only_transactions);
        Self {
            now: 1_000_000,
            sites,
            wire: Wire::default(),
            register: SimRegister::default(),
            followers,
            invariants: Invariants::default(),
            lanes,
            first_held: None,
            rotted: false,
            lose_answers_percent: 0,
            next_beat: 0,
            served: [false; 2],
            watched: 0,
            hash: seed,
            events: 0,
            diary: None,
            random,
        }
    }

    /// From now on what happens is written down, for whoever looks for the reason of a finding.
    pub fn keep_diary(&mut self) {
        self.diary.get_or_insert_default();
    }

    /// What was written down.
    #[must_use]
    pub fn diary(&self) -> &[String] {
        self.diary.as_deref().unwrap_or_default()
    }

    /// What was wrong.
    #[must_use]
    pub fn findings(&self) -> &Findings {
        self.followers.findings()
    }

    /// What clients did.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.followers.counts()
    }

    /// A hash of everything that happened: two runs of a seed must agree.
    #[must_use]
    pub const fn hash(&self) -> u64 {
        self.hash
    }

    /// The time in this world, in nanoseconds.
    #[must_use]
    pub const fn now(&self) -> u64 {
        self.now
    }

    /// How the two servers stand: their states, the register, where the lanes are.
    #[must_use]
    pub fn standing(&self) -> String {
        let site = |site: &Site| {
            let state = site.state().map_or("none".to_owned(), |state| state.to_string());
            format!(
                "site {} {state} in {}, appended {:?}, durable {:?}, promised {:?}, eligible {:?}",
                site.number,
                site.epoch(),
                site.appended().0,
                site.durable().0,
                site.promised().0,
                site.known().eligible,
            )
        };
        let sites: Vec<String> = self.sites.iter().map(site).collect();
        format!("{} s: {}; register {:?}", self.now / 1_000_000_000, sites.join("; "), self.register.value)
    }

    pub(super) fn report(&mut self, kind: Kind, text: String) {
        self.note(|| format!("FINDING {text}"));
        self.followers.report(kind, text);
    }

    fn note(&mut self, text: impl FnOnce() -> String) {
        let now = self.now;
        if let Some(diary) = &mut self.diary {
            diary.push(format!("{:>12} {}", now / 1000, text()));
        }
    }

    fn mix(&mut self, value: u64) {
        self.hash = (self.hash ^ value).wrapping_mul(0x100_0000_01b3).rotate_left(17);
    }

    /// The site that serves clients, if one does.
    #[must_use]
    pub fn active(&self) -> Option<usize> {
        (0..2).find(|site| self.sites.get(*site).and_then(Site::state).is_some_and(State::is_active))
    }

    /// A disk lost what was promised and nobody else has it: its site waits for an operator, as it should.
    pub(super) fn awaits_operator(&self) -> bool {
        let alone = self.register.value.as_ref().filter(|value| value.is_solo()).map(|value| value.holder);
        let waits = |site: &&Site| site.state() == Some(State::Quarantined) && Some(site.known().instance) == alone;
        self.rotted && self.sites.iter().any(|site| waits(&site))
    }

    /// The site that lets clients in.
    pub(super) fn lets_in(&self) -> Option<usize> {
        self.served.iter().position(|served| *served)
    }

    /// What the two hold now, and what is between them.
    pub(super) fn held(&self) -> Held {
        let [one, two] = self.sites.each_ref().map(Site::held);
        let held = one.with(two, |one, two| one + two);
        let (connections, requests) = (self.wire.count(), self.register.under_way());
        Held { connections, requests, buffers: buffers_taken(), ..held }
    }

    /// Exactly one serves, with the other one in sync.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let states: Vec<Option<State>> = self.sites.iter().map(Site::state).collect();
        let listed = self.register.value.as_ref().is_some_and(|value| value.in_sync.len() == 2);
        let pairs = [[0, 1], [1, 0]];
        listed
            && pairs.iter().any(|[active, replica]| {
                states.get(*active) == Some(&Some(State::ActiveReplicated))
                    && states.get(*replica) == Some(&Some(State::InSync))
            })
    }

    /// Lets something happen. False: nothing can, not even by the clock.
    pub(super) fn step(&mut self) -> bool {
        self.beat();
        let all = self.possible();
        let Some(mut next) = all.get(self.random.index(all.len())).copied() else { return self.wait() };
        let is_disk = |next: &Next| {
            let disk = matches!(next, Next::Site(_, SiteEvent::Machine(crate::testing::machine::Event::Disk(_))));
            disk || matches!(next, Next::Site(_, SiteEvent::Lane(_)))
        };
        if is_disk(&next) && self.random.percent(DISK_WAITS_PERCENT) {
            next = all.get(self.random.index(all.len())).copied().unwrap_or(next);
        }
        self.now += self.random.below(EVENT_NANOS_MAX);
        if self.random.below(PAUSE_ONE_IN) == 0 {
            self.now += self.random.below(PAUSE_NANOS_MAX);
        }
        self.events += 1;
        self.happen(next);
        self.carry_outside();
        self.look();
        true
    }

    fn possible(&mut self) -> Vec<Next> {
        let mut all = Vec::new();
        let (now, wire) = (self.now, &self.wire);
        for site in &self.sites {
            let mut events = Vec::new();
            let number = site.number;
            site.possible(now, &mut events, |link: Link, lane| wire.has_room(number, link, lane));
            all.extend(events.into_iter().map(|event| Next::Site(number, event)));
        }
        let mut events = Vec::new();
        let powered = self.sites.each_ref().map(|site| site.powered);
        wire.possible(now, powered, &mut events);
        let awake = self.sites.each_ref().map(|site| site.paused_until <= now);
        let arrives = |event: &WireEvent| match event {
            WireEvent::Words(_, site) | WireEvent::Block(_, site, _) | WireEvent::Lost(_, site) => {
                awake.get(*site).copied().unwrap_or(false)
            }
            WireEvent::Dialled(_) => true,
        };
        all.extend(events.into_iter().filter(arrives).map(Next::Wire));
        let mut events = Vec::new();
        self.register.possible(&mut events);
        all.extend(events.into_iter().map(Next::Register));
        self.followers.possible(&mut self.sites, now, &mut |client, what| {
            all.push(match what {
                super::followers::What::Hear => Next::Hear(client),
                super::followers::What::Act => Next::Act(client),
                super::followers::What::Leave => Next::Leave(client),
            });
        });
        all
    }

    /// Nothing can happen but that time passes.
    fn wait(&mut self) -> bool {
        let now = self.now;
        let sites = self.sites.iter().filter_map(|site| site.deadline(now));
        let others = [self.wire.deadline(now), self.followers.deadline(now)].into_iter().flatten();
        let Some(at) = sites.chain(others).min() else { return false };
        self.now = at.min(self.next_beat.max(now + 1));
        let now = self.now;
        for site in &mut self.sites {
            if let Some(machine) = site.machine() {
                machine.set_now(journal::Now(now));
            }
        }
        true
    }

    /// Whoever runs and reaches the register keeps its lease.
    fn beat(&mut self) {
        if self.now < self.next_beat {
            return;
        }
        self.next_beat = self.now + BEAT_NANOS;
        for number in 0..2 {
            let now = self.now;
            let Some(site) = self.sites.get_mut(number) else { continue };
            if !site.listens(now) {
                continue;
            }
            self.register.beat(number, now);
            let lost = self.register.lease_end(number) <= now;
            site.lease(lost, now, &mut self.random);
        }
        self.carry_outside();
    }

    fn happen(&mut self, next: Next) {
        let now = self.now;
        self.mix(now);
        match next {
            Next::Site(number, event) => {
                self.mix(number as u64);
                if !matches!(event, SiteEvent::Machine(_) | SiteEvent::Lane(_)) {
                    self.note(|| format!("site {number}: {event:?}"));
                }
                if let Some(site) = self.sites.get_mut(number) {
                    if let Some(machine) = site.machine() {
                        machine.set_now(journal::Now(now));
                    }
                    site.happen(event, now, &mut self.random);
                    if matches!(event, SiteEvent::Exit) {
                        self.wire.site_gone(number, false);
                        self.register.site_gone(number);
                    }
                }
            }
            Next::Wire(event) => self.wire_happens(event),
            Next::Register(event) => {
                let lose = self.random.percent(self.lose_answers_percent);
                let never = self.random.percent(30);
                self.note(|| format!("register: {event:?}"));
                if let Some((number, request, answer)) = self.register.happen(event, lose, never) {
                    self.note(|| format!("site {number} hears {answer:?}"));
                    let rest = self.lease_rest();
                    if let Some(site) = self.sites.get_mut(number) {
                        site.tell(Event::Lease(rest), now, &mut self.random);
                        site.tell(Event::Answer(request, answer), now, &mut self.random);
                    }
                }
            }
            Next::Hear(client) => self.followers.hear(client, &mut self.sites, now, &mut self.random),
            Next::Act(client) => self.followers.act(client, &mut self.sites, now, &mut self.random),
            Next::Leave(client) => self.followers.leave(client, &mut self.sites, now, &mut self.random),
        }
    }

    /// How long the holder may be taken as alive.
    fn lease_rest(&self) -> std::time::Duration {
        let holder = self.register.value.as_ref().map_or(0, |value| usize::from(value.holder.0 == 2));
        std::time::Duration::from_nanos(self.register.lease_end(holder).saturating_sub(self.now))
    }

    fn wire_happens(&mut self, event: WireEvent) {
        let now = self.now;
        match event {
            WireEvent::Dialled(link) => {
                let listens = self.sites.each_ref().map(|site| site.listens(now));
                let Some((from, answer)) = self.wire.dialled(link, now, listens) else { return };
                self.note(|| format!("site {from} dials: {answer:?} {link:?}"));
                let Some(site) = self.sites.get_mut(from) else { return };
                match answer {
                    Dialled::Standing => {
                        site.tell(Event::Connected(link), now, &mut self.random);
                        if let Some(site) = self.sites.get_mut(other(from)) {
                            site.tell(Event::Accepted(link), now, &mut self.random);
                        }
                    }
                    Dialled::Refused => site.tell(Event::Refused, now, &mut self.random),
                    Dialled::Unanswered => site.tell(Event::Unanswered, now, &mut self.random),
                }
            }
            WireEvent::Words(link, number) => {
                let Some(packet) = self.wire.take_word(link, number) else { return };
                self.note(|| format!("site {number} is told {link:?} {packet:?}"));
                if let Some(site) = self.sites.get_mut(number) {
                    site.tell(Event::Packet(link, packet), now, &mut self.random);
                }
            }
            WireEvent::Block(link, number, lane) => {
                let Some(block) = self.wire.take_block(link, number, lane) else { return };
                if let Some(site) = self.sites.get_mut(number) {
                    site.block(link, lane, block, now, &mut self.random);
                }
            }
            WireEvent::Lost(link, number) => {
                self.note(|| format!("site {number} loses {link:?}"));
                self.wire.close(link, number, false);
                if let Some(site) = self.sites.get_mut(number) {
                    site.lost(link, now, &mut self.random);
                }
            }
        }
    }

    /// What the sites want of the world.
    fn carry_outside(&mut self) {
        let now = self.now;
        for number in 0..2 {
            let outside = match self.sites.get_mut(number) {
                Some(site) => std::mem::take(&mut site.outside),
                None => Vec::new(),
            };
            for what in outside {
                match what {
                    Outside::Dial => drop(self.wire.dial(number, now)),
                    Outside::Call(call) => self.register.ask(number, call),
                    Outside::Say(link, packet) => self.wire.say(number, link, packet),
                    Outside::Close(link) => self.wire.close(link, number, false),
                    Outside::Block(link, lane, block) => self.wire.send(number, link, lane, block),
                    Outside::ClientsGone => self.followers.all_leave(number, &mut self.sites, now, &mut self.random),
                }
            }
            let (wrong, ends) = match self.sites.get_mut(number) {
                Some(site) => (std::mem::take(&mut site.wrong), std::mem::take(&mut site.ends)),
                None => Default::default(),
            };
            ends.into_iter().for_each(|text| self.note(|| text));
            for text in wrong {
                self.report(Kind::Broker, text);
            }
        }
    }

    /// Judges what the pair is at now.
    fn look(&mut self) {
        let serves = self.sites.each_mut().map(|site| site.serving().is_some());
        for (before, now) in self.served.iter_mut().zip(serves) {
            if now && !*before {
                self.followers.server_started();
            }
            *before = now;
        }
        let Self { invariants, sites, register, .. } = self;
        let found = invariants.look(sites, register);
        for (kind, text) in found {
            self.report(kind, text);
        }
        let changes = self.register.log.len();
        if changes != self.watched {
            self.watched = changes;
            self.mix(changes as u64);
            let value = self.register.value.clone();
            self.note(|| format!("register is {value:?}"));
        }
    }

    /// A site's process dies, or its host loses its power.
    pub(super) fn crash(&mut self, number: SiteNumber, crash: Crash) {
        self.note(|| format!("site {number}: {crash:?}"));
        self.followers.last_words(number, &mut self.sites, self.now, &mut self.random);
        if let Some(site) = self.sites.get_mut(number) {
            site.crash(crash, &mut self.random);
            site.outside.clear();
        }
        self.followers.all_leave(number, &mut self.sites, self.now, &mut self.random);
        self.wire.site_gone(number, crash == Crash::PowerCut);
        self.register.site_gone(number);
    }

    /// Lets things happen until `done`, for so long in this world and so many events. False: it did not come to that.
    pub(super) fn run_until(&mut self, nanos: u64, events: u64, mut done: impl FnMut(&Self) -> bool) -> bool {
        let (late, last) = (self.now + nanos, self.events + events);
        while !done(self) {
            if self.now >= late || self.events >= last || !self.step() {
                return done(self);
            }
        }
        true
    }
}
