//! The tool and recovery itself agree: on whether a start is refused, on the place, and on the way out.
//!
//! Recovery runs on copies of the same store, on real files and with everything that it writes. The walk of the tool is held to it too: what
//! it calls damage, recovery refuses, if need be without the checkpoint that hides it; what it calls sound, recovery takes.

use std::path::Path;

use journal::{
    FileStorage, HaStateFile, LaneId, LaneKind, Lsn, Recovered, RecoveryError, RecoveryOptions, StoreLayout, Vector,
    recover,
};
use ringmq::home::{LoadError, Loaded, Loader};

use super::damage::{CASES, broken};
use super::scratch::Scratch;
use super::store::{End, blocks, change, copy_of, place, shape};
use super::tool::{Said, run};

/// What recovery said.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Judged {
    /// The lanes end here.
    GoesOn(Vec<(LaneId, Lsn)>),
    /// Refused; the place at which a loss can be accepted.
    Refused(Option<(LaneId, Lsn)>),
}

fn recovery(store: &Path, accept: &[(LaneId, Lsn)], use_checkpoint: bool) -> Judged {
    // Each recovery on a copy of its own: it deletes and flushes.
    let copy = Scratch::copy_of("agreement-copy", store);
    let layout = StoreLayout::under(&copy.0);
    let mut storage = FileStorage::new();
    let state = HaStateFile::open(&mut storage, &layout).ok().map(|file| file.state().clone());
    let options = RecoveryOptions {
        known_promised: state.as_ref().map_or_else(Vector::new, |state| state.clean_stop.clone()),
        known_epoch: state.map_or(0, |state| state.seen.number),
        accept_loss: accept.to_vec(),
        use_checkpoint,
        ..RecoveryOptions::alone()
    };
    // A directory that a copy lacks is made by whoever starts on it.
    for directory in layout.all() {
        std::fs::create_dir_all(directory).unwrap();
    }
    match recover(&mut storage, &layout, &shape(), &options) {
        Ok(recovered) => load(&mut storage, &layout, &recovered, accept),
        Err(RecoveryError::Corruption(damage)) => Judged::Refused(Some((damage.lane, damage.at))),
        Err(_) => Judged::Refused(None),
    }
}

/// The records have their say, too: what they refer to must be there.
fn load(storage: &mut FileStorage, layout: &StoreLayout, recovered: &Recovered, accept: &[(LaneId, Lsn)]) -> Judged {
    let mut loader = Loader::default();
    accept.iter().for_each(|(lane, at)| loader.accept_loss(*lane, *at));
    let mut problem = None;
    if let Some(checkpoint) = &recovered.checkpoint {
        let mut chunk = |chunk: &[u8]| problem = problem.take().or_else(|| loader.chunk(chunk).err());
        checkpoint.read(storage, layout, &shape(), &mut chunk).unwrap();
    }
    for lane in shape().data_lanes().filter(|lane| lane.kind() != LaneKind::Large) {
        let mut take = |record: journal::Replayed<'_>| {
            let journal::Replayed { lane, location, end, epoch, kind, run, body } = record;
            let loaded = Loaded { lane, location, end, epoch: epoch.number, run, kind, body };
            problem = problem.take().or_else(|| loader.record(loaded, recovered).err());
        };
        recovered.replay(storage, layout, &shape(), lane, &mut take).unwrap();
    }
    match problem {
        None => Judged::GoesOn(recovered.lanes.iter().map(|lane| (lane.tail.lane, lane.tail.end)).collect()),
        Some(LoadError::Missing { missing, .. }) => Judged::Refused(Some((missing.lane, missing.at))),
        Some(_) => Judged::Refused(None),
    }
}

/// The places of the way out, as the tool names them.
fn accepted(said: &Said) -> Vec<(LaneId, Lsn)> {
    let way_out = said.lines("way-out").first().copied().unwrap_or_default().to_owned();
    let list = way_out.split("accept-loss=[").nth(1).and_then(|rest| rest.split(']').next()).unwrap_or_default();
    let places = list.split(',').filter(|place| !place.is_empty());
    places
        .map(|place| {
            let (lane, lsn) = place.split_once('@').unwrap();
            (lane.parse().unwrap(), lsn.parse().unwrap())
        })
        .collect()
}

/// The file of a freed segment that the tool says is in the way.
fn freed_file(said: &Said) -> Option<String> {
    let way_out = said.lines("way-out").into_iter().find(|line| line.contains("move this file"))?;
    way_out.split(" file=").nth(1).map(|file| file.trim_matches('"').to_owned())
}

