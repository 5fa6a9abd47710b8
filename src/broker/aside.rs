//! Frames of sessions that may not send now, set aside so that what their connection brings for others goes on.
//!
//! A client has one connection for its producers and its consumers, as a rule. On a full disk its sends wait until there is room, and
//! only acknowledgements make room: they must not stand behind the sends of another session. Order holds for each session: behind a
//! frame that is set aside everything of that session is. What finds no place here stays in its connection, which stops then.

use std::collections::VecDeque;

use journal::BlockBuffer;

use super::Core;
use super::connections::Reason;
use crate::limits;
use crate::message::{ConnectionKey, SessionKey};

/// A frame that waits.
#[derive(Debug)]
struct Waiting {
    connection: ConnectionKey,
    session: SessionKey,
    /// Without its length.
    body: Box<[u8]>,
}

/// The frames of one core that wait, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Aside {
    frames: VecDeque<Waiting>,
    /// Of all, with their overhead.
    bytes: usize,
}

impl Aside {
    pub(super) fn len(&self) -> usize {
        self.frames.len()
    }
}

fn cost_of(body: &[u8]) -> usize {
    body.len().saturating_add(limits::ASIDE_FRAME_OVERHEAD_BYTES)
}

impl<B: BlockBuffer> Core<B> {
    /// Do frames of this session wait, so that its next one stands behind them?
    pub(super) fn is_aside(&self, session: SessionKey) -> bool {
        self.front.aside.len() > 0 && self.front.sessions.get(session).is_some_and(|session| session.aside > 0)
    }

    /// Sets a frame aside. False: there is no place.
    pub(super) fn set_aside(&mut self, connection: ConnectionKey, key: SessionKey, body: &[u8]) -> bool {
        let cost = cost_of(body);
        let Some(client) = self.front.clients.get_mut(connection) else { return false };
        let Some(session) = self.front.sessions.get_mut(key) else { return false };
        let aside = &mut self.front.aside;
        if client.aside_bytes.saturating_add(cost) > limits::ASIDE_BYTES_PER_CONNECTION_MAX
            || aside.bytes.saturating_add(cost) > self.front.shares.aside
        {
            return false;
        }
        client.aside_bytes += cost;
        // When it is handled it cannot be handed back.
        client.stays = true;
        session.aside += 1;
        aside.bytes += cost;
        aside.frames.push_back(Waiting { connection, session: key, body: body.into() });
        true
    }

    /// Handles frames that were set aside, as far as they need not wait any longer. True: one was handled.
    pub(super) fn resume_aside(&mut self) -> bool {
        // Behind each session's first frame, which is a send, all others wait.
        if self.front.aside.len() == 0 || self.is_reserved() {
            return false;
        }
        let mut any = false;
        let mut kept: VecDeque<Waiting> = VecDeque::new();
        let mut waiting: Vec<SessionKey> = Vec::new();
        while let Some(frame) = self.front.aside.frames.pop_front() {
            if waiting.contains(&frame.session) {
                kept.push_back(frame);
                continue;
            }
            let unread = match self.front.clients.get(frame.connection) {
                Some(client) if !client.closing => client.output.backlog(),
                _ => {
                    self.forget_frame(&frame);
                    continue;
                }
            };
            match self.must_wait(frame.session, &frame.body, unread) {
                None => {}
                Some(reason @ (Reason::Room | Reason::Reserve)) => {
                    self.front.room_is_short |= matches!(reason, Reason::Room);
                    kept.push_back(frame);
                    break;
                }
                Some(Reason::Unread | Reason::Answers) => {
                    waiting.push(frame.session);
                    kept.push_back(frame);
                    continue;
                }
            }
            self.forget_frame(&frame);
            // Only the opening of a session can be handed back, and that is no session's.
            self.handle_frame(frame.connection, Some(frame.session), &frame.body);
            any = true;
        }
        while let Some(frame) = kept.pop_back() {
            self.front.aside.frames.push_front(frame);
        }
        any
    }

    /// The session is gone, and what it wanted with it.
    pub(super) fn forget_aside(&mut self, key: SessionKey) {
        if !self.is_aside(key) {
            return;
        }
        for frame in std::mem::take(&mut self.front.aside.frames) {
            if frame.session == key {
                self.forget_frame(&frame);
            } else {
                self.front.aside.frames.push_back(frame);
            }
        }
    }

    /// A frame waits no longer.
    fn forget_frame(&mut self, frame: &Waiting) {
        let cost = cost_of(&frame.body);
        self.front.aside.bytes = self.front.aside.bytes.saturating_sub(cost);
        if let Some(client) = self.front.clients.get_mut(frame.connection) {
            client.aside_bytes = client.aside_bytes.saturating_sub(cost);
        }
        if let Some(session) = self.front.sessions.get_mut(frame.session) {
            session.aside = session.aside.saturating_sub(1);
        }
    }
}
