//! Consumers and what they acknowledge.

use super::layout::layout;
use crate::core::identity::{ConsumerId, ForcedSequence, MessageId};
use crate::core::version::Version;
use crate::simple_string::SimpleStr;

layout! {
    /// `SESS_CREATECONSUMER`: starts without credits.
    CreateConsumer<'a> {
        /// The consumer, chosen by the client.
        consumer_id: ConsumerId;
        /// The queue, also in the form `address::queue`.
        queue_name: SimpleStr<'a>;
        /// Which of its messages.
        filter: Option<SimpleStr<'a>>;
        /// Whether it only looks.
        browse_only: bool;
        /// Whether an answer is waited for.
        requires_response: bool;
        /// Higher ones are served first.
        priority: i32 [since Version::CORRELATION_IDS];
    }
}

layout! {
    /// `SESS_CONSUMER_CLOSE`.
    ConsumerClose {
        /// The consumer.
        consumer_id: ConsumerId;
    }
}

layout! {
    /// `SESS_ACKNOWLEDGE` (everything up to the message) and `SESS_INDIVIDUAL_ACKNOWLEDGE` (only the message).
    Acknowledge {
        /// The consumer.
        consumer_id: ConsumerId;
        /// The message.
        message_id: MessageId;
        /// Whether an answer is waited for.
        requires_response: bool;
    }
}

layout! {
    /// `SESS_EXPIRED`: never answered.
    MessageExpired {
        /// The consumer.
        consumer_id: ConsumerId;
        /// The message.
        message_id: MessageId;
    }
}

layout! {
    /// `SESS_FORCE_CONSUMER_DELIVERY`: answered by an empty delivery that carries the sequence.
    ForceDelivery {
        /// The consumer.
        consumer_id: ConsumerId;
        /// What the answer must carry.
        sequence: ForcedSequence;
    }
}
