//! Letters from other cores.

use journal::BlockBuffer;

use super::{Core, execute::log_unheard};
use crate::home::Outcome;
use crate::mail::{Ask, Deliver, Letter, Request};
use crate::message::CoreId;

impl<B: BlockBuffer> Core<B> {
    /// A letter came. It is read at the next turn, in order, when the lanes take records.
    pub fn letter(&mut self, from: CoreId, letter: Letter) {
        self.stirred = true;
        self.inbox.push_back((from, letter));
    }

    /// Are more letters welcome? If not, they stay where they are and hold their senders back. Where what is read already waits for a
    /// letter they are: it may be among them, and what comes before it has a bound at its sender.
    pub fn takes_letters(&self) -> bool {
        self.inbox.len() < crate::limits::MAIL_PER_PAIR_MAX || self.home.waits_for_letters()
    }

    /// Would the next turn read a letter? Then nothing else needs to happen before it: the loop must not sleep.
    pub fn reads_letters(&self) -> bool {
        self.inbox.front().is_some_and(|(_, letter)| !appends(letter) || self.home.ready())
    }

    /// Reads letters as long as the home takes requests.
    pub(super) fn take_letters(&mut self) {
        while let Some((from, letter)) = self.inbox.pop_front() {
            if appends(&letter) && !self.home.ready() {
                // What only informs may pass what appends: nothing in it depends on the order between the two.
                self.inbox.push_front((from, letter));
                return self.take_news();
            }
            self.take(from, letter);
        }
    }

    fn take_news(&mut self) {
        for (from, letter) in std::mem::take(&mut self.inbox) {
            match letter {
                Letter::Request(Request { ask: Ask::Hold { .. }, .. })
                | Letter::Read { .. }
                | Letter::Watch { .. }
                | Letter::Promised { .. }
                | Letter::Short(_)
                | Letter::Scarce(_)
                | Letter::Knock { .. }
                | Letter::Opened { .. }
                | Letter::Absent
                | Letter::Gone { .. }
                | Letter::Bound { .. } => {
                    self.take(from, letter);
                }
                other => self.inbox.push_back((from, other)),
            }
        }
    }

    pub(super) fn take(&mut self, from: CoreId, letter: Letter) {
        let weight = letter.weight();
        if weight > 0
            && let Some(weight) = self.front.postage.came(from, weight)
        {
            self.front.letters.push_back((from, Letter::Read { weight }));
        }
        match letter {
            Letter::Read { weight } => {
                self.front.postage.was_read(weight);
                self.review_crowd();
            }
            Letter::Request(request) => self.foreign_request(request),
            Letter::Answer { to, token, answer } => self.front.answer(to, token, answer),
            Letter::Message { to, consumer, id, deliveries, body } => {
                self.front.message(to, consumer, id, deliveries, &body)
            }
            Letter::NothingMore { to, consumer, sequence, queue } => {
                self.front.nothing_more(to, consumer, sequence, &queue)
            }
            Letter::CloseConnection { of } => self.front.close_connection(of),
            Letter::ConsumerGone { to, consumer } => self.front.consumer_gone(to, consumer),
            Letter::ProducerCredits { to, named, credits, granted } => {
                self.front.producer_credits(to, &named, credits, granted)
            }
            Letter::Watch { lane, lsn } => self.home.watched(from, lane, lsn),
            Letter::Promised { lane, lsn } => self.home.remote_promised(lane, lsn),
            Letter::Bind { ticket, binding } => self.home.bind_for(from, ticket, &binding),
            Letter::Bound { ticket, written } => self.home.bound(ticket, written, &mut self.front),
            Letter::Ended { lane, lsn, vector } => self.home.forget_decision(lane, lsn, &vector),
            Letter::Short(true) => self.front.short_cores.push(from),
            Letter::Scarce(is_scarce) => self.scarce_elsewhere(from, is_scarce),
            Letter::Short(false) => self.front.short_cores.retain(|core| *core != from),
            Letter::CheckpointDue => self.home.want_checkpoint(),
            Letter::SnapshotWanted => self.home.want_snapshot(),
            Letter::Snapshot(snapshot) => self.home.take_snapshot(*snapshot),
            Letter::SnapshotSafe => self.home.snapshot_is_safe(),
            Letter::Seek { by, connection, name, origin, accepted, purpose } => {
                self.sought(from, (by, connection, accepted), (name, origin, purpose))
            }
            Letter::Knock { connection, others } => self.front.knocked(from, connection, others),
            Letter::Opened { connection, is_welcome } => self.front.opened(from, connection, is_welcome),
            Letter::Absent => self.front.comes_no_more(),
            Letter::Gone { name } => self.front.moves.forget(&name),
            Letter::Sought { connection, found } => self.front.heard_of(from, connection, found),
            Letter::Alias { queue, address } => {
                match address {
                    Some(address) => self.front.aliases.insert(queue, address),
                    None => self.front.aliases.remove(&queue),
                };
            }
        }
    }

