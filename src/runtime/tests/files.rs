//! Files on a real ring: every way to make a write durable, registered and not, and the segment maker.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails here fails")]

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use runtime::segment_maker::{Frontier, Order, Reply, Request, SegmentMaker, make_now};
use runtime::{AlignedBuffer, Config, Driver, Errno, Event, FileId, Sync, Wait, Why, disk_probe, probe};

const O_DIRECT: i32 = 0o40000;
const SEGMENT_BYTES: u64 = 1024 * 1024;
/// Only a test that hangs takes so long.
const PATIENCE: Duration = Duration::from_secs(120);

fn directory(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("runtime-files-{name}"));
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

fn direct(path: &Path) -> File {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).custom_flags(O_DIRECT).open(path).unwrap()
}

fn driver() -> Driver {
    let config = Config {
        submission_entries: 8,
        completion_entries: 32,
        receive_buffers: 0,
        block_buffers: 4,
        block_buffer_bytes: 64 * 1024,
        uses_before_registration: 1,
        file_operations_max: 4,
        ..Config::default()
    };
    Driver::open(config).unwrap()
}

/// Turns until the next event.
fn event(driver: &mut Driver) -> Event {
    let limit = driver.now() + PATIENCE;
    loop {
        if let Some(event) = driver.next_event() {
            return event;
        }
        assert!(driver.now() < limit, "nothing came: {:?}", driver.stats());
        driver.turn(Wait::Event(Some(limit))).unwrap();
    }
}

fn write(
    driver: &mut Driver,
    file: FileId,
    offset: u64,
    mut buffer: AlignedBuffer,
    fill: u8,
    sync: Sync,
) -> AlignedBuffer {
    buffer.fill(fill);
    let len = buffer.capacity();
    driver.write(file, offset, buffer, len, sync, u64::from(fill)).unwrap();
    let Event::Written { token, buffer, result } = event(driver) else { panic!("not a write") };
    result.unwrap();
    assert_eq!(token, u64::from(fill));
    buffer
}

#[test]
fn each_sync_mode_writes_what_a_read_finds() {
    let path = directory("modes").join("file");
    let mut driver = driver();
    let file = driver.register_file(direct(&path)).unwrap();
    let len = 64 * 1024;
    for (fill, sync) in [(1, Sync::None), (2, Sync::Dsync), (3, Sync::Fdatasync)] {
        for registered in [true, false] {
            let buffer = if registered { driver.take_buffer().unwrap() } else { AlignedBuffer::new(len) };
            let offset = u64::from(fill) * len as u64;
            let buffer = write(&mut driver, file, offset, buffer, fill, sync);
            driver.read(file, offset, buffer, len, 9).unwrap();
            let Event::Read { buffer, result, .. } = event(&mut driver) else { panic!("not a read") };
            assert_eq!(result, Ok(len));
            assert!(buffer.iter().all(|byte| *byte == fill));
            driver.give_buffer(buffer);
        }
    }
    let content = fs::read(&path).unwrap();
    assert_eq!(content.len(), 4 * len);
    assert!(content[3 * len..].iter().all(|byte| *byte == 3));
    assert_eq!(driver.stats().retried + driver.stats().resumed, 0);
}

#[test]
fn a_read_stops_at_the_end_of_the_file() {
    let path = directory("end").join("file");
    fs::write(&path, vec![5; 6000]).unwrap();
    for open in [direct(&path), File::open(&path).unwrap()] {
        let mut driver = driver();
        let file = driver.register_file(open).unwrap();
        for (offset, expected) in [(0, 6000), (4096, 1904), (8192, 0)] {
            driver.read(file, offset, AlignedBuffer::new(16384), 16384, 1).unwrap();
            let Event::Read { buffer, result, .. } = event(&mut driver) else { panic!("not a read") };
            assert_eq!(result, Ok(expected), "at {offset}");
            assert!(buffer[..expected].iter().all(|byte| *byte == 5));
        }
    }
}

