//! One life: a driver, a fake ring, peers and files, and random steps of all of them.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use super::checks::{Operation, Peer, pattern};
use crate::buffer::{AlignedBuffer, ReceivedBuffer};
use crate::driver::{Config, Driver, Event, FileId, ListenOptions, ListenerId, SocketId, Stats, Sync, Wait};
use crate::ring::Fd;
use crate::ring::fake::{Counts, Dice, FakeRing, Faults};
use crate::waker::Sleeper;

/// Under Miri a life is short.
const STEPS: u32 = if cfg!(miri) { 40 } else { 250 };
const PEERS_MAX: usize = 12;
pub(super) const RECEIVE_BUFFERS: u16 = 4;
/// Each write has a place of its own.
pub(super) const PLACE_BYTES: usize = 16 * 1024;

/// What happened in a life, or in many.
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) stats: Stats,
    pub(super) counts: Counts,
    pub(super) overflows: u64,
    pub(super) written: u64,
    pub(super) read: u64,
}

impl Outcome {
    pub(super) fn add(&mut self, other: &Self) {
        let (sum, one) = (&mut self.stats, &other.stats);
        sum.stale += one.stale;
        sum.resumed += one.resumed;
        sum.starved += one.starved;
        sum.received_bytes += one.received_bytes;
        sum.sent_bytes += one.sent_bytes;
        self.counts.add(&other.counts);
        self.overflows += other.overflows;
        self.written += other.written;
        self.read += other.read;
    }
}

/// A driver and all it deals with.
pub(super) struct Life {
    pub(super) driver: Driver<FakeRing>,
    dice: Dice,
    pub(super) peers: Vec<Peer>,
    /// Sockets that live, and whose they are.
    pub(super) sockets: BTreeMap<(u32, u32), usize>,
    pub(super) held: Vec<ReceivedBuffer>,
    pub(super) operations: BTreeMap<u64, Operation>,
    /// Places that were written in full.
    pub(super) readable: Vec<(FileId, u64, u8, usize)>,
    pub(super) listener: Option<ListenerId>,
    pub(super) stopping: bool,
    pub(super) file: (FileId, Fd),
    token: u64,
    pub(super) written: u64,
    pub(super) read: u64,
}

/// A socket's key in a map.
pub(super) fn key(socket: SocketId) -> (u32, u32) {
    (socket.0.index, socket.0.generation)
}

impl Life {
    pub(super) fn new(seed: u64, faults: Faults) -> Self {
        let ring = FakeRing::new(seed, 6, 3, faults);
        let config = Config {
            receive_buffers: RECEIVE_BUFFERS,
            receive_buffer_bytes: 512,
            block_buffers: 2,
            block_buffer_bytes: PLACE_BYTES,
            uses_before_registration: 1,
            sockets_max: 8,
            files_max: 2,
            file_operations_max: 4,
            ..Config::default()
        };
        let mut driver = Driver::with_ring(ring, config, Sleeper::new().unwrap()).unwrap();
        let null: OwnedFd = File::open("/dev/null").unwrap().into();
        let number = Fd(null.as_raw_fd());
        let file = (driver.register_file(null).unwrap(), number);
        Self {
            driver,
            dice: Dice::new(!seed),
            peers: Vec::new(),
            sockets: BTreeMap::new(),
            held: Vec::new(),
            operations: BTreeMap::new(),
            readable: Vec::new(),
            listener: None,
            stopping: false,
            file,
            token: 0,
            written: 0,
            read: 0,
        }
    }

    pub(super) fn run(&mut self) -> Result<Outcome, String> {
        for _ in 0..STEPS {
            for _ in 0..1 + self.dice.below(3) {
                self.act();
            }
            self.turn()?;
        }
        self.finish()?;
        let (stats, overflows) = (self.driver.stats(), self.driver.completion_overflows());
        let counts = self.driver.ring_mut().counts();
        Ok(Outcome { stats, counts, overflows, written: self.written, read: self.read })
    }

    fn turn(&mut self) -> Result<(), String> {
        let deadline = self.driver.now() + Duration::from_micros(50);
        let wait = match self.dice.below(3) {
            0 => Wait::Not,
            1 => Wait::Event(Some(deadline)),
            _ => Wait::Arrival(Some(deadline)),
        };
        self.driver.turn(wait).map_err(|error| error.to_string())?;
        while let Some(event) = self.driver.next_event() {
            self.check(event)?;
            // The caller acts between two events, too.
            if self.dice.chance(200) {
                self.act();
            }
        }
        match self.driver.ring_mut().violations().first() {
            Some(violation) => Err(violation.clone()),
            None => Ok(()),
        }
    }

