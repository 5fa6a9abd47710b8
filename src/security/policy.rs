//! All matches, in the order in which they count.

use super::{Permission, Permissions};
use crate::message::AddressMatch;

/// What one match gives to roles.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The addresses.
    pub covers: AddressMatch,
    /// Which role may do what.
    pub to: Vec<(String, Permission)>,
}

/// Who may do what, where there are users.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The most specific one first.
    grants: Vec<Grant>,
}

impl Policy {
    /// Nobody may do what no grant allows.
    #[must_use]
    pub fn new(mut grants: Vec<Grant>) -> Self {
        grants.sort_by(|one, other| one.covers.specificity(&other.covers));
        Self { grants }
    }

    /// What a user with these roles may do to an address.
    #[must_use]
    pub fn permissions(&self, roles: &[String], address: &str) -> Permissions {
        let Some(grant) = self.grants.iter().find(|grant| grant.covers.covers(address)) else {
            return Permissions::NONE;
        };
        let mine = grant.to.iter().filter(|(role, _)| roles.contains(role));
        mine.fold(Permissions::NONE, |sum, (_, permission)| sum.with(*permission))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(grants: &[(&str, &[(&str, Permission)])]) -> Policy {
        let to = |roles: &[(&str, Permission)]| roles.iter().map(|(role, may)| ((*role).to_owned(), *may)).collect();
        Policy::new(
            grants.iter().map(|(text, roles)| Grant { covers: AddressMatch::new(text), to: to(roles) }).collect(),
        )
    }

    #[test]
    fn every_permission_is_given_alone() {
        for (given, _) in Permission::ALL {
            let policy = policy(&[("#", &[("r", given)])]);
            for (asked, _) in Permission::ALL {
                assert_eq!(
                    policy.permissions(&["r".to_owned()], "a").has(asked),
                    given == asked,
                    "{given:?} {asked:?}"
                );
                assert!(!policy.permissions(&["s".to_owned()], "a").has(asked));
            }
        }
    }

    #[test]
    fn only_the_most_specific_match_counts() {
        use Permission::{Consume, Send};
        let policy = policy(&[("#", &[("r", Send), ("r", Consume)]), ("a.#", &[("r", Send)]), ("a.b", &[])]);
        let may = |address: &str| {
            let may = policy.permissions(&["r".to_owned()], address);
            (may.has(Send), may.has(Consume))
        };
        assert_eq!(
            [may("x"), may("a"), may("a.c"), may("a.b")],
            [(true, true), (true, false), (true, false), (false, false)]
        );
    }

    #[test]
    fn roles_add_up_and_nothing_is_for_nobody() {
        use Permission::{Consume, Send};
        let policy = policy(&[("a", &[("r", Send), ("s", Consume)])]);
        let both = policy.permissions(&["r".to_owned(), "s".to_owned()], "a");
        assert!(both.has(Send) && both.has(Consume));
        assert_eq!(policy.permissions(&[], "a"), Permissions::NONE);
        assert_eq!(policy.permissions(&["r".to_owned()], "b"), Permissions::NONE);
    }
}