#[test]
fn several_writes_are_in_flight_and_more_are_refused_with_their_buffer() {
    let path = directory("depth").join("file");
    let mut driver = driver();
    let file = driver.register_file(direct(&path)).unwrap();
    for token in 0..4 {
        driver.write(file, token * 4096, AlignedBuffer::new(4096), 4096, Sync::Fdatasync, token).unwrap();
    }
    let refused = driver.write(file, 0, AlignedBuffer::new(4096), 4096, Sync::None, 9).unwrap_err();
    assert_eq!(refused.why, Why::FileOperationsFull);
    assert_eq!(refused.buffer.capacity(), 4096);
    let mut tokens: Vec<u64> = (0..4)
        .map(|_| match event(&mut driver) {
            Event::Written { token, result: Ok(()), .. } => token,
            other => panic!("{other:?}"),
        })
        .collect();
    tokens.sort_unstable();
    assert_eq!(tokens, [0, 1, 2, 3]);
    assert_eq!(driver.in_flight(), 1, "the wake");
}

#[test]
fn wrong_lengths_and_closed_files_are_refused() {
    let path = directory("refused").join("file");
    let mut driver = driver();
    let file = driver.register_file(direct(&path)).unwrap();
    for len in [0, 8192] {
        let refused = driver.write(file, 0, AlignedBuffer::new(4096), len, Sync::None, 0).unwrap_err();
        assert_eq!(refused.why, Why::Length);
    }
    // An operation in flight still reports; a new one is refused.
    driver.write(file, 0, AlignedBuffer::new(4096), 4096, Sync::Dsync, 1).unwrap();
    driver.unregister_file(file);
    assert_eq!(driver.read(file, 0, AlignedBuffer::new(4096), 4096, 0).unwrap_err().why, Why::Gone);
    assert!(matches!(event(&mut driver), Event::Written { token: 1, result: Ok(()), .. }));
    assert_eq!(driver.files(), 0);
    let next = driver.register_file(direct(&path)).unwrap();
    assert_ne!(next, file);
    write(&mut driver, next, 0, AlignedBuffer::new(4096), 1, Sync::None);
}

#[test]
fn a_failed_write_says_so_and_gives_its_buffer_back() {
    let mut driver = driver();
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let file = driver.register_file(full).unwrap();
    for sync in [Sync::None, Sync::Fdatasync] {
        driver.write(file, 0, AlignedBuffer::new(4096), 4096, sync, 1).unwrap();
        let Event::Written { buffer, result, .. } = event(&mut driver) else { panic!("not a write") };
        assert_eq!(result.unwrap_err().errno, Errno::NO_SPACE);
        assert_eq!(buffer.capacity(), 4096);
    }
}

#[test]
fn a_buffer_of_another_driver_is_written_as_a_plain_one() {
    let path = directory("foreign").join("file");
    let (mut first, mut second) = (driver(), driver());
    let file = second.register_file(direct(&path)).unwrap();
    let foreign = first.take_buffer().unwrap();
    write(&mut second, file, 0, foreign, 7, Sync::Dsync);
    assert!(fs::read(&path).unwrap().iter().all(|byte| *byte == 7));
}

#[test]
fn a_driver_dropped_with_writes_in_flight_waits_for_them() {
    let path = directory("dropped").join("file");
    let mut driver = driver();
    let file = driver.register_file(direct(&path)).unwrap();
    let mut buffer = AlignedBuffer::new(4096);
    buffer.fill(9);
    driver.write(file, 0, buffer, 4096, Sync::Fdatasync, 1).unwrap();
    drop(driver);
    assert_eq!(fs::read(&path).unwrap(), vec![9; 4096]);
}

fn order(directory: &Path, name: &str, recycle: Option<PathBuf>) -> Order {
    let header = b"a header".to_vec();
    Order { token: 1, directory: directory.to_owned(), name: name.to_owned(), bytes: SEGMENT_BYTES, header, recycle }
}

/// The maker's next reply, through the driver's wake.
fn reply(driver: &mut Driver, maker: &SegmentMaker) -> Reply {
    let limit = Instant::now() + PATIENCE;
    loop {
        if let Some(reply) = maker.reply() {
            return reply;
        }
        assert!(Instant::now() < limit, "the maker does not answer");
        driver.turn(Wait::Event(Some(driver.now() + Duration::from_secs(1)))).unwrap();
        while driver.next_event().is_some() {}
    }
}

