//! Finds out who logs in: one thread computes the hashes of passwords, so that no data core does.
//!
//! Takes: logins from the cores, through a queue that holds all that the cores may ask at the same time. Gives: a verdict for each, as
//! an order to its core. Each core remembers what was right, and answers that at once.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, sync_channel};

use config::{User, Users};
use hashbrown::HashMap;
use runtime::Waker;

use super::lobby::Order;
use super::open::random_u128;
use crate::limits;
use crate::message::{AddressMatch, ConnectionKey, CoreId};
use crate::security::{Account, Accounts, Grant, Identity, Login, Permission, Policy, Remembered, Verdict, unable};

/// A login to look into.
#[derive(Debug)]
struct Job {
    core: CoreId,
    connection: ConnectionKey,
    login: Login,
    peer: String,
    subject: Option<String>,
}

/// Users by the subjects of their certificates.
type Certificates = HashMap<String, Arc<Identity>>;

/// Where a core hands in logins.
#[derive(Debug)]
pub(super) struct Desk {
    core: CoreId,
    jobs: SyncSender<Job>,
    remembered: Remembered,
    certificates: Arc<Certificates>,
    /// Who may do what.
    pub(super) policy: Arc<Policy>,
}

impl Desk {
    /// Somebody logs in who has shown a certificate of this subject, or none. Gives the verdict if it is known; else an order brings
    /// it.
    pub(super) fn hand_in(
        &self,
        connection: ConnectionKey,
        login: Login,
        peer: Option<SocketAddr>,
        subject: Option<&str>,
    ) -> Option<Verdict> {
        // Who says a name is who he says, or nobody: a certificate is for those who say none.
        if login.user.is_none()
            && let Some(identity) = subject.and_then(|subject| self.certificates.get(subject))
        {
            return Some(Verdict::Known(Arc::clone(identity)));
        }
        if let Some(identity) = self.remembered.find(&login) {
            return Some(Verdict::Known(identity));
        }
        let peer = peer.map_or_else(|| "unknown".to_owned(), |peer| peer.to_string());
        let refused = unable(&peer, None, subject);
        let subject = subject.map(str::to_owned);
        // The queue is as long as all that may be asked: without place there is only when the thread is gone.
        let handed_in = self.jobs.try_send(Job { core: self.core, connection, login, peer, subject });
        handed_in.err().map(|_| Verdict::Refused(refused))
    }

    /// A verdict came for this login.
    pub(super) fn note(&mut self, login: &Login, verdict: &Verdict) {
        if let Verdict::Known(identity) = verdict {
            self.remembered.note(login, identity);
        }
    }
}

/// The queue from the cores to the thread, and what the thread works with.
pub(super) struct Office {
    accounts: Accounts,
    policy: Arc<Policy>,
    certificates: Arc<Certificates>,
    jobs: SyncSender<Job>,
    inbox: Receiver<Job>,
}

impl Office {
    /// For these users and so many cores.
    pub(super) fn new(users: &Users, cores: u16) -> Self {
        let (jobs, inbox) = sync_channel(limits::LOGINS_PER_CORE_MAX * usize::from(cores));
        let (policy, certificates) = (Arc::new(policy(users)), Arc::new(certificates(users)));
        Self { accounts: accounts(users), policy, certificates, jobs, inbox }
    }

    /// A core's desk.
    pub(super) fn desk(&self, core: CoreId) -> Desk {
        let mut key = [0; 32];
        let halves = [random_u128(), random_u128()];
        for (place, byte) in key.iter_mut().zip(halves.into_iter().flat_map(u128::to_le_bytes)) {
            *place = byte;
        }
        let (policy, certificates) = (Arc::clone(&self.policy), Arc::clone(&self.certificates));
        Desk { core, jobs: self.jobs.clone(), remembered: Remembered::new(key), certificates, policy }
    }

    /// Starts the thread. It ends when all desks are gone.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub(super) fn open(self, cores: Vec<(Sender<Order>, Waker)>) -> std::io::Result<()> {
        let Self { accounts, inbox, jobs, .. } = self;
        drop(jobs);
        let work = move || {
            for Job { core, connection, login, peer, subject } in inbox {
                let verdict = accounts.judge(&login, &peer, subject.as_deref());
                let Some((orders, waker)) = cores.get(usize::from(core.0)) else { continue };
                // A core that is gone needs no verdict.
                let _heard = orders.send(Order::Judged { connection, login, verdict });
                waker.wake();
            }
        };
        std::thread::Builder::new().name("logins".to_owned()).spawn(work).map(drop)
    }
}

fn accounts(users: &Users) -> Accounts {
    Accounts::new(users.users.iter().map(|user| Account { hash: user.password.clone(), identity: identity(user) }))
}

fn certificates(users: &Users) -> Certificates {
    users.users.iter().filter_map(|user| Some((user.certificate.clone()?, identity(user)))).collect()
}

fn identity(user: &User) -> Arc<Identity> {
    Arc::new(Identity { name: user.name.clone(), roles: user.roles.clone() })
}

fn policy(users: &Users) -> Policy {
    let grants = users.grants.iter().map(|grant| {
        let all = grant.permissions.iter().flat_map(|(name, roles)| roles.iter().map(move |role| (role, name)));
        let to = all.filter_map(|(role, name)| Some((role.clone(), Permission::named(name)?))).collect();
        Grant { covers: AddressMatch::new(&grant.addresses), to }
    });
    Policy::new(grants.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_permission_of_a_users_file_counts() {
        assert_eq!(config::PERMISSIONS, Permission::ALL.map(|(_, name)| name));
        for name in config::PERMISSIONS {
            let grant = config::Grant { addresses: "a".to_owned(), permissions: vec![(name, vec!["r".to_owned()])] };
            let policy = policy(&Users { users: Vec::new(), grants: vec![grant] });
            for (permission, other) in Permission::ALL {
                let may = policy.permissions(&["r".to_owned()], "a").has(permission);
                assert_eq!(may, name == other, "{name} {other}");
            }
        }
    }
}
