//! Names of sessions: unique on every server, in the shape of a UUID as the reference client's are.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};

/// Tells apart names that are made with the same random keys.
static NAMES_MADE: AtomicU64 = AtomicU64::new(0);

/// A new name. The hasher's keys are random for each process and differ for each call.
pub(crate) fn new_session_name() -> String {
    let count = NAMES_MADE.fetch_add(1, Ordering::Relaxed);
    let high = RandomState::new().hash_one((count, std::process::id()));
    let low = RandomState::new().hash_one((count, high));
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests {
    use super::new_session_name;

    #[test]
    fn names_have_the_shape_of_a_uuid_and_differ() {
        let name = new_session_name();
        let widths: Vec<usize> = name.split('-').map(str::len).collect();
        assert_eq!(widths, [8, 4, 4, 4, 12]);
        assert_ne!(name, new_session_name());
    }
}
