//! `docs/ha.md` says what the engine says: the tables between the marks `made` are written from it, and what the page names is there.
//!
//! To write them anew: `RINGMQ_REGENERATE=1 cargo test -p ha-engine page`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use crate::event::Admin;
use crate::settings::Times;
use crate::state::State;
use crate::{start, table};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/ha.md");
const RULES: [&str; 2] = [
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/ha-rules.md"),
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/ha-lanes.md"),
];
const EVENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/events.md");
const END: &str = "<!-- end -->";

/// `page` with `made` between the marks of that name; nothing if it has no such marks.
fn filled(page: &str, name: &str, made: &str) -> Option<String> {
    let mark = format!("<!-- made: {name} -->\n");
    let (before, rest) = page.split_once(&mark)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{mark}{made}{END}{after}"))
}

fn states() -> String {
    let mut out = String::from(
        "| state | clients | an ack waits for | may become active | what it does |\n| --- | --- | --- | --- | --- |\n",
    );
    for state in State::ALL {
        let (serves, acks, activation) = (state.serves().word(), state.acks().word(), state.may_activate().word());
        writeln!(out, "| {state} | {serves} | {acks} | {activation} | {} |", state.meaning()).unwrap();
    }
    out
}

/// Every order with its name.
fn name_of(order: Admin) -> &'static str {
    match order {
        Admin::Stop => "stop",
        Admin::Switchover => "switchover",
        Admin::Promote => "promote",
        Admin::KeepLocal => "keep-local",
        Admin::KeepPeer => "keep-peer",
        Admin::AcceptTail => "accept-tail",
        Admin::InitRegister => "init-register",
    }
}

const ORDERS: [(Admin, &str); 7] = [
    (Admin::Stop, "hand over if a replica is in sync, and end in good order"),
    (Admin::Switchover, "hand over to the replica, and become its backup"),
    (
        Admin::Promote,
        "serve, whatever the rules say: the operator knows that nobody else does, and that this copy counts",
    ),
    (Admin::KeepLocal, "quarantined: what is here counts, and is served"),
    (
        Admin::KeepPeer,
        "quarantined: what the peer has counts; what is here is kept as an old replica, and the peer is followed",
    ),
    (Admin::AcceptTail, "the lanes count as they are, although blocks behind a hole say that more was there"),
    (Admin::InitRegister, "make the register anew from this copy, although it was there and is gone"),
];

fn orders() -> String {
    let mut out = String::from("| order | what it says |\n| --- | --- |\n");
    for (order, says) in ORDERS {
        writeln!(out, "| *{}* | {says} |", name_of(order)).unwrap();
    }
    out
}

fn length(time: Duration) -> String {
    match time.as_millis() {
        0 => "never".to_owned(),
        millis if millis % 1000 == 0 => format!("{} s", millis / 1000),
        millis => format!("{millis} ms"),
    }
}

fn times() -> String {
    // Taken apart as a whole, so that no time is forgotten here.
    let Times {
        retry,
        start_wait,
        answer,
        silence,
        lag,
        heartbeat,
        sync,
        activation,
        stop_guard,
        handover,
        verdict,
        suspended,
        failback,
    } = Times::default();
    let rows = [
        ("`replication-heartbeat-interval`", heartbeat, "how often each side tells that it lives"),
        ("`replica-failure-timeout`", silence, "silence after which the peer counts as lost"),
        ("`replica-lag-timeout`", lag, "how long acks wait for a replica that speaks and does not confirm"),
        ("`call-timeout`", answer, "how long an answer of the peer may take while the two greet each other"),
        ("`initial-replication-sync-timeout`", sync, "how long acks may wait for a joiner's last confirmation"),
        ("`retry-replication-wait`", retry, "before it looks again at the register and for the peer"),
        ("`startup-peer-wait`", start_wait, "before a start goes on without its peer"),
        ("`vote-retry-wait`", verdict, "between two attempts to take over"),
        ("`activation-timeout`", activation, "from the register's yes to open acceptors"),
        ("(fixed)", stop_guard, "how long the word of an active that is about to stop excuses its silence"),
        ("`handover-timeout`", handover, "a handover, before the register is asked"),
        ("`failback-min-stable`", failback, "how long a primary is in sync before it asks for its place"),
        ("`suspended-timeout`", suspended, "after which an active in doubt closes its clients"),
    ];
    let mut out = String::from("| setting | default | what it is |\n| --- | --- | --- |\n");
    for (name, time, what) in rows {
        writeln!(out, "| {name} | {} | {what} |", length(time)).unwrap();
    }
    out
}

