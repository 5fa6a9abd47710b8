//! The name of a session. Whoever knows it may take the session over, so it is a secret: it appears in no log and in no reply, and
//! names are compared in a time that says nothing about where they differ.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The name of a session, as its client chose it. Its copies are one: the session has it, and the table that finds the session.
#[derive(Clone)]
pub struct SessionName(Arc<str>);

impl SessionName {
    /// A name as it came.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// How many bytes it has.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Is it the empty name?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl PartialEq for SessionName {
    fn eq(&self, other: &Self) -> bool {
        let differences = self.0.bytes().zip(other.0.bytes()).fold(0, |found, (one, two)| {
            // Opaque, so that the rest is not skipped once a difference is found.
            std::hint::black_box(found | (one ^ two))
        });
        self.0.len() == other.0.len() && differences == 0
    }
}

impl Eq for SessionName {}

impl Hash for SessionName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl fmt::Debug for SessionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionName(not shown)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ_in_any_byte_and_are_never_shown() {
        let name = SessionName::new("384224b7-e85c-11f1-a1ee-02fc00000001");
        assert_eq!(name, name.clone());
        for at in 0..name.len() {
            let mut bytes = name.0.as_bytes().to_vec();
            bytes[at] ^= 1;
            assert_ne!(name, SessionName::new(String::from_utf8(bytes).unwrap()));
            assert_ne!(name, SessionName::new(&name.0[..at]));
        }
        assert!(!format!("{name:?}").contains("3842"));
    }
}
