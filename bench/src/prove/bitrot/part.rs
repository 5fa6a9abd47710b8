//! One store and its flips.
//!
//! Takes a number, from which lanes, end and choices follow; gives figures. The store is known before anything is flipped: what its broker
//! answered, what a real broker delivers from it, and what is read here must be one and the same.

use std::path::PathBuf;

use journal::read_manifest;

use super::figures::{Figures, Wrong};
use super::flip::{Kind, Map};
use super::image::{Image, View};
use super::judge::{Base, Found, judge};
use super::sample::{Sample, sample};
use super::start::{Checkpoint, Given, Start, start};
use crate::prove::kill9::broker::{Broker, Place, empty};
use crate::prove::kill9::oracle::Identity;
use crate::prove::kill9::{LastEnd, Made, Plan, contents, copy_folder, make};
use crate::prove::random::Random;

/// Flips of one store, unless fewer are left.
pub const FLIPS_PER_STORE: u32 = 1_000;
/// Numbers of journal lanes, taken in turn.
const LANES: [u16; 3] = [1, 2, 4];
/// Flips between two lines of the progress.
const TELL_EVERY: u32 = 250;

/// What to do.
#[derive(Clone, Debug)]
pub struct Part {
    /// The broker.
    pub binary: PathBuf,
    /// `journal-tool`.
    pub tool: PathBuf,
    /// A folder for stores. One with findings is left there.
    pub directory: PathBuf,
    /// The seed of the whole run.
    pub seed: u64,
    /// Which store.
    pub number: u32,
    /// How many flips.
    pub flips: u32,
    /// For each kind of file, so many flips that go through real processes.
    pub samples: u32,
}

/// A store that was made, and what is known of it.
pub(super) struct Known {
    pub(super) made: Made,
    pub(super) base: Base,
    /// What a real broker delivers, in order.
    pub(super) delivered: Vec<Identity>,
}

/// Runs it; `told` hears how far it is.
pub fn part(part: &Part, told: &mut dyn FnMut(&str)) -> Result<Figures, String> {
    let end = if part.number.is_multiple_of(2) { LastEnd::Stopped } else { LastEnd::Killed };
    let known = known(part, part.number, end)?;
    let mut figures = Figures::default();
    (figures.stores, figures.messages) = (1, known.base.messages.len() as u64);
    let mut random = Random::of(part.seed, u64::from(part.number));
    let scratch = known.made.place.directory.join("lock");
    for number in 0..part.flips {
        let flip = known.base.map.flip(&mut random).ok_or("there is nothing to flip")?;
        match judge(&known.base, &flip, &scratch) {
            Ok(class) => figures.ended(flip.kind, class),
            Err(found) => complain(part, &mut figures, &found),
        }
        if (number + 1).is_multiple_of(TELL_EVERY) {
            told(&format!(
                "store {} ({} lanes, {end:?}): {} of {} flips",
                part.number,
                lanes(part.number),
                number + 1,
                part.flips
            ));
        }
    }
    for kind in Kind::ALL {
        for _ in 0..part.samples {
            let Some(flip) = known.base.map.flip_in(kind, &mut random) else { continue };
            let class = match judge(&known.base, &flip, &scratch) {
                Ok(class) => class,
                Err(found) => {
                    complain(part, &mut figures, &found);
                    continue;
                }
            };
            figures.sampled += 1;
            let place = scratch_place(&known.made.place, "sample");
            let sampled = Sample { known: &known, flip: &flip, class, tool: &part.tool, place: &place };
            if let Err(text) = sample(&sampled)? {
                let text = format!("{flip}, in memory {class:?}: {text}");
                complain(part, &mut figures, &Found { wrong: Wrong::Process, text });
            }
        }
    }
    if Wrong::ALL.into_iter().all(|wrong| figures.wrongs(wrong) == 0) {
        empty(&known.made.place.directory)?;
    }
    Ok(figures)
}

fn complain(part: &Part, figures: &mut Figures, found: &Found) {
    eprintln!("FOUND in store {} of seed {}: {}: {}", part.number, part.seed, found.wrong.word(), found.text);
    figures.went_wrong(found.wrong);
}

fn lanes(number: u32) -> u16 {
    let turn = usize::try_from(number).unwrap_or(0) % LANES.len();
    LANES.get(turn).copied().unwrap_or(1)
}

/// A place beside the store for a copy of it.
fn scratch_place(place: &Place, name: &str) -> Place {
    Place { directory: place.directory.join(name), ..place.clone() }
}

/// Makes a store and learns what it holds.
pub(super) fn known(part: &Part, number: u32, end: LastEnd) -> Result<Known, String> {
    let plan = Plan {
        binary: part.binary.clone(),
        directory: part.directory.clone(),
        seed: part.seed,
        lanes: LANES.to_vec(),
        settings: Vec::new(),
    };
    let made = make(&plan, number, end)?;
    let image = Image::read(&made.place.directory.join("data"))?;
    let delivered = delivered(&made)?;
    let shape = read_manifest(&mut View::of(&image), &Image::layout()).map_err(|error| error.to_string())?;
    let given = |checkpoint| Given { seed: made.seed, checkpoint, scratch: None, undamaged: None };
    let undamaged = |checkpoint| match start(View::of(&image), given(checkpoint)) {
        Start::Goes(went) => Ok(*went),
        Start::Refused(why) => Err(format!("the undamaged store is refused ({checkpoint:?}): {why}")),
    };
    let went = undamaged(Checkpoint::Used)?;
    let messages = went.messages.clone();
    if undamaged(Checkpoint::Deleted)?.messages != messages {
        return Err("the undamaged store holds other messages without its checkpoint".to_owned());
    }
    let mut read: Vec<Identity> = messages
        .values()
        .cloned()
        .collect::<Result<_, _>>()
        .map_err(|flaw| format!("the undamaged store holds a message that is none: {flaw:?}"))?;
    let mut came = delivered.clone();
    read.sort_unstable();
    came.sort_unstable();
    if read != came {
        return Err(format!("a broker delivers {} messages, and {} are read from its store", came.len(), read.len()));
    }
    let map = Map::new(&image, &shape, &went)?;
    let seed = made.seed;
    Ok(Known { made, base: Base { image, shape, map, messages, went, seed }, delivered })
}

/// What a real broker delivers from a copy of the undamaged store.
fn delivered(made: &Made) -> Result<Vec<Identity>, String> {
    let place = scratch_place(&made.place, "copy");
    copy_folder(&made.place.directory.join("data"), &place.directory.join("data"))?;
    let broker = Broker::start(&place)?;
    let came = contents(&broker, made.seed)?;
    broker.killed()?;
    empty(&place.directory)?;
    came.into_iter().collect()
}
