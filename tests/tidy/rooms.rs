//! Imports point one way: the rooms of `src/` form rows, and a room sees only lower rows and the neighbours named here.
//!
//! Takes every source below `src/` that belongs to the broker itself, gives an edge for each path through `crate::`,
//! `ringmq::` or a chain of `super::` that leaves its room. The rooms that decide get an extra rule: no I/O, no clock of
//! their own, no thread; they live on what comes in as arguments. A new room needs a row in [`ROOMS`].

use crate::source::{Named, code_only, paths, tests_from};
use crate::tree::{REPOSITORY, Tree};
use crate::{Finding, expect_none, expect_places};

struct Room {
    name: &'static str,
    row: u8,
    /// Neighbours in the same row that it may see.
    sees: &'static [&'static str],
    /// A state machine without I/O, time or threads.
    decides: bool,
}

const fn decides(row: u8, name: &'static str, sees: &'static [&'static str]) -> Room {
    Room { name, row, sees, decides: true }
}

const fn drives(row: u8, name: &'static str, sees: &'static [&'static str]) -> Room {
    Room { name, row, sees, decides: false }
}

const ROOMS: [Room; 22] = [
    decides(0, "limits", &[]),
    decides(0, "event", &[]),
    decides(1, "message", &[]),
    decides(2, "queue", &[]),
    decides(2, "security", &[]),
    decides(3, "store", &[]),
    decides(4, "mail", &[]),
    decides(5, "routing", &[]),
    decides(5, "durability", &[]),
    decides(5, "delivery", &[]),
    decides(6, "transaction", &[]),
    decides(6, "session", &[]),
    decides(6, "management", &[]),
    decides(7, "home", &[]),
    drives(7, "net", &[]),
    decides(8, "broker", &[]),
    decides(8, "replication", &[]),
    drives(8, "ha", &[]),
    drives(9, "cli", &[]),
    drives(10, "server", &[]),
    drives(11, "main", &[]),
    // Around the path: it sees every room, and only tests see it.
    drives(u8::MAX, TESTING, &[]),
];

const TESTING: &str = "testing";

/// What a deciding room may not name, outside its tests.
const WORLD: [&[&str]; 7] = [
    &["runtime"],
    &["std", "fs"],
    &["std", "net"],
    &["std", "thread"],
    &["std", "time", "Instant"],
    &["std", "time", "SystemTime"],
    &["tokio"],
];

fn room(name: &str) -> Option<&'static Room> {
    ROOMS.iter().find(|room| room.name == name)
}

fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.rust() {
        let Some(module) = module_of(tree, path) else { continue };
        let Some(room) = room(&module[0]) else {
            let what = format!("the room `{}` has no row in tests/tidy/rooms.rs", module[0]);
            findings.push(Finding::new(path, 0, what));
            continue;
        };
        let code = code_only(text);
        let own_tests = tests_from(path, &code);
        for named in paths(&code) {
            let in_tests = named.line >= own_tests;
            if let Some(what) = target(&module, &named).and_then(|to| refused(room, to, in_tests)) {
                findings.push(Finding::new(path, named.line, what));
            }
            if room.decides && !in_tests && WORLD.iter().any(|world| starts_with(&named.parts, world)) {
                let what = format!("`{}` decides: `{}` must come in as an argument", room.name, named.parts.join("::"));
                findings.push(Finding::new(path, named.line, what));
            }
        }
    }
    findings
}

/// The module path of a source of the broker itself: `["queue", "order"]`. The library's root is the map, not a room;
/// a folder of `src/` with its own manifest is a crate, see `crates`.
fn module_of(tree: &Tree, path: &str) -> Option<Vec<String>> {
    let inside = path.strip_prefix("src/")?.strip_suffix(".rs")?;
    let mut parts: Vec<String> = inside.split('/').map(str::to_owned).collect();
    let nested = (1..parts.len()).any(|n| tree.text_of(&format!("src/{}/Cargo.toml", parts[..n].join("/"))).is_some());
    if nested || inside == "lib" {
        return None;
    }
    if parts.len() > 1 && parts.last().is_some_and(|last| last == "mod") {
        parts.pop();
    }
    Some(parts)
}