fn steps() -> String {
    let mut out = String::from("| step | what it is |\n| --- | --- |\n");
    for action in table::Action::ALL {
        writeln!(out, "| {action:?} | {} |", action.meaning().trim()).unwrap();
    }
    out
}

/// The page as it should be.
fn fresh(page: &str) -> String {
    let made: [(&str, String); 6] = [
        ("states", states()),
        ("orders", orders()),
        ("times", times()),
        ("start", start::markdown()),
        ("transitions", table::as_markdown()),
        ("steps", steps()),
    ];
    made.iter().fold(page.to_owned(), |page, (name, made)| {
        filled(&page, name, made).unwrap_or_else(|| panic!("docs/ha.md has no marks `made: {name}`"))
    })
}

/// The words of a text that are codes of this area.
fn codes(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_alphanumeric());
    words.filter(|word| word.len() == 5 && word.starts_with("HA") && word[2..].parse::<u16>().is_ok()).collect()
}

#[test]
fn the_page_is_not_stale() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let fresh = fresh(&page);
    if std::env::var_os("RINGMQ_REGENERATE").is_some() {
        std::fs::write(PAGE, &fresh).unwrap();
        return;
    }
    let stale = page.lines().zip(fresh.lines()).position(|(old, new)| old != new).map_or(0, |at| at + 1);
    assert!(page == fresh, "docs/ha.md:{stale} is stale: RINGMQ_REGENERATE=1 cargo test -p ha-engine page");
}

#[test]
fn a_stale_table_is_found() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let stale = page.replacen("| IN_SYNC |", "| INSYNC |", 1);
    assert_ne!(stale, page);
    assert_eq!(fresh(&stale), fresh(&page));
    assert_eq!(filled("no marks", "states", ""), None);
}

#[test]
fn every_rule_has_its_text_and_no_other() {
    let pages = RULES.map(|page| std::fs::read_to_string(page).unwrap());
    let headings = pages.iter().flat_map(|page| page.lines().filter_map(|line| line.strip_prefix("## SR")));
    let mut headings: Vec<u8> = headings.map(|number| number.parse().unwrap()).collect();
    headings.sort_unstable();
    // The last one is counted by its number, so that a rule that is added fails here.
    let rules: Vec<u8> = (1..=crate::rules::Rule::Sr19 as u8).collect();
    assert_eq!(headings, rules);
}

#[test]
fn every_code_and_every_order_is_there() {
    let (page, events) = (std::fs::read_to_string(PAGE).unwrap(), std::fs::read_to_string(EVENTS).unwrap());
    let known: BTreeSet<&str> = events.lines().filter_map(|line| line.strip_prefix("## ")?.split(':').next()).collect();
    let unknown: Vec<&str> = codes(&page).into_iter().filter(|code| !known.contains(code)).collect();
    assert_eq!(unknown, Vec::<&str>::new());
    assert!(codes("HA310, HA3100, HAxyz").contains("HA310") && codes("HA3100 HAxyz").is_empty());
    // What the events tell an operator to order is an order.
    let orders: BTreeSet<&str> = ORDERS.into_iter().map(|(order, _)| name_of(order)).collect();
    assert_eq!(orders.len(), ORDERS.len());
    for order in ["promote", "keep-local", "keep-peer", "accept-tail", "init-register"] {
        assert!(orders.contains(order) && events.contains(&format!("({order}")), "{order}");
    }
}
