//! The two machines the ring driver is tried on: a real ring, and the fake one that misbehaves while neighbours keep it busy.

use std::cell::RefCell;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;

use journal::testing::Random;
use runtime::driver::{Config, ListenOptions};
use runtime::ring::fake::{Counts, FakeRing, Faults};
use runtime::{Driver, Event, Ring, Sleeper, SocketId, UringRing};

/// Block buffers: as many as the lanes of the suite take, and some for reads.
const BLOCK_BUFFERS: usize = 96;
const PEERS_MAX: usize = 6;

/// What a driver runs on.
pub(super) trait Machine {
    type Ring: Ring;

    /// A new process on the same disk.
    fn boot(&mut self) -> Driver<Self::Ring>;

    /// Something else happens on the ring.
    fn disturb(&mut self, driver: &mut Driver<Self::Ring>);

    /// An event that is no business of the journal.
    fn strange(&mut self, driver: &mut Driver<Self::Ring>, event: Event);

    /// The process ends.
    fn end(&mut self, driver: Driver<Self::Ring>);
}

fn config() -> Config {
    Config { receive_buffers: 0, block_buffers: BLOCK_BUFFERS, file_operations_max: 6, ..Config::default() }
}

/// A real ring. Its process ends as a killed one does: the machine goes on, and so does what is in the kernel.
pub(super) struct Real;

impl Machine for Real {
    type Ring = UringRing;

    fn boot(&mut self) -> Driver<UringRing> {
        Driver::open(config()).unwrap()
    }

    fn disturb(&mut self, _: &mut Driver<UringRing>) {}

    fn strange(&mut self, _: &mut Driver<UringRing>, event: Event) {
        assert!(matches!(event, Event::Woken), "{event:?}");
    }

    fn end(&mut self, driver: Driver<UringRing>) {
        drop(driver);
    }
}

/// What the fake rings of a test played, all together.
#[derive(Default)]
pub(super) struct Played {
    pub(super) counts: Counts,
    pub(super) overflows: u64,
}

/// The fake ring on real files. Its process ends with a power cut.
pub(super) struct Fake {
    faults: Faults,
    random: Random,
    sockets: Vec<SocketId>,
    peers: Vec<SocketAddr>,
    played: Rc<RefCell<Played>>,
}

impl Fake {
    pub(super) fn new(seed: u64, faults: Faults, played: &Rc<RefCell<Played>>) -> Self {
        let (sockets, peers) = (Vec::new(), Vec::new());
        Self { faults, random: Random::new(seed), sockets, peers, played: Rc::clone(played) }
    }
}

impl Machine for Fake {
    type Ring = FakeRing;

    fn boot(&mut self) -> Driver<FakeRing> {
        // Small queues, so that they are often full.
        let ring = FakeRing::new(self.random.next(), 6, 3, self.faults);
        let sockets = Config { receive_buffers: 4, receive_buffer_bytes: 512, sockets_max: 8, ..config() };
        let mut driver = Driver::with_ring(ring, sockets, Sleeper::new().unwrap()).unwrap();
        driver.listen((Ipv4Addr::LOCALHOST, 0).into(), ListenOptions::default()).unwrap();
        driver
    }

    /// Peers come, speak, and are hung up on.
    fn disturb(&mut self, driver: &mut Driver<FakeRing>) {
        match self.random.below(8) {
            0 => self.peers.extend(driver.ring_mut().peer_connects()),
            1 if !self.sockets.is_empty() => {
                let socket = self.sockets.remove(self.random.index(self.sockets.len()));
                driver.close(socket);
            }
            2 => {
                let socket = self.sockets.get(self.random.index(self.sockets.len())).copied();
                // Refused while another send is under way: that is an answer too.
                let _refused = socket.map(|socket| driver.send(socket, vec![7; 3000]));
            }
            3..6 => {
                if let Some(&peer) = self.peers.get(self.random.index(self.peers.len())) {
                    driver.ring_mut().peer_sends(peer, &[5; 2000]);
                    driver.ring_mut().peer_reads(peer, 2000);
                }
            }
            _ if self.peers.len() > PEERS_MAX => {
                let peer = self.peers.remove(0);
                driver.ring_mut().peer_ends(peer);
            }
            _ => {}
        }
    }

    fn strange(&mut self, driver: &mut Driver<FakeRing>, event: Event) {
        match event {
            Event::Accepted { socket, .. } => self.sockets.push(socket),
            Event::Closed { socket, .. } => self.sockets.retain(|open| *open != socket),
            Event::Received { buffer, .. } => driver.recycle(buffer),
            Event::Written { .. } | Event::Read { .. } => panic!("{event:?}"),
            _ => {}
        }
    }

    fn end(&mut self, mut driver: Driver<FakeRing>) {
        let violations = driver.ring_mut().violations();
        assert!(violations.is_empty(), "{violations:?}");
        let mut played = self.played.borrow_mut();
        played.counts.add(&driver.ring_mut().counts());
        played.overflows += driver.completion_overflows();
        driver.ring_mut().cut_power().unwrap();
        (self.sockets, self.peers) = (Vec::new(), Vec::new());
    }
}