#[test]
fn the_fullest_file_system_is_measured() {
    let directory = directory("space");
    let mut driver = driver();
    let maker = SegmentMaker::start(driver.waker()).unwrap();
    let mut measure = |directories: Vec<PathBuf>| {
        maker.request(Request::Measure { directories }).unwrap();
        let Reply::Measured(measured) = reply(&mut driver, &maker) else { panic!("not measured") };
        measured
    };
    let one = measure(vec![directory.clone()]).unwrap();
    assert!(one.used <= one.total && one.total > SEGMENT_BYTES, "{one:?}");
    assert_eq!(measure(vec![directory.join("nowhere"), directory.clone()]).unwrap().total, one.total);
    assert_eq!(measure(vec![directory.join("nowhere")]).unwrap_err(), Errno(libc::ENOENT));
    // It has no size.
    assert_eq!(measure(vec![directory, PathBuf::from("/proc")]).unwrap_err(), Errno(libc::EOPNOTSUPP));
}

#[test]
fn a_segment_is_made_in_the_background_recycled_and_deleted() {
    let directory = directory("segments");
    let mut driver = driver();
    let maker = SegmentMaker::start(driver.waker()).unwrap();
    maker.request(Request::Make(order(&directory, "first", None))).unwrap();
    let Reply::Made { file, recycled: false, token: 1 } = reply(&mut driver, &maker) else { panic!("not made") };
    let content = fs::read(directory.join("first")).unwrap();
    assert_eq!(content.len() as u64, SEGMENT_BYTES);
    assert!(content.starts_with(b"a header\0") && content[8..].iter().all(|byte| *byte == 0));
    let id = driver.register_file(file).unwrap();
    write(&mut driver, id, 4096, AlignedBuffer::new(4096), 3, Sync::Dsync);
    driver.unregister_file(id);

    maker.request(Request::Make(order(&directory, "second", Some(directory.join("first"))))).unwrap();
    let Reply::Made { recycled: true, .. } = reply(&mut driver, &maker) else { panic!("not recycled") };
    assert!(!directory.join("first").exists());
    let content = fs::read(directory.join("second")).unwrap();
    assert!(content.starts_with(b"a header\0") && content[4096] == 3, "recycling keeps old blocks");

    // What cannot be recycled is made anew: wrong size, or not there.
    fs::write(directory.join("short"), b"short").unwrap();
    for (name, old) in [("third", "short"), ("fourth", "missing")] {
        maker.request(Request::Make(order(&directory, name, Some(directory.join(old))))).unwrap();
        let Reply::Made { recycled: false, .. } = reply(&mut driver, &maker) else { panic!("not made") };
        assert_eq!(fs::metadata(directory.join(name)).unwrap().len(), SEGMENT_BYTES);
    }
    // Nor one that a snapshot has under another name: it only loses this one.
    fs::write(directory.join("third"), vec![7; SEGMENT_BYTES as usize]).unwrap();
    fs::hard_link(directory.join("third"), directory.join("kept")).unwrap();
    maker.request(Request::Make(order(&directory, "fifth", Some(directory.join("third"))))).unwrap();
    let Reply::Made { recycled: false, .. } = reply(&mut driver, &maker) else { panic!("not made") };
    assert!(fs::read(directory.join("kept")).unwrap().iter().all(|byte| *byte == 7));

    maker.request(Request::Delete { path: directory.join("second"), token: 5 }).unwrap();
    maker.request(Request::Delete { path: directory.join("second"), token: 6 }).unwrap();
    let Reply::NotDeleted { token: 6, .. } = reply(&mut driver, &maker) else { panic!("deleted twice") };
    drop(maker);
    let mut names: Vec<_> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["fifth", "fourth", "kept"], "and no temporary file");
}

