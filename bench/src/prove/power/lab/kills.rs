//! Killed guests: a store lives through several, one after the other, and after each its disk is judged.
//!
//! What reached the host's file is on the disk, whatever the guest had still in its memory is not: a power cut of a machine whose disk keeps what
//! it has taken. The next guest mounts the disk as it was left, so that the file system and the broker mend it themselves.

use std::path::Path;
use std::time::Duration;

use super::guest::Guest;
use super::hold::HOLD;
use super::judge::{add_own, judge};
use super::record::{DISK_BYTES, begin, diary, new_disk};
use super::work::{LabPlan, Work};
use crate::prove::kill9::broker::{Place, empty};
use crate::prove::kill9::oracle::{Kind, Oracle};
use crate::prove::power::figures::Figures;
use crate::prove::power::state::State;
use crate::prove::random::Random;

/// Guests of a store, unless fewer are left.
pub const KILLS_PER_ROUND: u32 = 5;
/// From the moment at which the clients stop to the kill.
const KILLED_AFTER_MS: (u64, u64) = (0, 60);
/// Acked operations that a kill needs to say something.
const ACKED_MIN: u64 = 100;

/// Runs and kills so many guests on one store; `each` hears of them.
pub fn guest_kills(plan: &LabPlan, number: u32, kills: u32, mut each: impl FnMut(&str)) -> Result<Figures, String> {
    let mut random = Random::of(plan.seed, u64::from(number));
    let (place, mut work) = begin(plan, number, 0, &mut random)?;
    let (disk, _) = new_disk(&place.directory)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("the runtime of the clients cannot be built: {error}"))?;
    let set = tokio::task::LocalSet::new();
    let mut figures = Figures::default();
    let (mut history, mut acked) = (Oracle::default(), 0);
    for kill in 0..kills {
        if let Err(what) = life(plan, &place, &work, &disk, &mut random) {
            if !plan.unsafe_disk {
                eprintln!("FOUND in round {number}, guest {kill}: {what}");
            }
            figures.findings.count(Kind::Broker, 1);
            break;
        }
        history = known(&place)?;
        let state = State { bytes: disk_of(&disk)?, open: 0, damaged: 0 };
        let name = format!("kill {kill}");
        set.block_on(&runtime, judge(plan, &place, work.seed, &state, history.clone(), &name, &mut figures));
        let counts = history.counts();
        figures.cuts += 1;
        figures.loaded += u64::from(counts.acked - acked >= ACKED_MIN && counts.pending > 0);
        acked = counts.acked;
        work.choices = random.number();
        each(&format!("round {number}: {} of {kills} guests killed", kill + 1));
    }
    add_own(&history, &mut figures);
    if figures.findings.is_empty() || plan.unsafe_disk {
        empty(&place.directory)?;
    }
    Ok(figures)
}

fn life(plan: &LabPlan, place: &Place, work: &Work, disk: &Path, random: &mut Random) -> Result<(), String> {
    let mut guest = Guest::boot(&plan.lab, &plan.bench, &place.directory, work, &[disk])?;
    guest.holds()?;
    std::thread::sleep(Duration::from_millis(random.between(KILLED_AFTER_MS.0, KILLED_AFTER_MS.1)));
    guest.kill()
}

fn known(place: &Place) -> Result<Oracle, String> {
    let mut history = Oracle::default();
    diary(&place.directory)?.lines().filter(|line| *line != HOLD).try_for_each(|line| history.happens(line))?;
    Ok(history)
}

fn disk_of(path: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    bytes.truncate(usize::try_from(DISK_BYTES).unwrap_or(usize::MAX));
    Ok(bytes)
}
