//! May a session do what it asks for?
//!
//! Takes: a request of a client, where clients have to log in. Gives: what its user may do to the address that the request speaks of,
//! or the refusal. Must stay true: the address that is looked up is the one that the home will act on; each session looks an address
//! up once. What only a home can tell (is there such an address, is that queue durable) it decides by the permissions in the request.

use super::Front;
use crate::limits;
use crate::mail::{Ask, Failure, FailureKind, Lifetime};
use crate::message::SessionKey;
use crate::security::{Identity, Permission, Permissions, SOMEBODY, refusal};

impl Front {
    /// What the user of a session may do to what is asked for. A queue that is asked for by its own name gets its address.
    ///
    /// # Errors
    /// The user may not do it.
    pub(super) fn look_up(&mut self, key: SessionKey, ask: &mut Ask<'_>) -> Result<Permissions, Failure> {
        if let Ask::CreateConsumer { address, queue, .. } | Ask::DeleteQueue { address, queue, .. } = ask
            && address == queue
            && let Some(known) = self.aliases.get(queue.as_ref())
        {
            *address = known.to_string().into();
        }
        let Some(address) = ask.address() else { return Ok(Permissions::NONE) };
        let Some(session) = self.sessions.get_mut(key) else { return Ok(Permissions::NONE) };
        let permissions = match session.permissions.get(address) {
            Some(known) => *known,
            None => {
                let roles = session.user.as_ref().map_or(&[][..], |user| &user.roles);
                let found = self.policy.as_ref().map_or(Permissions::NONE, |policy| policy.permissions(roles, address));
                if session.permissions.len() >= limits::PERMISSIONS_REMEMBERED_MAX {
                    session.permissions.clear();
                }
                if self.session_memory.has_room_for_permission(session, address) {
                    session.permissions.insert(address.into(), found);
                    self.session_memory.count(session);
                }
                found
            }
        };
        let (needed, queue) = needed(ask, &self.facts.management_address);
        match needed.filter(|needed| !permissions.has(*needed)) {
            None => Ok(permissions),
            Some(needed) => Err(refused(session.user.as_deref(), needed, address, queue)),
        }
    }

    /// A home that refuses does not know what the user is called.
    #[cold]
    pub(super) fn name_user(&self, key: SessionKey, failure: &mut Failure) {
        if failure.kind == FailureKind::NotPermitted
            && let Some(user) = self.sessions.get(key).and_then(|session| session.user.as_ref())
        {
            failure.message = failure.message.replacen(SOMEBODY, &user.name, 1);
        }
    }
}

fn refused(user: Option<&Identity>, needed: Permission, address: &str, queue: Option<&str>) -> Failure {
    let user = user.map_or("null", |user| &user.name);
    Failure::new(FailureKind::NotPermitted, refusal(user, needed, address, queue))
}

/// The permission that a request needs, if it needs one that can be told here, and the queue that its refusal names.
fn needed<'a>(ask: &'a Ask<'_>, management_address: &str) -> (Option<Permission>, Option<&'a str>) {
    match ask {
        Ask::Publish(publish) if *publish.address == *management_address => (Some(Permission::Manage), None),
        Ask::Publish(_) => (Some(Permission::Send), None),
        Ask::CreateConsumer { queue, browses, .. } => {
            let permission = if *browses { Permission::Browse } else { Permission::Consume };
            (Some(permission), Some(queue))
        }
        Ask::CreateAddress { .. } => (Some(Permission::CreateAddress), None),
        Ask::CreateQueue(definition) => {
            let permission = match definition.lifetime {
                Lifetime::Durable => Permission::CreateDurableQueue,
                Lifetime::Run | Lifetime::Connection(_) => Permission::CreateNonDurableQueue,
            };
            (Some(permission), Some(&definition.name))
        }
        // Which of the two, its home knows. Questions are free, as in the reference.
        _ => (None, None),
    }
}
