//! Limits on locked memory, in child processes without privileges: what fits is registered, what does
//! not is used unregistered, and one warning names the fix.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails here fails")]

use std::fs::OpenOptions;
use std::process::Command;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::{Uid, setuid};
use runtime::limits::USES_BEFORE_REGISTRATION;
use runtime::{AlignedBuffer, Config, Driver, Event, FileId, Sync, Wait};

/// Set for the child: the limit in KiB.
const LIMIT: &str = "RUNTIME_TEST_MEMLOCK_KIB";

/// Runs one test of this binary in a child with a limit; gives what it printed.
fn child(test: &str, kibibytes: u64) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(LIMIT, kibibytes.to_string())
        .output()
        .unwrap();
    let printed = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{printed}");
    printed
}

/// In the child: lowers the limit and gives privileges up. False in the parent.
fn is_child() -> bool {
    let Ok(kibibytes) = std::env::var(LIMIT) else { return false };
    let wanted = kibibytes.parse::<u64>().unwrap() * 1024;
    let (_, hard) = getrlimit(Resource::RLIMIT_MEMLOCK).unwrap();
    let limit = wanted.min(hard);
    setrlimit(Resource::RLIMIT_MEMLOCK, limit, limit).unwrap();
    if Uid::effective().is_root() {
        // Root may lock what it likes. The kernel counts locked memory by user, so each limit gets a user of its own.
        setuid(Uid::from_raw(60_000 + u32::try_from(kibibytes.parse::<u64>().unwrap()).unwrap())).unwrap();
    }
    tracing_subscriber::fmt().with_writer(std::io::stdout).with_ansi(false).init();
    true
}

/// Opens two drivers with 1 MiB of block buffers each, and writes with a buffer of the first until it was used often. Prints whether it
/// is registered then.
fn work() {
    let config = Config { block_buffers: 4, block_buffer_bytes: 256 * 1024, ..Config::default() };
    let scratch = OpenOptions::new().write(true).open("/dev/null").unwrap();
    let drivers = Driver::open(config).and_then(|first| Ok((first, Driver::open(config)?)));
    let (mut driver, _second) = match drivers {
        Ok(drivers) => drivers,
        Err(refusal) => return println!("refused: {refusal}"),
    };
    let file = driver.register_file(scratch).unwrap();
    let mut buffer: AlignedBuffer = driver.take_buffer().unwrap();
    for _ in 0..USES_BEFORE_REGISTRATION {
        assert!(!buffer.is_registered());
        buffer = write(&mut driver, file, buffer);
    }
    let buffer = write(&mut driver, file, buffer);
    println!("registered: {}", buffer.is_registered());
}

/// Writes a buffer, and gives it back.
fn write(driver: &mut Driver, file: FileId, buffer: AlignedBuffer) -> AlignedBuffer {
    let len = buffer.capacity();
    driver.write(file, 0, buffer, len, Sync::None, 1).unwrap();
    let limit = driver.now() + Duration::from_secs(120);
    loop {
        assert!(driver.now() < limit);
        driver.turn(Wait::Event(Some(limit))).unwrap();
        if let Some(Event::Written { buffer, result, .. }) = driver.next_event() {
            result.unwrap();
            return buffer;
        }
    }
}

/// The child's outcome must be `expected`. An ordinary user's limit is shared with all other processes of
/// that user, which may use it up: then the one line with the fix must be there instead.
fn check(printed: &str, expected: &[&str], fixes: usize) {
    let named = printed.matches("LimitMEMLOCK=infinity").count();
    if !Uid::effective().is_root() && named == 1 {
        return;
    }
    assert_eq!(named, fixes, "{printed}");
    for text in expected {
        assert!(printed.contains(text), "{text} in {printed}");
    }
}

#[test]
fn eight_mebibytes_suffice() {
    if is_child() {
        return work();
    }
    check(&child("eight_mebibytes_suffice", 8 * 1024), &["registered: true"], 0);
}

#[test]
fn too_little_leaves_buffers_unregistered_and_warns_once() {
    if is_child() {
        return work();
    }
    let printed = child("too_little_leaves_buffers_unregistered_and_warns_once", 512);
    check(&printed, &["registered: false", "RLIMIT_MEMLOCK is 512 KiB", "stay unregistered"], 1);
}

#[test]
fn next_to_nothing_still_gives_a_smaller_ring() {
    if is_child() {
        return work();
    }
    let printed = child("next_to_nothing_still_gives_a_smaller_ring", 64);
    check(&printed, &["registered: false", "RLIMIT_MEMLOCK is 64 KiB"], 1);
}

#[test]
fn nothing_at_all_is_refused_with_the_fix() {
    if is_child() {
        return work();
    }
    let printed = child("nothing_at_all_is_refused_with_the_fix", 4);
    // Before 6.13 a ring's queues were not counted, so that it starts all the same.
    let expected = if printed.contains("refused") { "refused: no memory for an io_uring" } else { "registered: false" };
    check(&printed, &[expected], 1);
}
