//! What became of a flip: reported and how, or without effect and why, or wrong.
//!
//! Takes the undamaged store as it is known and the flip; gives its class. Must stay true: a flip that changes what comes out, or that lies in a
//! block of a lane, is never called harmless.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use journal::{Finding, HaStateFile, LaneKind, PageSeen, StoreShape, inspect_manifest, read_instance};

use super::figures::{Class, Wrong};
use super::flip::{Flip, Kind, Map, Stands};
use super::image::{Image, View};
use super::start::{Checkpoint, Flaw, Given, Messages, Start, Went, block_at, start};

/// The undamaged store.
#[derive(Debug)]
pub(super) struct Base {
    pub(super) image: Image,
    pub(super) shape: StoreShape,
    pub(super) map: Map,
    pub(super) messages: Messages,
    pub(super) went: Went,
    /// What the bodies are told by.
    pub(super) seed: u64,
}

/// What is wrong, and in which words.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) wrong: Wrong,
    pub(super) text: String,
}

fn found(wrong: Wrong, text: impl Into<String>) -> Found {
    Found { wrong, text: text.into() }
}

/// Judges a flip; a panic on the way is a finding like any other.
pub(super) fn judge(base: &Base, flip: &Flip, scratch: &Path) -> Result<Class, Found> {
    let lock = (flip.kind == Kind::Lock).then_some(scratch);
    judge_view(base, flip, &flip.view(&base.image), lock)
}

/// Judges a view that differs from the store by more than the flip: the control.
pub(super) fn judge_view(base: &Base, flip: &Flip, view: &View<'_>, lock: Option<&Path>) -> Result<Class, Found> {
    match catch_unwind(AssertUnwindSafe(|| judged(base, flip, view, lock))) {
        Ok(verdict) => verdict.map_err(|found| Found { text: format!("{flip}: {}", found.text), ..found }),
        Err(_) => Err(found(Wrong::Panic, format!("{flip}: the start panicked"))),
    }
}

fn judged(base: &Base, flip: &Flip, view: &View<'_>, lock: Option<&Path>) -> Result<Class, Found> {
    // The file of a freed segment that is still there is read by a start without checkpoint, which asks to have it moved away.
    let harmless = matches!(flip.stands, Stands::Beyond | Stands::EmptyHeader | Stands::HeaderRest);
    let given =
        |checkpoint| Given { seed: base.seed, checkpoint, scratch: lock, undamaged: Some(&base.went.undamaged) };
    let went = match start(view.again(), given(Checkpoint::Used)) {
        Start::Refused(why) if harmless => {
            return Err(found(Wrong::Refused, format!("nothing stands there, and a start is refused: {why}")));
        }
        Start::Refused(why) => return named(flip, &why),
        Start::Goes(went) => went,
    };
    wrong_bytes(base, &went)?;
    let same = went.messages == base.messages;
    let told = told(base, flip, &went)?;
    if let Some(class) = told {
        return Ok(class);
    }
    // What is read back is checked again: a broker stops there, and the next start is refused.
    let unreadable = went.messages.values().any(|message| matches!(message, Err(Flaw::Unreadable(_))));
    if !same && !unreadable {
        return Err(found(Wrong::Unnoticed, difference(&base.messages, &went.messages)));
    }
    match start(view.again(), given(Checkpoint::Deleted)) {
        Start::Refused(why) if harmless => Err(found(
            Wrong::Refused,
            format!("nothing stands there, and a start without the checkpoint is refused: {why}"),
        )),
        Start::Refused(why) => named(flip, &why).map(|_| Class::Behind),
        Start::Goes(whole) => {
            wrong_bytes(base, &whole)?;
            if let Some(class) = self::told(base, flip, &whole)? {
                return Ok(class);
            }
            if whole.messages != base.messages || unreadable {
                return Err(found(Wrong::Unnoticed, difference(&base.messages, &whole.messages)));
            }
            quiet(base, flip, view)
        }
    }
}

/// A refusal must say where: a file, or a lane.
fn named(flip: &Flip, why: &str) -> Result<Class, Found> {
    let file = flip.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let lane = file.split('-').next().unwrap_or(file);
    if why.contains(file) || why.contains(lane) {
        return Ok(Class::Refused);
    }
    // A message may lack its queue because the lane of names is damaged: then that lane is named.
    Err(found(Wrong::Unnamed, format!("a start is refused and does not say where: {why}")))
}

