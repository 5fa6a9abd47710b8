//! Every kind of damage: named with its place, passed over, and weighed as it should be.

use std::path::Path;

use journal::{Chain, LaneId, Lsn, PAGE_BYTES, SegmentSequence, StoreLayout, seal};

use super::scratch::{Scratch, everything};
use super::store::{self, B00, C00, End, J00, L00, Writer, blocks, change, j01, place};
use super::tool::{Said, run};

/// What a case does to a store.
pub(crate) type Break = fn(&Path);

/// A kind of damage, and what must be said of it.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) end: End,
    pub(crate) freed: bool,
    pub(crate) breaks: Break,
    code: i32,
    /// The first word of a line, and parts of it.
    says: (&'static str, &'static [&'static str]),
    /// What a start would do.
    start: &'static str,
}

/// The block in the middle of j00.
fn middle(root: &Path) -> (Lsn, usize) {
    let blocks = blocks(root, J00);
    blocks[blocks.len() / 2]
}

fn flip(root: &Path, lane: LaneId, at: Lsn, byte: usize) {
    let (file, offset) = place(root, lane, at);
    change(&file, |bytes| bytes[offset + byte] ^= 0x10);
}

fn segment(root: &Path, lane: LaneId, sequence: u64) -> std::path::PathBuf {
    StoreLayout::under(root).segment(lane, SegmentSequence(sequence))
}

fn last_data(root: &Path, lane: LaneId) -> (Lsn, usize) {
    *blocks(root, lane).last().unwrap()
}

/// A block that is sound by itself, behind another history.
fn exchange(root: &Path) {
    let (at, length) = middle(root);
    let (file, offset) = place(root, J00, at);
    change(&file, |bytes| {
        let block = &mut bytes[offset..offset + length];
        let header = journal::BlockView::parse(block, J00, at).unwrap().header;
        seal(block, &header, Chain(1)).unwrap();
    });
}

/// The header of a segment with other fields and a right checksum.
fn header(file: &Path, other: impl FnOnce(&mut Vec<u8>)) {
    change(file, |bytes| {
        other(bytes);
        let crc = crc32c::crc32c(&bytes[..40]);
        bytes[40..44].copy_from_slice(&crc.to_le_bytes());
    });
}

fn swap(root: &Path) {
    let blocks = blocks(root, J00);
    let pair = blocks.windows(2).find(|pair| pair[0].0.0 > 24_576 && pair[0].1 == pair[1].1).unwrap();
    let (file, one) = place(root, J00, pair[0].0);
    let (_, two) = place(root, J00, pair[1].0);
    let length = pair[0].1;
    change(&file, |bytes| {
        let (head, tail) = bytes.split_at_mut(two);
        head[one..one + length].swap_with_slice(&mut tail[..length]);
    });
}

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "sound",
        end: End::Sealed,
        freed: false,
        breaks: |_| {},
        code: 0,
        says: ("verdict", &["result=sound"]),
        start: "would=go-on",
    },
    Case {
        name: "a flipped bit in a block",
        end: End::Sealed,
        freed: false,
        breaks: |root| flip(root, J00, middle(root).0, 700),
        code: 10,
        says: ("damage", &["lane=j00", "kind=hole", "lsn=", "to=", "file=", "offset=", "was promised"]),
        start: "would=be-refused",
    },
    Case {
        name: "a flipped bit in a block's header",
        end: End::Sealed,
        freed: false,
        breaks: |root| flip(root, J00, middle(root).0, 25),
        code: 10,
        says: ("damage", &["lane=j00", "kind=hole"]),
        start: "would=be-refused",
    },
    Case {
        name: "a zeroed page",
        end: End::Sealed,
        freed: false,
        breaks: |root| {
            let (file, offset) = place(root, J00, middle(root).0);
            change(&file, |bytes| bytes[offset..offset + PAGE_BYTES].fill(0));
        },
        code: 10,
        says: ("damage", &["lane=j00", "kind=hole"]),
        start: "would=be-refused",
    },
    Case {
        name: "a missing segment",
        end: End::Sealed,
        freed: false,
        breaks: |root| std::fs::remove_file(segment(root, J00, 1)).unwrap(),
        code: 10,
        says: ("damage", &["lane=j00", "kind=segment-missing", "lsn=126976", "to=253952", "j00-0000000000000001.seg"]),
        start: "would=be-refused",
    },
    Case {
        name: "a damaged segment header",
        end: End::Sealed,
        freed: false,
        breaks: |root| change(&segment(root, J00, 1), |bytes| bytes[17] ^= 1),
        code: 10,
        says: ("damage", &["lane=j00", "kind=segment-header", "offset=0"]),
        start: "would=be-refused",
    },
    Case {
        name: "a damaged header of an empty segment",
        end: End::Sealed,
        freed: false,
        breaks: |root| change(&segment(root, J00, 4), |bytes| bytes[17] ^= 1),
        code: 0,
        says: ("note", &["lane=j00", "kind=segment-header", "nothing was written"]),
        start: "would=go-on",
    },
    Case {
        name: "a segment that was cut short",
        end: End::Sealed,
        freed: false,
        breaks: |root| change(&segment(root, J00, 1), |bytes| bytes.truncate(60_000)),
        code: 10,
        says: ("damage", &["lane=j00", "kind=segment-length", "60000 bytes"]),
        start: "would=be-refused",
    },
    Case {
        name: "a segment of another store",
        end: End::Sealed,
        freed: false,
        breaks: |root| header(&segment(root, J00, 1), |bytes| bytes[16] ^= 1),
        code: 10,
        says: ("damage", &["lane=j00", "kind=segment-foreign", "belongs to the store"]),
        start: "would=be-refused code=JN306",
    },
    Case {
        name: "a segment of a newer version",
        end: End::Sealed,
        freed: false,
        breaks: |root| header(&segment(root, J00, 1), |bytes| bytes[4] += 1),
        code: 11,
        says: ("unreadable", &["lane=j00", "kind=newer-version"]),
        start: "would=be-refused code=JN307",
    },
    Case {
        name: "a renamed segment",
        end: End::Sealed,
        freed: false,
        breaks: |root| {
            std::fs::remove_file(segment(root, J00, 2)).unwrap();
            std::fs::rename(segment(root, J00, 1), segment(root, J00, 2)).unwrap();
        },
        code: 10,
        says: ("damage", &["lane=j00", "kind=segment-foreign", "says that it is number 0000000000000001"]),
        // Nothing that a start reads tells of what is lost: no sound block stands behind, and no stop was in order.
        start: "would=go-on",
    },
    Case {
        name: "a segment that cannot be read",
        end: End::Sealed,
        freed: false,
        breaks: |root| {
            std::fs::remove_file(segment(root, J00, 1)).unwrap();
            std::fs::create_dir(segment(root, J00, 1)).unwrap();
        },
        code: 11,
        says: ("unreadable", &["lane=j00", "kind=unreadable", "Is a directory"]),
        start: "would=be-refused code=JN308",
    },
    Case {
        name: "a lane of which nothing can be read",
        end: End::Stopped,
        freed: false,
        breaks: |root| {
            for sequence in 0..5 {
                std::fs::remove_file(segment(root, J00, sequence)).unwrap();
                std::fs::create_dir(segment(root, J00, sequence)).unwrap();
            }
        },
        code: 11,
        says: ("unreadable", &["lane=j00", "kind=unreadable", "Is a directory"]),
        start: "would=be-refused code=JN308",
    },
    Case {
        name: "two exchanged blocks",
        end: End::Sealed,
        freed: false,
        breaks: swap,
        code: 10,
        says: ("damage", &["lane=j00", "kind=hole"]),
        start: "would=be-refused",
    },
    Case {
        name: "a block of another history",
        end: End::Sealed,
        freed: false,
        breaks: exchange,
        code: 10,
        says: ("damage", &["lane=j00", "kind=chain"]),
        start: "would=be-refused",
    },
    Case {
        name: "a torn tail",
        end: End::Killed,
        freed: false,
        breaks: |root| flip(root, J00, last_data(root, J00).0, 80),
        code: 0,
        says: ("note", &["lane=j00", "kind=torn-tail", "nothing that was acked is missing"]),
        start: "would=go-on",
    },
    Case {
        name: "a last record below the promise of a seal",
        end: End::Sealed,
        freed: false,
        breaks: |root| {
            let blocks = blocks(root, J00);
            flip(root, J00, blocks[blocks.len() - 2].0, 80);
        },
        code: 10,
        says: ("damage", &["lane=j00", "kind=hole"]),
        start: "would=be-refused",
    },
    Case {
        name: "a lane that is shorter than at the clean stop",
        end: End::Stopped,
        freed: false,
        breaks: |root| {
            for sequence in [2, 3, 4] {
                let _none = std::fs::remove_file(segment(root, J00, sequence));
            }
        },
        code: 10,
        says: ("damage", &["lane=j00", "kind=short", "was promised"]),
        start: "would=be-refused",
    },
    Case {
        name: "a missing front",
        end: End::Sealed,
        freed: true,
        breaks: |root| std::fs::remove_file(segment(root, J00, 1)).unwrap(),
        code: 10,
        says: ("damage", &["lane=j00", "kind=front-missing", "lsn=126976"]),
        start: "would=be-refused",
    },
    Case {
        name: "a freed segment that came back as garbage",
        end: End::Sealed,
        freed: true,
        breaks: |root| {
            let bytes = std::fs::read(segment(root, J00, 1)).unwrap();
            std::fs::write(segment(root, J00, 0), vec![7; bytes.len()]).unwrap();
        },
        code: 10,
        says: ("way-out", &["move this file", "j00-0000000000000000.seg", "freed"]),
        start: "would=be-refused",
    },
    Case {
        name: "lost names",
        end: End::Sealed,
        freed: true,
        breaks: |root| std::fs::remove_file(segment(root, B00, 0)).unwrap(),
        code: 10,
        says: ("damage", &["lane=b00", "kind=missing", "lsn=0"]),
        start: "would=be-refused",
    },
    Case {
        name: "a damaged large body",
        end: End::Sealed,
        freed: true,
        breaks: |root| flip(root, L00, blocks(root, L00)[2].0, 5_000),
        code: 10,
        says: ("damage", &["lane=l00", "kind=hole"]),
        start: "would=be-refused",
    },
    Case {
        name: "a damaged checkpoint",
        end: End::Stopped,
        freed: false,
        breaks: |root| flip(root, C00, blocks(root, C00)[1].0, 200),
        code: 0,
        says: ("note", &["lane=c00", "kind=hole", "only an index checkpoint"]),
        start: "would=go-on",
    },
    Case {
        name: "damage below the mark of a checkpoint",
        end: End::Stopped,
        freed: false,
        breaks: |root| flip(root, B00, blocks(root, B00)[0].0, 100),
        code: 10,
        says: ("damage", &["lane=b00", "kind=hole"]),
        start: "would=go-on",
    },
    Case {
        name: "both journal lanes",
        end: End::Sealed,
        freed: false,
        breaks: |root| {
            flip(root, J00, middle(root).0, 700);
            flip(root, j01(), blocks(root, j01())[2].0, 80);
        },
        code: 10,
        says: ("way-out", &["--accept-loss j00@", "--accept-loss j01@"]),
        start: "would=be-refused",
    },
    Case {
        name: "one copy of the manifest",
        end: End::Sealed,
        freed: false,
        breaks: |root| change(&root.join("journal/store"), |bytes| bytes[9] ^= 1),
        code: 0,
        says: ("note", &["kind=manifest", "one of its two copies"]),
        start: "would=go-on",
    },
    Case {
        name: "both copies of the manifest",
        end: End::Sealed,
        freed: false,
        breaks: |root| {
            change(&root.join("journal/store"), |bytes| {
                bytes[9] ^= 1;
                bytes[4_096 + 9] ^= 1;
            });
        },
        code: 10,
        says: ("damage", &["kind=manifest", "both copies"]),
        start: "would=go-on",
    },
    Case {
        name: "no manifest",
        end: End::Sealed,
        freed: false,
        breaks: |root| std::fs::remove_file(root.join("journal/store")).unwrap(),
        code: 10,
        says: ("damage", &["kind=manifest", "does not exist"]),
        start: "would=go-on",
    },
    Case {
        name: "one page of the state",
        end: End::Sealed,
        freed: false,
        breaks: |root| change(&root.join("ha/ha.state"), |bytes| bytes[20] ^= 1),
        code: 0,
        says: ("note", &["kind=state", "one of its two pages"]),
        start: "would=go-on",
    },
    Case {
        name: "both pages of the state",
        end: End::Sealed,
        freed: false,
        breaks: |root| {
            change(&root.join("ha/ha.state"), |bytes| {
                bytes[20] ^= 1;
                bytes[4_096 + 20] ^= 1;
            });
        },
        code: 10,
        says: ("damage", &["kind=state", "both of its pages"]),
        start: "would=be-refused-until-the-state-is-there",
    },
    Case {
        name: "a copy without the host's own directory",
        end: End::Sealed,
        freed: false,
        breaks: |root| std::fs::remove_dir_all(root.join("ha")).unwrap(),
        code: 0,
        says: ("note", &["kind=directory-missing", "/ha"]),
        start: "would=be-refused-until-the-state-is-there",
    },
    Case {
        name: "a stranger among the segments",
        end: End::Sealed,
        freed: false,
        breaks: |root| std::fs::write(root.join("journal/notes.txt"), "hello").unwrap(),
        code: 0,
        says: ("note", &["kind=stranger", "notes.txt"]),
        start: "would=go-on",
    },
];

