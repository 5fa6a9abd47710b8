//! What waits, in which order: an index of 32 bytes a message, no bodies, no consumers.
//!
//! Takes entries in the order of arrival, gives the next one that may be delivered. What must stay true: entries of one
//! priority are sorted by place, and only a prefix of them, all of it promised, is available.

mod entry;
mod level;

pub use entry::{Entry, HotSlot, Place};
pub use level::Level;

/// Priorities of a message: 0 to 9.
pub const PRIORITIES: usize = 10;

/// The messages of one queue that wait for a consumer.
#[derive(Debug, Default)]
pub struct Waiting {
    levels: [Level; PRIORITIES],
    /// A bit for each level that has an available entry, so that nobody has to look through the empty ones.
    open: u16,
    next_place: u64,
}

impl Waiting {
    /// Adds a new entry behind all others of its priority and returns its place. It is available at once if it is promised
    /// and nothing before it is not; else by [`Waiting::promise`].
    pub fn arrive(&mut self, mut entry: Entry) -> Place {
        let place = Place(self.next_place);
        self.next_place += 1;
        entry.set_place(place);
        self.put_back(entry);
        place
    }

    /// Puts an entry that was taken back to its old place.
    pub fn put_back(&mut self, entry: Entry) {
        self.change(entry.priority(), |level| level.insert(entry));
    }

    /// The entry's position is promised: it, and what waited behind it, may be delivered. False if it is not here.
    pub fn promise(&mut self, place: Place, priority: u8) -> bool {
        self.change(priority, |level| level.promise(place)).unwrap_or(false)
    }

    /// The next entry to deliver: highest priority first, then the oldest.
    pub fn next(&self) -> Option<&Entry> {
        self.levels.get(usize::from(self.first_open()?)).and_then(Level::front)
    }

    /// Takes the entry that [`Waiting::next`] showed.
    pub fn take_next(&mut self) -> Option<Entry> {
        self.change(self.first_open()?, Level::take_front).flatten()
    }

    /// Removes an entry by its place, for instance one whose transaction came to nothing.
    pub fn remove(&mut self, place: Place, priority: u8) -> Option<Entry> {
        self.change(priority, |level| level.remove(place)).flatten()
    }

    /// Changes a level in a way that may change what of it is available.
    fn change<R>(&mut self, priority: u8, change: impl FnOnce(&mut Level) -> R) -> Option<R> {
        let level = self.levels.get_mut(usize::from(priority))?;
        let result = change(level);
        let bit = 1 << priority;
        if level.front().is_some() {
            self.open |= bit;
        } else {
            self.open &= !bit;
        }
        Some(result)
    }

    /// The highest priority that has an available entry.
    fn first_open(&self) -> Option<u8> {
        u8::try_from(self.open.checked_ilog2()?).ok()
    }

    /// The entry at a place.
    pub fn find(&self, place: Place, priority: u8) -> Option<&Entry> {
        self.levels.get(usize::from(priority)).and_then(|level| level.find(place))
    }

    /// The entry at a place, to give it a new location.
    pub fn find_mut(&mut self, place: Place, priority: u8) -> Option<&mut Entry> {
        self.levels.get_mut(usize::from(priority)).and_then(|level| level.find_mut(place))
    }

    /// The available entries in the order of delivery, for reading ahead.
    pub fn available_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.levels.iter_mut().rev().flat_map(Level::available_mut)
    }

    /// The first available entry of a priority at this place or behind it.
    pub fn first_from(&self, priority: usize, place: Place) -> Option<&Entry> {
        self.levels.get(priority).and_then(|level| level.first_from(place))
    }

    /// The available entries of a priority from this place on, for reading ahead.
    pub fn available_from_mut(&mut self, priority: u8, place: Place) -> impl Iterator<Item = &mut Entry> {
        self.levels.get_mut(usize::from(priority)).into_iter().flat_map(move |level| level.available_from_mut(place))
    }

    /// How many entries have to make room when one at this place is taken out or put in.
    pub fn cost_at(&self, priority: u8, place: Place) -> usize {
        self.levels.get(usize::from(priority)).map_or(0, |level| level.cost_at(place))
    }

    /// The place of the next entry that arrives.
    pub fn next_place(&self) -> Place {
        Place(self.next_place)
    }

    /// All entries, available or not.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.levels.iter().flat_map(Level::iter)
    }

    /// How many have arrived in all.
    pub fn arrived(&self) -> u64 {
        self.next_place
    }

    /// How many wait, available or not.
    pub fn len(&self) -> usize {
        self.levels.iter().map(Level::len).sum()
    }

    /// Does nothing wait?
    pub fn is_empty(&self) -> bool {
        self.levels.iter().all(Level::is_empty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::MessageId;
    use journal::{Location, Lsn};

    /// What a search of everything finds: of each priority the oldest counts, and only if it is promised.
    fn first(all: &[Entry]) -> Option<usize> {
        let oldest = |priority| {
            let of_it = all.iter().enumerate().filter(|(_, entry)| entry.priority() == priority);
            of_it.min_by_key(|(_, entry)| entry.place())
        };
        (0..10).rev().find_map(|priority| oldest(priority).filter(|(_, entry)| entry.is_promised()).map(|(at, _)| at))
    }

    #[test]
    fn the_next_one_is_what_a_search_finds_whatever_was_done_before() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state % below as u64).unwrap()
        };
        let (mut waiting, mut all, mut held) = (Waiting::default(), Vec::new(), Vec::new());
        let mut taken = 0;
        for step in 0..20_000_u64 {
            // Filled and emptied by turns, so that it is often empty and often not.
            let kind = if step % 400 < 200 { random(6) } else { 2 + random(4) };
            match kind {
                0 | 1 => {
                    let location = Location::new(Lsn(step * 4_096), 64);
                    let priority = u8::try_from(random(10)).unwrap();
                    let mut entry = Entry::new(MessageId::durable(0, location), location, 10, priority, true);
                    if random(3) == 0 {
                        entry.set_promised();
                    }
                    entry.set_place(waiting.arrive(entry.clone()));
                    all.push(entry);
                }
                2 if !all.is_empty() => {
                    let at = random(all.len());
                    let entry: &mut Entry = &mut all[at];
                    assert!(waiting.promise(entry.place(), entry.priority()));
                    entry.set_promised();
                }
                3 => {
                    let expected = first(&all).map(|at| all.remove(at));
                    assert_eq!(waiting.take_next(), expected, "step {step}");
                    taken += usize::from(expected.is_some());
                    held.extend(expected);
                }
                4 if !held.is_empty() => {
                    let entry: Entry = held.swap_remove(random(held.len()));
                    all.push(entry.clone());
                    waiting.put_back(entry);
                }
                5 if !all.is_empty() => {
                    let entry = all.swap_remove(random(all.len()));
                    assert!(waiting.remove(entry.place(), entry.priority()).is_some());
                }
                _ => {}
            }
            assert_eq!(waiting.next(), first(&all).and_then(|at| all.get(at)), "step {step}");
        }
        assert!(taken > 1_000, "only {taken} were taken");
    }
}
