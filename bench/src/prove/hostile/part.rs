//! One kind of hostile client: rounds alone and beside it, on one broker.

use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use super::bystanders::Bystanders;
use super::crowd::{Crowd, SETTLE_TICKS, Sent, TICK, connect_from, log_in};
use super::figures::HOARD_BYTES_MAX;
use super::watched::Watched;
use super::{Figures, Kind, Stage, speech};
use crate::measure::descriptors::raise_descriptors;
use crate::peers::wire::frames;
use crate::prove::kill9::broker::{Broker, empty};
use crate::prove::random::Random;

/// Open files of this process, and of the broker, at the largest attack.
const DESCRIPTORS: u64 = 16_000;
/// Who comes in an attack stays until it is over: the limits on time have a part of their own.
const SETTINGS: [&str; 2] = ["acceptor.handshake-timeout=10m", "acceptor.max-connections=16000"];
/// The receive buffers of one core.
const ARENA_BYTES: usize = 4 << 20;
/// After the hostile ones have gone, their sockets are closed by then.
const GONE_WITHIN: Duration = Duration::from_secs(60);
/// By then those who hoard have sent more than a broker may keep.
const HOARDED_WITHIN: Duration = Duration::from_secs(120);
/// Sockets of clients that come and go at just that moment.
const PASSING: usize = 8;
/// Ticks in which the number of sockets has not changed, until all have come.
const STILL_TICKS: usize = 4;

/// A broker, those who behave, and what the kernel says about it.
struct Scene {
    watched: Watched,
    bystanders: Bystanders,
    measure: Duration,
}

/// What one measurement came to.
#[derive(Clone, Copy, Debug)]
struct Measured {
    messages: u64,
    nanos_each: u64,
}

/// A round beside the hostile ones.
#[derive(Clone, Copy, Debug)]
struct Beside {
    measured: Measured,
    connections: u64,
    grown_bytes: u64,
    left_bytes: u64,
    sent: Sent,
}

/// Runs so many rounds of one kind. `told` hears of each.
///
/// # Errors
/// Something else than what is measured went wrong: nobody was answered, a connection was not closed, the broker complains.
pub fn part(stage: &Stage, kind: Kind, rounds: u64, told: &mut dyn FnMut(&str)) -> Result<Figures, String> {
    raise_descriptors(DESCRIPTORS * u64::from(stage.scale.0) / 100 + 1_000)?;
    let memory = kind.connection_memory();
    let settings = [SETTINGS.as_slice(), &[memory.as_str()]].concat();
    let place = stage.place(kind.word(), &settings);
    empty(&place.directory)?;
    let broker = Broker::start(&place)?;
    let ran = rounds_of(stage, kind, rounds, &broker, told);
    let figures = ran.map_err(|what| format!("{kind}: {what}\n{}", broker.end_of_log()))?;
    if let Some(complaint) = broker.stopped()?.first() {
        return Err(format!("{kind}: the broker complains: {complaint}"));
    }
    empty(&place.directory)?;
    Ok(figures)
}

fn rounds_of(
    stage: &Stage,
    kind: Kind,
    rounds: u64,
    broker: &Broker,
    told: &mut dyn FnMut(&str),
) -> Result<Figures, String> {
    let mut scene = Scene {
        watched: Watched::new(broker.pid())?,
        bystanders: Bystanders::come(broker.port, true)?,
        measure: Duration::from_millis(stage.measure_ms),
    };
    let mut random = Random::of(stage.seed, kind as u64);
    // The first messages cost more than those that follow, and what is there once for all clients counts for none of them.
    touch_buffers(broker.port)?;
    scene.measure(&mut |until| pause(until))?;
    scene.bystanders.longest_wait()?;
    let (mut alone, mut beside): (Vec<Measured>, Vec<Beside>) = (Vec::new(), Vec::new());
    let (mut alone_wait, mut beside_wait) = (Duration::ZERO, Duration::ZERO);
    for round in 1..=rounds {
        alone.push(scene.measure(&mut |until| pause(until))?);
        alone_wait = alone_wait.max(scene.bystanders.longest_wait()?);
        beside.push(scene.attack(kind, stage, broker.port, &mut random)?);
        beside_wait = beside_wait.max(scene.bystanders.longest_wait()?);
        if let (Some(alone), Some(beside)) = (alone.last(), beside.last()) {
            let (alone, each) = (alone.nanos_each, beside.measured.nanos_each);
            let grown = beside.grown_bytes.checked_div(beside.connections).unwrap_or(0);
            told(&format!(
                "{kind}, round {round} of {rounds}: {each} ns a message beside {alone}, {grown} B a connection"
            ));
        }
    }
    let peak_bytes = scene.watched.peak()?;
    scene.bystanders.leave()?;
    let most = beside.iter().max_by_key(|beside| beside.grown_bytes.checked_div(beside.connections).unwrap_or(0));
    let left = |beside: Option<&Beside>| beside.map_or(0, |beside| beside.left_bytes);
    let micros = |wait: Duration| u64::try_from(wait.as_micros()).unwrap_or(u64::MAX);
    let millis = (stage.measure_ms * rounds).max(1);
    let a_second = |of: fn(&Sent) -> u64| beside.iter().map(|beside| of(&beside.sent)).sum::<u64>() * 1000 / millis;
    Ok(Figures {
        kind,
        rounds,
        messages: alone.iter().chain(beside.iter().map(|beside| &beside.measured)).map(|it| it.messages).sum(),
        alone_ns: median(alone.iter().map(|alone| alone.nanos_each).collect()),
        beside_ns: median(beside.iter().map(|beside| beside.measured.nanos_each).collect()),
        alone_wait_us: micros(alone_wait),
        beside_wait_us: micros(beside_wait),
        connections: most.map_or(0, |beside| beside.connections),
        grown_bytes: most.map_or(0, |beside| beside.grown_bytes),
        peak_bytes,
        left_bytes: left(beside.last()).saturating_sub(left(beside.first())),
        sent_bytes: a_second(|sent| sent.bytes),
        sent_connections: a_second(|sent| sent.connections),
    })
}

