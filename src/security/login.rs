//! What somebody says who logs in, and what comes of it.

use std::fmt;
use std::sync::Arc;

use super::Permission;

/// A password as it was sent. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a password")
    }
}

/// Who somebody says to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Login {
    /// The name, if one was said.
    pub user: Option<String>,
    /// The password, if one was said.
    pub password: Option<Secret>,
}

/// Somebody who has logged in.
#[derive(Debug, PartialEq, Eq)]
pub struct Identity {
    /// The name.
    pub name: String,
    /// The roles.
    pub roles: Vec<String>,
}

/// What comes of a login.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// Welcome.
    Known(Arc<Identity>),
    /// The name or the password is wrong. The text is for the client.
    Refused(String),
}

/// Stands for the user in a refusal that somebody writes who does not know what the user is called. No user is called so, because the
/// users file allows no control characters.
pub const SOMEBODY: &str = "\u{1}";

/// What a client is told that may not do this: to an address, or to a queue of it.
#[must_use]
pub fn refusal(user: &str, permission: Permission, address: &str, queue: Option<&str>) -> String {
    let permission = permission.shouted();
    match queue {
        None => format!("AMQ229032: User: {user} does not have permission='{permission}' on address {address}"),
        Some(queue) => format!(
            "AMQ229213: User: {user} does not have permission='{permission}' for queue {queue} on address {address}"
        ),
    }
}

/// What a client is told that cannot log in; `peer` is where it is, `subject` whose certificate it has shown.
#[must_use]
pub fn unable(peer: &str, user: Option<&str>, subject: Option<&str>) -> String {
    let (user, subject) = (user.unwrap_or("null"), subject.unwrap_or("unavailable"));
    format!("AMQ229031: Unable to validate user from {peer}. Username: {user}; SSL certificate subject DN: {subject}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_shown() {
        let login = Login { user: Some("ann".to_owned()), password: Some(Secret("s3cr3t".to_owned())) };
        let shown = format!("{login:?}");
        assert!(shown.contains("ann") && !shown.contains("s3cr3t"), "{shown}");
    }

    #[test]
    fn clients_read_the_words_of_the_reference() {
        assert_eq!(
            refusal("limited", Permission::Send, "auth.perm", None),
            "AMQ229032: User: limited does not have permission='SEND' on address auth.perm"
        );
        assert_eq!(
            refusal("limited", Permission::Consume, "auth.perm", Some("auth.perm")),
            "AMQ229213: User: limited does not have permission='CONSUME' for queue auth.perm on address auth.perm"
        );
        assert_eq!(
            unable("127.0.0.1:50304", None, None),
            "AMQ229031: Unable to validate user from 127.0.0.1:50304. Username: null; SSL certificate subject DN: \
             unavailable"
        );
    }
}
