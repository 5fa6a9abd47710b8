//! I13: a passive opens no session and delivers nothing.

use ha_engine::state::{Serving, State};

use super::{By, Invariant, Seen};

pub(super) const INVARIANT: Invariant =
    Invariant { name: "I13", text: "clients are let in by an active only", by: By::Look };

pub(super) fn look(sites: [&Seen; 2]) -> Option<String> {
    let mut lets = sites.into_iter().filter(|site| site.lets_clients_in);
    let wrong = lets.find(|site| site.state.map(State::serves) != Some(Serving::Yes))?;
    Some(format!("I13: clients are let in, and the state is {:?}", wrong.state))
}
