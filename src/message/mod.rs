//! A message and the names of things, as every room of the broker sees them.

mod address_match;
mod id;
mod name;
mod origin;

pub use address_match::AddressMatch;
pub use id::{
    AddressKey, ConnectionKey, ConsumerId, ConsumerKey, CoreId, MessageId, QueueId, QueueKey, SessionKey, SessionNumber,
};
pub use name::SessionName;
pub use origin::Origin;
