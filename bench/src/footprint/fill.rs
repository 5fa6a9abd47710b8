//! Memory of a target while a queue grows.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::load::{self, Glimpse};
use crate::measure::memory::resting;
use crate::result::schema::Level;

/// More than RingMQ's hot window holds as it comes: 256 MiB of bodies of 1 KiB. From there on a message costs what it costs for good.
const WINDOW_FULL: u64 = 280_000;

/// Messages at the level in the middle of a queue that grows to so many.
fn first_level(queued: u64) -> u64 {
    WINDOW_FULL.min(queued / 2)
}

/// Fills the queue of the plan, which is there; memory at none, where RingMQ's hot window is full (or at the half) and at the end.
///
/// # Errors
///
/// A target that does not take them, or a stop.
pub fn levels(
    base: &load::Plan,
    queued: u64,
    told: &mut dyn FnMut(&str),
    stop: &AtomicBool,
) -> Result<[Level; 3], String> {
    let level = |count| Ok::<_, String>(Level { count, resident_bytes: resting(&base.pids)? });
    let first = first_level(queued);
    let none = level(0)?;
    fill(base, first, told, stop)?;
    let some = level(first)?;
    fill(base, queued - first, told, stop)?;
    Ok([none, some, level(queued)?])
}

/// Sends so many messages of 1 KiB and waits for all acks.
fn fill(base: &load::Plan, messages: u64, told: &mut dyn FnMut(&str), stop: &AtomicBool) -> Result<(), String> {
    let mut tenth = 0;
    let mut watch = |glimpse: Glimpse| {
        let now = glimpse.acked * 10 / messages.max(1);
        if now > tenth {
            tenth = now;
            told(&format!("filling the queue: {} of {messages} messages", glimpse.acked));
        }
    };
    load::run(&load::filling(base, messages.max(1)), &mut watch, stop)?;
    if stop.load(Ordering::Relaxed) { Err("stopped while the queue was filled".to_owned()) } else { Ok(()) }
}