    /// One random thing that a peer or the driver's caller does.
    fn act(&mut self) {
        match self.dice.below(17) {
            0 => self.connect(),
            1..=4 => self.peer_acts(),
            5..=7 => self.send(),
            8 => self.with_socket(|life, socket, peer| {
                life.driver.close(socket);
                life.peers[peer].close_asked = true;
            }),
            9 => self.with_socket(|life, socket, _| life.driver.close_after_send(socket)),
            10 => self.with_socket(|life, socket, _| life.driver.pause_receive(socket)),
            11 => self.with_socket(|life, socket, _| life.driver.resume_receive(socket)),
            12 => self.held.drain(..).for_each(|buffer| self.driver.recycle(buffer)),
            13 => self.write(),
            14 => self.read(),
            15 if self.dice.chance(300) => self.with_socket(|life, socket, _| life.driver.detach(socket)),
            _ => self.listen_or_stop(),
        }
    }

    fn connect(&mut self) {
        if self.sockets.len() < PEERS_MAX
            && let Some(address) = self.driver.ring_mut().peer_connects()
        {
            self.peers.push(Peer::new(address));
        }
    }

    fn peer_acts(&mut self) {
        if self.peers.is_empty() {
            return;
        }
        // Late peers are the ones that are alive.
        let index = self.peers.len() - 1 - self.dice.below(self.peers.len().min(PEERS_MAX));
        let (len, choice) = (self.dice.below(3000), self.dice.below(40));
        let (peer, ring) = (&mut self.peers[index], self.driver.ring_mut());
        match choice {
            0 => {
                peer.ended = true;
                ring.peer_ends(peer.address);
            }
            1 => {
                peer.ended = true;
                ring.peer_resets(peer.address);
            }
            2..20 if !peer.ended => {
                let bytes: Vec<u8> = (0..len).map(|i| pattern(index, peer.sent + i)).collect();
                peer.sent += len;
                ring.peer_sends(peer.address, &bytes);
            }
            _ => ring.peer_reads(peer.address, len),
        }
    }

    fn send(&mut self) {
        let len = 1 + self.dice.below(8000);
        self.with_socket(|life, socket, peer| {
            let start = life.peers[peer].accepted.len();
            let bytes: Vec<u8> = (start..start + len).map(|i| pattern(peer + 100, i)).collect();
            let sending = life.peers[peer].in_flight.is_some();
            match life.driver.send(socket, bytes.clone()) {
                Ok(()) => life.peers[peer].in_flight = Some(bytes),
                Err(refused) => assert!(sending || life.peers[peer].address.port() > 0, "{refused}"),
            }
        });
    }

    fn with_socket(&mut self, act: impl FnOnce(&mut Self, SocketId, usize)) {
        let living: Vec<((u32, u32), usize)> = self.sockets.iter().map(|(key, peer)| (*key, *peer)).collect();
        if living.is_empty() {
            return;
        }
        let ((index, generation), peer) = living[self.dice.below(living.len())];
        act(self, SocketId(crate::slots::Slot { index, generation }), peer);
    }

    fn write(&mut self) {
        let sync = [Sync::None, Sync::Dsync, Sync::Fdatasync][self.dice.below(3)];
        let len = 4096 * (1 + self.dice.below(4));
        let (token, fill) = (self.token, (self.token % 250) as u8 + 1);
        let mut buffer = self.driver.take_buffer().unwrap_or_else(|| AlignedBuffer::new(PLACE_BYTES));
        buffer.fill(fill);
        let offset = token * PLACE_BYTES as u64;
        match self.driver.write(self.file.0, offset, buffer, len, sync, token) {
            Ok(()) => {
                self.operations.insert(token, Operation { offset, fill, len, sync: Some(sync) });
                self.token += 1;
            }
            Err(refused) => self.driver.give_buffer(refused.buffer),
        }
    }

    fn read(&mut self) {
        if self.readable.is_empty() {
            return;
        }
        let (file, offset, fill, len) = self.readable[self.dice.below(self.readable.len())];
        let token = self.token;
        if self.driver.read(file, offset, AlignedBuffer::new(PLACE_BYTES), len, token).is_ok() {
            self.operations.insert(token, Operation { offset, fill, len, sync: None });
            self.token += 1;
        }
    }

    fn listen_or_stop(&mut self) {
        match self.listener {
            Some(listener) if self.dice.chance(100) => {
                self.driver.stop_listening(listener);
                self.stopping = true;
            }
            Some(_) => {}
            None => {
                let any: SocketAddr = (Ipv4Addr::LOCALHOST, 0).into();
                self.listener = Some(self.driver.listen(any, ListenOptions::default()).unwrap());
            }
        }
    }

    /// Good weather, a drain, and the last checks.
    fn finish(&mut self) -> Result<(), String> {
        self.driver.ring_mut().calm();
        self.held.drain(..).for_each(|buffer| self.driver.recycle(buffer));
        self.peers.iter_mut().for_each(|peer| peer.close_asked = true);
        let mut events: Vec<Event> = Vec::new();
        let deadline = self.driver.now() + Duration::from_secs(60);
        let drained = self.driver.drain(deadline, |event| events.push(event)).map_err(|error| error.to_string())?;
        for event in events {
            self.check(event)?;
        }
        self.check_end(drained)
    }
}
