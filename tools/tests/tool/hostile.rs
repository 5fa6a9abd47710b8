//! What the tool must live with: directories full of anything, a reader that leaves, a system without a ring, a low limit of locked memory.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use journal::{
    FileStorage, Geometry, HaState, InstanceId, LaneId, NodeId, SEGMENT_BYTES_MIN, SegmentSequence, StoreId,
    StoreLayout, StoreShape, SyncMode, create_store,
};

use super::scratch::Scratch;
use super::store::{End, copy_of};
use super::tool::{Said, command, run};

/// A step of a generator of numbers that are good enough.
fn next(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *seed >> 33
}

/// Bytes that are nothing, or begin as something of ours.
fn garbage(seed: &mut u64) -> Vec<u8> {
    let length =
        usize::try_from([0, 17, 4_095, 4_096, 8_192, 50_000, SEGMENT_BYTES_MIN][(next(seed) % 7) as usize]).unwrap();
    let mut bytes: Vec<u8> = (0..length).map(|_| (next(seed) & 0xff) as u8).collect();
    let magics = [b"RMQS", b"RMQB", b"RMQM", b"RMQH", b"RMQL"];
    for page in bytes.chunks_mut(4_096).filter(|page| page.len() > 16) {
        if next(seed).is_multiple_of(2) {
            page[..4].copy_from_slice(magics[(next(seed) % 5) as usize]);
            page[4..6].copy_from_slice(&1_u16.to_le_bytes());
        }
    }
    bytes
}

const NAMES: [&str; 12] = [
    "bindings/b00-0000000000000000.seg",
    "journal/j00-0000000000000000.seg",
    "journal/j00-ffffffffffffffff.seg",
    "journal/j00-0000000000000003.tmp",
    "journal/j63-0000000000000001.seg",
    "journal/j64-0000000000000001.seg",
    "journal/c00-0000000000000000.seg",
    "journal/store",
    "journal/server.lock",
    "ha/ha.state",
    "ha/instance",
    "largemessages/l00-00000000000000ff.free",
];

#[test]
fn directories_of_anything_end_in_a_verdict() {
    for round in 0..20 {
        let mut seed = 77 + round;
        // Every other one is a sound store in which something was replaced.
        let scratch =
            if round % 2 == 0 { copy_of(End::Sealed, false) } else { Scratch::new(&format!("garbage-{round}")) };
        for _ in 0..=next(&mut seed) % 5 {
            let path = scratch.0.join(NAMES[(next(&mut seed) % NAMES.len() as u64) as usize]);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, garbage(&mut seed)).unwrap();
        }
        for what in ["verify", "print", "stats"] {
            let said = run(what, &scratch.0, &[]);
            assert!([0, 6, 10, 11].contains(&said.code), "seed {round}: {what} ended with {}\n{}", said.code, said.err);
        }
    }
}

#[test]
fn what_is_no_store_is_told() {
    let scratch = Scratch::new("none");
    std::fs::create_dir(scratch.0.join("journal")).unwrap();
    for path in [scratch.0.clone(), scratch.0.join("nothing"), Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()] {
        let said = run("verify", &path, &[]);
        assert!(said.code == 6 && said.out.is_empty() && said.err.lines().count() == 1, "{}{}", said.out, said.err);
    }
}

