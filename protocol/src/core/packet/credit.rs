//! Credits: how much a server may deliver, how much a client may send.

use super::layout::layout;
use crate::core::identity::ConsumerId;
use crate::simple_string::SimpleStr;

layout! {
    /// `SESS_FLOWTOKEN`: counted in whole frames, with their length fields.
    ConsumerCredits {
        /// The consumer.
        consumer_id: ConsumerId;
        /// Bytes to add; 0 takes all credits away, -1 ends counting.
        credits: i32;
    }
}

layout! {
    /// Requests, grants and refusals of credits for an address: counted in encoded messages.
    ProducerCredits<'a> {
        /// Bytes.
        credits: i32;
        /// The address.
        address: SimpleStr<'a>;
    }
}