#[test]
fn a_segment_is_filled_ahead_of_its_writer() {
    let directory = directory("ahead");
    let mut driver = driver();
    let maker = SegmentMaker::start(driver.waker()).unwrap();
    let frontier = Frontier::new();
    let mut long = order(&directory, "long", None);
    long.bytes = 16 * SEGMENT_BYTES;
    maker.request(Request::Begin { order: long, filled: 64 * 1024, frontier: frontier.clone() }).unwrap();
    let Reply::Made { file, .. } = reply(&mut driver, &maker) else { panic!("not made") };
    assert_eq!(file.metadata().unwrap().len(), 16 * SEGMENT_BYTES, "reserved in whole");
    assert!(frontier.filled() >= 64 * 1024);
    let again = file.try_clone().unwrap();
    let id = driver.register_file(file).unwrap();
    write(&mut driver, id, 60 * 1024, AlignedBuffer::new(4096), 8, Sync::Dsync);
    // The rest comes without being asked for, and each step wakes the loop.
    let limit = driver.now() + PATIENCE;
    while frontier.filled() < 16 * SEGMENT_BYTES {
        assert!(driver.now() < limit, "filled up to {}", frontier.filled());
        driver.turn(Wait::Event(Some(limit))).unwrap();
        while driver.next_event().is_some() {}
    }
    let content = fs::read(directory.join("long")).unwrap();
    assert!(content.starts_with(b"a header") && content[60 * 1024] == 8, "what was written stays");

    // After a restart: from where the writer stopped.
    let second = Frontier::new();
    maker.request(Request::Resume { file: again, from: 8 * SEGMENT_BYTES, frontier: second.clone() }).unwrap();
    while second.filled() < 16 * SEGMENT_BYTES {
        assert!(driver.now() < limit && second.failure().is_none());
        driver.turn(Wait::Event(Some(driver.now() + Duration::from_millis(100)))).unwrap();
        while driver.next_event().is_some() {}
    }
    let third = Frontier::at(8 * SEGMENT_BYTES);
    let read_only = File::open(directory.join("long")).unwrap();
    maker.request(Request::Resume { file: read_only, from: 8 * SEGMENT_BYTES, frontier: third.clone() }).unwrap();
    while third.failure().is_none() {
        assert!(driver.now() < limit);
        driver.turn(Wait::Event(Some(driver.now() + Duration::from_millis(100)))).unwrap();
        while driver.next_event().is_some() {}
    }
    assert_eq!(third.filled(), 8 * SEGMENT_BYTES, "what was filled before may be written all the time");
}

#[test]
fn a_segment_that_cannot_be_made_leaves_nothing() {
    let directory = directory("failing");
    let mut driver = driver();
    let maker = SegmentMaker::start(driver.waker()).unwrap();
    // More than any disk has: reserving it fails before a byte is written.
    let mut huge = order(&directory, "huge", None);
    huge.bytes = 1 << 60;
    maker.request(Request::Make(huge)).unwrap();
    let Reply::Failed { token: 1, .. } = reply(&mut driver, &maker) else { panic!("made") };
    let mut odd = order(&directory, "odd", None);
    odd.bytes = 5000;
    maker.request(Request::Make(odd)).unwrap();
    let Reply::Failed { .. } = reply(&mut driver, &maker) else { panic!("made") };
    maker.request(Request::Make(order(&directory.join("nowhere"), "lost", None))).unwrap();
    let Reply::Failed { .. } = reply(&mut driver, &maker) else { panic!("made") };
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 0);
}

#[test]
fn the_disk_probe_measures_and_leaves_nothing() {
    let directory = directory("probe");
    probe::direct_io(&directory).unwrap();
    let report = disk_probe::measure(&directory, Duration::from_millis(200)).unwrap();
    for cost in [report.dsync_1, report.dsync_4, report.fdatasync_1, report.fdatasync_4] {
        assert!(cost.flushes_per_second > 0 && cost.p50_microseconds > 0, "{report:?}");
        assert!(cost.p50_microseconds <= cost.p99_microseconds);
    }
    println!("{:?} {report:?}", report.recommended());
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 0);
}

#[test]
fn a_segment_made_at_once_is_open_for_direct_io() {
    let directory = directory("now");
    let file = make_now(&order(&directory, "one", None)).unwrap();
    let mut buffer = AlignedBuffer::new(4096);
    file.read_exact_at(&mut buffer, 0).unwrap();
    assert!(buffer.starts_with(b"a header"));
}
