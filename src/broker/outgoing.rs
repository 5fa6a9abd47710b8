//! What waits for clients that do not read it, within what all connections of a core may hold of it.
//!
//! A connection holds little without being counted ([`limits::OUTPUT_BYTES_FREE`]), so that ordinary answers cost nothing here. What is
//! beyond is counted when the buffers of a turn are handed out and when they come back, not for each message. While more is held than
//! may be, memory is *scarce*: deliveries to a client pause and its frames wait when it leaves more than its own share unread, no home
//! delivers large messages, and connections that take too long for what they were handed are closed, those first that have had it
//! longest, until there is room again. So nobody who reads waits for those who do not, but for large messages, and for these a few
//! seconds.

use journal::{BlockBuffer, Now};

use super::front::Client;
use super::{Core, Front, millis};
use crate::limits;
use crate::mail::Letter;
use crate::message::{ConnectionKey, CoreId};

/// What all connections of a core hold of what their clients have not read.
#[derive(Debug)]
pub(super) struct Outgoing {
    /// The bound.
    most: usize,
    /// What is beyond the connections' own shares.
    taken: usize,
    /// More is held than may be, or was until a moment ago.
    is_scarce: bool,
    /// There is something to look at: scarcity, or what may begin it. Most turns bring none of it.
    wants_look: bool,
    /// Bytes that may wait for one client before its deliveries pause.
    pub(super) soft: usize,
    /// Bytes that may wait for one client before its frames wait.
    pub(super) hard: usize,
    /// When those who do not read are looked for, in ms.
    check_ms: u64,
    /// Other cores whose clients leave more unread than they may.
    scarce_cores: Vec<CoreId>,
}

impl Outgoing {
    /// Nothing, within this bound.
    pub(super) fn new(most: usize) -> Self {
        let (soft, hard) = (limits::OUTPUT_BYTES_SOFT, limits::OUTPUT_BYTES_HARD);
        Self { most, taken: 0, is_scarce: false, wants_look: false, soft, hard, check_ms: 0, scarce_cores: Vec::new() }
    }

    /// Bytes that are held.
    pub(super) fn held(&self) -> usize {
        self.taken
    }

    /// Counts what is held for a client, if that is more than its own share, or was. `handed`: it was just handed a buffer.
    #[inline]
    pub(super) fn count(&mut self, client: &mut Client, handed: bool, now_ms: u64) {
        if client.counted > 0 || client.output.held() > limits::OUTPUT_BYTES_FREE {
            self.count_anew(client, handed, now_ms);
        }
    }

    #[cold]
    fn count_anew(&mut self, client: &mut Client, handed: bool, now_ms: u64) {
        if handed || client.counted == 0 {
            client.handed_ms = round(now_ms);
        }
        let counts = client.output.held().saturating_sub(limits::OUTPUT_BYTES_FREE);
        let counts = u32::try_from(counts).unwrap_or(u32::MAX);
        let before = std::mem::replace(&mut client.counted, counts);
        self.taken = self.taken.wrapping_add(counts as usize).wrapping_sub(before as usize);
        self.wants_look |= self.is_over() != self.is_scarce;
    }

    /// A client is gone.
    pub(super) fn forget(&mut self, client: &mut Client) {
        self.wants_look |= client.counted > 0;
        self.taken = self.taken.wrapping_sub(std::mem::take(&mut client.counted) as usize);
    }

    /// Is there something to look at in the next turn, whatever happens?
    #[inline]
    pub(super) fn wants_look(&self) -> bool {
        self.wants_look
    }

    /// More is kept for clients that do not confirm it than may be.
    #[cold]
    pub(super) fn look_at_kept(&mut self) {
        self.wants_look = true;
    }

    fn is_over(&self) -> bool {
        // What is over at once would begin again at once.
        self.taken > if self.is_scarce { self.most / 4 * 3 } else { self.most }
    }

    /// When it wants a look though nothing happens, in ms.
    pub(super) fn due_ms(&self) -> Option<u64> {
        self.is_scarce.then_some(self.check_ms)
    }

    /// It begins or ends.
    fn change(&mut self, now_ms: u64) {
        self.is_scarce = !self.is_scarce;
        (self.soft, self.hard) = if self.is_scarce {
            (limits::OUTPUT_BYTES_SOFT_SCARCE, limits::OUTPUT_BYTES_FREE)
        } else {
            (limits::OUTPUT_BYTES_SOFT, limits::OUTPUT_BYTES_HARD)
        };
        self.check_ms = now_ms + limits::FRAME_CHECK_MS;
    }
}

