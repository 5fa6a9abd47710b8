//! The sessions of one connection, by their channels.
//!
//! Nearly every connection has one session, and each of its frames asks for it: that one lies here, the others in a table of their own.

use hashbrown::HashMap;

use crate::message::SessionKey;

/// Sessions by channel.
#[derive(Debug, Default)]
pub(super) struct Channels {
    first: Option<(i64, SessionKey)>,
    /// Those that came while there was a first one.
    others: Option<Box<HashMap<i64, SessionKey>>>,
}

impl Channels {
    /// The session of a channel.
    #[inline]
    pub(super) fn get(&self, channel: i64) -> Option<SessionKey> {
        match self.first {
            Some((first, session)) if first == channel => Some(session),
            _ => self.others.as_ref().and_then(|others| others.get(&channel)).copied(),
        }
    }

    /// A session gets a channel that no other has.
    pub(super) fn insert(&mut self, channel: i64, session: SessionKey) {
        if self.first.is_none() {
            self.first = Some((channel, session));
        } else {
            self.others.get_or_insert_default().insert(channel, session);
        }
    }

    /// A channel is free again.
    pub(super) fn remove(&mut self, channel: i64) {
        if self.first.is_some_and(|(first, _)| first == channel) {
            self.first = None;
        } else if let Some(others) = &mut self.others {
            others.remove(&channel);
            if others.is_empty() {
                self.others = None;
            }
        }
    }

    /// How many sessions there are.
    pub(super) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.others.as_ref().map_or(0, |others| others.len())
    }

    /// Are there none?
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All sessions with their channels.
    pub(super) fn all(self) -> impl Iterator<Item = (i64, SessionKey)> {
        self.first.into_iter().chain(self.others.map(|others| *others).into_iter().flatten())
    }

    /// All sessions.
    pub(super) fn sessions(&self) -> impl Iterator<Item = SessionKey> + '_ {
        let others = self.others.iter().flat_map(|others| others.values().copied());
        self.first.iter().map(|(_, session)| *session).chain(others)
    }
}

#[cfg(test)]
mod tests {
    use slotmap::SlotMap;

    use super::*;

    #[test]
    fn a_channel_finds_its_own_session_whatever_comes_and_goes() {
        let mut keys = SlotMap::with_key();
        let mut channels = Channels::default();
        let mut expected = std::collections::BTreeMap::new();
        // Each channel comes, goes and comes again, and the first one changes.
        for (channel, comes) in [(10, true), (11, true), (10, false), (12, true), (11, false), (10, true), (12, false)]
        {
            if comes {
                let session: SessionKey = keys.insert(());
                channels.insert(channel, session);
                expected.insert(channel, session);
            } else {
                channels.remove(channel);
                expected.remove(&channel);
            }
            for channel in 9..14 {
                assert_eq!(channels.get(channel), expected.get(&channel).copied(), "{channel}");
            }
            let mut sessions: Vec<SessionKey> = channels.sessions().collect();
            sessions.sort();
            let mut all: Vec<SessionKey> = expected.values().copied().collect();
            all.sort();
            assert_eq!((sessions, channels.len(), channels.is_empty()), (all, expected.len(), expected.is_empty()));
        }
    }
}