pub(crate) fn broken(case: &Case) -> Scratch {
    let scratch = store::copy_of(case.end, case.freed);
    (case.breaks)(&scratch.0);
    scratch
}

/// What is wrong with what was said.
fn complaint(case: &Case, said: &Said) -> Option<String> {
    let (what, parts) = case.says;
    let why = if said.code != case.code {
        format!("ended with {} instead of {}", said.code, case.code)
    } else if !said.says(what, parts) {
        format!("has no line {what} with {parts:?}")
    } else if !said.says("start", &[case.start]) {
        format!("does not say that a start {}", case.start)
    } else {
        return None;
    };
    Some(format!("{}: {why}\n{}{}", case.name, said.out, said.err))
}

#[test]
fn every_kind_is_named_and_nothing_is_changed() {
    let mut complaints = Vec::new();
    for case in CASES {
        let scratch = broken(case);
        let before = everything(&scratch.0);
        let said = run("verify", &scratch.0, &[]);
        complaints.extend(complaint(case, &said));
        // Whatever is damaged, every command goes on to the end.
        for what in ["print", "stats"] {
            let code = run(what, &scratch.0, &[]).code;
            if ![0, 11].contains(&code) {
                complaints.push(format!("{}: {what} ended with {code}", case.name));
            }
        }
        assert!(before == everything(&scratch.0), "{}: the store was changed", case.name);
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn what_stands_behind_damage_is_shown() {
    let scratch = store::copy_of(End::Sealed, false);
    let records = |said: &Said| said.lines("record").into_iter().map(str::to_owned).collect::<Vec<_>>();
    let whole = records(&run("print", &scratch.0, &["--lane", "j00"]));
    let (at, _) = middle(&scratch.0);
    flip(&scratch.0, J00, at, 700);
    let said = run("print", &scratch.0, &["--lane", "j00"]);
    let rest = records(&said);
    let lost = whole.iter().filter(|line| !rest.contains(line)).count();
    assert!((1..=12).contains(&lost), "{lost} of {} records are not shown", whole.len());
    assert_eq!(rest.last(), whole.last(), "the last one is");
    assert!(said.says("damage", &["kind=hole", &format!("lsn={at}")]));
}

#[test]
fn a_freed_segment_is_moved_away_and_the_start_goes_on() {
    let case = CASES.iter().find(|case| case.name == "a freed segment that came back as garbage").unwrap();
    let scratch = broken(case);
    assert!(run("verify", &scratch.0, &[]).says("start", &["would=be-refused"]));
    std::fs::remove_file(segment(&scratch.0, J00, 0)).unwrap();
    let said = run("verify", &scratch.0, &[]);
    assert!(said.code == 0 && said.says("start", &["would=go-on"]), "{}", said.out);
}

#[test]
fn a_record_that_nobody_knows_is_damage() {
    let scratch = Scratch::new("strange");
    let mut writer = Writer::new(&scratch.0);
    writer.queue(1, "orders");
    writer.strange();
    writer.end(End::Sealed);
    let said = run("verify", &scratch.0, &[]);
    assert_eq!(said.code, 10, "{}", said.out);
    assert!(said.says("damage", &["kind=record", "unknown kind"]), "{}", said.out);
    assert!(said.says("start", &["would=be-refused"]), "{}", said.out);
    assert!(run("print", &scratch.0, &[]).says("record", &["type=unknown", "problem="]));
}

#[test]
fn an_answer_that_names_something_else_is_caught() {
    let case = CASES.iter().find(|case| case.name == "a torn tail").unwrap();
    let sound = store::copy_of(End::Sealed, false);
    assert!(complaint(case, &run("verify", &sound.0, &[])).is_some());
    let damaged = CASES.iter().find(|case| case.name == "a zeroed page").unwrap();
    let scratch = broken(damaged);
    assert!(complaint(case, &run("verify", &scratch.0, &[])).is_some());
}
