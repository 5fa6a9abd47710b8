//! Clients against the built broker over TCP: connections are cut at random bytes, in every way in which connections end.

use std::collections::VecDeque;
use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt::Linger};

use super::{Client, Lie, Plan};
use crate::prove::kill9::broker::{Broker, Place, empty};
use crate::prove::parts;
use crate::prove::random::Random;

/// Cuts between two lines of progress.
pub const CUTS_PER_ROUND: u32 = 50;
/// A broker that says nothing for so long says nothing any more.
const SILENCE_MAX: Duration = Duration::from_secs(20);
/// Bytes of one connection in one direction, at most.
const LIFE_BYTES_MAX: u64 = 2_500;
/// Connections that are cut for the client alone: the broker has not heard of their end.
const HALF_OPEN_MAX: usize = 16;
/// The confirmation window.
const WINDOW_BYTES: i32 = 1 << 20;
/// Cuts in which a lie must be noticed.
const LIE_CUTS_MAX: u64 = 200;

/// What is run, and where.
#[derive(Clone, Debug)]
pub struct Stage {
    /// The built broker.
    pub binary: PathBuf,
    /// A folder of its own.
    pub directory: PathBuf,
    /// The seed of all choices.
    pub seed: u64,
    /// Journal lanes.
    pub lanes: u16,
    /// Settings of the broker beside those, as `NAME=VALUE`.
    pub settings: Vec<String>,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Connections that were cut.
    pub cuts: u64,
    /// Of those, connections that were reset.
    pub resets: u64,
    /// Of those, connections of which the broker has not heard that they ended.
    pub half_open: u64,
    /// Sessions that went on.
    pub resumed: u64,
    /// Clients that did all their work.
    pub clients: u64,
}

impl parts::Figures for Figures {
    fn numbers(&self) -> Vec<u64> {
        vec![self.cuts, self.resets, self.half_open, self.resumed, self.clients]
    }

    fn from_numbers(numbers: &[u64]) -> Option<Self> {
        let [cuts, resets, half_open, resumed, clients] = numbers.try_into().ok()?;
        Some(Self { cuts, resets, half_open, resumed, clients })
    }

    fn merge(&mut self, other: &Self) {
        self.cuts += other.cuts;
        self.resets += other.resets;
        self.half_open += other.half_open;
        self.resumed += other.resumed;
        self.clients += other.clients;
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cuts, resets, half_open, resumed, clients } = self;
        write!(
            f,
            "{cuts} connections cut ({resets} reset, {half_open} half-open), {resumed} sessions went on, {clients} clients done"
        )
    }
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Cut,
    Done,
}

/// Runs a round: so many cuts, and then each client to the end of its work.
///
/// # Errors
/// What was wrong, with the seed and the client.
pub fn round(stage: &Stage, number: u64, cuts: u64) -> Result<Figures, String> {
    let directory = stage.directory.join(format!("round-{number}"));
    empty(&directory)?;
    let place = Place {
        binary: stage.binary.clone(),
        directory: directory.clone(),
        lanes: stage.lanes,
        port: 0,
        settings: stage.settings.clone(),
    };
    let broker = Broker::start(&place)?;
    let mut random = Random::of(stage.seed, number);
    let mut figures = Figures::default();
    while figures.cuts < cuts {
        let name = format!("{number}.{}", figures.clients);
        let worked = work(broker.port, &name, Lie::None, cuts, &mut figures, &mut random);
        worked.map_err(|what| format!("seed {}, round {number}, client {name}: {what}", stage.seed))?;
        figures.clients += 1;
    }
    let complaints = broker.stopped()?;
    if let Some(complaint) = complaints.first() {
        return Err(format!("seed {}, round {number}: the broker complains: {complaint}", stage.seed));
    }
    empty(&directory)?;
    Ok(figures)
}

