//! Logins that were right, so that clients who come again do not wait for the hash of their password.
//!
//! Takes: a login, and after a verdict whose it was. Gives: whose it is, if the same was right before. Must stay true: no password is
//! kept, only a keyed hash of it that says nothing without the key, which is random in every run; the number of entries is bounded.

use std::fmt;
use std::sync::Arc;

use blake2::Blake2sMac256;
use blake2::digest::{KeyInit, Mac as _};
use hashbrown::HashMap;

use super::{Identity, Login};
use crate::limits;

/// Bytes of the key, and of a tag.
const BYTES: usize = 32;

/// Logins that were right.
pub struct Remembered {
    key: [u8; BYTES],
    /// By the name of the user.
    known: HashMap<String, ([u8; BYTES], Arc<Identity>)>,
}

impl fmt::Debug for Remembered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remembered").field("users", &self.known.len()).finish_non_exhaustive()
    }
}

impl Remembered {
    /// None yet. The key is random and nobody else's.
    #[must_use]
    pub fn new(key: [u8; BYTES]) -> Self {
        Self { key, known: HashMap::new() }
    }

    /// Whose login this is, if it was right before.
    #[must_use]
    pub fn find(&self, login: &Login) -> Option<Arc<Identity>> {
        let (tag, identity) = self.known.get(login.user.as_ref()?)?;
        (self.tag(login)? == *tag).then(|| Arc::clone(identity))
    }

    /// This login was right.
    pub fn note(&mut self, login: &Login, identity: &Arc<Identity>) {
        let (Some(user), Some(tag)) = (&login.user, self.tag(login)) else { return };
        if self.known.len() >= limits::LOGINS_REMEMBERED_MAX && !self.known.contains_key(user) {
            self.known.clear();
        }
        self.known.insert(user.clone(), (tag, Arc::clone(identity)));
    }

    fn tag(&self, login: &Login) -> Option<[u8; BYTES]> {
        let password = login.password.as_ref()?;
        let mut mac = <Blake2sMac256 as KeyInit>::new_from_slice(&self.key).ok()?;
        // With the length of the first part, or two logins could run into each other.
        let user = login.user.as_deref().unwrap_or_default();
        mac.update(&u64::try_from(user.len()).unwrap_or(u64::MAX).to_le_bytes());
        mac.update(user.as_bytes());
        mac.update(password.0.as_bytes());
        Some(mac.finalize().into_bytes().into())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Secret;
    use super::*;

    fn login(user: &str, password: &str) -> Login {
        Login { user: Some(user.to_owned()), password: Some(Secret(password.to_owned())) }
    }

    fn identity(name: &str) -> Arc<Identity> {
        Arc::new(Identity { name: name.to_owned(), roles: Vec::new() })
    }

    #[test]
    fn knows_what_was_right_and_nothing_else() {
        let mut remembered = Remembered::new([1; BYTES]);
        assert!(remembered.find(&login("ann", "s3cr3t")).is_none());
        remembered.note(&login("ann", "s3cr3t"), &identity("ann"));
        assert_eq!(remembered.find(&login("ann", "s3cr3t")).unwrap().name, "ann");
        for (user, password) in [("ann", "s3cr3"), ("ann", ""), ("an", "ns3cr3t"), ("bob", "s3cr3t"), ("", "anns3cr3t")]
        {
            assert!(remembered.find(&login(user, password)).is_none(), "{user} {password}");
        }
        assert!(remembered.find(&Login { password: None, ..login("ann", "") }).is_none());
        assert!(remembered.find(&Login { user: None, ..login("", "s3cr3t") }).is_none());
        assert!(!format!("{remembered:?}").contains("ann"));
    }

    #[test]
    fn does_not_grow_without_end() {
        let mut remembered = Remembered::new([1; BYTES]);
        for number in 0..3 * limits::LOGINS_REMEMBERED_MAX {
            let name = number.to_string();
            remembered.note(&login(&name, "x"), &identity(&name));
            assert!(remembered.known.len() <= limits::LOGINS_REMEMBERED_MAX);
            assert!(remembered.find(&login(&name, "x")).is_some());
        }
    }
}