/// The room of ours that a path leads to.
fn target(module: &[String], named: &Named) -> Option<&'static Room> {
    let first = named.parts.first()?.as_str();
    let supers = named.parts.iter().take_while(|part| *part == "super").count();
    let at = match first {
        "crate" | "ringmq" => 1,
        // Enough steps up to leave the room; in a nested test module one more would be needed, which only over-reports.
        "super" if supers >= module.len() => supers,
        _ => return None,
    };
    named.parts.get(at).and_then(|part| room(part))
}

fn refused(from: &Room, to: &Room, in_tests: bool) -> Option<String> {
    let testing = to.name == TESTING && in_tests;
    let allowed = from.name == to.name || to.row < from.row || from.sees.contains(&to.name) || testing;
    (!allowed).then(|| format!("`{}` (row {}) may not see `{}` (row {})", from.name, from.row, to.name, to.row))
}

fn starts_with(parts: &[String], prefix: &[&str]) -> bool {
    parts.len() >= prefix.len() && parts.iter().zip(prefix).all(|(part, wanted)| part == wanted)
}

#[test]
fn imports_point_down() {
    expect_none(&check(&REPOSITORY));
}

#[test]
fn an_upward_import_is_caught() {
    let tree = Tree::planted(&[
        ("src/store/order.rs", "use crate::queue::Entry;\nuse crate::{limits, session::Session};\n"),
        ("src/store/mod.rs", "use super::delivery::Dispatcher;\nmod order;\n"),
        ("src/queue/mod.rs", "fn f() { crate::store::g() }\n"),
        ("src/routing/mod.rs", "use crate::durability::Gate;\n"),
        ("src/main.rs", "fn main() { ringmq::cli::run() }\n"),
        ("src/lib.rs", "pub use crate::server::Server;\n"),
    ]);
    let places =
        [("src/queue/mod.rs", 1), ("src/routing/mod.rs", 1), ("src/store/mod.rs", 1), ("src/store/order.rs", 2)];
    expect_places(&check(&tree), &places);
}

#[test]
fn the_map_of_the_rooms_is_drawn_as_it_is_checked() {
    // ARCHITECTURE.md draws the rows: `| 5 | `routing`, ... | ... |`.
    let drawing = REPOSITORY.text_of("ARCHITECTURE.md").unwrap_or_default();
    for room in ROOMS.iter().filter(|room| room.name != TESTING) {
        let row = drawing.lines().find(|line| line.starts_with(&format!("| {} | ", room.row))).unwrap_or_default();
        assert!(row.contains(room.name), "ARCHITECTURE.md lacks `{}` in row {}: {row}", room.name, room.row);
    }
}

#[test]
fn the_world_in_a_deciding_room_is_caught() {
    let tree = Tree::planted(&[
        ("src/queue/mod.rs", "use std::{collections::VecDeque, fs::File};\nfn f(now: std::time::Instant) {}\n"),
        ("src/session/mod.rs", "use std::time::Duration;\n#[cfg(test)]\nmod tests { use std::thread::spawn; }\n"),
        ("src/delivery/mod.rs", "use runtime::Ring;\n"),
        ("src/net/mod.rs", "use runtime::Ring;\nuse std::net::SocketAddr;\n"),
    ]);
    expect_places(&check(&tree), &[("src/delivery/mod.rs", 1), ("src/queue/mod.rs", 1), ("src/queue/mod.rs", 2)]);
}

#[test]
fn only_tests_see_the_simulator() {
    let text = "use crate::testing::World;\n#[cfg(test)]\nmod tests { use crate::testing::World; }\n";
    let tree = Tree::planted(&[("src/queue/mod.rs", text), ("src/testing/mod.rs", "use crate::server::Server;\n")]);
    expect_places(&check(&tree), &[("src/queue/mod.rs", 1)]);
}

#[test]
fn a_room_without_a_row_is_caught() {
    let tree =
        Tree::planted(&[("src/attic/mod.rs", ""), ("src/runtime/Cargo.toml", ""), ("src/runtime/src/ring.rs", "")]);
    expect_places(&check(&tree), &[("src/attic/mod.rs", 0)]);
}
