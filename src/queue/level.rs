//! The messages of one priority of a queue, sorted by place; the promised ones at the front are available.

use std::collections::VecDeque;

use super::{Entry, Place};

/// The waiting messages of one priority.
#[derive(Debug, Default)]
pub struct Level {
    /// Sorted by place.
    entries: VecDeque<Entry>,
    /// Entries at the front that are promised. The one behind them, if any, is not.
    available: usize,
}

impl Level {
    /// Puts the entry at its place: nearly always the end, or the front for one that comes back.
    pub fn insert(&mut self, entry: Entry) {
        let end = self.entries.len();
        if self.entries.back().is_none_or(|last| last.place() <= entry.place()) {
            // It joins the available ones only where nothing that is not promised stands before it.
            if self.available == end && entry.is_promised() {
                self.available += 1;
            }
            return self.entries.push_back(entry);
        }
        let at = self.entries.partition_point(|other| other.place() < entry.place());
        let promised = entry.is_promised();
        self.entries.insert(at, entry);
        match (at < self.available, promised) {
            (true, true) => self.available += 1,
            // Not promised among available ones: what stands behind it has to wait, or it would be overtaken.
            (true, false) => self.available = at,
            (false, _) => self.extend_available(),
        }
    }

    /// Marks the entry as promised. False if it is not here.
    pub fn promise(&mut self, place: Place) -> bool {
        let Some(at) = self.position(place) else { return false };
        if let Some(entry) = self.entries.get_mut(at) {
            entry.set_promised();
        }
        self.extend_available();
        true
    }

    /// The next available entry.
    pub fn front(&self) -> Option<&Entry> {
        if self.available == 0 { None } else { self.entries.front() }
    }

    /// Takes the next available entry.
    pub fn take_front(&mut self) -> Option<Entry> {
        if self.available == 0 {
            return None;
        }
        self.available -= 1;
        self.entries.pop_front()
    }

    /// The entry at this place.
    pub fn find(&self, place: Place) -> Option<&Entry> {
        self.position(place).and_then(|at| self.entries.get(at))
    }

    /// The entry at this place, to be changed.
    pub fn find_mut(&mut self, place: Place) -> Option<&mut Entry> {
        let at = self.position(place)?;
        self.entries.get_mut(at)
    }

    /// Removes the entry at this place.
    pub fn remove(&mut self, place: Place) -> Option<Entry> {
        let at = self.position(place)?;
        let entry = self.entries.remove(at);
        if at < self.available {
            self.available -= 1;
        } else {
            self.extend_available();
        }
        entry
    }

    /// The available entries, next first.
    pub fn available_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.entries.iter_mut().take(self.available)
    }

    /// The first available entry at this place or behind it.
    pub fn first_from(&self, place: Place) -> Option<&Entry> {
        let last = self.entries.get(self.available.checked_sub(1)?)?;
        // Nearly always for whoever has seen all of it.
        if last.place() < place {
            return None;
        }
        self.entries.get(self.index_from(place))
    }

    /// The available entries from this place on, next first.
    pub fn available_from_mut(&mut self, place: Place) -> impl Iterator<Item = &mut Entry> {
        let from = self.index_from(place).min(self.available);
        self.entries.range_mut(from..self.available)
    }

    /// How many entries have to make room when one at this place is taken out or put in.
    pub fn cost_at(&self, place: Place) -> usize {
        let before = self.index_from(place);
        before.min(self.entries.len() - before)
    }

    /// All entries.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// How many there are, available or not.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Is nothing here?
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn position(&self, place: Place) -> Option<usize> {
        // What is promised next is nearly always the first that is not available.
        if self.entries.get(self.available).is_some_and(|entry| entry.place() == place) {
            return Some(self.available);
        }
        self.entries.binary_search_by_key(&place, Entry::place).ok()
    }

    fn index_from(&self, place: Place) -> usize {
        self.entries.partition_point(|entry| entry.place() < place)
    }

    fn extend_available(&mut self) {
        while self.entries.get(self.available).is_some_and(Entry::is_promised) {
            self.available += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::MessageId;
    use journal::Location;

    fn entry(number: u64) -> Entry {
        let location = Location::new(journal::Lsn(number * 4_096), 64);
        let mut entry = Entry::new(MessageId::durable(0, location), location, 10, 4, true);
        entry.set_place(Place(number));
        entry
    }

    fn promised(number: u64) -> Entry {
        let mut entry = entry(number);
        entry.set_promised();
        entry
    }

    fn taken(level: &mut Level) -> Vec<u64> {
        std::iter::from_fn(|| level.take_front()).map(|entry| entry.place().0).collect()
    }

    #[test]
    fn only_the_promised_prefix_is_available() {
        let mut level = Level::default();
        for number in 1..=4 {
            level.insert(entry(number));
        }
        assert!(level.promise(Place(2)));
        assert!(taken(&mut level).is_empty());
        assert!(level.promise(Place(1)));
        assert_eq!(taken(&mut level), [1, 2]);
        assert_eq!(level.len(), 2);
    }

    #[test]
    fn what_comes_back_stands_before_what_came_later() {
        let mut level = Level::default();
        for number in 1..=5 {
            level.insert(promised(number));
        }
        let first = level.take_front().unwrap();
        let second = level.take_front().unwrap();
        let third = level.take_front().unwrap();
        level.insert(third);
        level.insert(first);
        level.insert(second);
        assert_eq!(taken(&mut level), [1, 2, 3, 4, 5]);
    }

    #[test]
    fn a_look_from_any_place_finds_the_next_available_one() {
        let mut level = Level::default();
        for number in [1, 4, 5] {
            level.insert(promised(number));
        }
        level.insert(entry(7));
        let from = |level: &Level, place| level.first_from(Place(place)).map(|entry| entry.place().0);
        assert_eq!([0, 1, 2, 5, 6].map(|place| from(&level, place)), [Some(1), Some(1), Some(4), Some(5), None]);
        assert_eq!(level.available_from_mut(Place(2)).map(|entry| entry.place().0).collect::<Vec<_>>(), [4, 5]);
        assert_eq!(level.available_from_mut(Place(6)).count(), 0);
        assert_eq!([1, 4, 5, 7, 9].map(|place| level.cost_at(Place(place))), [0, 1, 2, 1, 0]);
        level.remove(Place(4));
        assert_eq!(from(&level, 2), Some(5));
        level.promise(Place(7));
        assert_eq!(from(&level, 6), Some(7));
    }

    #[test]
    fn a_late_promise_is_not_overtaken_by_what_stands_behind_it() {
        let mut level = Level::default();
        level.insert(promised(9));
        level.insert(entry(3));
        assert!(taken(&mut level).is_empty());
        level.promise(Place(3));
        assert_eq!(taken(&mut level), [3, 9]);
    }

    #[test]
    fn removing_an_unpromised_one_lets_the_rest_go() {
        let mut level = Level::default();
        level.insert(entry(1));
        level.insert(promised(2));
        assert!(level.remove(Place(1)).is_some());
        assert_eq!(taken(&mut level), [2]);
        assert!(level.remove(Place(1)).is_none());
    }
}
