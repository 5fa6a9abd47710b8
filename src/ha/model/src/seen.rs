//! The states that were seen: 8 bytes of fingerprint, 4 of the state before, and 6 to 12 to find them by, so that tens of millions fit.

/// Marks a free place, and the state before the first one. So this many states are too many.
const NONE: u32 = u32::MAX;
/// Places of an empty table; a power of two.
const PLACES_MIN: usize = 1 << 10;

/// Fingerprints in the order in which they came, each with the one that it was reached from. A fingerprint is its own hash.
#[derive(Debug)]
pub(crate) struct Seen {
    /// Numbers of states, by fingerprint; as many as a power of two.
    places: Vec<u32>,
    prints: Vec<u64>,
    parents: Vec<u32>,
}

impl Default for Seen {
    fn default() -> Self {
        Self { places: vec![NONE; PLACES_MIN], prints: Vec::new(), parents: Vec::new() }
    }
}

impl Seen {
    pub(crate) fn len(&self) -> usize {
        self.prints.len()
    }

    pub(crate) fn contains(&self, print: u64) -> bool {
        self.find(print).is_err()
    }

    /// Adds a state that was reached from `parent`; gives its number, or nothing if it was seen before.
    pub(crate) fn insert(&mut self, print: u64, parent: Option<u32>) -> Option<u32> {
        let place = self.find(print).ok()?;
        let number = u32::try_from(self.prints.len()).ok().filter(|number| *number < NONE)?;
        *self.places.get_mut(place)? = number;
        self.prints.push(print);
        self.parents.push(parent.unwrap_or(NONE));
        // Three quarters full.
        if self.prints.len() * 4 > self.places.len() * 3 {
            self.grow();
        }
        Some(number)
    }

    /// The fingerprints on the way to a state, from the first one on.
    pub(crate) fn way_to(&self, number: u32) -> Vec<u64> {
        let mut way = Vec::new();
        let mut at = number as usize;
        while let (Some(print), Some(parent)) = (self.prints.get(at), self.parents.get(at)) {
            way.push(*print);
            at = *parent as usize;
        }
        way.reverse();
        way
    }

    /// Whether the fingerprint is missing: the free place for it, or an error with the place where it is.
    fn find(&self, print: u64) -> Result<usize, usize> {
        let mask = self.places.len() - 1;
        #[allow(clippy::cast_possible_truncation)] // The low bits are what is wanted.
        let mut place = print as usize & mask;
        loop {
            match self.places.get(place) {
                None | Some(&NONE) => return Ok(place),
                Some(number) if self.prints.get(*number as usize) == Some(&print) => return Err(place),
                Some(_) => place = (place + 1) & mask,
            }
        }
    }

    fn grow(&mut self) {
        self.places = vec![NONE; self.places.len() * 2];
        for (number, print) in (0..NONE).zip(&self.prints) {
            if let Ok(place) = self.find(*print)
                && let Some(free) = self.places.get_mut(place)
            {
                *free = number;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fingerprint_is_found_again_with_its_way() {
        let mut seen = Seen::default();
        // Multiples of a power of two all want the first place.
        let print = |number: u32| u64::from(number) << 32;
        for number in 0..10_000 {
            assert!(!seen.contains(print(number)));
            assert_eq!(seen.insert(print(number), number.checked_sub(1)), Some(number));
            assert_eq!(seen.insert(print(number), None), None);
        }
        assert!((0..10_000).all(|number| seen.contains(print(number))));
        assert_eq!(seen.len(), 10_000);
        assert_eq!(seen.way_to(3), [print(0), print(1), print(2), print(3)]);
    }
}
