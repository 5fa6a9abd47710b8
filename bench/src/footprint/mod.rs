//! What a target takes before it does anything: its start, its memory idle, that of a connection and that of a message that waits.
//!
//! In each round each target gets a store of its own, made by a start that is not counted, and then is started by itself: from there to the
//! ack of one durable message, its memory once that stays as it is, the same with clients that have logged in, and with a queue that fills. The
//! same steps, the same clock and the same client for all that speak CORE; others are asked by clients of their own protocol.
//!
//! - `guest`: a client that logs in, and can send one message
//! - `fill`: memory while a queue grows
//! - `control`: a start and a memory that must be seen as too much
//!
//! Must stay true: one target is alive at a time; what was not measured is missing, never zero.

mod control;
mod fill;
mod guest;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

pub use control::control;
pub use fill::levels;

use crate::compare::order;
use crate::load;
use crate::measure::context::Context;
use crate::measure::descriptors::allow_connections;
use crate::measure::memory::resting;
use crate::result::schema::{Footprint, Level, Results};
use crate::targets::{Place, Protocol, Running, Target, free_port};
use guest::Guest;

/// How often a starting target is asked.
const ASK_EVERY: Duration = Duration::from_millis(1);
/// What a start may take on a busy machine.
const READY_WITHIN: Duration = Duration::from_secs(300);
/// Connections of targets that do not speak CORE: one of them takes a thousand as it comes, and a thread for each.
const CONNECTIONS_OF_OTHERS: u32 = 900;
/// The queue of all of them.
const QUEUE: &str = "footprint";

/// What is measured.
#[derive(Clone, Copy, Debug)]
pub struct Counts {
    /// Clients that log in and do nothing.
    pub connections: u32,
    /// Messages of 1 KiB that wait at the end; not measured of targets that do not speak CORE, some of which would take an hour.
    pub queued: u64,
}

impl Counts {
    /// So many connections that a heap with room to spare must grow by them, and as many messages as Artemis keeps in memory as it comes.
    pub const FULL: Self = Self { connections: 10_000, queued: 640_000 };

    /// No more than these.
    #[must_use]
    pub fn at_most(self, connections: u32, queued: u64) -> Self {
        Self { connections: self.connections.min(connections), queued: self.queued.min(queued) }
    }
}

/// What is interleaved.
#[derive(Debug)]
pub struct Plan<'a> {
    /// The targets.
    pub targets: &'a [Box<dyn Target>],
    /// How often.
    pub rounds: u32,
    /// A folder for stores.
    pub directory: PathBuf,
    /// How much of each.
    pub counts: Counts,
}

/// Measures them all in turns; `results` gets what was measured, and why something was not. A stop keeps what there is.
pub fn run(plan: &Plan<'_>, told: &mut dyn FnMut(&str), stop: &AtomicBool, results: &mut Results) {
    let mut out = vec![false; plan.targets.len()];
    for round in 0..plan.rounds {
        for (place, index) in order(plan.targets.len(), round).into_iter().enumerate() {
            let (Some(target), Some(is_out)) = (plan.targets.get(index), out.get_mut(index)) else { continue };
            if stop.load(Ordering::Relaxed) {
                return;
            }
            if *is_out {
                continue;
            }
            told(&format!("start and memory of {}: round {} of {}", target.name(), round + 1, plan.rounds));
            match fresh(target.as_ref(), &plan.directory, plan.counts, told, stop) {
                Ok(measured) => {
                    let order = u32::try_from(place).unwrap_or(u32::MAX);
                    results.footprints.push(Footprint { round, order, ..measured });
                }
                Err(_) if stop.load(Ordering::Relaxed) => return,
                Err(why) => {
                    told(&format!("left out: {}: {why}", target.name()));
                    results.skipped.push((target.name().to_owned(), format!("start and memory: {why}")));
                    *is_out = true;
                }
            }
        }
    }
}

/// On an empty store, which goes with it.
fn fresh(
    target: &dyn Target,
    above: &Path,
    counts: Counts,
    told: &mut dyn FnMut(&str),
    stop: &AtomicBool,
) -> Result<Footprint, String> {
    let directory = above.join(format!("footprint-{}", target.name()));
    let place = Place { directory: directory.clone(), port: 0, queue: QUEUE.to_owned(), settings: Vec::new() };
    let measured = created(target, &place).and_then(|()| once(target, &place, counts, told, stop));
    // A folder that stays harms nobody.
    let _left = std::fs::remove_dir_all(directory);
    measured
}

/// Makes the store and its queue anew, by a start that is not counted.
fn created(target: &dyn Target, place: &Place) -> Result<(), String> {
    if place.directory.is_dir() {
        std::fs::remove_dir_all(&place.directory).map_err(|error| format!("{}: {error}", place.directory.display()))?;
    }
    target.start(place)?.stop()
}

/// All of it, on a store that was created.
fn once(
    target: &dyn Target,
    place: &Place,
    counts: Counts,
    told: &mut dyn FnMut(&str),
    stop: &AtomicBool,
) -> Result<Footprint, String> {
    let speaks_core = target.protocol() == Protocol::Core;
    let most = if speaks_core { u32::MAX } else { CONNECTIONS_OF_OTHERS };
    let connections = counts.connections.min(most);
    allow_connections(connections)?;
    let before = Context::now();
    let (running, start) = first_ack(target, place)?;
    let mut measured = Footprint {
        target: target.name().to_owned(),
        target_version: target.version()?,
        durability: target.durability(),
        protocol: target.protocol().name().to_owned(),
        round: 0,
        order: 0,
        start_ms: start.as_secs_f64() * 1e3,
        idle_bytes: resting(&running.pids())?,
        connected: None,
        queued: Vec::new(),
        context: Context::default(),
    };
    if connections > 0 {
        let guests = Guest::log_in(target, running.port(), connections)?;
        let resident_bytes = resting(&running.pids())?;
        measured.connected = Some(Level { count: u64::from(connections), resident_bytes });
        drop(guests);
    }
    if counts.queued > 0 && speaks_core {
        let base = load::Plan::against(target, &running, &place.queue);
        measured.queued = levels(&base, counts.queued, told, stop)?.to_vec();
    }
    // Its store goes now.
    running.kill()?;
    Ok(Footprint { context: Context::now().since(&before), ..measured })
}

/// Starts it and sends one durable message as soon as it takes one; gives what that took from the start of its process.
fn first_ack(target: &dyn Target, place: &Place) -> Result<(Running, Duration), String> {
    let place = Place { port: free_port()?, ..place.clone() };
    let begun = Instant::now();
    let mut running = target.launch(&place)?;
    loop {
        let why = match Guest::sent(target, place.port, &place.queue) {
            Ok(()) => return Ok((running, begun.elapsed())),
            Err(why) => why,
        };
        if let Some(end) = running.ended() {
            return Err(end);
        }
        if begun.elapsed() > READY_WITHIN {
            return Err(format!("no durable message was acked within {READY_WITHIN:?}: {why}"));
        }
        std::thread::sleep(ASK_EVERY);
    }
}
