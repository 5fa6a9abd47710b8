//! What one connection has sent and nobody has answered yet: when each message was due, found by its token.
//!
//! Must stay true: tokens count up by one; each is answered once; nothing is allocated while no more are in flight than there were before.

/// What is in flight on one connection.
#[derive(Debug)]
pub struct Flight {
    /// When each was due, by its token modulo the length, which is a power of two; [`ANSWERED`] where none is.
    due: Vec<u64>,
    /// The oldest that may still be there.
    first: u64,
    /// The token of the next one.
    next: u64,
    open: u64,
}

/// No time of a message.
const ANSWERED: u64 = u64::MAX;

impl Flight {
    /// With room for so many.
    pub fn new(room: usize) -> Self {
        Self { due: vec![ANSWERED; room.max(1).next_power_of_two()], first: 0, next: 0, open: 0 }
    }

    /// How many are not answered.
    pub fn open(&self) -> u64 {
        self.open
    }

    /// One more, due then; gives its token.
    pub fn push(&mut self, due: u64) -> u64 {
        if self.next - self.first >= self.due.len() as u64 {
            self.grow();
        }
        let token = self.next;
        let place = self.place(token);
        if let Some(slot) = self.due.get_mut(place) {
            *slot = due.min(ANSWERED - 1);
        }
        self.next += 1;
        self.open += 1;
        token
    }

    /// This one is answered; gives when it was due, or nothing if it was not in flight.
    pub fn take(&mut self, token: u64) -> Option<u64> {
        if token < self.first || token >= self.next {
            return None;
        }
        let place = self.place(token);
        let due = std::mem::replace(self.due.get_mut(place)?, ANSWERED);
        if due == ANSWERED {
            return None;
        }
        self.open -= 1;
        self.pass_answered();
        Some(due)
    }

    /// The oldest one is answered.
    pub fn take_first(&mut self) -> Option<u64> {
        self.take(self.first)
    }

    /// All that are left, oldest first.
    pub fn drain(&mut self) -> impl Iterator<Item = u64> {
        std::iter::from_fn(|| self.take_first())
    }

    fn place(&self, token: u64) -> usize {
        usize::try_from(token).unwrap_or(usize::MAX) & (self.due.len() - 1)
    }

    fn pass_answered(&mut self) {
        while self.first < self.next && self.due.get(self.place(self.first)) == Some(&ANSWERED) {
            self.first += 1;
        }
    }

    fn grow(&mut self) {
        let mut wider = Self::new(2 * self.due.len());
        for token in self.first..self.next {
            let (from, to) = (self.place(token), wider.place(token));
            if let (Some(slot), Some(due)) = (wider.due.get_mut(to), self.due.get(from)) {
                *slot = *due;
            }
        }
        self.due = wider.due;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_in_any_order_find_their_times() {
        let mut flight = Flight::new(4);
        let tokens: Vec<u64> = (0..4).map(|due| flight.push(10 * due)).collect();
        assert_eq!(tokens, [0, 1, 2, 3]);
        assert_eq!(flight.take(2), Some(20));
        assert_eq!(flight.take(2), None, "answered twice");
        assert_eq!(flight.take(9), None, "never sent");
        // The oldest is still there, so that this one needs more room.
        assert_eq!(flight.push(40), 4);
        assert_eq!(flight.open(), 4);
        assert_eq!([flight.take_first(), flight.take_first(), flight.take_first()], [Some(0), Some(10), Some(30)]);
        assert_eq!((flight.take(4), flight.open(), flight.take_first()), (Some(40), 0, None));
    }

    #[test]
    fn what_is_left_comes_out_oldest_first() {
        let mut flight = Flight::new(2);
        (0..5).for_each(|due| assert_eq!(flight.push(due), due));
        flight.take(1);
        assert_eq!(flight.drain().collect::<Vec<_>>(), [0, 2, 3, 4]);
        assert_eq!(flight.open(), 0);
    }

    #[test]
    fn a_full_window_that_goes_on_allocates_nothing() {
        let mut flight = Flight::new(64);
        (0..64).for_each(|due| assert_eq!(flight.push(due), due));
        let counted = allocation_counter::measure(|| {
            for due in 0..10_000 {
                assert_eq!(flight.take_first().is_some(), flight.push(due) >= 64);
            }
        });
        assert_eq!(counted.count_total, 0);
    }
}
