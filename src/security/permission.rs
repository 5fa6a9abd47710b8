//! The permissions of Artemis, under its names, and sets of them.

/// One thing that a role may do to the addresses of a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Permission {
    /// Send messages.
    Send,
    /// Consume messages.
    Consume,
    /// Look at messages and leave them.
    Browse,
    /// Create an address.
    CreateAddress,
    /// Delete an address.
    DeleteAddress,
    /// Create a durable queue.
    CreateDurableQueue,
    /// Delete a durable queue.
    DeleteDurableQueue,
    /// Create a queue that ends with the broker or with its session.
    CreateNonDurableQueue,
    /// Delete such a queue.
    DeleteNonDurableQueue,
    /// Send requests to look after the broker.
    Manage,
}

impl Permission {
    /// Each with the name that it has in a file and in a refusal.
    pub const ALL: [(Self, &'static str); 10] = [
        (Self::Send, "send"),
        (Self::Consume, "consume"),
        (Self::Browse, "browse"),
        (Self::CreateAddress, "createAddress"),
        (Self::DeleteAddress, "deleteAddress"),
        (Self::CreateDurableQueue, "createDurableQueue"),
        (Self::DeleteDurableQueue, "deleteDurableQueue"),
        (Self::CreateNonDurableQueue, "createNonDurableQueue"),
        (Self::DeleteNonDurableQueue, "deleteNonDurableQueue"),
        (Self::Manage, "manage"),
    ];

    /// The permission of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(permission, _)| *permission)
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(permission, _)| *permission == self).map_or("", |(_, name)| name)
    }

    /// Its name in a refusal, as the reference writes it: `CREATE_ADDRESS`.
    #[must_use]
    pub fn shouted(self) -> String {
        let mut shouted = String::new();
        for letter in self.name().chars() {
            if letter.is_ascii_uppercase() {
                shouted.push('_');
            }
            shouted.push(letter.to_ascii_uppercase());
        }
        shouted
    }

    fn bit(self) -> u16 {
        1 << (self as u8)
    }
}

/// A set of permissions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permissions(u16);

impl Permissions {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Everything.
    pub const ALL: Self = Self((1 << Permission::ALL.len()) - 1);

    /// Is it in the set?
    #[must_use]
    pub fn has(self, permission: Permission) -> bool {
        self.0 & permission.bit() != 0
    }

    /// The set with one more.
    #[must_use]
    pub fn with(self, permission: Permission) -> Self {
        Self(self.0 | permission.bit())
    }

    /// What is in either.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_there_and_back() {
        for (permission, name) in Permission::ALL {
            assert_eq!((Permission::named(name), permission.name()), (Some(permission), name));
        }
        assert_eq!(Permission::named("Send"), None);
        assert_eq!(Permission::CreateNonDurableQueue.shouted(), "CREATE_NON_DURABLE_QUEUE");
    }

    #[test]
    fn sets_hold_what_was_put_in() {
        for (one, _) in Permission::ALL {
            let set = Permissions::NONE.with(one);
            for (other, _) in Permission::ALL {
                assert_eq!(set.has(other), one == other, "{one:?} {other:?}");
                assert!(Permissions::ALL.has(other) && !Permissions::NONE.has(other));
            }
        }
        let both = Permissions::NONE.with(Permission::Send).or(Permissions::NONE.with(Permission::Manage));
        assert!(both.has(Permission::Send) && both.has(Permission::Manage) && !both.has(Permission::Consume));
    }
}
