//! What does not depend on how many come: time that runs out, and descriptors that do.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use protocol::core::frame::HANDSHAKE;
use ringmq::limits::FRAME_BYTES_BEFORE_LOGIN;

use super::bystanders::{self, Bystanders};
use super::crowd::{TICK, connect_from, is_closed, log_in};
use super::{Stage, speech};
use crate::measure::descriptors::raise_descriptors;
use crate::peers::wire::frames;
use crate::prove::kill9::broker::{Broker, empty};

/// Connections of each way to keep half of something back.
const EACH: usize = 50;
/// Open files of a broker that has few.
const DESCRIPTORS: u32 = 256;
/// Clients that want all of them.
const GREEDY: usize = 600;
/// Messages that come to their end meanwhile: enough to fill some segments of 1 MiB.
const MESSAGES: u64 = 12_000;
/// Time to live of those who then fall silent.
const TTL_MS: i64 = 1_500;

/// A way to keep half of something back.
struct Half {
    what: &'static str,
    streams: Vec<TcpStream>,
    /// Sent by each in every tick.
    drip: Vec<u8>,
    closed_after: Option<Duration>,
}

/// Those who do not finish what they began, and those who fall silent, are closed: after their time and not before it. Gives how long
/// each took.
///
/// # Errors
/// One was closed too early, or not `within` this time; or one was closed that does all it should.
pub fn in_time(stage: &Stage, handshake_timeout: Duration, within: Duration) -> Result<String, String> {
    let timeout = format!("acceptor.handshake-timeout={}ms", handshake_timeout.as_millis());
    let place = stage.place("in-time", &[&timeout, "connection-ttl-check-interval=200ms"]);
    empty(&place.directory)?;
    let broker = Broker::start(&place)?;
    let begun = Instant::now();
    let frame = [HANDSHAKE.to_vec(), speech::unfinished(FRAME_BYTES_BEFORE_LOGIN, 10_000)].concat();
    let mut halves = vec![
        half("nothing", broker.port, &[], &[])?,
        half("half a handshake", broker.port, HANDSHAKE.get(..3).unwrap_or_default(), &[])?,
        half("half a frame", broker.port, &frame, &[])?,
        half("a frame byte by byte", broker.port, &frame, &[30])?,
        silent_sessions(broker.port)?,
    ];
    let mut staying = half("whole frames", broker.port, &frames::greeting(TTL_MS), &frames::ping(TTL_MS))?;
    while begun.elapsed() < within && halves.iter().any(|half| half.closed_after.is_none()) {
        std::thread::sleep(TICK);
        halves.iter_mut().try_for_each(|half| half.go_on(begun, handshake_timeout))?;
        staying.go_on(begun, Duration::MAX)?;
    }
    let mut told = String::new();
    for Half { what, closed_after, .. } in &halves {
        let after = closed_after.ok_or_else(|| format!("{what} was not closed within {within:?}"))?;
        let _written = write!(told, "{what} {} ms, ", after.as_millis());
    }
    drop((halves, staying));
    broker.stopped()?;
    empty(&place.directory)?;
    let _written = write!(told, "whole frames stayed");
    Ok(told)
}

fn half(what: &'static str, port: u16, begin: &[u8], drip: &[u8]) -> Result<Half, String> {
    let mut streams = Vec::new();
    for _ in 0..EACH {
        let mut stream = connect_from(Ipv4Addr::LOCALHOST, port)?;
        stream.write_all(begin).and_then(|()| stream.set_nonblocking(true)).map_err(|error| error.to_string())?;
        streams.push(stream);
    }
    Ok(Half { what, streams, drip: drip.to_vec(), closed_after: None })
}

/// Clients that are there and are never heard again, as when their host has lost its power.
fn silent_sessions(port: u16) -> Result<Half, String> {
    let mut streams = Vec::new();
    for number in 0..EACH {
        let mut stream = connect_from(Ipv4Addr::LOCALHOST, port)?;
        log_in(&mut stream, &frames::greeting(TTL_MS), &format!("silent.{number}"))?;
        let consumer = speech::greedy_consumer(&format!("silent.{number}"));
        stream.write_all(&consumer).and_then(|()| stream.set_nonblocking(true)).map_err(|error| error.to_string())?;
        streams.push(stream);
    }
    Ok(Half { what: "a session that fell silent", streams, drip: Vec::new(), closed_after: None })
}

impl Half {
    fn go_on(&mut self, begun: Instant, not_before: Duration) -> Result<(), String> {
        let mut open = 0;
        for stream in &mut self.streams {
            // What the broker has answered is of no interest, and would hide that it has closed.
            while matches!(std::io::Read::read(stream, &mut [0; 4096]), Ok(1..)) {}
            // Who is closed meanwhile is found closed.
            let _written = stream.write(&self.drip);
            open += usize::from(!is_closed(stream));
        }
        let is_early = begun.elapsed() < not_before.min(Duration::from_millis(TTL_MS.unsigned_abs()));
        if open < self.streams.len() && (is_early || not_before == Duration::MAX) {
            return Err(format!("{} was closed after {:?}", self.what, begun.elapsed()));
        }
        if open == 0 && self.closed_after.is_none() {
            self.closed_after = Some(begun.elapsed());
        }
        Ok(())
    }
}

/// On a broker with few descriptors, more clients come than there are: those who were there before go on, through new segments, and
/// when the others have gone a new one may come. Gives what happened.
///
/// # Errors
/// Somebody who was there was not served, or nobody new could come afterwards.
pub fn descriptors(stage: &Stage) -> Result<String, String> {
    raise_descriptors(2_000)?;
    let mut place = stage.place("descriptors", &["acceptor.handshake-timeout=10m"]);
    empty(&place.directory)?;
    std::fs::create_dir_all(&place.directory).map_err(|error| error.to_string())?;
    let script = place.directory.join("few-descriptors");
    let text = format!("#!/bin/sh\nulimit -n {DESCRIPTORS}\nexec {} \"$@\"\n", place.binary.display());
    std::fs::write(&script, text).map_err(|error| format!("{}: {error}", script.display()))?;
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&script, executable).map_err(|error| format!("{}: {error}", script.display()))?;
    place.binary = script;
    let broker = Broker::start(&place)?;
    let bystanders = Bystanders::come(broker.port, false)?;
    let mut greedy = Vec::new();
    for _ in 0..GREEDY {
        let mut stream = connect_from(Ipv4Addr::LOCALHOST, broker.port)?;
        // Those that are turned away at once cannot write.
        let _turned_away = stream.write(&frames::greeting(-1));
        stream.set_nonblocking(true).map_err(|error| error.to_string())?;
        greedy.push(stream);
    }
    bystanders.longest_wait()?;
    bystanders.until_delivered(bystanders.delivered() + MESSAGES)?;
    let wait = bystanders.longest_wait()?;
    for stream in &mut greedy {
        while matches!(std::io::Read::read(stream, &mut [0; 4096]), Ok(1..)) {}
    }
    let inside = greedy.iter().filter(|stream| !is_closed(stream)).count();
    if inside == 0 || inside == GREEDY {
        return Err(format!("{inside} of {GREEDY} clients are inside of a broker with {DESCRIPTORS} descriptors"));
    }
    drop(greedy);
    bystanders::visit_once(broker.port)?;
    bystanders.leave()?;
    if let Some(complaint) = broker.stopped()?.first() {
        return Err(format!("the broker complains: {complaint}"));
    }
    empty(&place.directory)?;
    Ok(format!(
        "{inside} of {GREEDY} came in, {MESSAGES} messages went on with a longest wait of {} ms, and a new client came",
        wait.as_millis()
    ))
}
