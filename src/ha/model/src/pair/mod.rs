//! The world of a pair, or of more: servers that run the real engine, disks, a network, one register, clients.
//!
//! What is assumed of the world outside:
//!
//! - Any timer that is armed may fire at once, or never. No clock is read: the engine is told the same time always.
//! - The register changes by compare-and-set. A request may be carried out long after it was sent, its answer may come late or never.
//! - The packets of a connection arrive in order, and so do the blocks of each lane; packets and lanes may overtake each other. A connection may be
//!   cut at any time, and each end learns of that at a time of its own, or never.
//! - A process may end at any time. If the power goes with it, each lane keeps any part of what was not durable, without gaps. Writes of `ha.state` are
//!   durable in their order.
//! - An operation counts as acked as soon as the engine promises its position while clients are served.
//!
//! States that only differ in names are one state: random numbers are counted for each server and life, and a connection has the lowest number that is
//! free.

mod cast;
mod disk;
mod judge;
mod net;
mod register;
mod schedule;
mod shared;
mod side;
mod step;
mod steps;
mod tell;
mod turn;
mod variants;

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use ha_engine::event::{Event, Timer};
use ha_engine::ha_state::HaState;
use ha_engine::ids::NodeId;

pub use cast::{Bounds, Cast, Grain, Judged};
pub use step::{Crash, Step};
pub use variants::variants;

use self::cast::instance;
use self::disk::{Disk, Operations};
use self::net::Net;
use self::register::Cell;
use self::shared::Shared;
use self::side::Side;
use self::turn::Turn;
use crate::world::{Violation, World};

/// The servers, and all that is around them.
#[derive(Clone, Debug)]
pub struct Pair {
    cast: Arc<Cast>,
    sides: Vec<Shared<Side>>,
    net: Shared<Net>,
    register: Cell,
    /// What may still happen.
    left: Bounds,
    /// Operations that clients have begun.
    begun: u8,
    acked: Operations,
    delivered: Operations,
    /// The highest number of an epoch that the register takes.
    epoch_max: u64,
    /// Seen in the step that led here.
    violation: Option<Violation>,
}

impl Hash for Pair {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self { cast: _, sides, net, register, left, begun, acked, delivered, epoch_max: _, violation } = self;
        (sides, net, register, left, begun).hash(state);
        (acked, delivered, violation.is_some()).hash(state);
    }
}

impl Pair {
    /// New installations, none of which runs.
    #[must_use]
    pub fn new(cast: Cast) -> Self {
        let side = |(number, settings): (usize, &ha_engine::settings::Settings)| {
            let kept = HaState::new(NodeId(1), instance(number), settings.role);
            Shared::new(Side { disk: Disk::new(cast.lanes()), kept, process: None })
        };
        Self {
            sides: cast.settings.iter().enumerate().map(side).collect(),
            net: Shared::new(Net::default()),
            register: Cell::default(),
            left: cast.bounds,
            begun: 0,
            acked: Operations::default(),
            delivered: Operations::default(),
            epoch_max: u64::from(cast.bounds.epochs),
            violation: None,
            cast: Arc::new(cast),
        }
    }

    /// A step of one server.
    fn turn(&self, who: usize, step: impl FnOnce(&mut Turn)) -> Self {
        let Some(mut turn) = Turn::of(self, who) else { return self.clone() };
        step(&mut turn);
        turn.end()
    }

    fn less(mut self, spend: impl FnOnce(&mut Bounds) -> &mut u8) -> Self {
        let left = spend(&mut self.left);
        *left = left.saturating_sub(1);
        self
    }
}

/// What it costs that a timer fires.
fn cost(timer: Timer) -> fn(&mut Bounds) -> &mut u8 {
    match timer {
        Timer::Retry | Timer::Verdict | Timer::StartWait => |left| &mut left.looks,
        Timer::Heartbeat => |left| &mut left.beats,
        Timer::Failback => |left| &mut left.orders,
        _ => |left| &mut left.suspicions,
    }
}