impl Scene {
    /// What a message costs the broker while `meanwhile` happens, tick by tick.
    fn measure(&self, meanwhile: &mut dyn FnMut(Instant) -> Result<(), String>) -> Result<Measured, String> {
        let (begun, time, delivered) = (Instant::now(), self.watched.processor_time()?, self.bystanders.delivered());
        let mut until = begun;
        while begun.elapsed() < self.measure {
            until += TICK;
            meanwhile(until)?;
        }
        let messages = self.bystanders.delivered() - delivered;
        let spent = self.watched.processor_time()?.saturating_sub(time);
        let nanos = u64::try_from(spent.as_nanos()).unwrap_or(u64::MAX);
        // None at all is a long wait, and judged as that.
        Ok(Measured { messages, nanos_each: nanos / messages.max(1) })
    }

    /// Have those who hoard done so much that a broker without a bound is seen? On a busy machine that takes its time.
    fn is_hoarded(&self, kind: Kind, crowd: &Crowd) -> Result<bool, String> {
        Ok(match kind {
            Kind::Unbounded => crowd.has_sent_all() && self.watched.peak()? > HOARD_BYTES_MAX,
            _ => crowd.has_hoarded(),
        })
    }

    /// The hostile ones come, go on, and go.
    fn attack(&mut self, kind: Kind, stage: &Stage, port: u16, random: &mut Random) -> Result<Beside, String> {
        let (before, sockets) = (self.watched.memory()?, self.watched.sockets()?);
        let mut crowd = Crowd::gather(kind, stage.scale, port, random)?;
        // Until all of them are where they want to be.
        let mut until = Instant::now();
        let settled = until + self.measure / 2;
        let (mut came, mut still, mut ticks) = (0, 0, 0);
        let by_then = until + HOARDED_WITHIN;
        while Instant::now() < settled
            || still < STILL_TICKS
            || ticks < SETTLE_TICKS
            || (kind.hoards() && Instant::now() < by_then && !self.is_hoarded(kind, &crowd)?)
        {
            // A tick that took too long is not caught up with: that would bring all of it at once.
            until = Instant::now() + TICK;
            ticks += 1;
            crowd.go_on()?;
            crowd.work_until(until);
            let now = self.watched.sockets()?;
            still = if now.abs_diff(came) <= PASSING { still + 1 } else { 0 };
            came = now;
        }
        let connections = crowd.count();
        if came + PASSING < sockets + connections && !kind.is_closed_by_the_broker() {
            return Err(format!("{} of {connections} hostile clients are inside", came.saturating_sub(sockets)));
        }
        if kind == Kind::Hoard && !self.is_hoarded(kind, &crowd)? {
            return Err(format!("they could send {} bytes in {HOARDED_WITHIN:?}, which proves nothing", crowd.hoarded));
        }
        crowd.sent = Sent::default();
        let memory = self.watched.memory()?;
        let measured = self.measure(&mut |until| {
            crowd.go_on()?;
            crowd.work_until(until);
            Ok(())
        })?;
        let grown_bytes = memory.max(self.watched.memory()?).saturating_sub(before);
        let sent = crowd.sent;
        crowd.until_closed()?;
        drop(crowd);
        let gone = Instant::now();
        while self.watched.sockets()? > sockets + PASSING {
            if gone.elapsed() > GONE_WITHIN {
                return Err(format!("{} sockets stay open, {sockets} were before", self.watched.sockets()?));
            }
            std::thread::sleep(TICK);
        }
        let left_bytes = self.watched.memory()?.saturating_sub(before);
        Ok(Beside { measured, connections: connections as u64, grown_bytes, left_bytes, sent })
    }
}

/// Has the broker touch all of its receive buffers, on each of its cores: as many clients as make that certain send more than they hold.
fn touch_buffers(port: u16) -> Result<(), String> {
    // What is over the limit of an address is received, and then refused.
    let message = speech::send("hostile.touch", false, false);
    let bytes = message.repeat(ARENA_BYTES / message.len());
    for number in 0..16 {
        let mut stream = connect_from(Ipv4Addr::LOCALHOST, port)?;
        log_in(&mut stream, &frames::greeting(-1), &format!("touch.{number}"))?;
        // What waits until an address is made would leave room behind that hides what is measured.
        stream.write_all(&speech::send("hostile.touch", false, true)).map_err(|error| error.to_string())?;
        stream.read_exact(&mut [0; 8]).map_err(|error| format!("a message is not answered: {error}"))?;
        stream.write_all(&bytes).map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn pause(until: Instant) -> Result<(), String> {
    std::thread::sleep(until.saturating_duration_since(Instant::now()));
    Ok(())
}

fn median(mut numbers: Vec<u64>) -> u64 {
    numbers.sort_unstable();
    numbers.get(numbers.len() / 2).copied().unwrap_or(0)
}
