//! The CORE protocol of Artemis, server side: packets to verbs, replies to packets.
//!
//! Follows the layouts and the reply table of the codec crate. What must stay true: every packet that waits for an answer gets
//! exactly one, with its own correlation id; nothing that wants no answer gets one.

mod connection;
mod lower;
mod management;
mod reply;

pub use connection::{Connection, Event, FrameAt, Problem};
pub use lower::{LastAddress, Lowered, lower};
pub use management::{ReplyTo, is_sent_to, read_request, write_result};
pub use reply::{
    Respond, ServerFacts, confirm, consumer_gone, deliver, disconnect, is_kept, nothing_more, producer_credits, respond,
};
