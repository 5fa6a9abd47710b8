//! Addresses that have as much as they may: their producers wait, are refused, or are not heard.
//!
//! Takes what an address holds, gives producers their credits or keeps them waiting. Must stay true: who waits for credits gets them
//! once there is room, whatever made it, and is forgotten with its session; an address without a limit costs nothing. The policies
//! and the texts are the reference's (`AddressFullMessagePolicy`, `PagingStoreImpl`).

use hashbrown::HashSet;
use journal::{BlockBuffer, Vector};

use super::{Home, Outcome, Who};
use crate::limits;
use crate::mail::{Deliver, Failure, FailureKind, Publish, SessionRef};
use crate::message::AddressKey;
use crate::routing::{FullPolicy, FullSettings};

/// A producer that waits for credits.
#[derive(Debug)]
struct Producer {
    session: SessionRef,
    credits: i32,
    /// The address as its client wrote it.
    named: Box<str>,
}

/// The addresses that were full when somebody asked, and who waits for them.
#[derive(Debug, Default)]
pub(super) struct Full {
    waiting: Vec<(AddressKey, Vec<Producer>)>,
    producers: usize,
    /// Addresses of which it was said that their messages are dropped.
    dropping: HashSet<AddressKey>,
}

impl Full {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many producers wait.
    pub(super) fn producers(&self) -> usize {
        self.producers
    }

    /// The session is gone.
    pub(super) fn forget(&mut self, session: SessionRef) {
        for (_, producers) in &mut self.waiting {
            producers.retain(|producer| producer.session != session);
        }
        self.producers = self.waiting.iter().map(|(_, producers)| producers.len()).sum();
    }
}

impl<B: BlockBuffer> Home<B> {
    /// A producer asks for credits. It gets them by [`Deliver::producer_credits`], at once or when there is room.
    pub(super) fn producer_credits(
        &mut self,
        who: Who,
        address: &str,
        named: &str,
        credits: i32,
        deliver: &mut impl Deliver,
    ) -> Outcome {
        let full = self.names.find_address(address).filter(|key| self.is_full(*key));
        let policy = full.map_or(FullPolicy::Page, |key| self.full_settings(key).policy);
        let (Some(key), FullPolicy::Block | FullPolicy::Fail) = (full, policy) else {
            deliver.producer_credits(who.from, named, credits, true);
            return Outcome::done(Vector::new());
        };
        let at = self.full.waiting.iter().position(|(of, _)| *of == key);
        let has_place = self.full.producers < limits::PRODUCERS_WAITING_MAX
            && (at.is_some() || self.full.waiting.len() < limits::ADDRESSES_WAITED_FOR_MAX);
        // Who finds no place must not wait for ever: the client's send fails and may be tried again.
        if policy == FullPolicy::Fail || !has_place {
            deliver.producer_credits(who.from, named, credits, false);
        }
        if has_place {
            let producer = Producer { session: who.from, credits, named: named.into() };
            self.full.producers += 1;
            match at.and_then(|at| self.full.waiting.get_mut(at)) {
                Some((_, producers)) => producers.push(producer),
                None => {
                    self.full.waiting.push((key, vec![producer]));
                    self.say_blocked(key, policy);
                }
            }
        }
        Outcome::done(Vector::new())
    }

    /// Gives credits to those who wait for an address that has room again, or is gone.
    #[cold]
    pub(super) fn give_producer_credits(&mut self, deliver: &mut impl Deliver) {
        let mut at = 0;
        while let Some((key, _)) = self.full.waiting.get(at) {
            if self.is_full(*key) {
                at += 1;
                continue;
            }
            let (key, producers) = self.full.waiting.swap_remove(at);
            self.full.producers = self.full.producers.saturating_sub(producers.len());
            if let Some(address) = self.names.address(key) {
                crate::event!(QU104, address = &*address.name, producers = producers.len());
            }
            for producer in producers {
                deliver.producer_credits(producer.session, &producer.named, producer.credits, true);
            }
        }
    }

    /// Is there room where somebody waits for it?
    #[cold]
    pub(super) fn owes_producer_credits(&self) -> bool {
        self.full.waiting.iter().any(|(key, _)| !self.is_full(*key))
    }

    /// What becomes of a message to a full address, if it is not simply taken.
    #[cold]
    pub(super) fn refuse_if_full(&mut self, who: Who, key: AddressKey, publish: &Publish<'_>) -> Option<Outcome> {
        if !self.is_full(key) {
            self.full.dropping.remove(&key);
            return None;
        }
        match self.full_settings(key).policy {
            FullPolicy::Page | FullPolicy::Block => None,
            FullPolicy::Fail => {
                let text = format!("AMQ229102: Address \"{}\" is full.", publish.address);
                Some(self.refuse_publish(who, publish.in_transaction, Failure::new(FailureKind::Full, text)))
            }
            FullPolicy::Drop => {
                if self.full.dropping.insert(key) {
                    crate::event!(QU105, address = &*publish.address);
                }
                Some(Outcome::done(Vector::new()))
            }
        }
    }

    /// Has the address as much as it may?
    fn is_full(&self, key: AddressKey) -> bool {
        let Some(address) = self.names.address(key) else { return false };
        let settings = address.settings.full;
        if !settings.matters() {
            return false;
        }
        let queues = address.queues().filter_map(|queue| self.names.queue(queue));
        let (bytes, messages) =
            queues.fold((0, 0), |(bytes, messages), queue| (bytes + queue.bytes(), messages + queue.messages() as u64));
        settings.bytes_max.is_some_and(|max| bytes >= max) || settings.messages_max.is_some_and(|max| messages >= max)
    }

    fn full_settings(&self, key: AddressKey) -> FullSettings {
        self.names.address(key).map(|address| address.settings.full).unwrap_or_default()
    }

    fn say_blocked(&self, key: AddressKey, policy: FullPolicy) {
        let Some(address) = self.names.address(key) else { return };
        let verb = if policy == FullPolicy::Block { "wait" } else { "are refused" };
        crate::event!(QU103, address = &*address.name, "producers {verb}");
    }
}
