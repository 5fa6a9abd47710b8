//! Hashes of passwords: argon2id in the PHC format.
//!
//! Takes: a password, and for a new hash a random salt. Gives: the hash, or whether the password is the one behind a hash. Each takes
//! tens of milliseconds and the memory that the hash names, on purpose: never call it on a data core's loop.

use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};

/// Bytes of a salt.
const SALT_BYTES: usize = 16;

/// What the verifier works with when there is nothing to compare with: a hash of what nobody knows, as costly as a real one.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$YSBzYWx0IGZvciBub2JvZHk$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The hash of a new password.
///
/// # Errors
/// The password is longer than 4 GiB, or memory is short.
pub fn hash(password: &str, salt: [u8; SALT_BYTES]) -> Result<String, String> {
    let salt = SaltString::encode_b64(&salt).map_err(|error| error.to_string())?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::default());
    argon2.hash_password(password.as_bytes(), &salt).map(|hash| hash.to_string()).map_err(|error| error.to_string())
}

/// Says whether passwords are right, in the same time whether there is something to compare with or not.
#[derive(Debug, Default)]
pub struct Verifier {
    _private: (),
}

impl Verifier {
    /// Is it the password behind this hash? Without a hash it is not.
    #[must_use]
    pub fn verify(&self, password: &str, hash: Option<&str>) -> bool {
        let known = hash.is_some();
        let Ok(parsed) = PasswordHash::new(hash.unwrap_or(NOBODY)) else { return false };
        let right = Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok();
        right && known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_password_itself_is_right() {
        let made = hash("correct horse", [7; SALT_BYTES]).unwrap();
        assert!(made.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{made}");
        let verifier = Verifier::default();
        assert!(verifier.verify("correct horse", Some(&made)));
        for wrong in ["correct hors", "Correct horse", "correct horse\0", "correct horse ", ""] {
            assert!(!verifier.verify(wrong, Some(&made)), "{wrong:?}");
        }
        assert!(!verifier.verify("correct horse", None));
        assert!(!verifier.verify("correct horse", Some("no hash")));
        assert_ne!(hash("correct horse", [8; SALT_BYTES]).unwrap(), made, "the salt counts");
    }

    #[test]
    fn nobodys_hash_costs_what_a_real_one_does() {
        let (nobody, made) = (PasswordHash::new(NOBODY).unwrap(), hash("x", [1; SALT_BYTES]).unwrap());
        let real = PasswordHash::new(&made).unwrap();
        assert_eq!((nobody.algorithm, nobody.version), (real.algorithm, real.version));
        assert_eq!(nobody.params, real.params);
        assert_eq!(nobody.hash.unwrap().len(), real.hash.unwrap().len());
    }
}