impl World for Pair {
    type Step = Step;

    fn steps(&self, steps: &mut Vec<Step>) {
        self.add_steps(steps);
    }

    fn take(&self, step: &Step) -> Self {
        match step {
            Step::StateWritten(who) => self.turn(*who, Turn::state_written),
            Step::JobDone(who) => self.turn(*who, Turn::job_done),
            Step::Durable(who, lane) => self.turn(*who, |turn| turn.durable(*lane)),
            Step::CarriedOut(who, number) => self.turn(*who, |turn| turn.carried_out(*number)),
            Step::Answered(who, number) => self.turn(*who, |turn| turn.answered(*number)),
            Step::Woken(who) => {
                let next = self.turn(*who, Turn::woken);
                if self.waits_for_register(*who) { next.less(|left| &mut left.timeouts) } else { next }
            }
            Step::LateWrite(number) => self.turn(0, |turn| turn.late_write(*number)),
            Step::Fired(who, timer) => self
                .turn(*who, |turn| {
                    if let Some(process) = &mut turn.side.process {
                        process.timers.disarm(*timer);
                    }
                    turn.hear(Event::Timer(*timer));
                })
                .less(cost(*timer)),
            Step::Connected(from, to) => self.connect(*from, *to),
            Step::Refused(who) => self.dialled(*who, Event::Refused),
            Step::Unanswered(who) => self.dialled(*who, Event::Unanswered).less(|left| &mut left.cuts),
            Step::Packet(who, link) => self.turn(*who, |turn| turn.packet(*link)),
            Step::Block(who, link, lane) => self.turn(*who, |turn| turn.block(*link, *lane)),
            Step::Lost(who, link) => self.turn(*who, |turn| turn.lost(*link)),
            Step::Cut(link) => self.turn(0, |turn| turn.net.cut(*link)).less(|left| &mut left.cuts),
            Step::Appended(who, lane) => {
                let mut next = self.turn(*who, |turn| turn.append(*lane, self.begun)).less(|left| &mut left.operations);
                next.begun += 1;
                next
            }
            Step::Ordered(who, order) => {
                self.turn(*who, |turn| turn.hear(Event::Admin(*order))).less(|left| &mut left.orders)
            }
            Step::Crashed(who, how, writes) => self
                .turn(*who, |turn| {
                    turn.keep_writes(*writes);
                    turn.stop();
                    if let Crash::PowerCut(lost) = how {
                        turn.side.disk.lose(lost);
                    }
                })
                .less(|left| &mut left.crashes),
            Step::Started(who) => self.turn(*who, Turn::start),
        }
    }

    fn tell(&self, step: &Step) -> String {
        self.sentence(step)
    }

    fn judge(&self) -> Result<(), Violation> {
        self.judge_all()
    }

    fn judge_end(&self) -> Result<(), Violation> {
        if self.cast.judged == Judged::Split { Ok(()) } else { self.judge_healed() }
    }
}

impl Pair {
    fn dialled(&self, who: usize, outcome: Event) -> Self {
        self.turn(who, |turn| {
            if let Some(process) = &mut turn.side.process {
                process.dialing = false;
            }
            turn.hear(outcome);
        })
    }

    /// Both ends hear of the new connection at once: whoever accepted it waits for its first packet anyway.
    fn connect(&self, from: usize, to: usize) -> Self {
        let mut made = None;
        let next = self.turn(from, |turn| {
            let link = turn.net.connect(from, to, self.cast.lanes());
            made = Some(link);
            if let Some(process) = &mut turn.side.process {
                process.dialing = false;
            }
        });
        let Some(link) = made else { return next };
        next.turn(to, |turn| turn.hear(Event::Accepted(link))).turn(from, |turn| turn.hear(Event::Connected(link)))
    }
}
