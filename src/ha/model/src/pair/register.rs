//! The register: one value, changed by compare-and-set. A request whose caller has given up may still be carried out, at any later time.

use ha_engine::register::Register;
use ha_engine::register_client::{Answer, Ask, Compare};

/// The value, and the writes of ended lives that may still change it, each with the server that sent it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Cell {
    pub(crate) value: Option<Register>,
    pub(crate) late: Vec<(usize, Ask)>,
}

/// A change: what was there before, if anything was.
pub(crate) type Replaced = Option<Register>;

impl Cell {
    fn version(&self) -> Option<u64> {
        self.value.as_ref().map(|value| value.version)
    }

    /// Carries a request out: what is answered, and what was replaced if it took effect.
    pub(crate) fn carry_out(&mut self, ask: &Ask) -> (Answer, Option<Replaced>) {
        match ask {
            Ask::Read => (Answer::Value(self.value.clone()), None),
            Ask::Write { compare, value } if self.holds(*compare) => {
                let before = self.value.replace(value.clone());
                self.forget_hopeless();
                (Answer::Applied, Some(before))
            }
            Ask::Write { .. } => (Answer::Lost(self.value.clone()), None),
        }
    }

    fn holds(&self, compare: Compare) -> bool {
        match compare {
            Compare::Absent => self.value.is_none(),
            Compare::Version(version) => self.version() == Some(version),
            Compare::Anything => true,
        }
    }

    /// Whether a request can never change the register any more: versions only grow.
    pub(crate) fn is_hopeless(&self, ask: &Ask) -> bool {
        match ask {
            Ask::Read => true,
            Ask::Write { compare: Compare::Absent, .. } => self.value.is_some(),
            Ask::Write { compare: Compare::Version(version), .. } => self.version().is_some_and(|now| now > *version),
            Ask::Write { compare: Compare::Anything, .. } => false,
        }
    }

    /// The life that sent a request has ended before it was carried out.
    pub(crate) fn outlive(&mut self, side: usize, ask: Ask) {
        self.late.push((side, ask));
        self.forget_hopeless();
    }

    /// A write that can never have an effect is as good as none: nobody could tell.
    fn forget_hopeless(&mut self) {
        let late = std::mem::take(&mut self.late);
        self.late = late.into_iter().filter(|(_, ask)| !self.is_hopeless(ask)).collect();
    }
}

#[cfg(test)]
mod tests {
    use ha_engine::ids::{Epoch, InstanceId};
    use ha_engine::register::AckMode;

    use super::*;

    fn write(compare: Compare, version: u64) -> Ask {
        let value = Register {
            version,
            epoch: Epoch { number: version, activation: 0 },
            holder: InstanceId(1),
            in_sync: [].into_iter().collect(),
            ack_mode: AckMode::Durable,
            voters_version: 0,
        };
        Ask::Write { compare, value }
    }

    #[test]
    fn of_two_writes_over_one_version_one_takes_effect() {
        let mut cell = Cell::default();
        assert_eq!(cell.carry_out(&write(Compare::Absent, 1)), (Answer::Applied, Some(None)));
        assert!(matches!(cell.carry_out(&write(Compare::Version(1), 2)), (Answer::Applied, Some(Some(_)))));
        assert!(matches!(cell.carry_out(&write(Compare::Version(1), 2)), (Answer::Lost(Some(_)), None)));
        assert!(matches!(cell.carry_out(&write(Compare::Absent, 1)), (Answer::Lost(Some(_)), None)));
        assert_eq!(cell.version(), Some(2));
    }

    #[test]
    fn a_late_write_is_remembered_as_long_as_it_can_have_an_effect() {
        let mut cell = Cell::default();
        cell.carry_out(&write(Compare::Absent, 1));
        cell.outlive(0, write(Compare::Version(1), 2));
        cell.outlive(0, write(Compare::Absent, 1));
        cell.outlive(0, Ask::Read);
        assert_eq!(cell.late.len(), 1);
        cell.carry_out(&write(Compare::Version(1), 2));
        assert!(cell.late.is_empty());
    }
}
