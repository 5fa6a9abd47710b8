//! The catalogue: every code with its level, cause and action. `docs/events.md` is made from it.
//!
//! Areas: SV server, CF configuration, JN journal, NT network, SS session, QU queue. A code is added at the end of
//! its area and never used for something else.

use super::{Event, Level};

/// Turns the entries below into constants, for [`crate::event!`], and into [`CATALOGUE`], for the page.
macro_rules! catalogue {
    ($($code:ident $level:ident $title:literal $(($artemis:literal))? cause $cause:literal action $action:literal)+) => {
        $(
            #[doc = $title]
            pub const $code: Event = Event {
                code: stringify!($code),
                level: Level::$level,
                title: $title,
                cause: $cause,
                action: $action,
                artemis: concat!($($artemis)?),
            };
        )+

        /// Every entry.
        pub static CATALOGUE: &[Event] = &[$($code),+];
    };
}

catalogue! {
    SV101 Info "starting" ("AMQ221000")
        cause "The process was started and its configuration is valid."
        action "None."
    SV102 Info "listening" ("AMQ221020")
        cause "The acceptor is open: clients can connect."
        action "None."
    SV103 Info "ready" ("AMQ221007")
        cause "The store is loaded and the broker serves clients."
        action "None."
    SV104 Info "stopping"
        cause "The process was asked to stop: SIGTERM or SIGINT."
        action "None. The broker closes its acceptor, lets running operations end, and seals the journal."
    SV105 Info "stopped" ("AMQ221002")
        cause "Everything that was acked is on disk and the store is closed."
        action "None."
    SV201 Warn "anonymous clients are accepted"
        cause "No users are configured. Anyone on this host may send and receive."
        action "None on a host of your own. Do not forward the port to others."
    SV202 Warn "a limit of the system is too low"
        cause "A resource limit of the process is below what the configuration wants; the broker goes on with less."
        action "Raise the limit that the event names, for a service with the directive that it names."
    SV203 Warn "the log could not keep up"
        cause "Events came faster than standard error takes them. The count of those that were dropped is in the event."
        action "Look at what is told most, or at who reads the log so slowly."
    SV204 Warn "memory was left to the kernel"
        cause "The kernel did not finish its work on a ring in time, so the memory that it may still write was not freed."
        action "Look at the disk if the broker did not stop just then."
    SV301 Error "the acceptor cannot listen" ("AMQ224097")
        cause "The address and port are in use, or the process may not use them."
        action "Stop the other process, or set another acceptor.port."
    SV302 Error "the kernel lacks what the broker needs"
        cause "io_uring is too old, switched off, or forbidden in this container."
        action "Do what the event says: a newer kernel, or kernel.io_uring_disabled=0, or a container profile that allows io_uring."
    SV303 Error "the store cannot be opened"
        cause "A directory of the store is missing or not writable, or one of its files is damaged."
        action "Do what the event says."
    SV304 Error "a data core failed"
        cause "A core ended for a reason that is not the disk: a mistake of ours."
        action "The broker steps down with exit code 76 and the service manager starts it again. Please report the event."
    SV305 Error "the store is in use"
        cause "Another broker holds the lock of this store."
        action "Stop the other one first, or give this one directories of its own. Two brokers never share a data directory."
    SV306 Error "a start or a stop took too long"
        cause "A data core did not do in time what it was asked to."
        action "Look at the disk. Nothing that was acked is lost; start again."
    SV307 Error "a start or a stop was broken off"
        cause "A second signal came while the broker was starting or stopping."
        action "None. Nothing that was acked is lost; the next start reads more of the journal."
    SV308 Error "the system lacks a resource"
        cause "A thread, a ring, a segment or the binding to a processor was refused by the system."
        action "Raise the limit that the event names, or free what it names."

    CF101 Warn "the configuration is accepted with a warning"
        cause "A setting is allowed, but may not do what was meant."
        action "Read the warning; it names the place of the setting."
    CF102 Warn "a setting has no effect on this store"
        cause "It is fixed when the store is created, and the store was created with another value."
        action "Remove the setting, or move the messages to a new store."

    JN101 Info "the store was created"
        cause "The data directory was empty."
        action "None."
    JN102 Info "the disk was measured"
        cause "A store is created with sync = auto: the faster way of flushing was found and kept."
        action "None."
    JN103 Info "recovery goes on"
        cause "The journal is being read. The event says how far it is."
        action "None. Clients can connect when it has ended."
    JN104 Info "the journal was recovered"
        cause "Every lane was read to its end and checked."
        action "None."
    JN105 Debug "a lane was closed"
        cause "The broker stops. The event says what it has written to the lane since its start; a group is what became durable together."
        action "None."
    JN201 Warn "a torn tail was cut"
        cause "The last block was not completely written: the process or the machine stopped in the middle. Nothing of it was acked."
        action "None. On a healthy disk this happens only after a crash."
    JN202 Warn "valid blocks behind a torn one were dropped"
        cause "Blocks were in flight when the machine stopped. None of them was acked."
        action "None after a power cut. If there was none, check the disk."
    JN203 Warn "loss was accepted by the operator"
        cause "The broker was started with --accept-loss for a lane that is damaged below what was promised. With an end in the event, what lies between is given up: messages that were sent there, and acknowledgements, so that what they took comes again. Without one, the lane was cut there."
        action "Start without the option from now on. What was lost is named in the event."
    JN204 Warn "the disk is nearly full; producers wait"
        cause "A new segment could not be made. What is left of those that are there is kept for consumers."
        action "Free space on the file system of the journal, or consume: what is consumed makes room. Producers go on by themselves."
    JN206 Warn "the index could not be written before the stop"
        cause "The disk was too slow, or full."
        action "None. The next start reads more of the journal; nothing is lost."
    JN207 Info "unanswered operations were left out"
        cause "Their records reached the disk, but not all that they rely on did: a queue, a body, or a decision on another lane."
        action "None after a crash: nobody was told that they had been done."
    JN208 Warn "a stored message is read again"
        cause "A read brought an error, or something else than the wanted block. A read may be tried again: what it brings is checked."
        action "Check the disk. If it goes on, the broker stops with JN304."
    JN301 Error "a lane is latched"
        cause "A write or a sync failed. What the disk holds is not certain, so nothing more is promised."
        action "Check the disk. The broker steps down with exit code 76; at the next start the journal is verified."
    JN302 Error "the journal is damaged below what was promised"
        cause "A block that was acked is unreadable. It is never cut silently."
        action "Restore the segment from a copy. Only if there is none: start once with --accept-loss as the event says."

    JN205 Warn "a freed segment could not be deleted"
        cause "The file system refused to delete a segment file that is no longer needed."
        action "Look at the directory's permissions. The file is deleted at the next start."
    JN303 Error "a change of names could not be written"
        cause "The bindings lane took no record: the disk is full or has failed."
        action "Make room, or see the event that tells of the disk."
    JN304 Error "a stored message cannot be read back"
        cause "The block of the message is damaged, or the disk could not read it, however often. A start that goes by an index checkpoint does not look at it. Nothing wrong was delivered."
        action "Check the disk. The broker steps down with exit code 76 and gives the index checkpoint up, so that the next start reads the whole journal: it serves again if the block can be read by then, else it is refused (JN302) and names the way out."
    JN106 Info "the index checkpoint is not used"
        cause "It is not complete, or the journal does not reach as far as it does: the last stop was not in order."
        action "None. The start reads the whole journal instead."
    JN305 Error "an accepted loss names no damage"
        cause "The broker was started with --accept-loss for a lane that is sound at that position."
        action "Start without the option."
    JN306 Error "a file belongs to another store"
        cause "A segment or the lock of another store, lane or position lies in a directory of this store."
        action "Look at the configured directories; move the file that the event names to where it belongs."
    JN307 Error "the store is of a newer version"
        cause "A newer version of this program wrote a file of the store."
        action "Start that version, or a later one."
    JN308 Error "the journal cannot be read"
        cause "The disk refused to read a file of the journal, or a record in it makes no sense to this version."
        action "Check the disk. If it is healthy, report the event."
    JN309 Error "the state of this instance cannot be written"
        cause "The disk refused a write to ha.state or server.lock."
        action "Make room in the directory that the event names, or check its disk."
    NT101 Debug "a client connected"
        cause "A connection was accepted."
        action "None."
    NT102 Debug "a client disconnected"
        cause "The client closed its connection."
        action "None."
    NT201 Warn "a connection was closed: no handshake in time"
        cause "The client connected and did not say which protocol it speaks within acceptor.handshake-timeout."
        action "None if it was a port scan or a health check."
    NT202 Warn "a connection was closed: too many connections"
        cause "acceptor.max-connections clients are connected."
        action "Find out who keeps them open, or raise the limit."
    NT203 Warn "a connection was closed: the client broke the protocol"
        cause "A frame was larger than acceptor.max-frame-size, cut off, or makes no sense. The event names it."
        action "Look at the client named by its address."
    NT204 Warn "a connection was closed: silent for longer than its time to live" ("AMQ222067")
        cause "No packet came within the connection's TTL: the client died, froze, or the network is cut."
        action "Look at the client. A paused virtual machine looks the same."

    NT206 Warn "a connection could not be accepted"
        cause "The system refused it: most often no file descriptors are left."
        action "Raise the limit that the event names."
    NT103 Debug "a request without an answer failed"
        cause "A client asked for something without waiting for an answer, and it could not be done."
        action "None; the client cannot be told. If messages are missing, look at its acknowledgements and transactions."
    NT205 Warn "a request was refused"
        cause "A client asked for something that this version does not serve."
        action "Read the reason; the client got it too."
    NT207 Warn "a connection was closed: it asked for sessions that it does not own"
        cause "A client asked to go on with sessions by names that no session has that it may take over."
        action "Look at the client named by its address: it may be guessing names. A client whose sessions are gone opens new ones."
    NT208 Warn "a connection was closed: the client confirms nothing"
        cause "The client has a confirmation window, and has not confirmed what it was sent though far more than the window is kept for it."
        action "Look at the client. Its sessions have ended; what they held went back to its queues."
    NT104 Debug "a session goes on"
        cause "A client lost its connection and came back within its time to live."
        action "None. Nothing was lost or sent twice."
    NT105 Debug "a session waits for its client"
        cause "The connection of a client with a confirmation window was lost. The session is kept for its time to live."
        action "None. What it holds goes back to its queues if the client does not come back."
    NT106 Info "a session has ended for want of its client"
        cause "Its client did not come back within its time to live, came back in a way that does not fit, or others needed the room."
        action "None. What it held went back to its queues."
    NT301 Error "a packet could not be written"
        cause "A packet of ours is longer than a frame may be. This is a defect of the broker."
        action "Report it with the event's text."
    QU101 Info "an address was created"
        cause "A client named it and auto-create-addresses is on, or a client created it."
        action "None."
    QU102 Info "a queue was created" ("AMQ221003")
        cause "A client named it and auto-create-queues is on, or a client created it."
        action "None."
    QU103 Warn "an address is full" ("AMQ222183")
        cause "Its messages reached max-size-bytes or max-size-messages, and somebody wants to send more."
        action "Look at its consumers: they are too slow, or there are none. With BLOCK producers wait, with FAIL they are refused."
    QU104 Info "an address has room again" ("AMQ221046")
        cause "Enough messages were consumed or removed; waiting producers got their credits."
        action "None."
    QU105 Warn "messages to a full address are thrown away" ("AMQ222039")
        cause "The address is full and address-full-policy is DROP."
        action "If the messages matter, choose another policy; else look at the consumers."
}
