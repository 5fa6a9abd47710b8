//! A store's way through lives that end by power cuts, by deaths of the process and in order, until all its messages are out.

use super::oracle::Kind;
use super::{Control, Crash, Scale, WorkEnd, World};

/// Operations of one life.
const OPERATIONS: u64 = 150;
/// Lives under load.
const LIVES: u64 = 4;

/// The scale that goes with a seed: 1, 2 and 4 lanes, one core or two, now and then transactions only.
#[must_use]
pub fn scale_of(seed: u64) -> Scale {
    let lanes = match seed % 3 {
        0 => 1,
        1 => 2,
        _ => 4,
    };
    Scale { lanes, cores: if seed / 3 % 2 == 1 { 2 } else { 1 }, only_transactions: seed % 5 == 4 }
}

/// Lives through all of it. What was wrong is in the findings of the world.
#[must_use]
pub fn live(seed: u64, control: Control) -> World {
    let mut world = World::new(seed, &scale_of(seed), control);
    for life in 0..LIVES {
        if !start(&mut world) {
            return world;
        }
        world.allow(OPERATIONS);
        let end = world.work((life % 2 == 0).then_some(400 + seed.wrapping_mul(37) % 4000));
        if matches!(end, WorkEnd::Failed(_) | WorkEnd::PowerGone | WorkEnd::Stuck(_)) {
            world.report(Kind::Broker, format!("{end:?}"));
        }
        end_life(&mut world, (seed + life) % 4);
    }
    for _ in 0..2 {
        if !start(&mut world) || world.drain() != WorkEnd::Done {
            return world;
        }
        world.crash(Crash::PowerCut);
    }
    world
}

fn start(world: &mut World) -> bool {
    let started = world.start(&[]);
    if let Err(refusal) = &started {
        world.report(Kind::Broker, format!("no start: {}", refusal.text));
    }
    started.is_ok()
}

fn end_life(world: &mut World, how: u64) {
    match how {
        0 => {
            if let Err(text) = world.stop() {
                world.report(Kind::Broker, format!("no stop in order: {text}"));
            }
        }
        1 => world.crash(Crash::Kill),
        _ => world.crash(Crash::PowerCut),
    }
}

/// How many of these seeds show that a broker is wrong on purpose.
#[must_use]
pub fn caught(control: Control, seeds: std::ops::Range<u64>) -> u64 {
    seeds.filter(|seed| !live(*seed, control).findings().is_empty()).count() as u64
}
