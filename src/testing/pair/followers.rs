//! The clients, each at the site that serves it: they follow the active. After a failover they connect to the other site; one that hears
//! nothing for too long looks there too. What had no answer stays unknown to them, and the oracle knows that.

use journal::testing::Random;

use super::site::Site;
use super::wire::{SiteNumber, other};
use crate::testing::clients::{Client, Drainer, Shared};
use crate::testing::oracle::{Counts, Findings, Kind};

/// How long a client waits for an answer before it looks elsewhere.
const PATIENCE_NANOS: u64 = 5_000_000_000;

/// What a client may do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// It hears what has arrived.
    Hear,
    /// It does something.
    Act,
    /// It gives up the site that it is at.
    Leave,
}

/// Where one client is.
struct Follower {
    client: Client,
    at: Option<SiteNumber>,
    /// Since when it waits for something.
    waits_since: Option<u64>,
}

/// All clients.
pub(super) struct Followers {
    pub(super) shared: Shared,
    clients: Vec<Follower>,
    drainer: Option<(Drainer, SiteNumber)>,
}

impl Followers {
    pub(super) fn new(random: &mut Random, only_transactions: bool) -> Self {
        let shared = Shared::new(random.next(), only_transactions);
        let clients = Client::all(random, only_transactions);
        let clients = clients.into_iter().map(|client| Follower { client, at: None, waits_since: None }).collect();
        Self { shared, clients, drainer: None }
    }

    pub(super) fn findings(&self) -> &Findings {
        self.shared.oracle.findings()
    }

    pub(super) fn counts(&self) -> Counts {
        self.shared.oracle.counts()
    }

    pub(super) fn report(&mut self, kind: Kind, text: String) {
        self.shared.oracle.report(kind, text);
    }

    /// Clients may begin this many operations from now on.
    pub(super) fn allow(&mut self, operations: u64) {
        self.shared.budget = operations;
    }

    /// Is everything done that clients were to do?
    pub(super) fn are_idle(&self) -> bool {
        self.shared.budget == 0 && self.clients.iter().all(|it| it.client.is_idle())
    }

    /// What the clients wait for, in words.
    pub(super) fn waiting(&self) -> String {
        let waiting = self.clients.iter().filter(|it| !it.client.is_idle());
        let waiting: Vec<String> = waiting.map(|it| format!("at {:?}: {}", it.at, it.client.waits_for())).collect();
        waiting.join("; ")
    }

    /// Says what each may do next; whoever is nowhere goes to the site that serves.
    pub(super) fn possible(&mut self, sites: &mut [Site; 2], now: u64, each: &mut dyn FnMut(usize, What)) {
        let Self { shared, clients, drainer } = self;
        for (number, follower) in clients.iter_mut().enumerate() {
            let Some(at) = follower.at else {
                if shared.budget > 0 && sites.iter_mut().any(|site| site.serving().is_some()) {
                    each(number, What::Act);
                }
                continue;
            };
            let waits = !follower.client.is_idle();
            follower.waits_since = if waits { follower.waits_since.or(Some(now)) } else { None };
            if follower.waits_since.is_some_and(|since| since + PATIENCE_NANOS <= now) {
                each(number, What::Leave);
            }
            let Some(site) = sites.get_mut(at) else { continue };
            if let Some(machine) = site.machine()
                && follower.client.has_news(machine)
            {
                each(number, What::Hear);
            }
            if let Some(machine) = site.serving()
                && follower.client.can_act(machine, shared)
            {
                each(number, What::Act);
            }
        }
        if let Some((drainer, at)) = drainer
            && let Some(machine) = sites.get_mut(*at).and_then(Site::machine)
            && drainer.has_news(machine)
        {
            each(clients.len(), What::Hear);
        }
    }

    /// When a client loses its patience.
    pub(super) fn deadline(&self, now: u64) -> Option<u64> {
        let ends = self.clients.iter().filter_map(|it| it.waits_since).map(|since| since + PATIENCE_NANOS);
        ends.filter(|at| *at > now).min()
    }