/// Whether the start itself tells of the place; an error if it tells of less than it should.
fn told(base: &Base, flip: &Flip, went: &Went) -> Result<Option<Class>, Found> {
    for finding in &went.findings {
        match finding {
            Finding::CheckpointUnusable { .. } if flip.kind == Kind::Checkpoint => {
                if went.messages != base.messages {
                    return Err(found(Wrong::Unnoticed, difference(&base.messages, &went.messages)));
                }
                return Ok(Some(Class::Checkpoint));
            }
            Finding::TornTail { lane, at, .. } | Finding::EvidenceCut { lane, at, .. } => {
                let Stands::Block(of, lsn) = flip.stands else { continue };
                if base.went.findings.contains(finding) || of != *lane || *at > lsn {
                    continue;
                }
                // Blocks behind it say whether it was promised.
                let promised = base.map.lanes.get(lane).is_some_and(|map| lsn < map.promised);
                if promised {
                    return Err(found(Wrong::Unnoticed, format!("cut at {lane}@{at} although it was promised")));
                }
                return Ok(Some(Class::Torn));
            }
            _ => {}
        }
    }
    Ok(None)
}

/// Every body says who it is; one that cannot is wrong, whatever else happened.
fn wrong_bytes(base: &Base, went: &Went) -> Result<(), Found> {
    for (key, message) in &went.messages {
        let wrong = match (message, base.messages.get(key)) {
            (Err(Flaw::WrongBytes(what)), _) => what.clone(),
            (Ok(is), Some(Ok(was))) if is != was => format!("{is} comes instead of {was}"),
            _ => continue,
        };
        return Err(found(Wrong::Bytes, format!("message {} of queue {}: {wrong}", key.1, key.0)));
    }
    Ok(())
}

/// Nothing changed and no start says a word: then nothing may stand there, or a tool must see it.
fn quiet(base: &Base, flip: &Flip, view: &View<'_>) -> Result<Class, Found> {
    let layout = Image::layout();
    let mut again = view.again();
    let seen = |damaged: bool| if damaged { Class::Copy } else { Class::Harmless };
    match (flip.stands, flip.kind) {
        (Stands::Beyond | Stands::Freed | Stands::EmptyHeader | Stands::HeaderRest, _) | (_, Kind::Lock) => {
            Ok(Class::Harmless)
        }
        (Stands::Block(lane, lsn), _) if lane.kind() == LaneKind::Checkpoint => {
            match block_at(view, &layout, &base.shape, lane, lsn) {
                Err(_) => Ok(Class::Checkpoint),
                Ok(_) => Err(found(Wrong::Unnoticed, "the block still counts as sound")),
            }
        }
        (Stands::Block(..) | Stands::Header(_), _) => {
            Err(found(Wrong::Unnoticed, "neither a start nor one without the checkpoint says a word"))
        }
        (Stands::Beside, Kind::Manifest) => {
            Ok(seen(inspect_manifest(&mut again, &layout).is_ok_and(|copies| copies.contains(&PageSeen::Damaged))))
        }
        (Stands::Beside, Kind::State) => {
            let pages = HaStateFile::inspect(&mut again, &layout).map(|(_, pages)| pages);
            match pages {
                Ok(pages) if pages.contains(&PageSeen::Damaged) => Ok(Class::Copy),
                _ => Err(found(Wrong::Unnoticed, "both pages of the state still count as sound")),
            }
        }
        (Stands::Beside, Kind::Instance) => Ok(seen(read_instance(&mut again, &layout).is_err())),
        (Stands::Beside, _) => Err(found(Wrong::Unnoticed, "a file of no known kind")),
    }
}

/// The first few messages that differ.
fn difference(was: &Messages, is: &Messages) -> String {
    let gone = was.iter().filter(|(key, _)| !is.contains_key(*key)).count();
    let new = is.iter().filter(|(key, _)| !was.contains_key(*key)).count();
    let other = is.iter().filter(|(key, message)| was.get(*key).is_some_and(|was| was != *message)).count();
    format!("nobody says a word, and {gone} messages are gone, {new} came back, {other} are others")
}