/// Where the tool and recovery differ.
fn difference(said: &Said, store: &Path) -> Option<String> {
    let refused = said.says("start", &["would=be-refused "]);
    match recovery(store, &[], true) {
        Judged::GoesOn(_) if refused => return Some("the tool says refused, recovery goes on".to_owned()),
        Judged::Refused(place) => {
            if !refused {
                return Some("recovery refuses, the tool says that it goes on".to_owned());
            }
            if said.code == 0 {
                return Some("recovery refuses, and the tool calls it sound".to_owned());
            }
            if let Some(file) = freed_file(said) {
                let copy = Scratch::copy_of("agreement-freed", store);
                std::fs::remove_file(copy.0.join(Path::new(&file).strip_prefix(store).unwrap())).unwrap();
                return match recovery(&copy.0, &[], true) {
                    Judged::GoesOn(_) => None,
                    Judged::Refused(place) => Some(format!("without {file} recovery refuses still, at {place:?}")),
                };
            }
            let accept = accepted(said);
            if accept.first().copied() != place {
                return Some(format!("recovery asks for {place:?}, the tool names {accept:?}"));
            }
            if !accept.is_empty() && matches!(recovery(store, &accept, true), Judged::Refused(_)) {
                return Some(format!("with {accept:?} recovery refuses still"));
            }
        }
        Judged::GoesOn(_) => {}
    }
    // A file that belongs elsewhere, behind the end of the lane: a start does not look at it.
    let in_lanes =
        said.lines("damage").iter().any(|line| line.contains(" file=") && !line.contains("kind=segment-foreign"))
            && said.lines("lane").iter().any(|line| line.contains("state=damaged"));
    let whole = recovery(store, &[], false);
    match whole {
        Judged::Refused(_) if !in_lanes && said.code == 0 => {
            Some("recovery finds damage, the walk does not".to_owned())
        }
        Judged::GoesOn(_) if in_lanes => Some("the walk finds damage, recovery does not".to_owned()),
        _ => None,
    }
}

#[test]
fn the_tool_says_what_recovery_decides() {
    let mut differences = Vec::new();
    for case in CASES {
        let scratch = broken(case);
        let said = run("verify", &scratch.0, &[]);
        differences.extend(difference(&said, &scratch.0).map(|why| format!("{}: {why}\n{}", case.name, said.out)));
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// A step of a generator of numbers that are good enough.
fn next(seed: &mut u64) -> usize {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    usize::try_from(*seed >> 33).unwrap()
}

#[test]
fn random_damage_too() {
    let made = [(End::Killed, false), (End::Sealed, true), (End::Stopped, false)];
    let lanes: Vec<LaneId> = shape().lanes().collect();
    let mut refusals = 0;
    for round in 0..24 {
        let mut seed = 1_000 + round;
        let scratch = {
            let (end, freed) = made[next(&mut seed) % made.len()];
            copy_of(end, freed)
        };
        for _ in 0..=next(&mut seed) % 3 {
            let lane = lanes[next(&mut seed) % lanes.len()];
            let blocks = blocks(&scratch.0, lane);
            let Some(&(at, length)) = blocks.get(next(&mut seed) % blocks.len().max(1)) else { continue };
            let (file, offset) = place(&scratch.0, lane, at);
            let (byte, kind) = (next(&mut seed) % length, next(&mut seed) % 3);
            change(&file, |bytes| match kind {
                0 => bytes[offset + byte] ^= 1 << (byte % 8),
                1 => bytes[offset..offset + length].fill(0),
                _ => bytes[offset + byte - byte % 512..offset + length].fill(0xa5),
            });
        }
        let said = run("verify", &scratch.0, &[]);
        refusals += u32::from(said.says("start", &["would=be-refused "]));
        if let Some(why) = difference(&said, &scratch.0) {
            panic!("seed {round}: {why}\n{}", said.out);
        }
    }
    assert!(refusals >= 5, "only {refusals} of the stores were refused: the damage is too mild to prove anything");
}

#[test]
fn what_was_given_up_is_noted_and_the_rest_is_sound() {
    for name in ["a zeroed page", "a damaged large body"] {
        let scratch = broken(CASES.iter().find(|case| case.name == name).unwrap());
        let before = run("verify", &scratch.0, &[]);
        assert!(before.says("damage", &["kind=hole"]) && before.code != 0, "{}", before.out);
        let accept = accepted(&before);
        let end_before = before.lines("way-out").concat();
        let options = RecoveryOptions { accept_loss: accept.clone(), ..RecoveryOptions::alone() };
        let layout = StoreLayout::under(&scratch.0);
        let recovered = recover(&mut FileStorage::new(), &layout, &shape(), &options).unwrap();
        // The tool said where the lane would end.
        let end = recovered.lane(accept[0].0).unwrap().tail.end;
        assert!(end_before.contains(&format!("lanes-end-then=[{}@{end}", accept[0].0)), "{end}: {end_before}");
        let said = run("verify", &scratch.0, &[]);
        let lsn = format!("lsn={} ", accept[0].1);
        assert!(said.code == 0 && said.says("note", &["kind=patched", &lsn, "given up"]), "{name}: {}", said.out);
        let printed = run("print", &scratch.0, &["--type", "patch"]);
        assert!(printed.says("record", &["patch", &format!("from={}", accept[0].1)]), "{}", printed.out);
    }
}

#[test]
fn a_disagreement_is_caught() {
    let of = |name: &str| broken(CASES.iter().find(|case| case.name == name).unwrap());
    let sound = of("sound");
    let hole = of("a zeroed page");
    let other = of("a missing segment");
    let (said_sound, said_hole) = (run("verify", &sound.0, &[]), run("verify", &hole.0, &[]));
    assert_eq!(difference(&said_hole, &hole.0), None);
    assert!(difference(&said_sound, &hole.0).is_some(), "sound said of a damaged store");
    assert!(difference(&said_hole, &sound.0).is_some(), "damage said of a sound store");
    assert!(difference(&said_hole, &other.0).is_some(), "another place");
}
