//! Who may log in.

use std::fmt;
use std::sync::Arc;

use hashbrown::HashMap;

use super::{Identity, Login, Verdict, Verifier, unable};
use crate::limits;

/// Somebody who may log in.
pub struct Account {
    /// The argon2id hash of the password; none: nobody logs in with one.
    pub hash: Option<String>,
    /// Who it is then.
    pub identity: Arc<Identity>,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("identity", &self.identity).finish_non_exhaustive()
    }
}

/// All who may log in, by their names.
#[derive(Debug, Default)]
pub struct Accounts {
    accounts: HashMap<String, Account>,
    verifier: Verifier,
}

impl Accounts {
    /// These.
    #[must_use]
    pub fn new(accounts: impl IntoIterator<Item = Account>) -> Self {
        let accounts = accounts.into_iter().map(|account| (account.identity.name.clone(), account)).collect();
        Self { accounts, verifier: Verifier::default() }
    }

    /// What comes of a login from this peer, which has shown a certificate of this subject. Takes tens of milliseconds, whoever it is.
    #[must_use]
    pub fn judge(&self, login: &Login, peer: &str, subject: Option<&str>) -> Verdict {
        let fits = |text: &str| text.len() <= limits::LOGIN_BYTES_MAX;
        let (user, password) = (login.user.as_deref(), login.password.as_ref().map(|secret| secret.0.as_str()));
        let account = user.and_then(|name| self.accounts.get(name));
        // Somebody without a password is as slow as somebody with a wrong one.
        let hash = account.filter(|_| password.is_some_and(fits)).and_then(|account| account.hash.as_deref());
        let right = self.verifier.verify(password.filter(|text| fits(text)).unwrap_or_default(), hash);
        match account {
            Some(account) if right => Verdict::Known(Arc::clone(&account.identity)),
            _ => Verdict::Refused(unable(peer, user.map(shortened).as_deref(), subject.map(shortened).as_deref())),
        }
    }
}

/// A name as it is repeated: not longer than one can be, and on one line.
fn shortened(name: &str) -> String {
    name.chars().take(255).map(|letter| if letter.is_control() { '?' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Secret, hash};
    use super::*;

    fn login(user: Option<&str>, password: Option<&str>) -> Login {
        Login { user: user.map(str::to_owned), password: password.map(|text| Secret(text.to_owned())) }
    }

    #[test]
    fn only_name_and_password_together_are_welcome() {
        let account = |name: &str, password: &str| Account {
            hash: Some(hash(password, [3; 16]).unwrap()),
            identity: Arc::new(Identity { name: name.to_owned(), roles: vec![format!("role of {name}")] }),
        };
        let without = Account { hash: None, ..account("certified", "") };
        let accounts = Accounts::new([account("ann", "s3cr3t"), account("empty", ""), without]);
        let welcome = |user, password| matches!(accounts.judge(&login(user, password), "h:1", None), Verdict::Known(_));
        match accounts.judge(&login(Some("ann"), Some("s3cr3t")), "h:1", None) {
            Verdict::Known(identity) => assert_eq!(identity.roles, ["role of ann"]),
            refused => panic!("{refused:?}"),
        }
        assert!(welcome(Some("empty"), Some("")));
        let long = "s3cr3t".repeat(10_000);
        for (user, password) in [
            (Some("ann"), Some("wrong")),
            (Some("ann"), Some("")),
            (Some("ann"), None),
            (Some("empty"), None),
            (Some("certified"), None),
            (Some("certified"), Some("")),
            (Some("ann"), Some(long.as_str())),
            (Some("Ann"), Some("s3cr3t")),
            (Some("ann\0"), Some("s3cr3t")),
            (Some("nobody"), Some("s3cr3t")),
            (Some(""), Some("s3cr3t")),
            (None, Some("s3cr3t")),
            (None, None),
        ] {
            match accounts.judge(&login(user, password), "h:1", None) {
                Verdict::Refused(text) => {
                    assert!(text.starts_with("AMQ229031: Unable to validate user from h:1. Username: "), "{text}");
                    assert!(!text.contains("s3cr3t"), "{text}");
                }
                known => panic!("{user:?} {password:?}: {known:?}"),
            }
        }
        let shown = format!("{accounts:?}");
        assert!(shown.contains("ann") && !shown.contains("argon2id"), "{shown}");
    }

    #[test]
    fn a_strange_name_is_repeated_on_one_short_line() {
        let text = unable("h:1", Some(&shortened(&format!("a\nb{}", "c".repeat(5_000)))), None);
        assert!(text.contains("a?bccc") && text.len() < 500 && !text.contains('\n'), "{text}");
    }
}
