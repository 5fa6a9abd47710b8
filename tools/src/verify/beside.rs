//! What lies beside the lanes: manifest, state, lock, instance, missing directories and strangers.

use journal::{HaState, HaStateFile, LastState, PageSeen, StoreError, StoreId, inspect_manifest, read_instance};

use crate::flaw::Weight;
use crate::line::{Line, Value};
use crate::live;
use crate::place::Place;
use crate::untouched::Untouched;

/// A line, and how bad it is if it is bad at all.
type Told = (Option<Weight>, Line);

/// Looks.
pub(super) fn look(place: &Place) -> Vec<Told> {
    let mut told = Vec::new();
    for directory in place.missing_directories() {
        let line = Line::new("note").with("kind", "directory-missing").with("file", directory.display().to_string());
        let meaning =
            "a copy may lack an empty directory or the one that belongs to its host; a start needs all of them";
        told.push((Some(Weight::Note), line.with("meaning", meaning)));
    }
    told.extend(manifest(place));
    told.extend(state(place));
    told.extend(lock(place));
    for file in place.strangers() {
        let line = Line::new("note").with("kind", "stranger").with("file", file.display().to_string());
        told.push((
            Some(Weight::Note),
            line.with("meaning", "it belongs to no lane of this store, and a start passes it over"),
        ));
    }
    told
}

fn manifest(place: &Place) -> Option<Told> {
    let path = place.layout.journal.join("store").display().to_string();
    if let Some(problem) = &place.guessed {
        let line = Line::new("damage").with("kind", "manifest").with("file", path).with("problem", problem.as_str());
        let meaning = "a start is refused until the file is there; what follows goes by the headers of the segments";
        return Some((Some(Weight::Damage), line.with("meaning", meaning)));
    }
    let copies = inspect_manifest(&mut Untouched::default(), &place.layout).ok()?;
    let bad = copies.iter().any(|copy| *copy != PageSeen::Sound);
    let line = Line::new("note")
        .with("kind", "manifest")
        .with("file", path)
        .with("problem", "one of its two copies is damaged");
    bad.then(|| {
        (Some(Weight::Note), line.with("meaning", "the other one is used; restore the file before that goes too"))
    })
}

fn state(place: &Place) -> Vec<Told> {
    let path = place.layout.ha.join("ha.state").display().to_string();
    if !place.layout.ha.is_dir() {
        // Told as a missing directory.
        return Vec::new();
    }
    let bad = |weight: Weight, problem: String, meaning: &str| {
        let what = match weight {
            Weight::Note => "note",
            Weight::Unreadable => "unreadable",
            Weight::Damage => "damage",
        };
        let line = Line::new(what).with("kind", "state").with("file", path.clone());
        (Some(weight), line.with("problem", problem).with("meaning", meaning))
    };
    let mut told = Vec::new();
    let mut seen = HaStateFile::inspect(&mut Untouched::default(), &place.layout);
    if place.is_live() && seen.as_ref().is_ok_and(|(_, pages)| pages.contains(&PageSeen::Damaged)) {
        // It may have been written at that moment.
        live::wait_a_moment();
        seen = HaStateFile::inspect(&mut Untouched::default(), &place.layout);
    }
    match seen {
        Err(error) if error.is_not_found() => {
            told.push(bad(
                Weight::Damage,
                "there is no such file".to_owned(),
                "a start is refused until it is restored",
            ));
        }
        Err(error) => told.push(bad(Weight::Unreadable, error.to_string(), "nobody knows the state of this instance")),
        Ok((state, pages)) => {
            if pages.contains(&PageSeen::Newer) {
                told.push(bad(Weight::Unreadable, "written by a newer version".to_owned(), "start that version"));
            } else if state.is_none() {
                let problem = "both of its pages are damaged".to_owned();
                told.push(bad(
                    Weight::Damage,
                    problem,
                    "a start is refused until it is restored from a backup of this host",
                ));
            } else if pages.contains(&PageSeen::Damaged) {
                let problem = "one of its two pages is damaged".to_owned();
                told.push(bad(Weight::Note, problem, "the other one counts; the next change of state mends it"));
            }
            told.extend(state.map(|state| (None, state_line(&state))));
        }
    }
    match read_instance(&mut Untouched::default(), &place.layout) {
        Ok(_) => {}
        Err(StoreError::Io(error)) => told.push(bad(Weight::Note, error.to_string(), "the file 'instance' is missing")),
        Err(error) => told.push(bad(Weight::Note, error.to_string(), "nothing reads it but the creation of a store")),
    }
    told
}

fn state_line(state: &HaState) -> Line {
    let last = match state.last_state {
        LastState::New => "new",
        LastState::Starting => "starting",
        LastState::ActiveSolo => "active-alone",
        LastState::Stopped => "stopped",
    };
    let stop: Vec<Value> = state.clean_stop.iter().map(|(lane, lsn)| Value::from(format!("{lane}@{lsn}"))).collect();
    Line::new("state")
        .with("last", last)
        .with("node", state.node.to_string())
        .with("seen-epoch", state.seen.number)
        .with("asked-epoch", state.asked.number)
        .with("starts", state.incarnations.last().map_or(0, |last| last.counter))
        .with("sync", state.sync.to_string())
        .with("clean-stop", Value::List(stop))
}

fn lock(place: &Place) -> Option<Told> {
    let lock = place.lock?;
    let line = |what| {
        Line::new(what)
            .with("kind", "lock")
            .with("file", place.layout.journal.join("server.lock").display().to_string())
    };
    if lock.newer {
        let meaning = "start that version";
        return Some((
            Some(Weight::Unreadable),
            line("unreadable").with("problem", "written by a newer version").with("meaning", meaning),
        ));
    }
    let other =
        lock.holder.map(|holder| holder.store).filter(|store| *store != StoreId(0) && *store != place.shape.store)?;
    let problem = format!("it belongs to the store {other}");
    let meaning = "the directories of two stores are mixed up, and a start is refused";
    Some((Some(Weight::Damage), line("damage").with("problem", problem).with("meaning", meaning)))
}
