//! A consumer's own way through a queue, for one that does not take whatever is next: a browser, which takes nothing, or a consumer
//! with a filter, which passes over what does not match.
//!
//! Takes what waits, gives the next entry that it has not passed. What must stay true: entries are met in the order of delivery, and
//! each once, unless it was given back. A way is a place in each priority and names no entry, so whatever comes or goes, it holds.

use protocol::filter::Filter;

use crate::message::MessageId;
use crate::queue::{Entry, PRIORITIES, Place, Waiting};

/// How far a consumer has come in its queue.
#[derive(Debug)]
pub struct Walk {
    /// In each priority, everything before this place is passed.
    passed: [Place; PRIORITIES],
    /// What arrives from this place on is not looked at: the end of a browser's way.
    end: Option<Place>,
    /// What does not match is passed over.
    pub filter: Option<Filter>,
    /// The body of the entry that it has come to is being read.
    pub reading: bool,
    /// The body that was read for it.
    pub read_body: Option<(MessageId, Vec<u8>)>,
}

impl Walk {
    /// Of a browser: it looks at what waits now, and takes nothing. `end` is the place of the next entry that arrives.
    pub fn browse(end: Place, filter: Option<Filter>) -> Self {
        Self { passed: [Place(0); PRIORITIES], end: Some(end), filter, reading: false, read_body: None }
    }

    /// Of a consumer with a filter.
    pub fn select(filter: Filter) -> Self {
        Self { passed: [Place(0); PRIORITIES], end: None, filter: Some(filter), reading: false, read_body: None }
    }

    /// Does it look at entries without taking them?
    pub fn browses(&self) -> bool {
        self.end.is_some()
    }

    /// The entry that it has come to.
    pub fn next<'a>(&self, waiting: &'a Waiting) -> Option<&'a Entry> {
        // Highest priority first.
        let passed = self.passed.iter().enumerate().rev();
        let mut found = passed.filter_map(|(priority, passed)| waiting.first_from(priority, *passed));
        found.find(|entry| self.end.is_none_or(|end| entry.place() < end))
    }

    /// Can it go on without waiting for a body?
    pub fn goes_on(&self, waiting: &Waiting) -> bool {
        !self.reading && self.next(waiting).is_some()
    }

    /// The entry at this place is dealt with.
    pub fn pass(&mut self, priority: u8, place: Place) {
        if let Some(passed) = self.passed.get_mut(usize::from(priority)) {
            *passed = Place(place.0 + 1);
        }
    }

    /// An entry was given back. One that is before where it has come is looked at again, with all behind it.
    pub fn go_back_to(&mut self, priority: u8, place: Place) {
        if let Some(passed) = self.passed.get_mut(usize::from(priority)) {
            *passed = place.min(*passed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use journal::{Location, Lsn};

    fn arrive(waiting: &mut Waiting, number: u64, priority: u8) {
        let location = Location::new(Lsn(number * 4_096), 64);
        let mut entry = Entry::new(MessageId::durable(0, location), location, 10, priority, true);
        entry.set_promised();
        waiting.arrive(entry);
    }

    fn go(walk: &mut Walk, waiting: &Waiting) -> Vec<u64> {
        let step = |walk: &mut Walk| {
            let entry = walk.next(waiting)?;
            walk.pass(entry.priority(), entry.place());
            Some(entry.place().0)
        };
        std::iter::from_fn(|| step(walk)).collect()
    }

    #[test]
    fn a_browser_sees_what_waited_when_it_came_in_the_order_of_delivery() {
        let mut waiting = Waiting::default();
        for (number, priority) in [(0, 4), (1, 9), (2, 4), (3, 0)] {
            arrive(&mut waiting, number, priority);
        }
        let mut walk = Walk::browse(waiting.next_place(), None);
        arrive(&mut waiting, 4, 9);
        arrive(&mut waiting, 5, 4);
        assert_eq!(go(&mut walk, &waiting), [1, 0, 2, 3]);
    }

    #[test]
    fn what_goes_before_it_comes_there_is_not_met() {
        let mut waiting = Waiting::default();
        for number in 0..4 {
            arrive(&mut waiting, number, 4);
        }
        let mut walk = Walk::browse(waiting.next_place(), None);
        walk.pass(4, Place(0));
        waiting.take_next();
        let second = waiting.remove(Place(1), 4).unwrap();
        assert_eq!(walk.next(&waiting).map(|entry| entry.place().0), Some(2));
        waiting.put_back(second);
        assert_eq!(go(&mut walk, &waiting), [1, 2, 3]);
        assert!(!walk.goes_on(&waiting));
        walk.go_back_to(4, Place(2));
        walk.go_back_to(4, Place(9));
        assert_eq!(go(&mut walk, &waiting), [2, 3]);
    }
}
