//! Both members die, and different lanes are longer: of equal histories the longer one of each lane is right, and whoever starts pulls what it
//! lacks. Without a register this is all that there is to go by.

#![allow(
    clippy::indexing_slicing,
    reason = "an index of this model that leaves its array is a mistake of the model, and says where"
)]

use crate::world::{Violation, World};

/// Two lanes on two disks; each disk has the beginning of what the one writer wrote.
#[derive(Clone, Debug, Hash)]
pub(super) struct TwoLanes {
    /// False: only a disk that reaches as far as the other in every lane may start.
    longer_counts: bool,
    blocks: u8,
    written: [u8; 2],
    /// By member and lane.
    durable: [[u8; 2]; 2],
    dead: bool,
    /// What the one that starts has.
    started: Option<[u8; 2]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Write(usize),
    Land(usize, usize),
    Die,
    Start([u8; 2]),
}

impl TwoLanes {
    pub(super) fn new(longer_counts: bool, blocks: u8) -> Self {
        Self { longer_counts, blocks, written: [0; 2], durable: [[0; 2]; 2], dead: false, started: None }
    }

    /// The lanes with which somebody may start.
    fn start(&self) -> Option<[u8; 2]> {
        let [one, other] = self.durable;
        let covers = |a: [u8; 2], b: [u8; 2]| a[0] >= b[0] && a[1] >= b[1];
        if self.longer_counts {
            return Some([one[0].max(other[0]), one[1].max(other[1])]);
        }
        if covers(one, other) {
            return Some(one);
        }
        covers(other, one).then_some(other)
    }
}

impl World for TwoLanes {
    type Step = Step;

    fn steps(&self, steps: &mut Vec<Step>) {
        if self.dead {
            steps.extend(self.start().filter(|_| self.started.is_none()).map(Step::Start));
            return;
        }
        for lane in 0..2 {
            if self.written[lane] < self.blocks {
                steps.push(Step::Write(lane));
            }
            let lacks = |who: &usize| self.durable[*who][lane] < self.written[lane];
            steps.extend((0..2).filter(lacks).map(|who| Step::Land(who, lane)));
        }
        steps.push(Step::Die);
    }

    fn take(&self, step: &Step) -> Self {
        let mut next = self.clone();
        match *step {
            Step::Write(lane) => next.written[lane] += 1,
            Step::Land(who, lane) => next.durable[who][lane] += 1,
            Step::Die => next.dead = true,
            Step::Start(lanes) => next.started = Some(lanes),
        }
        next
    }

    fn tell(&self, step: &Step) -> String {
        match *step {
            Step::Write(lane) => format!("block {} of lane {lane} is written", self.written[lane]),
            Step::Land(who, lane) => {
                format!("block {} of lane {lane} is durable at {}", self.durable[who][lane], ["A", "B"][who])
            }
            Step::Die => "both die and start again".to_owned(),
            Step::Start(lanes) => format!("they compare their lanes; one activates with {lanes:?}"),
        }
    }

    fn judge(&self) -> Result<(), Violation> {
        let [one, other] = self.durable;
        if let Some(lanes) = self.started {
            let lost = (0..2).any(|lane| lanes[lane] < one[lane].min(other[lane]));
            return if lost { Err(Violation("an acked block is missing".to_owned())) } else { Ok(()) };
        }
        if self.dead && self.start().is_none() {
            return Err(Violation("one writer, two sound copies, and neither may start".to_owned()));
        }
        Ok(())
    }
}
