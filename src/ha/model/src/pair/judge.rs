//! What must never be.
//!
//! - What was acked, or delivered, is in the lanes of every member of the in-sync set and of the holder of the register's epoch once it has begun it
//!   (without a register: of whoever serves). So is what an earlier active acks late.
//! - Without a register, no two serve at a time.
//! - Numbers of epochs grow in each lane.
//! - Where the histories of two copies say that they are equal, they are.
//!
//! What is wrong in a step itself is seen there (`turn.rs`).

use ha_engine::command::Clients;
use ha_engine::register::{AckMode, Register};

use super::Pair;
use super::cast::{Judged, name, side_of};
use super::side::Side;
use crate::world::Violation;

impl Pair {
    pub(super) fn judge_all(&self) -> Result<(), Violation> {
        if self.cast.judged != Judged::Losses
            && let Some(violation) = &self.violation
        {
            return Err(violation.clone());
        }
        if self.cast.has_register() {
            self.register.value.as_ref().map_or(Ok(()), |register| self.judge_losses(register))
        } else {
            self.judge_those_who_serve()
        }
    }

    fn judge_losses(&self, register: &Register) -> Result<(), Violation> {
        let holder = side_of(register.holder);
        if let Some(side) = self.sides.get(holder)
            && side.disk.started(register.epoch)
        {
            self.judge_whole(holder, side, "which holds the register's epoch")?;
        }
        if self.cast.judged == Judged::Losses || self.cast.ack_mode() == AckMode::Local {
            return Ok(());
        }
        for member in &register.in_sync {
            let who = side_of(member.instance);
            let Some(side) = self.sides.get(who) else { continue };
            // Where memory was confirmed, only the life that confirmed is a member, as long as it lasts.
            let lives = side.process.is_some() && side.kept.me() == *member;
            if self.cast.ack_mode() == AckMode::Durable || lives {
                self.judge_whole(who, side, "which is in the in-sync set")?;
            }
        }
        Ok(())
    }

    fn judge_those_who_serve(&self) -> Result<(), Violation> {
        let serves = |side: &Side| side.process.as_ref().is_some_and(|process| process.clients == Clients::Served);
        let mut serving = self.sides.iter().enumerate().filter(|(_, side)| serves(side));
        for (who, side) in serving.clone() {
            self.judge_whole(who, side, "which serves")?;
        }
        match (serving.next(), serving.next()) {
            (Some((one, _)), Some((other, _))) if self.cast.judged == Judged::All => {
                Err(Violation(format!("{} and {} both serve", name(one), name(other))))
            }
            _ => Ok(()),
        }
    }

    fn judge_whole(&self, who: usize, side: &Side, because: &str) -> Result<(), Violation> {
        let here = side.disk.operations();
        for (operations, what) in [(self.acked, "acked"), (self.delivered, "delivered")] {
            if let Some(missing) = operations.missing_in(here) {
                return Err(Violation(format!(
                    "operation {missing} was {what}, and {}, {because}, lacks it",
                    name(who)
                )));
            }
        }
        Ok(())
    }

    /// To be asked when lanes have changed.
    pub(super) fn judge_lanes(&self) -> Result<(), Violation> {
        for (who, side) in self.sides.iter().enumerate() {
            if let Some(lane) = side.disk.out_of_order() {
                return Err(Violation(format!("the epochs in lane {lane} of {} are out of order", name(who))));
            }
            for (other_number, other) in self.sides.iter().enumerate().skip(who + 1) {
                let Some(common) = side.disk.history().common(&other.disk.history()) else { continue };
                if !side.disk.common_with(&other.disk).covers(&common.cut) {
                    let (one, other) = (name(who), name(other_number));
                    return Err(Violation(format!(
                        "the histories of {one} and {other} say that they are equal where they are not"
                    )));
                }
            }
        }
        Ok(())
    }
}
