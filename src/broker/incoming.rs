//! What clients after login have sent and what is not handled yet, within what all connections of a core may hold of it.
//!
//! A connection keeps little without asking ([`limits::INPUT_BYTES_FREE`], more than an ordinary message). One that has sent more of a
//! frame asks for room for the whole of it, once: whoever has it can finish his frame and wait for nobody, so that no two can wait for
//! each other. While there is none, its client is not read from, and waits. If nobody has room for a whole frame, the first who waits
//! gets it, however much is taken: so a frame of any size comes through, and what is held is never beyond the bound by more than one
//! frame. A connection whose whole frames wait for the lanes keeps more as long as there is room; then it is not read from either.
//!
//! Those who wait are served by when they came and how much they want, so that small frames need not stand behind many large ones, and
//! those not behind small ones for ever. While somebody waits, clients that are on the way to take longer for their frame than a frame
//! may take lose it and their connections, those first who have had their room longest. Neither the one that holds most is ended, who
//! may be sending as fast as he can, nor the oldest, who may be about to finish.

use std::collections::BTreeSet;

use journal::{BlockBuffer, Now};

use super::front::{Client, Errand};
use super::{Core, Front, millis};
use crate::limits;
use crate::message::ConnectionKey;

/// What one connection has of what is for all.
#[derive(Debug, Default)]
pub(super) struct Claim {
    /// Bytes.
    bytes: usize,
    /// It is room for the whole of a frame.
    is_whole: bool,
    /// Its place among those who wait, if it does.
    place: Option<u64>,
    /// Since when it has what it has, in ms of the loop's clock, and how much its connection kept then.
    since_ms: u64,
    kept: usize,
}

impl Claim {
    /// Is its client not read from until there is room?
    pub(super) fn waits(&self) -> bool {
        self.place.is_some()
    }

    /// Is there something to look at when the connection keeps this much?
    #[inline]
    pub(super) fn matters(&self, kept: usize) -> bool {
        kept > limits::INPUT_BYTES_FREE || self.bytes > 0 || self.place.is_some()
    }

    fn grant(&mut self, bytes: usize, kept: usize, now_ms: u64) {
        (self.bytes, self.kept, self.since_ms) = (bytes, kept, now_ms);
    }

    /// Is its client on the way to take longer than a frame may take? Judged from one look to another, and not before somebody waited: who
    /// has sent nearly all at once and then nothing holds as much as any other.
    fn is_slow(&mut self, kept: usize, waited_since_ms: u64, now_ms: u64) -> bool {
        let took = now_ms.saturating_sub(self.since_ms);
        if self.since_ms >= waited_since_ms {
            if took < limits::FRAME_GRACE_MS {
                return false;
            }
            let due = (self.bytes as u64).saturating_mul(took) / limits::FRAME_TIME_MS;
            if (kept.saturating_sub(self.kept) as u64) < due {
                return true;
            }
        }
        (self.since_ms, self.kept) = (now_ms, kept);
        false
    }
}

/// What all connections of a core have of what is for all.
#[derive(Debug)]
pub(super) struct Incoming {
    /// The bound.
    most: usize,
    /// The sum of all claims.
    taken: usize,
    /// How many of them are for whole frames.
    whole: usize,
    /// Those who wait, by their places.
    waiting: BTreeSet<(u64, ConnectionKey)>,
    /// When those who are slow are looked for, if somebody waits, and since when somebody has waited at every time, in ms.
    check_ms: u64,
    waited_since_ms: u64,
}

impl Incoming {
    /// Nothing, within this bound.
    pub(super) fn new(most: usize) -> Self {
        Self { most, taken: 0, whole: 0, waiting: BTreeSet::new(), check_ms: 0, waited_since_ms: 0 }
    }

    /// Bytes that are taken, and connections that wait for some.
    pub(super) fn held(&self) -> (usize, usize) {
        (self.taken, self.waiting.len())
    }

    /// When it wants a look though nothing happens, in ms.
    pub(super) fn due_ms(&self) -> Option<u64> {
        (!self.waiting.is_empty()).then_some(self.check_ms)
    }

    /// Those who wait.
    pub(super) fn waiting(&self) -> impl Iterator<Item = ConnectionKey> + '_ {
        self.waiting.iter().map(|(_, key)| *key)
    }

    /// Gives back what a claim has beyond so many bytes, and its place.
    fn shrink(&mut self, key: ConnectionKey, claim: &mut Claim, bytes: usize) {
        if let Some(place) = claim.place.take() {
            self.waiting.remove(&(place, key));
        }
        self.taken = self.taken.saturating_sub(claim.bytes.saturating_sub(bytes));
        claim.bytes = claim.bytes.min(bytes);
        if claim.is_whole && bytes == 0 {
            claim.is_whole = false;
            self.whole = self.whole.saturating_sub(1);
        }
    }

    /// Makes a claim so large, if there is room: for a whole frame, or for frames that wait for the lanes.
    fn grow(&mut self, claim: &mut Claim, bytes: usize, for_whole: bool) -> bool {
        let more = bytes.saturating_sub(claim.bytes);
        let fits = self.taken.saturating_add(more) <= self.most;
        if !fits && (!for_whole || self.whole > usize::from(claim.is_whole)) {
            return false;
        }
        self.taken = self.taken.saturating_add(more);
        self.whole += usize::from(for_whole && !claim.is_whole);
        claim.is_whole |= for_whole;
        true
    }

    /// A connection waits for so many bytes.
    fn wait(&mut self, key: ConnectionKey, claim: &mut Claim, bytes: usize, now_ms: u64) {
        let behind = (bytes as u64).saturating_mul(limits::FRAME_TIME_MS) / limits::FRAME_BYTES_MAX as u64;
        let place = now_ms.saturating_add(behind);
        if self.waiting.is_empty() {
            (self.check_ms, self.waited_since_ms) = (now_ms + limits::FRAME_CHECK_MS, now_ms);
        }
        claim.place = Some(place);
        self.waiting.insert((place, key));
    }
}

