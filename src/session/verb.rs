//! What a client can want of its session, whatever protocol it speaks.

use std::borrow::Cow;

use crate::mail::{Ask, Failure};

/// A command of a client to its session.
#[allow(missing_docs, reason = "a field is named by what the variant says")]
#[derive(Debug)]
pub enum Verb<'a> {
    /// Something that the home of one address does.
    Ask(Ask<'a>),
    /// The open transaction counts.
    Commit,
    /// The open transaction does not count; what consumers hold goes back.
    Rollback { consider_last_as_delivered: bool },
    /// Serve the consumers.
    Start,
    /// Do not serve the consumers.
    Stop,
    /// The session ends.
    Close,
    /// A note about the session.
    Metadata { key: Cow<'a, str>, value: Cow<'a, str>, unique: bool },
    /// A producer wants credits for an address, which its client wrote as `named`.
    ProducerCredits { address: Cow<'a, str>, named: String, credits: i32 },
    /// Nothing is to be done; the reply follows in its order.
    Nothing,
    /// This cannot be done here.
    Refuse(Failure),
    /// This send cannot be taken: in a transaction its commit must fail, or the message would be lost without a word.
    RefuseSend(Failure),
}
