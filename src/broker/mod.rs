//! One core of the broker, without I/O: connections, their sessions, and the home of the addresses of this core.
//!
//! Takes accepted connections, received bytes, completions and letters from other cores; gives buffers to write, commands for
//! the lanes, letters. The server's loop drives it on a ring, the simulator on a simulated machine.

mod aside;
mod census;
mod channels;
mod connections;
mod execute;
mod follow;
mod front;
mod incoming;
mod letters;
mod login;
mod manage;
mod orphans;
mod outgoing;
mod permit;
mod postage;
mod reattach;
mod reply;
mod session_memory;
mod shares;
mod temporary;
mod two_phase;
mod write;

use journal::{BlockBuffer, Command, IoError, LaneId, Now, SegmentSequence, Ticket};

pub use census::Census;
pub use follow::Migrant;
pub use front::{Front, Settings as FrontSettings};
pub use reattach::Reattach;

use crate::home::{ColdRead, Home};
use crate::mail::Letter;
use crate::message::{ConnectionKey, CoreId};
use crate::net::core::{LastAddress, ServerFacts};
use crate::security::{Login, Policy};

/// What a core wants done.
#[allow(missing_docs, reason = "a field is named by what the variant says")]
#[derive(Debug)]
pub enum Output<B> {
    /// Write these bytes to the client; then [`Core::sent`].
    Send { connection: ConnectionKey, bytes: Vec<u8> },
    /// Close the connection; then [`Core::closed`].
    Close { connection: ConnectionKey },
    /// Give the connection to another core: stop receiving and sending, then [`Core::departed`] here and [`Core::arrived`] there.
    Move { connection: ConnectionKey, core: CoreId },
    /// Find out whether this is who he says he is; then [`Core::login_judged`].
    Login { connection: ConnectionKey, login: Login },
    /// Receive nothing from the client for now, or receive again.
    Receive { connection: ConnectionKey, on: bool },
    /// Find out how full the disk is; then [`Core::disk_measured`].
    MeasureDisk,
    /// Carry out a lane's command.
    Lane { lane: LaneId, command: Command<B> },
    /// Read from a lane; then [`Core::read_done`].
    Read(ColdRead),
    /// Give this to another core.
    Letter { core: CoreId, letter: Letter },
}

/// One core.
pub struct Core<B: BlockBuffer> {
    home: Home<B>,
    front: Front,
    /// Absent only while a packet is being lowered. In a box, so that it is moved in one word.
    last_address: Option<Box<LastAddress>>,
    /// Something has happened since the last turn that it may act on.
    stirred: bool,
    /// When it may have to act although nothing happens.
    due: Option<Now>,
    /// Letters that wait because the lanes take no records now.
    inbox: std::collections::VecDeque<(CoreId, Letter)>,
    /// Do letters get the room in the lanes before the clients of this core?
    letters_first: bool,
}

impl<B: BlockBuffer> Core<B> {
    /// A core without connections around a home that is loaded.
    pub fn new(core: CoreId, home: Home<B>, facts: ServerFacts, settings: front::Settings) -> Self {
        let inbox = std::collections::VecDeque::new();
        let front = Front::new(core, facts, settings);
        let mut home = home;
        home.set_parked_max(front.shares.parked);
        let last_address = Some(Box::default());
        Self { home, front, last_address, stirred: true, due: None, inbox, letters_first: false }
    }

    /// From now on clients have to log in, and may do what this says. Called before the first one comes.
    pub fn require_login(&mut self, policy: std::sync::Arc<Policy>) {
        self.front.policy = Some(policy);
    }

    /// Goes on with everything that is under way and gives what is to be done. Called once a turn of the loop; costs next to
    /// nothing if nothing has happened.
    pub fn turn(&mut self, now: Now, output: &mut impl FnMut(Output<B>)) {
        if self.stirred || self.due.is_some_and(|due| now >= due) {
            self.stirred = false;
            self.due = self.act(now, output);
        }
    }

