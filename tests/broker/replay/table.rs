//! Conversations that do not go as with the reference, each with what it waits for or why it stays so.

/// The capture, and what it needs.
pub(super) type Row = (&'static str, &'static str);

/// Within queues and local transactions, and not built.
pub(super) const NOT_YET: &[Row] = &[
    ("core-admin", "shared subscriptions"),
    ("duplicate-id", "duplicate detection"),
    ("expiry", "expiry"),
    ("queue-attributes", "last-value queues"),
    ("send-headers", "delivery delay"),
    ("slow-consumer", "slow consumers"),
    ("tx-dead-letter", "dead letters"),
];

/// Outside of queues and local transactions, or of what one process without an end can show.
pub(super) const OUTSIDE: &[Row] = &[
    ("clients/2.18.0/large-bytes", "large messages"),
    ("clients/2.18.0/send-async-window", "large messages, at its end"),
    ("clients/2.6.4/large-bytes", "large messages"),
    ("clients/2.6.4/send-async-window", "large messages, at its end"),
    ("clients/2.6.4/xa-commit", "XA"),
    ("large-abandoned", "large messages"),
    ("large-bytes", "large messages"),
    ("large-compressed", "large messages"),
    ("large-stream", "large messages"),
    ("large-text", "large messages"),
    ("pair-connect", "a pair of servers"),
    ("pair-kill", "a pair of servers"),
    ("pair-stop", "a pair of servers"),
    ("reattach-large", "large messages"),
    ("reconnect-giveup", "the server is killed: tests/kill9"),
    ("reconnect-restart", "the server is killed: tests/kill9"),
    ("reconnect-shutdown", "the server is stopped: tests/process"),
    ("redirect-connect", "redirection"),
    ("send-async-window", "large messages, at its end"),
    ("topic-shared", "topics"),
    ("topic-shared-durable", "topics"),
    ("xa-commit", "XA"),
    ("xa-cut", "XA"),
    ("xa-cut-commit", "XA"),
    ("xa-recover", "XA"),
    ("xa-rollback", "XA"),
    ("xa-start-over", "XA"),
    ("xa-suspend", "XA"),
];

/// Other than the reference on purpose, or beyond this rig.
pub(super) const OTHERWISE: &[Row] = &[
    (
        "properties",
        "a body above 128 KiB is read back from a disk, which this rig does not have: tests/process/large_bodies.rs",
    ),
    (
        "raw-requests",
        "made by hand: a second consumer under the id of a first is refused, the reference keeps both and cannot tell them apart",
    ),
    (
        "raw-versions",
        "made by hand: a second session on a channel that has one is refused, the reference lets the first go without a word",
    ),
    (
        "send-async-fail",
        "the reference does not count a refused send, so that its confirmations run one behind what the client has sent; they are exact here",
    ),
    ("clients/2.18.0/reattach", "an answer that was on its way when the connection was cut left before the cut here"),
    ("reattach-async", "answers that were on their way when the connection was cut left before the cut here"),
];
