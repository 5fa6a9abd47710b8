//! Numbered places whose numbers are never confused: each reuse has a new generation.
//!
//! Owns: values and a free list. Takes: a value. Gives: a [`Slot`]. Must stay true: a slot handed
//! out finds its value until it is removed, and never a later one that took the same place.

/// The name of a place: index and generation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Slot {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

struct Place<T> {
    generation: u32,
    value: Option<T>,
}

/// A bounded slab with generations.
pub(crate) struct Slots<T> {
    places: Vec<Place<T>>,
    free: Vec<u32>,
    occupied: u32,
    max: u32,
}

impl<T> Slots<T> {
    pub(crate) fn new(max: u32) -> Self {
        Self { places: Vec::new(), free: Vec::new(), occupied: 0, max }
    }

    /// Puts `value` into a free place, or gives it back when all are taken.
    pub(crate) fn insert(&mut self, value: T) -> Result<Slot, T> {
        if let Some(index) = self.free.pop()
            && let Some(place) = self.places.get_mut(index as usize)
        {
            place.value = Some(value);
            self.occupied += 1;
            return Ok(Slot { index, generation: place.generation });
        }
        let Some(index) = u32::try_from(self.places.len()).ok().filter(|index| *index < self.max) else {
            return Err(value);
        };
        self.places.push(Place { generation: 0, value: Some(value) });
        self.occupied += 1;
        Ok(Slot { index, generation: 0 })
    }

    pub(crate) fn get(&self, slot: Slot) -> Option<&T> {
        self.places.get(slot.index as usize).filter(|p| p.generation == slot.generation)?.value.as_ref()
    }

    pub(crate) fn get_mut(&mut self, slot: Slot) -> Option<&mut T> {
        self.places.get_mut(slot.index as usize).filter(|p| p.generation == slot.generation)?.value.as_mut()
    }

    pub(crate) fn remove(&mut self, slot: Slot) -> Option<T> {
        let place = self.places.get_mut(slot.index as usize).filter(|p| p.generation == slot.generation)?;
        let value = place.value.take()?;
        place.generation = place.generation.wrapping_add(1);
        self.free.push(slot.index);
        self.occupied -= 1;
        Some(value)
    }

    /// The slot that now lives at `index`, whatever its generation.
    #[cfg(test)]
    pub(crate) fn current(&self, index: u32) -> Option<Slot> {
        let place = self.places.get(index as usize)?;
        place.value.as_ref()?;
        Some(Slot { index, generation: place.generation })
    }

    pub(crate) fn len(&self) -> u32 {
        self.occupied
    }

    pub(crate) fn is_full(&self) -> bool {
        self.occupied >= self.max
    }

    /// All slots in use now.
    pub(crate) fn occupied(&self) -> impl Iterator<Item = Slot> + '_ {
        self.places
            .iter()
            .zip(0u32..)
            .filter(|(place, _)| place.value.is_some())
            .map(|(place, index)| Slot { index, generation: place.generation })
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &T> + '_ {
        self.places.iter().filter_map(|place| place.value.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reused_place_does_not_answer_to_its_old_name() {
        let mut slots = Slots::new(1);
        let first = slots.insert('a').unwrap();
        assert_eq!(slots.insert('b'), Err('b'));
        assert_eq!(slots.remove(first), Some('a'));
        let second = slots.insert('c').unwrap();
        assert_eq!(first.index, second.index);
        assert_eq!(slots.get(first), None);
        assert_eq!(slots.remove(first), None);
        assert_eq!(slots.get(second), Some(&'c'));
        assert_eq!(slots.len(), 1);
    }
}
