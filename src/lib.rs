//! RingMQ's rooms. A message passes them in this order, and back again; imports are a stack (see ARCHITECTURE.md).

//  below the path
pub mod event;
pub mod limits;
pub mod mail;
pub mod message;
//  the path: net → session → home (routing, queue, store) → durability → delivery → session → net
pub mod broker;
pub mod delivery;
pub mod durability;
pub mod home;
pub mod management;
pub mod net;
pub mod queue;
pub mod routing;
pub mod security;
pub mod session;
pub mod store;
pub mod transaction;
//  above the path
pub mod cli;
pub mod replication;
pub mod server;
//  around the path
#[cfg(feature = "testing")]
pub mod testing;