    fn foreign_request(&mut self, request: Request<'static>) {
        let (from, token) = (request.from, request.token);
        match (self.home.ask(request, &mut self.front), token) {
            (Outcome::Done(answer), Some(token)) => self.front.answer(from, token, answer),
            (Outcome::Done(answer), None) => log_unheard(&answer),
            (Outcome::Later, _) => {}
        }
    }
}

/// May reading it append records? What waits for a binding goes on only as far as there is room, and may itself be the reason why
/// nothing else is taken: the news that it is written never waits.
fn appends(letter: &Letter) -> bool {
    matches!(letter, Letter::Request(_) | Letter::Bind { .. })
}

#[cfg(test)]
mod tests {
    use journal::{AlignedBuffer, Geometry, Lane, LaneId, LaneOptions, LaneTail, Lsn, Now};

    use super::*;
    use crate::broker::FrontSettings;
    use crate::home::{Home, Settings};
    use crate::message::SessionNumber;
    use crate::net::core::ServerFacts;

    /// A core over these lanes, none of which has begun its epoch: they take no records.
    fn core(lanes: &[LaneId]) -> Core<AlignedBuffer> {
        let options = LaneOptions { geometry: Geometry::new(1 << 20).unwrap(), segments_ahead: 2 };
        let buffers = || (0..journal::LANE_BUFFERS_MIN).map(|_| AlignedBuffer::block()).collect();
        let lanes = lanes.iter().map(|lane| Lane::open(options, LaneTail::fresh(*lane), buffers())).collect();
        let settings = Settings {
            core: CoreId(0),
            cores: 2,
            lanes: 2,
            hot_bytes: 1 << 20,
            addresses: std::sync::Arc::default(),
            run_number: 1,
            epoch: 1,
            segments_before_compaction: u64::MAX,
            checkpoint_bytes: u64::MAX,
        };
        let facts = ServerFacts {
            node_id: String::new(),
            started_unix_ms: 0,
            management_address: "activemq.management".to_owned(),
        };
        let front = FrontSettings {
            ttl_override_ms: -1,
            ttl_check_interval_ms: 1_000,
            handshake_timeout_ms: 1_000,
            connections_max: 8,
            memory_max: usize::MAX,
            frame_bytes_max: 1 << 20,
            reattach: crate::broker::Reattach::SameHost,
            sync_transactional: true,
            sync_non_transactional: true,
            full_matters: false,
            follows: true,
            lanes: 2,
            cores: 2,
        };
        Core::new(CoreId(0), Home::new(settings, lanes), facts, front)
    }

    fn request() -> Letter {
        let from = crate::mail::SessionRef { core: CoreId(1), key: crate::message::SessionKey::default() };
        Letter::Request(Request {
            from,
            token: None,
            permissions: None,
            operation: crate::store::record::Operation { session: SessionNumber(1), command: 1 },
            ask: crate::mail::Ask::Start,
        })
    }

    #[test]
    fn the_loop_may_sleep_only_when_no_letter_would_be_read() {
        let mut ready = core(&[]);
        assert!(!ready.reads_letters());
        ready.letter(CoreId(1), request());
        assert!(ready.reads_letters(), "it came behind the turn's reading and nothing else will happen");
        ready.turn(Now(1), &mut |_| ());
        assert!(!ready.reads_letters());
        // Lanes that take no records: a completion comes first, and with it a turn. News are read all the same.
        let mut full = core(&[LaneId::JOURNAL]);
        full.letter(CoreId(1), request());
        assert!(!full.reads_letters());
        let mut full = core(&[LaneId::JOURNAL]);
        full.letter(CoreId(1), Letter::Promised { lane: LaneId::BINDINGS, lsn: Lsn(0) });
        assert!(full.reads_letters());
    }
}