#[test]
fn the_journal_directory_names_the_store_too() {
    let scratch = copy_of(End::Sealed, false);
    let by_root = run("verify", &scratch.0, &[]);
    let by_journal = run("verify", &scratch.0.join("journal"), &[]);
    assert_eq!((by_root.code, by_root.out), (by_journal.code, by_journal.out));
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let scratch = copy_of(End::Sealed, false);
    let mut child =
        command(&["print", scratch.0.to_str().unwrap()]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    // The pipe is closed with the reader, while far more than a pipe holds is still to come.
    BufReader::with_capacity(64, child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = Said::of(&output);
    assert!(line.starts_with("store "), "{line}");
    assert_eq!((said.code, said.err.as_str()), (0, ""));
}

#[test]
fn a_full_disk_behind_the_output_is_one() {
    let scratch = copy_of(End::Sealed, false);
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = command(&["print", scratch.0.to_str().unwrap()]).stdout(full).output().unwrap();
    let said = Said::of(&output);
    assert!(said.code == 1 && said.err.contains("cannot be written"), "{} {}", said.code, said.err);
}

/// The tool with another limit of locked memory.
fn with_memlock(bytes: u64, store: &Path) -> Said {
    let mut shell = Command::new("sh");
    let tool = env!("CARGO_BIN_EXE_journal-tool");
    shell.args(["-c", &format!("ulimit -l {} && exec \"$0\" print \"$1\"", bytes / 1024), tool]).arg(store);
    Said::of(&shell.output().unwrap())
}

#[test]
fn with_little_locked_memory_it_reads_plainly_and_finds_the_same() {
    let scratch = copy_of(End::Sealed, false);
    let plain = run("print", &scratch.0, &["--reader", "plain"]);
    let enough = with_memlock(8 * 1024 * 1024, &scratch.0);
    assert_eq!((enough.code, enough.err.as_str()), (0, ""), "the ring reads with the limit of an ordinary user");
    let little = with_memlock(64 * 1024, &scratch.0);
    assert_eq!(little.err.lines().count(), 1, "{}", little.err);
    assert!(little.err.contains("no io_uring here") && little.err.contains("ulimit -l"), "{}", little.err);
    assert!(plain.out == enough.out && plain.out == little.out && plain.err.is_empty());
}

/// The tool on a store whose one lane has a segment of this size, with this much address space.
fn on_a_large_lane(segment_bytes: u64, address_space_kib: u64) -> Output {
    let scratch = Scratch::new("large");
    let layout = StoreLayout::under(&scratch.0);
    let small = Geometry::new(SEGMENT_BYTES_MIN).unwrap();
    let large = Geometry::new(segment_bytes).unwrap();
    let shape = StoreShape { journal_segments: large, ..StoreShape::uniform(StoreId(3), 1, small) };
    let state = HaState::new(NodeId(5), InstanceId(6), SyncMode::Fdatasync);
    create_store(&mut FileStorage::new(), &layout, &shape, &state).unwrap();
    // It costs no disk: all but the header is a hole.
    let path = layout.segment(LaneId::JOURNAL, SegmentSequence(0));
    std::fs::write(&path, shape.segment_header(LaneId::JOURNAL, SegmentSequence(0)).encode()).unwrap();
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(segment_bytes).unwrap();
    let script = format!("ulimit -v {address_space_kib} && exec \"$0\" verify \"$1\"");
    Command::new("sh").args(["-c", &script, env!("CARGO_BIN_EXE_journal-tool")]).arg(&scratch.0).output().unwrap()
}

#[test]
fn a_lane_larger_than_the_memory_is_read() {
    let output = on_a_large_lane(768 * 1024 * 1024, 512 * 1024);
    let said = Said::of(&output);
    assert!(said.code == 0 && said.says("lane", &["lane=j00", "state=sound"]), "{}{}", said.out, said.err);
    // The limit is real: with hardly any the tool does not even begin.
    assert!(!on_a_large_lane(SEGMENT_BYTES_MIN, 4 * 1024).status.success());
}

#[test]
fn help_says_everything() {
    let help = |arguments: &[&str]| Said::of(&command(arguments).output().unwrap());
    let top = help(&["--help"]);
    assert_eq!(top.code, 0);
    for word in ["print", "verify", "stats", "Exit codes", "10  damaged", "11  unreadable"] {
        assert!(top.out.contains(word), "{word}\n{}", top.out);
    }
    let print = help(&["print", "--help"]);
    for word in
        ["--lane", "--from", "--to", "--queue", "--type", "--bodies", "--json", "--progress", "--reader", "Examples"]
    {
        assert!(print.out.contains(word), "{word}\n{}", print.out);
    }
    for wrong in
        [&["print"][..], &["frob"], &["print", "x", "--lane", "q7"], &["verify", "x", "--reader", "magic"], &[]]
    {
        assert_eq!(help(wrong).code, 2, "{wrong:?}");
    }
}

#[test]
fn progress_is_shown_to_whoever_asks() {
    let scratch = copy_of(End::Sealed, false);
    assert_eq!(run("verify", &scratch.0, &[]).err, "");
    let asked = run("verify", &scratch.0, &["--progress"]);
    assert!(asked.err.contains("read ") && asked.err.contains(" MiB"), "{}", asked.err);
}
