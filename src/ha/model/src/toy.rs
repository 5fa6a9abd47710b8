//! A small world to try the explorers on: some add one to a counter, each once; read and write are one step, or two.

use crate::world::{Violation, World};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Adder {
    Waiting,
    Read(u8),
    Done,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Counter {
    shown: u8,
    adders: Vec<Adder>,
    atomic: bool,
}

impl Counter {
    pub(crate) fn sound(adders: usize) -> Self {
        Self { shown: 0, adders: vec![Adder::Waiting; adders], atomic: true }
    }

    /// Two may read the same.
    pub(crate) fn with_lost_update(adders: usize) -> Self {
        Self { atomic: false, ..Self::sound(adders) }
    }
}

impl World for Counter {
    type Step = usize;

    fn steps(&self, steps: &mut Vec<usize>) {
        steps.extend((0..self.adders.len()).filter(|who| self.adders[*who] != Adder::Done));
    }

    fn take(&self, who: &usize) -> Self {
        let mut next = self.clone();
        next.adders[*who] = match self.adders[*who] {
            Adder::Waiting if !self.atomic => Adder::Read(self.shown),
            Adder::Waiting => {
                next.shown += 1;
                Adder::Done
            }
            Adder::Read(shown) => {
                next.shown = shown + 1;
                Adder::Done
            }
            Adder::Done => Adder::Done,
        };
        next
    }

    fn tell(&self, who: &usize) -> String {
        match self.adders[*who] {
            Adder::Waiting if !self.atomic => format!("{who} reads {}", self.shown),
            Adder::Waiting => format!("{who} adds 1"),
            Adder::Read(shown) => format!("{who} writes {}", shown + 1),
            Adder::Done => format!("{who} does nothing"),
        }
    }

    fn judge(&self) -> Result<(), Violation> {
        let done = self.adders.iter().filter(|adder| **adder == Adder::Done).count();
        let shown = usize::from(self.shown);
        if done == shown {
            return Ok(());
        }
        Err(Violation(format!("{done} have added 1, and the counter shows {shown}")))
    }
}