/// Plants each lie until it is noticed. Gives what each was noticed by.
///
/// # Errors
/// One was not noticed, or something else went wrong.
pub fn controls(stage: &Stage) -> Result<String, String> {
    let directory = stage.directory.join("controls");
    let mut caught = Vec::new();
    for lie in Lie::ALL {
        empty(&directory)?;
        let (binary, directory, settings) = (stage.binary.clone(), directory.clone(), stage.settings.clone());
        let place = Place { binary, directory, lanes: stage.lanes, port: 0, settings };
        let broker = Broker::start(&place)?;
        let mut random = Random::of(stage.seed, 0xc0);
        let mut figures = Figures::default();
        let noticed = loop {
            if figures.cuts >= LIE_CUTS_MAX {
                return Err(format!("{lie:?} was not noticed in {} cuts", figures.cuts));
            }
            let name = format!("liar.{}", figures.clients);
            match work(broker.port, &name, lie, LIE_CUTS_MAX, &mut figures, &mut random) {
                Ok(()) => figures.clients += 1,
                Err(what) => break what,
            }
        };
        caught.push(format!("{lie:?} after {} cuts ({noticed})", figures.cuts));
        // What it did to the broker's log is the lie's doing.
        drop(broker);
    }
    empty(&directory)?;
    Ok(format!("caught: {}", caught.join("; ")))
}

/// One client does all its work, over as many connections as it takes.
fn work(port: u16, name: &str, lie: Lie, cuts: u64, figures: &mut Figures, random: &mut Random) -> Result<(), String> {
    let queue = |number: u8| format!("reattach.{name}.{number}");
    let (messages, commits) = (random.between(5, 30), random.between(2, 10));
    let plan = Plan { window: WINDOW_BYTES, messages, commits, queues: [queue(0), queue(1), queue(2)] };
    // The name is a secret: nobody else may have it, in another run either.
    let mut client = Client::new(&plan, &format!("reattach {name} {}", random.number()), lie);
    // A lie may keep a client from hearing what it waits for; a broker that does not lie answers at once.
    let silence = if lie == Lie::None { SILENCE_MAX } else { Duration::from_secs(2) };
    let mut half_open = VecDeque::new();
    loop {
        let cut = (figures.cuts < cuts).then(|| (random.percent(50), random.between(1, LIFE_BYTES_MAX)));
        let mut stream =
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map_err(|error| format!("connecting: {error}"))?;
        let set = stream.set_nodelay(true).and_then(|()| stream.set_read_timeout(Some(silence)));
        set.map_err(|error| error.to_string())?;
        client.connected();
        let resumed = client.resumed;
        let end = live(&mut stream, &mut client, cut, random)?;
        figures.resumed += client.resumed - resumed;
        if end == End::Done {
            return Ok(());
        }
        client.lost();
        figures.cuts += 1;
        match random.between(0, 3) {
            0 => {
                figures.half_open += 1;
                half_open.push_back(stream);
                if half_open.len() > HALF_OPEN_MAX {
                    half_open.pop_front();
                }
            }
            1 => drop(stream),
            _ => {
                figures.resets += 1;
                let at_once = nix::libc::linger { l_onoff: 1, l_linger: 0 };
                setsockopt(&stream, Linger, &at_once).map_err(|error| error.to_string())?;
            }
        }
    }
}

/// One connection: until it is cut when so many bytes have gone up, or come down.
fn live(
    stream: &mut TcpStream,
    client: &mut Client,
    cut: Option<(bool, u64)>,
    random: &mut Random,
) -> Result<End, String> {
    let left = |is_up: bool| match cut {
        Some((up, at)) if up == is_up => usize::try_from(at).unwrap_or(usize::MAX),
        _ => usize::MAX,
    };
    let (mut up, mut down) = (left(true), left(false));
    let mut buffer = vec![0; 4_096];
    loop {
        let sent = client.take();
        let (goes, is_cut) = (sent.get(..up).unwrap_or(&sent), sent.len() >= up);
        match stream.write_all(goes) {
            Ok(()) => {}
            Err(error) => return Err(format!("the broker closed the connection: {error}")),
        }
        up -= goes.len();
        if is_cut {
            return Ok(End::Cut);
        }
        if client.is_done() {
            return Ok(End::Done);
        }
        let count = match stream.read(&mut buffer) {
            Ok(0) => return Err("the broker closed the connection".to_owned()),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                return Err(format!("nothing comes any more: {}", client.state()));
            }
            Err(error) => return Err(format!("the broker closed the connection: {error}")),
        };
        let came = buffer.get(..count).unwrap_or_default();
        client.heard(came.get(..down).unwrap_or(came))?;
        if count >= down {
            return Ok(End::Cut);
        }
        down -= count;
        if random.percent(5) {
            client.ping();
        }
    }
}
