//! Which lane is an address's home, what holds for it, and which of its queues get a message.
//!
//! Takes names and routing types, gives lanes and queues. What must stay true: the home of a name never changes in a store,
//! since all of an address's records lie in one lane.

mod address;
mod settings;

pub use address::{Address, Targets};
pub use settings::{AddressSettings, FullPolicy, FullSettings, SettingsByAddress, SettingsOfMatch};

use crate::limits;

/// The index of the journal lane that is the home of this address in a store of `lanes` lanes.
///
/// The hash is part of the format: another one would look for messages in the wrong lane.
pub fn home_lane(address: &str, lanes: u16) -> u16 {
    let hash = twox_hash::XxHash3_64::oneshot(address.as_bytes());
    u16::try_from(hash % u64::from(lanes.max(1))).unwrap_or(0)
}

/// The core that drives a journal lane when `cores` cores share the lanes.
pub fn core_of_lane(lane_index: u16, cores: u16) -> crate::message::CoreId {
    crate::message::CoreId(lane_index % cores.max(1))
}

/// Splits a fully qualified name `address::queue`; a plain name is the name of both.
pub fn split_qualified(name: &str) -> (&str, &str) {
    match name.split_once("::") {
        Some((address, queue)) => (address, queue),
        None => (name, name),
    }
}

/// Why a name cannot be given to an address or a queue.
pub fn name_problem(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        Some("the name is empty")
    } else if name.len() > limits::NAME_BYTES_MAX {
        Some("the name is longer than 1024 bytes")
    } else if name.contains('\0') {
        Some("the name contains a zero byte")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_home_of_a_name_is_part_of_the_format() {
        // These values must hold for ever: stores were written with them.
        assert_eq!(home_lane("haQueue", 4), home_lane("haQueue", 4));
        let homes: Vec<u16> = ["haQueue", "TEST", "orders", "a.b.c"].iter().map(|name| home_lane(name, 64)).collect();
        assert_eq!(homes, HOMES_OF_VERSION_1);
    }

    const HOMES_OF_VERSION_1: [u16; 4] = [41, 62, 59, 63];

    #[test]
    fn qualified_names_have_two_parts() {
        assert_eq!(split_qualified("a::b"), ("a", "b"));
        assert_eq!(split_qualified("a"), ("a", "a"));
        assert_eq!(split_qualified("a::b::c"), ("a", "b::c"));
    }
}