    pub(super) fn hear(&mut self, number: usize, sites: &mut [Site; 2], now: u64, random: &mut Random) {
        let Self { shared, clients, drainer } = self;
        match (clients.get_mut(number), drainer) {
            (Some(follower), _) => {
                let Some(machine) = follower.at.and_then(|at| sites.get_mut(at)).and_then(Site::machine) else {
                    return;
                };
                follower.client.hear(machine, shared, random);
                follower.waits_since = (!follower.client.is_idle()).then_some(now);
            }
            (None, Some((drainer, at))) => {
                if let Some(machine) = sites.get_mut(*at).and_then(Site::machine) {
                    drainer.hear(machine, shared, random);
                }
            }
            (None, None) => {}
        }
    }

    pub(super) fn act(&mut self, number: usize, sites: &mut [Site; 2], _now: u64, random: &mut Random) {
        let Self { shared, clients, .. } = self;
        let Some(follower) = clients.get_mut(number) else { return };
        if follower.at.is_none() {
            let serving = (0..2).filter(|at| sites.get_mut(*at).and_then(Site::serving).is_some());
            let serving: Vec<usize> = serving.collect();
            let Some(at) = serving.get(random.index(serving.len())).copied() else { return };
            follower.at = Some(at);
            follower.waits_since = None;
            if let Some(machine) = sites.get_mut(at).and_then(Site::serving) {
                follower.client.begin(machine, random);
            }
        }
        if let Some(machine) = follower.at.and_then(|at| sites.get_mut(at)).and_then(Site::serving)
            && follower.client.can_act(machine, shared)
        {
            follower.client.act(machine, shared, random);
        }
    }

    /// A client gives up the site that it is at.
    pub(super) fn leave(&mut self, number: usize, sites: &mut [Site; 2], _now: u64, _random: &mut Random) {
        let Self { shared, clients, .. } = self;
        let Some(follower) = clients.get_mut(number) else { return };
        match follower.at.take().and_then(|at| sites.get_mut(at)).and_then(Site::machine) {
            Some(machine) => follower.client.hang_up(machine, shared),
            None => follower.client.lost(shared),
        }
        follower.waits_since = None;
    }

    /// All clients of a site go: they were sent away, or it is gone.
    pub(super) fn all_leave(&mut self, site: SiteNumber, sites: &mut [Site; 2], now: u64, random: &mut Random) {
        for number in 0..self.clients.len() {
            if self.clients.get(number).is_some_and(|it| it.at == Some(site)) {
                self.leave(number, sites, now, random);
            }
        }
        if self.drainer.as_ref().is_some_and(|(_, at)| *at == site) {
            self.drainer = None;
        }
    }

    /// What a server has said before its end may still be heard, or not.
    pub(super) fn last_words(&mut self, site: SiteNumber, sites: &mut [Site; 2], _now: u64, random: &mut Random) {
        if !random.percent(70) {
            return;
        }
        let Self { shared, clients, .. } = self;
        let Some(machine) = sites.get_mut(site).and_then(Site::machine) else { return };
        for follower in clients.iter_mut().filter(|it| it.at == Some(site)) {
            while follower.client.has_news(machine) {
                follower.client.hear(machine, shared, random);
            }
        }
    }

    /// A server begins to serve.
    pub(super) fn server_started(&mut self) {
        self.shared.oracle.broker_started();
    }

    /// Everybody leaves, and one begins to take everything out. False: nobody serves.
    pub(super) fn drain(&mut self, site: SiteNumber, sites: &mut [Site; 2], random: &mut Random) -> bool {
        self.shared.budget = 0;
        self.all_leave(site, sites, 0, random);
        self.all_leave(other(site), sites, 0, random);
        let Some(machine) = sites.get_mut(site).and_then(Site::serving) else { return false };
        self.drainer = Drainer::come(machine, random).map(|drainer| (drainer, site));
        self.drainer.is_some()
    }

    /// Is everything taken out? `None`: nobody does that any more.
    pub(super) fn is_drained(&self) -> Option<bool> {
        self.drainer.as_ref().map(|(drainer, _)| drainer.is_done())
    }

    /// What is settled is over for good.
    pub(super) fn forget_settled(&mut self) {
        self.shared.oracle.forget_settled();
    }

    /// Everything is taken out: what did not come is not there.
    pub(super) fn drained(&mut self, sites: &mut [Site; 2]) {
        let Some((drainer, at)) = self.drainer.take() else { return };
        if let Some(machine) = sites.get_mut(at).and_then(Site::machine) {
            drainer.hang_up(machine);
        }
        self.shared.oracle.drained();
    }
}
