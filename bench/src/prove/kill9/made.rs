//! Stores for other proofs: made by the loop's load in some lives of a real broker, and looked into through a real one.
//!
//! Takes a plan, gives a store at rest of which the oracle holds that nothing acked is missing; takes a store, gives what comes out of it.

use std::path::Path;

use tokio::task::LocalSet;

use super::broker::{self, Broker, Place};
use super::drain;
use super::load::Store;
use super::oracle::Identity;
use super::round::{End, Plan, Round};
use crate::prove::random::Random;

/// Short: each flip reads the whole store.
const LIFE_MS: (u64, u64) = (20, 120);

/// How the last life of a store ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastEnd {
    /// Killed under load.
    Killed,
    /// Stopped in order.
    Stopped,
}

/// A store at rest.
#[derive(Clone, Debug)]
pub struct Made {
    /// Where it lies, and how its broker is started.
    pub place: Place,
    /// What its bodies follow from.
    pub seed: u64,
}

/// Makes a store in three lives: a kill, a stop, and the end that was asked for. A copy of it is emptied and judged: nothing acked is missing.
pub fn make(plan: &Plan, number: u32, end: LastEnd) -> Result<Made, String> {
    let runtime = runtime()?;
    let set = LocalSet::new();
    let place = plan.place(number);
    broker::empty(&place.directory)?;
    let mut random = Random::of(plan.seed, u64::from(number));
    let store = Store::new(random.number());
    let mut round = Round::new(place.clone(), store, random).with_lives_of(LIFE_MS);
    let last = if end == LastEnd::Killed { End::Kill } else { End::Stop };
    let copy = Place { directory: place.directory.with_extension("whole"), ..place.clone() };
    let lived = set.block_on(&runtime, async {
        round.lives(&set, &[End::Kill, End::Stop, last]).await?;
        copy_folder(&place.directory.join("data"), &copy.directory.join("data"))?;
        round.judged_at(&copy).await
    });
    let findings = round.findings();
    broker::empty(&copy.directory)?;
    lived?;
    if findings.is_empty() {
        return Ok(Made { place, seed: round.seed() });
    }
    let first = findings.texts().first().map(|finding| finding.text.clone()).unwrap_or_default();
    Err(format!("the store {} is wrong before anything was done to it: {findings}: {first}", place.directory.display()))
}

/// What a broker on this store delivers, queue by queue, in order; what cannot be read stands as what is wrong with it.
pub fn contents(broker: &Broker, seed: u64) -> Result<Vec<Result<Identity, String>>, String> {
    let runtime = runtime()?;
    LocalSet::new().block_on(&runtime, drain::taken(broker.port, seed))
}

fn runtime() -> Result<tokio::runtime::Runtime, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| format!("the runtime of the clients cannot be built: {error}"))
}

/// Copies a folder with all that is in it, over whatever is there.
pub fn copy_folder(from: &Path, to: &Path) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{} cannot be copied: {error}", from.display());
    broker::empty(to)?;
    std::fs::create_dir_all(to).map_err(failed)?;
    for entry in std::fs::read_dir(from).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let target = to.join(entry.file_name());
        if entry.file_type().map_err(failed)?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target).map_err(failed)?;
        }
    }
    Ok(())
}
