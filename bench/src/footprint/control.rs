//! The control: the same broker behind a shell that starts it late and holds memory. A measurement that does not see both is worth nothing.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use super::{Counts, QUEUE, created, once};
use crate::result::schema::Footprint;
use crate::targets::{Place, RingMq};

/// Milliseconds that the planted start is late.
const LATE_MS: u32 = 1_000;
/// Bytes that the planted broker holds.
const HELD: u64 = 32 << 20;
/// Of what is held, this much must be seen: memory is not the same twice.
const SEEN: f64 = 0.8;

/// Measures a broker as it is and with what is planted, on the same store; says what was seen.
///
/// # Errors
///
/// One of the two was not seen, or could not be measured.
pub fn control(target: &RingMq, above: &Path) -> Result<String, String> {
    let directory = above.join("footprint-control");
    let place = Place { directory: directory.clone(), port: 0, queue: QUEUE.to_owned(), settings: Vec::new() };
    let seen = measured(target, &place).and_then(|[plain, planted]| judged(&plain, &planted));
    // A folder that stays harms nobody.
    let _left = std::fs::remove_dir_all(directory);
    seen
}

fn measured(target: &RingMq, place: &Place) -> Result<[Footprint; 2], String> {
    let counts = Counts { connections: 0, queued: 0 };
    created(target, place)?;
    let one = |target: &RingMq| once(target, place, counts, &mut |_| {}, &AtomicBool::new(false));
    let plain = one(target)?;
    let planted = one(&RingMq { binary: shell(target, &place.directory)? })?;
    Ok([plain, planted])
}

/// A shell script in front of the broker, which it ends together with itself.
fn shell(target: &RingMq, folder: &Path) -> Result<PathBuf, String> {
    let binary = std::path::absolute(&target.binary).map_err(|error| error.to_string())?;
    let text = format!(
        "#!/bin/sh\n\
         [ \"$1\" = run ] || exec '{binary}' \"$@\"\n\
         sleep {late}\n\
         held=$(head -c {HELD} /dev/zero | tr '\\0' x)\n\
         '{binary}' \"$@\" &\n\
         trap \"kill $!\" TERM\n\
         wait $!\n\
         wait $!\n",
        binary = binary.display(),
        late = f64::from(LATE_MS) / 1e3,
    );
    let path = folder.join("late-and-fat");
    let written = std::fs::write(&path, text)
        .and_then(|()| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)));
    written.map(|()| path.clone()).map_err(|error| format!("{}: {error}", path.display()))
}

fn judged(plain: &Footprint, planted: &Footprint) -> Result<String, String> {
    // Not against the other start: what else the machine does may have held that up for longer.
    let late = planted.start_ms;
    let fat = planted.idle_bytes as f64 - plain.idle_bytes as f64;
    let seen = format!(
        "a start of {late:.0} ms that was held up for {LATE_MS}, {:.1} MiB of {} that were held",
        fat / f64::from(1 << 20),
        HELD >> 20
    );
    if late >= f64::from(LATE_MS) && fat >= HELD as f64 * SEEN {
        Ok(format!("caught: {seen}"))
    } else {
        Err(format!("the control was not caught: {seen}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_must_be_seen() {
        let of = |start_ms: f64, mib: u64| Footprint { start_ms, idle_bytes: mib << 20, ..Footprint::default() };
        let plain = of(20.0, 10);
        assert!(judged(&plain, &of(1_020.0, 42)).is_ok());
        assert!(judged(&plain, &of(20.0, 42)).unwrap_err().contains("not caught"));
        assert!(judged(&plain, &of(1_020.0, 10)).is_err());
        assert!(judged(&of(700.0, 10), &of(1_020.0, 42)).is_ok(), "a start that was held up by others");
    }
}