/// What a connection needs of what is for all, and whether that is room for a whole frame: the one whose end is still to come.
fn wanted(client: &Client) -> (usize, bool) {
    let kept = client.protocol.kept();
    if client.closing || kept <= limits::INPUT_BYTES_FREE {
        return (0, false);
    }
    match client.protocol.frame_bytes().filter(|bytes| !client.stalled && *bytes > kept) {
        Some(bytes) => (bytes, true),
        None => (kept, false),
    }
}

impl Front {
    /// What a connection keeps has changed, and it [matters](Claim::matters).
    #[cold]
    pub(super) fn review_input(&mut self, key: ConnectionKey) {
        let now_ms = self.now_ms;
        let Self { clients, incoming, errands, .. } = self;
        let Some(client) = clients.get_mut(key) else { return };
        if client.closing {
            drop(client.protocol.take_kept());
        }
        let ((bytes, for_whole), kept) = (wanted(client), client.protocol.kept());
        let claim = &mut client.claim;
        if bytes <= claim.bytes {
            // What was on its way already may have completed the frame.
            if claim.waits() && client.paused && !client.stalled {
                client.paused = false;
                errands.push(Errand::Receive { connection: key, on: true });
            }
            let has_gone_on = kept < claim.kept || (for_whole && !claim.is_whole);
            incoming.shrink(key, claim, bytes);
            if has_gone_on {
                claim.grant(bytes, kept, now_ms);
            }
            incoming.whole += usize::from(for_whole && !claim.is_whole);
            claim.is_whole |= for_whole;
            return self.serve_those_who_wait();
        }
        if claim.waits() {
            return;
        }
        // Whoever comes now stands behind those who wait, if they want no more than he does.
        if incoming.waiting.is_empty() && incoming.grow(claim, bytes, for_whole) {
            return claim.grant(bytes, kept, now_ms);
        }
        if for_whole {
            incoming.wait(key, claim, bytes, now_ms);
        }
        if !client.paused {
            client.paused = true;
            errands.push(Errand::Receive { connection: key, on: false });
        }
        self.serve_those_who_wait();
    }

    /// A connection is gone, or goes to another core.
    pub(super) fn release_input(&mut self, key: ConnectionKey, claim: &mut Claim) {
        self.incoming.shrink(key, claim, 0);
        self.serve_those_who_wait();
    }

    /// Gives room to those who wait, as far as there is some.
    fn serve_those_who_wait(&mut self) {
        let now_ms = self.now_ms;
        let Self { clients, incoming, errands, .. } = self;
        while let Some((place, key)) = incoming.waiting.first().copied() {
            let Some(client) = clients.get_mut(key) else {
                incoming.waiting.remove(&(place, key));
                continue;
            };
            let (bytes, for_whole) = wanted(client);
            if !incoming.grow(&mut client.claim, bytes, for_whole) {
                return;
            }
            incoming.waiting.remove(&(place, key));
            client.claim.place = None;
            client.claim.grant(bytes, client.protocol.kept(), now_ms);
            // The silence was ours.
            client.protocol.heard(now_ms);
            if client.paused && !client.stalled {
                client.paused = false;
                errands.push(Errand::Receive { connection: key, on: true });
            }
        }
    }
}

impl<B: BlockBuffer> Core<B> {
    /// Ends connections that hold room and do not go on with their frames, while others wait for it.
    pub(super) fn end_slow_frames(&mut self, now: Now) {
        let now_ms = millis(now);
        if self.front.incoming.due_ms().is_none_or(|due| now_ms < due) {
            return;
        }
        self.front.incoming.check_ms = now_ms + limits::FRAME_CHECK_MS;
        let since_ms = self.front.incoming.waited_since_ms;
        let mut slow = Vec::new();
        for (key, client) in &mut self.front.clients {
            // What waits for the lanes waits for us; what waits for its own client does not.
            let ours = client.stalled && !client.unread;
            let kept = client.protocol.kept();
            if client.claim.bytes > 0 && !ours && client.claim.is_slow(kept, since_ms, now_ms) {
                slow.push((client.claim.since_ms, key));
            }
        }
        slow.sort_unstable();
        for (_, connection) in slow {
            if self.front.incoming.waiting.is_empty() {
                return;
            }
            crate::event!(NT213, ?connection);
            self.front.doom(connection);
            self.front.close_now(connection);
            self.front.review_input(connection);
        }
    }
}
