//! Which queue the next message goes to.

use std::rc::Rc;

use crate::prove::random::Random;

/// How messages are spread over queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Spread {
    /// One after the other.
    Even,
    /// The n-th queue gets 1/n of what the first one gets.
    Zipf,
}

/// The choice of one connection.
#[derive(Clone, Debug)]
pub struct Queues {
    from: u32,
    count: u32,
    next: u32,
    /// The share of the queues up to each, of all 2^32; empty for an even spread.
    shares: Rc<[u32]>,
    random: Random,
}

impl Queues {
    /// One queue, or `count` from `from` on, spread evenly.
    pub fn even(from: u32, count: u32, first: u32) -> Self {
        let count = count.max(1);
        Self { from, count, next: first % count, shares: Rc::new([]), random: Random::new(0) }
    }

    /// `count` queues, chosen by `shares` (see [`zipf`]) and a seed.
    pub fn by_shares(count: u32, shares: Rc<[u32]>, seed: u64) -> Self {
        Self { from: 0, count: count.max(1), next: 0, shares, random: Random::of(seed, 0x21bf) }
    }

    /// The number of the next one. Does not allocate.
    pub fn draw(&mut self) -> u32 {
        let at = if self.shares.is_empty() {
            let at = self.next;
            self.next = (at + 1) % self.count;
            at
        } else {
            let drawn = u32::try_from(self.random.number() >> 32).unwrap_or(0);
            let at = self.shares.partition_point(|share| *share < drawn);
            u32::try_from(at).unwrap_or(0).min(self.count - 1)
        };
        self.from + at
    }
}

/// The shares of so many queues, added up.
pub(super) fn zipf(count: u32) -> Rc<[u32]> {
    let weights = || (1..=count.max(1)).map(|rank| 1.0 / f64::from(rank));
    let all: f64 = weights().sum();
    let mut sum = 0.0;
    let add_up = |weight: f64| {
        sum += weight;
        (sum / all * f64::from(u32::MAX)) as u32
    };
    weights().map(add_up).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_even_spread_takes_all_in_turn() {
        let mut queues = Queues::even(10, 3, 1);
        assert_eq!((0..5).map(|_| queues.draw()).collect::<Vec<_>>(), [11, 12, 10, 11, 12]);
        let mut one = Queues::even(7, 1, 5);
        assert_eq!([one.draw(), one.draw()], [7, 7]);
    }

    #[test]
    fn the_second_of_zipf_gets_half_of_the_first() {
        let mut queues = Queues::by_shares(100, zipf(100), 1);
        let mut got = [0u32; 100];
        for _ in 0..100_000 {
            got[queues.draw() as usize] += 1;
        }
        let ratio = f64::from(got[0]) / f64::from(got[1]);
        assert!((1.9..2.1).contains(&ratio), "{ratio}");
        assert!(got.iter().all(|count| *count > 0));
    }
}