    /// A turn; gives when the next one is due although nothing happens.
    fn act(&mut self, now: Now, output: &mut impl FnMut(Output<B>)) -> Option<Now> {
        self.front.now_ms = millis(now);
        if self.front.crowd_changes {
            self.review_crowd();
        }
        // By turns: whoever always came first could take all room for as long as he has something to write.
        self.letters_first = !self.letters_first;
        if !self.letters_first {
            self.resume_stalled(now);
        }
        // Here and below: most turns bring none of it, and the question is cheaper than the call.
        if !self.inbox.is_empty() {
            self.take_letters();
        }
        self.home.turn(&mut self.front);
        // What the home has just finished may have held them up, and nothing else would wake the core for them.
        if !self.inbox.is_empty() {
            self.take_letters();
        }
        self.release_replies();
        if !self.front.calls_due.is_empty() {
            self.go_on_with_calls();
        }
        // What is answered on the spot may be all that a frame waited for, and nothing else would wake the core for it.
        while self.front.is_anybody_stalled() && self.resume_stalled(now) {
            self.release_replies();
        }
        // Behind everything that may append, so that it goes out in the same turn.
        let home = self.home.submit(now, |lane, command| output(Output::Lane { lane, command }));
        self.check_time_to_live(now);
        self.end_slow_frames(now);
        while let Some(read) = self.home.next_read() {
            output(Output::Read(read));
        }
        while let Some((core, letter)) = self.home.next_letter() {
            if core == self.front.core {
                self.stirred = true;
                self.take(core, letter);
            } else {
                output(Output::Letter { core, letter });
            }
        }
        self.front.collect_clients(output);
        self.watch_output(now);
        self.front.collect_rest(output);
        self.stirred |= self.reads_letters();
        match (home, self.front.deadline(now)) {
            (Some(home), Some(front)) => Some(home.min(front)),
            (home, front) => home.or(front),
        }
    }

    /// A lane's write ended.
    pub fn written(&mut self, lane: LaneId, ticket: Ticket, buffer: B, result: Result<(), IoError>) {
        self.stirred = true;
        self.home.written(lane, ticket, buffer, result);
    }

    /// A lane's next segment is there.
    pub fn segment_ready(&mut self, lane: LaneId, sequence: SegmentSequence) {
        self.stirred = true;
        self.home.segment_ready(lane, sequence);
    }

    /// A lane's next segment could not be made.
    pub fn segment_failed(&mut self, lane: LaneId, sequence: SegmentSequence, error: IoError) {
        self.stirred = true;
        self.home.segment_failed(lane, sequence, error);
    }

    /// A read ended.
    pub fn read_done(&mut self, token: u64, result: Result<&[u8], IoError>) {
        self.stirred = true;
        self.home.read_done(token, result, &mut self.front);
    }

    /// Letters to other cores find no place now: nothing is done that would make more of them.
    pub fn set_crowded(&mut self, crowded: bool) {
        if self.front.no_place != crowded {
            self.front.no_place = crowded;
            self.review_crowd();
        }
    }

    /// See [`Core::set_crowded`].
    pub fn is_crowded(&self) -> bool {
        self.front.no_place
    }

    /// Letters find no place, or other cores have too much of them to read: or not any more.
    #[cold]
    fn review_crowd(&mut self) {
        self.front.crowd_changes = false;
        let crowded = self.front.no_place || self.front.postage.is_heavy();
        self.stirred |= self.front.crowded != crowded;
        self.front.crowded = crowded;
        self.home.set_crowded(crowded);
    }

    /// When the core wants its next turn at the latest.
    pub fn deadline(&self, now: Now) -> Option<Now> {
        if self.stirred { Some(now) } else { self.due }
    }

    /// Must the core hear at once when the buffers are written that it gave since the last call? If not, [`Core::sent`] may come with
    /// whatever happens next.
    pub fn awaits_sent(&mut self) -> bool {
        self.front.take_awaits_sent()
    }

    /// The home, to look at.
    pub fn home(&self) -> &Home<B> {
        &self.home
    }

    /// The home, while the core is being built or taken down.
    pub fn home_mut(&mut self) -> &mut Home<B> {
        self.stirred = true;
        &mut self.home
    }

    /// Connections that are open.
    pub fn connection_count(&self) -> usize {
        self.front.connection_count()
    }
}

/// Milliseconds of the loop's clock.
fn millis(now: Now) -> u64 {
    now.0 / 1_000_000
}
