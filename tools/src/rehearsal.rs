//! What the next start would do, asked from the start itself, and the way out where it would be refused.

use journal::{LaneId, Lsn};
use ringmq::home::Loader;
use ringmq::server::{Refused, Rehearsed, rehearse};

use crate::live;
use crate::place::Place;
use crate::untouched::Untouched;

/// What the next start would do.
pub(crate) struct Outlook {
    /// Why it would be refused as things are.
    pub(crate) refused: Option<Refused>,
    /// The consents with which it would go past all that it refuses.
    pub(crate) accept: Vec<(LaneId, Lsn)>,
    /// What it would find, as things are or with the consents; nothing where no consent helps.
    pub(crate) found: Option<Rehearsed>,
    /// Where no consent helps: what stands in the way then.
    pub(crate) stuck: Option<Refused>,
    /// Somebody writes, and every look saw another refusal: there is no answer.
    pub(crate) unsteady: bool,
}

/// Looks at a store that is written meanwhile.
const LIVE_LOOKS: u32 = 8;
/// A lane has a beginning, an end and places between to give up, and may lack what another relies on.
const CONSENTS_PER_LANE: usize = 16;

/// Asks. The loader takes what a start would load: one that only judges, or one that keeps the messages.
pub(crate) fn outlook(place: &Place, loader: fn() -> Loader) -> (Outlook, Loader) {
    let mut last: Option<Refused> = None;
    let mut looks = 0;
    loop {
        looks += 1;
        let mut loads = loader();
        let first = match once(place, &[], &mut loads) {
            Ok(found) => {
                let outlook =
                    Outlook { refused: None, accept: Vec::new(), found: Some(found), stuck: None, unsteady: false };
                return (outlook, loads);
            }
            Err(refused) => refused,
        };
        // What moved between two looks was a race with the writer and no damage.
        let steady = !place.is_live() || last.as_ref() == Some(&first);
        if steady || looks >= LIVE_LOOKS {
            return with_consents(place, first, !steady, loader);
        }
        last = Some(first);
        live::wait_a_moment();
    }
}

fn once(place: &Place, accept: &[(LaneId, Lsn)], loader: &mut Loader) -> Result<Rehearsed, Refused> {
    // A fresh storage each time: what one judgement would have deleted is there for the next.
    rehearse(&mut Untouched::default(), &place.layout, &place.shape, accept, loader)
}

/// Adds consents one by one, as a start asks for them, until it would go on or nothing helps.
fn with_consents(place: &Place, first: Refused, unsteady: bool, loader: fn() -> Loader) -> (Outlook, Loader) {
    let mut accept: Vec<(LaneId, Lsn)> = Vec::new();
    let mut now = first.clone();
    let most = place.lanes().len() * CONSENTS_PER_LANE;
    loop {
        match now.accept {
            Some(asked) if !accept.contains(&asked) && accept.len() < most => accept.push(asked),
            _ => {
                let outlook = Outlook { refused: Some(first), accept, found: None, stuck: Some(now), unsteady };
                return (outlook, loader());
            }
        }
        let mut loads = loader();
        match once(place, &accept, &mut loads) {
            Ok(found) => {
                let outlook = Outlook { refused: Some(first), accept, found: Some(found), stuck: None, unsteady };
                return (outlook, loads);
            }
            Err(refused) => now = refused,
        }
    }
}
