//! What the flips came to, in numbers: for each kind of file, how often which end.

use std::fmt;

use super::flip::Kind;
use crate::prove::parts;

/// How a flip ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A start is refused and names the place.
    Refused,
    /// A start by an index checkpoint does not come there; one without it is refused, and so does `journal-tool verify` say.
    Behind,
    /// The last block of a lane, not known to be promised: told as an unfinished write.
    Torn,
    /// One of two copies, or what nothing reads: `journal-tool verify` notes it.
    Copy,
    /// Part of an index checkpoint, which is not used then.
    Checkpoint,
    /// Nothing stands there: the same messages come out, with the index checkpoint and without.
    Harmless,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Refused, Self::Behind, Self::Torn, Self::Copy, Self::Checkpoint, Self::Harmless];

    const fn word(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Behind => "refused without checkpoint",
            Self::Torn => "told as unfinished",
            Self::Copy => "noted",
            Self::Checkpoint => "checkpoint not used",
            Self::Harmless => "no effect",
        }
    }
}

/// What must not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// A message came out with other bytes.
    Bytes,
    /// Something changed, or a block is damaged, and nobody says so.
    Unnoticed,
    /// A start is refused although nothing stands there.
    Refused,
    /// A refusal that does not say where.
    Unnamed,
    /// A panic.
    Panic,
    /// A real process did something else.
    Process,
}

impl Wrong {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Bytes, Self::Unnoticed, Self::Refused, Self::Unnamed, Self::Panic, Self::Process];

    /// Its name in the ledger.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Bytes => "wrong bytes",
            Self::Unnoticed => "unnoticed",
            Self::Refused => "refused for nothing",
            Self::Unnamed => "unnamed",
            Self::Panic => "panics",
            Self::Process => "processes disagree",
        }
    }
}

const CELLS: usize = Kind::ALL.len() * Class::ALL.len();

/// All flips so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figures {
    /// How often each kind of file ended in each class.
    ends: [u64; CELLS],
    wrong: [u64; Wrong::ALL.len()],
    /// Flips that went through real processes.
    pub sampled: u64,
    /// Messages that waited in the stores.
    pub messages: u64,
    /// Stores.
    pub stores: u64,
}

impl Default for Figures {
    fn default() -> Self {
        Self { ends: [0; CELLS], wrong: [0; Wrong::ALL.len()], sampled: 0, messages: 0, stores: 0 }
    }
}

impl Figures {
    /// Counts a flip that ended well.
    pub fn ended(&mut self, kind: Kind, class: Class) {
        if let Some(cell) = self.ends.get_mut(kind as usize * Class::ALL.len() + class as usize) {
            *cell += 1;
        }
    }

    /// Counts one that did not.
    pub fn went_wrong(&mut self, wrong: Wrong) {
        if let Some(count) = self.wrong.get_mut(wrong as usize) {
            *count += 1;
        }
    }

    /// Flips of a kind that ended in a class.
    pub fn of(&self, kind: Kind, class: Class) -> u64 {
        self.ends.get(kind as usize * Class::ALL.len() + class as usize).copied().unwrap_or(0)
    }

    /// How often this went wrong.
    pub fn wrongs(&self, wrong: Wrong) -> u64 {
        self.wrong.get(wrong as usize).copied().unwrap_or(0)
    }

    /// All flips that were judged in memory.
    pub fn flips(&self) -> u64 {
        let in_processes = self.wrongs(Wrong::Process);
        self.ends.iter().chain(&self.wrong).sum::<u64>() - in_processes
    }

    /// Nothing went wrong, and every kind of file was damaged.
    pub fn held(&self) -> bool {
        self.wrong.iter().all(|count| *count == 0) && self.missing().is_empty()
    }

    /// Kinds of files that no store had, so that nothing is known of them.
    pub fn missing(&self) -> Vec<&'static str> {
        let none = |kind: &Kind| Class::ALL.iter().all(|class| self.of(*kind, *class) == 0);
        Kind::ALL.into_iter().filter(none).map(Kind::word).collect()
    }

    /// What went wrong, in numbers.
    pub fn verdict(&self) -> String {
        Wrong::ALL.map(|wrong| format!("{} {}", wrong.word(), self.wrongs(wrong))).join(", ")
    }

    fn sums(&self) -> impl Iterator<Item = u64> {
        let rest = [self.sampled, self.messages, self.stores];
        self.ends.iter().chain(&self.wrong).copied().chain(rest)
    }

    fn sums_mut(&mut self) -> impl Iterator<Item = &mut u64> {
        let Self { ends, wrong, sampled, messages, stores } = self;
        ends.iter_mut().chain(wrong.iter_mut()).chain([sampled, messages, stores])
    }
}

impl parts::Figures for Figures {
    fn numbers(&self) -> Vec<u64> {
        self.sums().collect()
    }

    fn from_numbers(numbers: &[u64]) -> Option<Self> {
        let mut figures = Self::default();
        if figures.sums().count() != numbers.len() {
            return None;
        }
        figures.sums_mut().zip(numbers).for_each(|(own, number)| *own = *number);
        Some(figures)
    }

    fn merge(&mut self, other: &Self) {
        self.sums_mut().zip(other.sums()).for_each(|(own, part)| *own += part);
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sampled, messages, stores, .. } = self;
        write!(
            out,
            "{} flips in {stores} stores with {messages} waiting messages, {sampled} of them through processes",
            self.flips()
        )?;
        for kind in Kind::ALL {
            let ends = Class::ALL.into_iter().filter(|class| self.of(kind, *class) > 0);
            let told: Vec<String> = ends.map(|class| format!("{} {}", class.word(), self.of(kind, class))).collect();
            write!(out, "; {}: {}", kind.word(), if told.is_empty() { "none".to_owned() } else { told.join(", ") })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prove::parts::Figures as _;

    #[test]
    fn figures_survive_a_line_and_miss_what_was_not_there() {
        let mut figures = Figures { sampled: 3, messages: 5, stores: 1, ..Figures::default() };
        figures.ended(Kind::Lock, Class::Harmless);
        figures.went_wrong(Wrong::Bytes);
        assert_eq!(Figures::from_line(&figures.to_line()), Some(figures.clone()));
        assert_eq!(Figures::from_line("1\t2"), None);
        assert_eq!(figures.flips(), 2);
        assert!(!figures.held() && figures.missing().len() == Kind::ALL.len() - 1);
        let mut twice = figures.clone();
        twice.merge(&figures);
        assert_eq!((twice.of(Kind::Lock, Class::Harmless), twice.wrongs(Wrong::Bytes)), (2, 2));
    }
}
