//! What a home must give back: every message and every acknowledgement, with what is known of its fate.
//!
//! Takes what was asked, answered and delivered, and what a start found; says what is wrong. What must stay true: what was
//! promised once never changes again.

use std::collections::{BTreeMap, BTreeSet};

use crate::machine::body;

/// What became of something that belongs to a group: a send, an acknowledgement, all that a transaction did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    No,
    /// It shares the fate of this group, which nobody knows yet.
    Maybe(u64),
    Yes,
}

#[derive(Debug)]
struct Message {
    queue: usize,
    bytes: usize,
    sent: Fate,
    gone: Fate,
}

/// All messages of one store.
#[derive(Debug, Default)]
pub(crate) struct Model {
    messages: BTreeMap<u64, Message>,
    groups: u64,
}

/// The body of a message: its number first.
pub(crate) fn numbered(number: u64, bytes: usize) -> Vec<u8> {
    let mut whole = number.to_le_bytes().to_vec();
    whole.extend(body(number, bytes));
    whole
}

fn number_of(body: &[u8]) -> Result<u64, String> {
    body.first_chunk().map(|number| u64::from_le_bytes(*number)).ok_or_else(|| "a body without a number".to_owned())
}

impl Model {
    /// A new group, of unknown fate.
    pub(crate) fn group(&mut self) -> u64 {
        self.groups += 1;
        self.groups
    }

    /// A message is sent, in this group. Gives its number and body.
    pub(crate) fn send(&mut self, queue: usize, bytes: usize, group: u64) -> Vec<u8> {
        let number = self.messages.last_key_value().map_or(0, |(last, _)| last + 1);
        self.messages.insert(number, Message { queue, bytes, sent: Fate::Maybe(group), gone: Fate::No });
        numbered(number, bytes)
    }

    /// A message is acknowledged, in this group.
    pub(crate) fn acknowledge(&mut self, number: u64, group: u64) {
        if let Some(message) = self.messages.get_mut(&number) {
            message.gone = Fate::Maybe(group);
        }
    }

    /// The fate of a group is known for good.
    pub(crate) fn decide(&mut self, group: u64, yes: bool) {
        let fate = if yes { Fate::Yes } else { Fate::No };
        for message in self.messages.values_mut() {
            for part in [&mut message.sent, &mut message.gone] {
                if *part == Fate::Maybe(group) {
                    *part = fate;
                }
            }
        }
    }

    /// A message was delivered: so it is promised. Gives its number.
    pub(crate) fn delivered(&mut self, queue: usize, body: &[u8]) -> Result<u64, String> {
        let number = number_of(body)?;
        let Some(message) = self.messages.get(&number) else { return Err(format!("{number} was never sent")) };
        if message.sent == Fate::No || message.gone != Fate::No || message.queue != queue {
            return Err(format!("{number} is delivered in queue {queue}: {message:?}"));
        }
        if numbered(number, message.bytes) != body {
            return Err(format!("{number} is delivered with another body of {} bytes: {message:?}", body.len()));
        }
        if let Fate::Maybe(group) = message.sent {
            self.decide(group, true);
        }
        Ok(number)
    }

    /// What a start found in a queue, in order; and now it is known.
    pub(crate) fn found(&mut self, found: &[Vec<Vec<u8>>]) -> Result<(), String> {
        let mut present = BTreeSet::new();
        for (queue, bodies) in found.iter().enumerate() {
            let mut last = None;
            for body in bodies {
                let number = number_of(body)?;
                let Some(message) = self.messages.get(&number) else { return Err(format!("{number} was never sent")) };
                if message.queue != queue || numbered(number, message.bytes) != *body {
                    return Err(format!("{number} is another one in queue {queue}: {message:?}"));
                }
                if last >= Some(number) {
                    return Err(format!("{number} comes behind {last:?} in queue {queue}"));
                }
                last = Some(number);
                present.insert(number);
            }
        }
        let mut verdicts: BTreeMap<u64, bool> = BTreeMap::new();
        for (number, message) in &self.messages {
            let there = present.contains(number);
            let (group, yes) = match (message.sent, message.gone) {
                (Fate::Maybe(group), _) => (group, there),
                (Fate::Yes, Fate::Maybe(group)) => (group, !there),
                (sent, gone) if there == (sent == Fate::Yes && gone == Fate::No) => continue,
                _ => return Err(format!("{number} is {}: {message:?}", if there { "there" } else { "lost" })),
            };
            if *verdicts.entry(group).or_insert(yes) != yes {
                return Err(format!("{number} has another fate than the rest of its group: {message:?}"));
            }
        }
        verdicts.into_iter().for_each(|(group, yes)| self.decide(group, yes));
        Ok(())
    }
}

#[test]
fn what_is_wrong_is_found() {
    let only = |bodies: &[Vec<u8>]| vec![bodies.to_vec()];
    let sent = |decided: Option<bool>| {
        let mut model = Model::default();
        let group = model.group();
        let bodies = vec![model.send(0, 100, group), model.send(0, 200, group)];
        decided.into_iter().for_each(|yes| model.decide(group, yes));
        (model, bodies)
    };
    let (mut model, bodies) = sent(Some(true));
    assert_eq!(model.found(&only(&bodies)), Ok(()));
    assert!(model.found(&[bodies[..1].to_vec()]).is_err(), "lost");
    assert!(model.found(&[vec![bodies[1].clone(), bodies[0].clone()]]).is_err(), "order");
    assert!(model.found(&[vec![bodies[0].clone(), bodies[0].clone()]]).is_err(), "twice");
    assert!(model.found(&[Vec::new(), bodies.clone()]).is_err(), "the wrong queue");
    assert!(model.found(&[vec![numbered(0, 99), bodies[1].clone()]]).is_err(), "another body");
    assert_eq!(sent(None).0.found(&only(&bodies)), Ok(()));
    assert_eq!(sent(None).0.found(&[Vec::new()]), Ok(()));
    assert!(sent(None).0.found(&[bodies[..1].to_vec()]).is_err(), "half a transaction");
    assert!(sent(Some(false)).0.found(&only(&bodies)).is_err(), "rolled back");
    let group = model.group();
    model.acknowledge(0, group);
    model.decide(group, true);
    assert!(model.found(&only(&bodies)).is_err(), "consumed");
    assert!(model.delivered(0, &bodies[0]).is_err(), "delivered although consumed");
    assert_eq!(model.delivered(0, &bodies[1]), Ok(1));
}
