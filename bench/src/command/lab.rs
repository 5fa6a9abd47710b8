//! `bench prove log-writes` and `bench prove guest-kills`: power cuts in guests, with their controls, and the lines in the ledger.

use std::path::PathBuf;

use bench::prove::parts;
use bench::prove::power::Figures;
use bench::prove::power::lab::{
    KILLS_PER_ROUND, Lab, LabPlan, NoLab, POINTS_PER_ROUND, guest_kills, inside, kills_control, log_control, log_writes,
};
use clap::Args;

use super::opening::{Broker, Lanes, Opening, Outcome};
use super::{Common, top};

/// Of what the figures are.
const OF_A_GUEST: &str = "ext4 of a User-Mode Linux guest";

/// `--count` is the number of crash points, or of killed guests.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    broker: Broker,
    #[command(flatten)]
    lanes: Lanes,
    /// How often the clients stop in a record, so that what they know is known exactly; crash points lie there
    #[arg(long, value_name = "N", default_value_t = 30)]
    holds: u32,
    /// Guests at a time
    #[arg(long, value_name = "N", default_value_t = 1)]
    threads: u32,
}

/// What a guest is started with.
#[derive(Debug, Args)]
pub(super) struct Inside {
    /// The folder of the host that the guest writes to
    #[arg(long, value_name = "DIR")]
    window: PathBuf,
}

/// The work of a guest, in a guest.
pub(super) fn run_inside(arguments: &Inside) -> Result<bool, String> {
    inside(&arguments.window).map(|()| true)
}

/// Crash points of recorded disks.
pub(super) fn run_log_writes(arguments: &Arguments) -> Result<bool, String> {
    let Some((opening, plan)) = begun("log-writes", arguments)? else { return Ok(true) };
    let control = opening.control("a file system that never flushes its disk", || log_control(&plan))?;
    let lanes = &arguments.lanes;
    let mut progress = opening.progress(&format!("holds {} lanes {lanes}", plan.holds))?;
    let rounds = opening.count.div_ceil(POINTS_PER_ROUND);
    let part = |number: u32| {
        let most = (opening.count - number * POINTS_PER_ROUND).min(POINTS_PER_ROUND);
        log_writes(&plan, number, most, |text| eprintln!("{text} (record {} of {rounds})", number + 1))
    };
    let told = &mut |all: &Figures| eprintln!("after {} points: {}", all.points, all.findings);
    let figures = parts::run(&mut progress, rounds, arguments.threads, &part, told)?;
    let Figures { points, open, damaged, recorded, acked, delivered, .. } = &figures;
    let words = format!(
        "{points} crash points in {rounds} records of guests; {recorded} writes and flushes recorded, {open} writes were open at a point, of \
         {damaged} something was missing; {acked} operations acked, {delivered} messages delivered after it"
    );
    println!("{words}");
    let held = figures.findings.is_empty() && *points >= u64::from(opening.count);
    let (verdict, note) = (figures.findings.to_string(), format!("lanes {lanes}; {OF_A_GUEST}; {words}"));
    opening.end(Some(progress), Outcome { held, verdict, control, note })
}

/// Guests that are killed.
pub(super) fn run_guest_kills(arguments: &Arguments) -> Result<bool, String> {
    let Some((opening, plan)) = begun("guest-kills", arguments)? else { return Ok(true) };
    let control = opening.control("a disk that forgets what it has taken", || kills_control(&plan))?;
    let lanes = &arguments.lanes;
    let mut progress = opening.progress(&format!("lanes {lanes}"))?;
    let rounds = opening.count.div_ceil(KILLS_PER_ROUND);
    let part = |number: u32| {
        let kills = (opening.count - number * KILLS_PER_ROUND).min(KILLS_PER_ROUND);
        guest_kills(&plan, number, kills, |text| eprintln!("{text} (of {rounds} rounds)"))
    };
    let told = &mut |all: &Figures| eprintln!("after {} kills: {}", all.cuts, all.findings);
    let figures = parts::run(&mut progress, rounds, arguments.threads, &part, told)?;
    let Figures { cuts, loaded, acked, delivered, .. } = &figures;
    let words = format!(
        "{cuts} guests killed under load ({loaded} with at least 100 acked and one in flight), {rounds} stores; {acked} operations acked, \
         {delivered} messages delivered after it"
    );
    println!("{words}");
    let held = figures.findings.is_empty() && *cuts >= u64::from(opening.count);
    let (verdict, note) = (figures.findings.to_string(), format!("lanes {lanes}; {OF_A_GUEST}; {words}"));
    opening.end(Some(progress), Outcome { held, verdict, control, note })
}

/// The plan of a proof; nothing, with a word about it, where there is no lab.
fn begun(proof: &'static str, arguments: &Arguments) -> Result<Option<(Opening, LabPlan)>, String> {
    let Arguments { common, broker, lanes, holds, .. } = arguments;
    let lab = match Lab::find(&top()) {
        Ok(lab) => lab,
        Err(NoLab(why)) => {
            println!("skipped: {proof}: {why}");
            return Ok(None);
        }
    };
    let opening = Opening::of(proof, common)?;
    let plan = LabPlan {
        lab,
        broker: broker.built()?,
        bench: std::env::current_exe().map_err(|error| format!("this program: {error}"))?,
        directory: opening.directory.clone(),
        seed: common.seed,
        lanes: lanes.numbers.clone(),
        holds: *holds,
        unsafe_disk: false,
    };
    Ok(Some((opening, plan)))
}
