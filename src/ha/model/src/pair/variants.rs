//! The worlds of a pair in which all rules are kept.

use ha_engine::register::AckMode;
use ha_engine::register_client::PairPolicy;
use ha_engine::settings::StaleStart;

use super::{Bounds, Cast, Grain, Judged, Pair};
use crate::variant::{Expect, Size, Variant};

/// Much of everything.
const MUCH: Bounds =
    Bounds { operations: 2, crashes: 2, epochs: 4, cuts: 1, suspicions: 1, orders: 1, timeouts: 1, looks: 4, beats: 0 };

/// Answers that are not waited for.
const LATE: Bounds =
    Bounds { operations: 2, crashes: 1, epochs: 4, cuts: 0, suspicions: 2, orders: 1, timeouts: 4, looks: 4, beats: 0 };

/// One operation, one more epoch.
const LITTLE: Bounds = Bounds { operations: 1, epochs: 1, ..NOTHING };
const NOTHING: Bounds =
    Bounds { operations: 0, crashes: 0, epochs: 0, cuts: 0, suspicions: 0, orders: 0, timeouts: 0, looks: 0, beats: 0 };

/// A pair in sync, every state of which is looked at.
fn states(name: &'static str, about: &'static str, small: Bounds, large: Bounds) -> Variant {
    Variant::of(name, Expect::Holds, about, move |size| {
        Pair::in_sync(Cast::pair(if size == Size::Small { small } else { large }))
    })
}

/// Servers in sync whose world is too large for that.
fn walks(name: &'static str, about: &'static str, cast: Cast) -> Variant {
    Variant::of(name, Expect::Holds, about, move |_| Pair::in_sync(cast.clone())).walked()
}

/// Every variant.
#[must_use]
pub fn variants() -> Vec<Variant> {
    [with_register(), without_register()].into_iter().flatten().collect()
}

fn with_register() -> Vec<Variant> {
    let more = Bounds { operations: 4, ..MUCH };
    let two_lanes = Cast::pair(more).with(|settings| settings.lanes = 2);
    let memory = Cast::pair(MUCH).with(|settings| settings.ack_mode = AckMode::Memory);
    let handover = Bounds { orders: 1, ..LITTLE };
    let late = Bounds { operations: 0, timeouts: 1, ..handover };
    let crash = Bounds { crashes: 1, ..LITTLE };
    let local = Cast::pair(handover).with(|settings| settings.ack_mode = AckMode::Local);
    vec![
        states("pair-handover", "a handover at any moment", handover, Bounds { operations: 2, ..handover }),
        states("pair-late-answer", "the register answers late", late, Bounds { operations: 1, ..late }),
        states("pair-crash", "a crash at any moment", Bounds { operations: 0, ..crash }, crash),
        Variant::of("pair-local", Expect::Holds, "a handover where the backup is not waited for", move |_| {
            Pair::in_sync(local.clone())
        }),
        walks("pair-storm", "crashes, cuts, suspicions, orders and late answers together", Cast::pair(MUCH)),
        walks("pair-lanes", "the same over two lanes", two_lanes),
        walks("pair-memory", "the same where memory is confirmed", memory),
        walks(
            "pair-fine",
            "whatever comes between a server's own work",
            Cast { grain: Grain::Fine, ..Cast::pair(MUCH) },
        ),
        walks("pair-late", "answers of the register that come late again and again", Cast::pair(LATE)),
        walks("three", "two and a spare", Cast::pair(MUCH).with_spare()),
        walks("three-lanes", "two and a spare over two lanes", Cast::pair(more).with_spare().with(|it| it.lanes = 2)),
        cold("pair-cold", "two new installations that start in any order", Cast::pair(MUCH)),
    ]
}

/// Servers that were never started.
fn cold(name: &'static str, about: &'static str, cast: Cast) -> Variant {
    Variant::of(name, Expect::Holds, about, move |_| Ok(Pair::new(cast.clone()))).walked()
}

/// Where no register decides. What a timer fires too early is a partition to them: `availability` lets both serve then, and has a variant that shows it.
fn without_register() -> Vec<Variant> {
    let primary = |bounds| Cast::pair(bounds).without_register(PairPolicy::PrimaryWins);
    let availability = |bounds| Cast::pair(bounds).without_register(PairPolicy::Availability);
    let refuses = |cast: Cast| cast.with(|settings| settings.stale_start = StaleStart::Refuse);
    let crashes = Bounds { crashes: 3, ..MUCH };
    let quiet = Bounds { cuts: 0, suspicions: 0, ..crashes };
    let limit = |name, about, cast: Cast| {
        Variant::of(name, Expect::Limit, about, move |_| Pair::in_sync(cast.clone())).walked()
    };
    vec![
        walks("primary-wins", "without a register, policy primary-wins", primary(crashes)),
        walks("primary-wins-lanes", "the same over two lanes", primary(crashes).with(|it| it.lanes = 2)),
        walks(
            "primary-wins-memory",
            "the same where memory is confirmed",
            primary(crashes).with(|it| it.ack_mode = AckMode::Memory),
        ),
        walks(
            "primary-wins-refuses",
            "the same, a stale primary waits and a backup may start",
            refuses(primary(crashes)).with(|it| it.cold_start = true),
        ),
        walks(
            "primary-wins-at-once",
            "the same, a primary looks for nobody",
            primary(crashes).with(|it| it.check_for_active = false),
        ),
        cold("primary-wins-cold", "the same, two new installations", primary(MUCH)),
        walks(
            "availability",
            "without a register, policy availability, stale starts refused, no partition",
            refuses(availability(quiet)),
        ),
        walks(
            "availability-cold-start",
            "the same, and a backup may start",
            refuses(availability(quiet)).with(|it| it.cold_start = true),
        ),
        limit(
            "split",
            "availability lets both serve that cannot hear each other",
            availability(Bounds { crashes: 0, ..MUCH }),
        ),
        limit(
            "stale-start",
            "a stale start that only warns serves although its peer had gone on",
            Cast { judged: Judged::Split, ..availability(quiet) },
        ),
    ]
}
