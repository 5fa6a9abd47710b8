//! What was counted, what it must be, and how it is told.

use std::fmt;

use crate::measure::device::Counters;

/// Bytes to the device for each byte of an acked SEND frame, in thousandths, at a window of more than one.
const AMPLIFICATION_MAX: u64 = 1150;

/// One load on one store.
#[derive(Clone, Debug)]
pub struct Round {
    /// How the store makes a write durable.
    pub sync: &'static str,
    /// Bytes of a body.
    pub size: usize,
    /// Sends without an answer at a time.
    pub window: usize,
    /// Acked.
    pub messages: u64,
    /// Of their SEND frames.
    pub frame_bytes: u64,
    /// Blocks with records that the broker wrote. With one message at a time each is a group.
    pub blocks: u64,
    /// Seals that it wrote meanwhile.
    pub seals: u64,
    /// What the device was asked for by the broker.
    pub broker: Counters,
    /// By the bare program, for the same blocks with records.
    pub bare: Counters,
    /// By the bare program, for as many seals.
    pub bare_seals: Counters,
}

/// What a round showed; nothing if it is as it must be.
pub type Verdict = Result<(), String>;

impl Round {
    /// Compares the broker with the bare program.
    pub fn verdict(&self) -> Verdict {
        let allowed = self.bare.plus(&self.bare_seals);
        let fault = |what: &str| Err(format!("{self}: {what}, the bare program: {allowed}"));
        if self.broker.sectors != allowed.sectors {
            return fault("the device got other bytes than the blocks");
        }
        if self.window == 1 {
            if self.blocks != self.messages {
                return fault("a message at a time is a group at a time");
            }
            return if self.broker == allowed { Ok(()) } else { fault("the device was asked for something else") };
        }
        // Groups in flight together may share a flush, and what is written side by side is cut and joined as the kernel likes.
        if self.broker.flushes > allowed.flushes {
            return fault("the device was asked for more flushes");
        }
        if self.amplification() > AMPLIFICATION_MAX { fault("too many bytes") } else { Ok(()) }
    }

    /// Bytes written for a thousand bytes of frames, seals apart.
    pub fn amplification(&self) -> u64 {
        let bytes = self.broker.bytes().saturating_sub(self.bare_seals.bytes());
        (bytes * 1000).checked_div(self.frame_bytes).unwrap_or(u64::MAX)
    }
}

impl fmt::Display for Round {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sync, size, window, messages, blocks, seals, broker, .. } = self;
        let amplification = self.amplification();
        write!(
            out,
            "{sync} {size} B window {window}: {messages} acked, {blocks} blocks, {seals} seals, {broker}, {}.{:03} bytes a byte",
            amplification / 1000,
            amplification % 1000
        )
    }
}

/// All rounds, and the control.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// In the order in which they ran.
    pub rounds: Vec<Round>,
    /// Groups of all stores, as their brokers told them; what else they told of their lanes was compared with the files.
    pub groups: u64,
    /// Rounds in which a growing file stood for the broker's: each must be refused.
    pub controls: Vec<Round>,
}

impl Figures {
    /// What is wrong; empty if all is as it must be.
    pub fn faults(&self) -> Vec<String> {
        self.rounds.iter().filter_map(|round| round.verdict().err()).collect()
    }

    /// Whether every control was refused, and there was one.
    pub fn caught(&self) -> bool {
        !self.controls.is_empty() && self.controls.iter().all(|control| control.verdict().is_err())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(window: usize) -> Round {
        let bare = Counters { writes: 20, sectors: 80, flushes: 10 };
        let bare_seals = Counters { writes: 2, sectors: 8, flushes: 1 };
        let broker = bare.plus(&bare_seals);
        Round {
            sync: "dsync",
            size: 1024,
            window,
            messages: 10,
            frame_bytes: 40_000,
            blocks: 10,
            seals: 1,
            broker,
            bare,
            bare_seals,
        }
    }

    #[test]
    fn exactly_the_bare_programs_work_is_accepted_at_window_1() {
        round(1).verdict().unwrap();
        for (writes, sectors, flushes) in [(1, 0, 0), (0, 8, 0), (0, 0, 1)] {
            let mut more = round(1);
            more.broker = more.broker.plus(&Counters { writes, sectors, flushes });
            more.verdict().unwrap_err();
        }
        let mut fewer = round(1);
        fewer.broker.flushes -= 1;
        fewer.verdict().unwrap_err();
        let mut bundled = round(1);
        bundled.messages = 11;
        bundled.verdict().unwrap_err();
    }

    #[test]
    fn flushes_may_be_shared_and_bytes_not_be_wasted_at_a_window() {
        let mut shared = round(64);
        shared.broker.writes += 1;
        shared.broker.flushes -= 1;
        shared.verdict().unwrap();
        assert_eq!(shared.amplification(), 1024);
        shared.frame_bytes = 35_000;
        assert_eq!(shared.amplification(), 1170);
        shared.verdict().unwrap_err();
    }
}