/// Has a client that holds what others want had the time for what it was handed, and not taken it?
fn is_late(client: &Client, now_ms: u64) -> bool {
    let bytes = client.output.in_flight() as u64;
    let time = limits::FRAME_GRACE_MS + bytes / limits::OUTPUT_BYTES_A_MS;
    let passed = u64::from(round(now_ms).wrapping_sub(client.handed_ms));
    client.counted > 0 && bytes > 0 && passed > time.min(limits::FRAME_TIME_MS)
}

/// A time as it is kept with each client.
pub(super) fn round(ms: u64) -> u32 {
    (ms & u64::from(u32::MAX)) as u32
}

impl<B: BlockBuffer> Core<B> {
    /// Looks whether clients leave more unread than may be, or read more and do not confirm it.
    #[inline]
    pub(super) fn watch_output(&mut self, now: Now) {
        if self.front.outgoing.wants_look() {
            self.look_at_output(now);
        }
    }

    #[cold]
    fn look_at_output(&mut self, now: Now) {
        let outgoing = &self.front.outgoing;
        if outgoing.is_over() != outgoing.is_scarce {
            self.change_scarcity(millis(now));
        }
        if self.front.outgoing.due_ms().is_some_and(|due| millis(now) >= due) {
            self.end_deaf(millis(now));
        }
        if self.front.unconfirmed_bytes > self.front.shares.kept {
            self.end_silent(millis(now));
        }
        let outgoing = &mut self.front.outgoing;
        outgoing.wants_look = outgoing.is_scarce || outgoing.is_over();
    }

    fn change_scarcity(&mut self, now_ms: u64) {
        let Front { outgoing, letters, settings, core, sessions, .. } = &mut self.front;
        outgoing.change(now_ms);
        let is_scarce = outgoing.is_scarce;
        for other in (0..settings.cores).map(CoreId).filter(|other| other != core) {
            // Before all that makes them send more.
            letters.push_front((other, Letter::Scarce(is_scarce)));
        }
        if !is_scarce {
            for session in sessions.keys().collect::<Vec<_>>() {
                self.front.review_hold(session);
            }
        }
        self.tell_home();
    }

    /// The clients of another core leave more unread than they may, or do not any more.
    pub(super) fn scarce_elsewhere(&mut self, core: CoreId, is_scarce: bool) {
        self.front.outgoing.scarce_cores.retain(|other| *other != core);
        self.front.outgoing.scarce_cores.extend(is_scarce.then_some(core));
        self.tell_home();
    }

    fn tell_home(&mut self) {
        self.stirred = true;
        let outgoing = &self.front.outgoing;
        self.home.set_scarce(outgoing.is_scarce || !outgoing.scarce_cores.is_empty());
    }

    /// Ends connections that do not take what they were handed.
    #[cold]
    fn end_deaf(&mut self, now_ms: u64) {
        self.front.outgoing.check_ms = now_ms + limits::FRAME_CHECK_MS;
        let late = self.front.clients.iter().filter(|(_, client)| !client.closing && is_late(client, now_ms));
        let mut late: Vec<_> = late.map(|(key, client)| (round(now_ms).wrapping_sub(client.handed_ms), key)).collect();
        late.sort_unstable_by(|one, other| other.cmp(one));
        for (_, connection) in late {
            if !self.front.outgoing.is_over() {
                return;
            }
            crate::event!(NT214, ?connection);
            self.end_at_once(connection, now_ms);
        }
    }

    /// Ends what keeps most of what clients have not confirmed: those who are away, then connections.
    #[cold]
    fn end_silent(&mut self, now_ms: u64) {
        self.end_overdue(now_ms);
        while self.front.unconfirmed_bytes > self.front.shares.kept {
            let kept = |client: &Client| client.channels.sessions().map(|key| self.front.kept_by(key)).sum::<usize>();
            let most = self.front.clients.iter().map(|(key, client)| (kept(client), key)).max();
            let Some((1.., connection)) = most else { return };
            crate::event!(NT208, ?connection);
            self.end_at_once(connection, now_ms);
        }
    }

    /// A connection is closed, its sessions end with it, and what they held is nobody's at once.
    fn end_at_once(&mut self, connection: ConnectionKey, now_ms: u64) {
        self.stirred = true;
        self.front.doom(connection);
        let Some(client) = self.front.clients.get(connection) else { return };
        for session in client.channels.sessions().collect::<Vec<_>>() {
            self.front.forget_unconfirmed(session);
        }
        self.front.close_now(connection);
        let Front { outgoing, clients, .. } = &mut self.front;
        if let Some(client) = clients.get_mut(connection) {
            outgoing.count(client, false, now_ms);
        }
    }
}
