//! The rows of the decision at a start, as a person reads them: the table of the document is made from these texts.

use std::fmt;

macro_rules! rows {
    ($($row:ident $name:literal | $register:literal | $own:literal | $peer:literal | $decision:literal)+) => {
        /// A row of the table. Rows are tried in this order, but none of them needs it: their conditions exclude each other.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Row {
            $(
                #[doc = concat!("Row ", $name, ": ", $register, "; ", $own, "; ", $peer, ": ", $decision)]
                $row,
            )+
        }

        impl Row {
            /// All rows, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$row),+];

            /// The row's number.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$row => $name,)+
                }
            }

            const fn texts(self) -> [&'static str; 4] {
                match self {
                    $(Self::$row => [$register, $own, $peer, $decision],)+
                }
            }
        }
    };
}

rows! {
    R0 "0" | "any" | "quarantined" | "any"
        | "stays quarantined; only the operator ends it"
    R1 "1" | "read, empty" | "no data" | "silent, or passive with a copy that is no better"
        | "primary: make the register, activate in epoch 1; backup: wait for an active"
    R1b "1b" | "read, empty" | "no data" | "active, or passive with a better copy"
        | "wait for it, HA312: an empty disk must not make the register where the peer has data"
    R2 "2" | "read, empty" | "data" | "any"
        | "refuse, HA312; the operator says that this copy is right"
    R3 "3" | "read after the peer's answer, epoch not the one seen and no higher number" | "any" | "any"
        | "quarantined, HA402: the register was restored"
    R4 "4" | "read" | "rolled back: the register knows a life that is not remembered, or voters know of more than the lanes hold" | "any"
        | "join an active only, HA313; quarantined if nobody else is in sync"
    R4b "4b" | "read, holder is me" | "lacks something by its own record" | "any"
        | "join an active only, HA311; quarantined, HA353, if nobody else is in sync"
    R5 "5" | "read, holder is me, others in sync" | "entitled, nothing promised missing" | "in sync and passive, or not heard of within tail-recovery-wait, or its tail already taken over"
        | "take over its tail, then activate alone; a hole that it cannot fill either is cut"
    R6 "6" | "read, holder is me" | "entitled; alone in sync, or nothing behind a hole" | "not as in row 5"
        | "activate alone"
    R6b "6b" | "read, holder is me, others in sync" | "entitled; blocks stand behind a hole" | "not as in row 5"
        | "wait for its tail, HA352; the operator may go on without it"
    R6c "6c" | "read, holder is me, alone in sync" | "entitled; something promised is missing" | "any"
        | "quarantined, HA353"
    R6d "6d" | "read, holder is me, others in sync" | "entitled; something promised is missing" | "any"
        | "join an active only, HA311: one of the others serves, by row 8, and has what is missing"
    R7 "7" | "read, holder is another" | "entitled" | "active, not behind"
        | "join"
    R7b "7b" | "read, holder is another" | "entitled" | "active in an older epoch"
        | "wait: it is about to step down or to show a newer one"
    R7c "7c" | "read, holder is another" | "entitled" | "passive, about to activate"
        | "wait for it"
    R8 "8" | "read, holder is another" | "entitled, nothing behind a hole" | "silent for startup-peer-wait and its lease over, or passive and not about to activate"
        | "take over; until then wait"
    R8b "8b" | "read, holder is another" | "entitled, blocks behind a hole" | "silent, or passive and not about to activate"
        | "take over its tail if it is in sync, else wait for it, HA352"
    R9 "9" | "read, holder is another" | "not in sync, or lacks something, or something promised is missing" | "any"
        | "join an active only, HA311"
    R10 "10" | "not readable" | "no own attempt unresolved" | "active, not behind"
        | "join and copy; in sync only when the active's compare-and-set works"
    R11 "11" | "not readable" | "any" | "not as in row 10"
        | "wait for the register, HA314; never activate"
    R12 "12" | "none" | "any" | "active, not behind"
        | "join, if nothing acked is cut; else quarantined, HA401"
    R12b "12b" | "none" | "any" | "active in an older epoch"
        | "show it the newer epoch: the two compare what they have acked, then their claims"
    R13 "13" | "none" | "any" | "passive, or silent after it agreed"
        | "compare the copies: the better one takes over what it lacks, asks for consent and activates; the other waits; the other has nothing at all: the same with HA310, unless it was alone; neither complete: both wait, HA311; both acked: quarantined, HA401"
    R14 "14" | "none" | "handed over, or lacks something" | "silent"
        | "wait for ever, HA311"
    R14b "14b" | "none" | "something promised is missing" | "silent"
        | "refuse, HA353, if it was alone; else wait for the peer's tail, HA352"
    R15 "15" | "none; primary" | "was active alone, and its replica had agreed" | "silent after the search"
        | "activate: provably the newest; blocks behind a hole are cut"
    R16 "16" | "none; primary" | "never served, no data" | "silent after the search"
        | "activate in epoch 1"
    R17 "17" | "none; primary" | "was active with a replica, or alone without its word, or was in sync, or nothing is known of the data" | "silent after the search"
        | "stale-start=warn: activate, HA310, but with blocks behind a hole, if it was not alone, wait, HA352; refuse: wait, HA311"
    R18 "18" | "none; primary, check-for-live-server=false" | "as in rows 15 to 17, but for stale-start=refuse" | "silent"
        | "as these rows say, at once and with HA310"
    R19 "19" | "none; backup" | "any but row 14" | "silent"
        | "wait; with slave-cold-start=if-newest and last active alone, activate after the search, with HA310 if its replica had not agreed"
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The table as lines of Markdown.
#[must_use]
pub fn markdown() -> String {
    let mut out = String::from("| # | register | own copy | peer | decision |\n| --- | --- | --- | --- | --- |\n");
    for row in Row::ALL {
        let [register, own, peer, decision] = row.texts();
        out.push_str(&format!("| {row} | {register} | {own} | {peer} | {decision} |\n"));
    }
    out
}
