//! Where the cores meet while they start and stop.

use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, Sender};

use journal::Vector;

use super::broken::Broken;
use crate::message::{ConnectionKey, CoreId};
use crate::net::tls::Acceptor;
use crate::security::{Login, Verdict};

/// What the main thread hears.
#[derive(Debug)]
pub(super) enum Notice {
    /// The core has promised the start of its epoch on all its lanes.
    Ready(CoreId),
    /// The core's acceptor is open.
    Listening(SocketAddr),
    /// The core's acceptor is closed, as it was asked for: no client can come.
    Closed,
    /// The core cannot go on.
    Broken { core: CoreId, broken: Broken },
    /// The core's clients are gone and all it appended is promised.
    Quiet,
    /// The index is written, as it was asked for.
    CheckpointWritten,
    /// The core has ended in order; what its lanes have promised.
    Stopped(Vector),
    /// The process is to read its certificates again.
    ReadAgain,
    /// The process got a signal that ends it.
    Signal(&'static str),
}

/// What a core is told.
#[derive(Clone, Debug)]
pub(super) enum Order {
    /// Open the acceptor; port 0 means any.
    Listen(SocketAddr),
    /// Close the acceptor.
    Close,
    /// Let the clients go who are here. Follows [`Order::Close`] when all cores have closed theirs: who is told to go comes back
    /// at once and must find no other core that takes him.
    Stop,
    /// Write the index; for core 0, while all cores still run.
    Checkpoint,
    /// New connections speak TLS with this.
    Certificates(Acceptor),
    /// This came of a login.
    Judged { connection: ConnectionKey, login: Login, verdict: Verdict },
    /// Nothing more is wanted.
    End,
}

/// A core's end of the lobby.
#[derive(Debug)]
pub(super) struct Door {
    pub(super) core: CoreId,
    pub(super) notices: Sender<Notice>,
    pub(super) orders: Receiver<Order>,
}

impl Door {
    /// Tells the main thread; when it is gone, the process is ending and nobody needs to hear.
    pub(super) fn tell(&self, notice: Notice) {
        let _heard = self.notices.send(notice);
    }
}
