//! A flip through real processes: `journal-tool verify` and `ringmq run` must say what the judgement in memory says.
//!
//! Takes a store, a flip and its class; gives what disagrees. Works on a copy, which is deleted.

use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::figures::Class;
use super::flip::{Flip, Stands};
use super::image::Image;
use super::part::Known;
use crate::prove::kill9::broker::{Broker, Place, empty};
use crate::prove::kill9::{contents, copy_folder};

/// A broker that stops because something cannot be read back says so with this code.
const STOPPED_AT_READ: &str = "JN304";

/// It ends within this.
const STOPS_WITHIN: Duration = Duration::from_secs(60);

/// One flip.
pub(super) struct Sample<'a> {
    pub(super) known: &'a Known,
    pub(super) flip: &'a Flip,
    pub(super) class: Class,
    pub(super) tool: &'a Path,
    /// Where the copy goes.
    pub(super) place: &'a Place,
}

/// Runs it. The inner error is a disagreement, the outer one says that nothing could be found out.
pub(super) fn sample(sample: &Sample<'_>) -> Result<Result<(), String>, String> {
    let data = sample.place.directory.join("data");
    empty(&sample.place.directory)?;
    copy_folder(&sample.known.made.place.directory.join("data"), &data)?;
    flip_on_disk(sample.flip, &data)?;
    let verified = verify(sample.tool, &data)?;
    let verdict = agrees(sample, &verified).and_then(|()| serves(sample));
    if verdict.is_ok() {
        empty(&sample.place.directory)?;
    }
    Ok(verdict)
}

fn flip_on_disk(flip: &Flip, data: &Path) -> Result<(), String> {
    let path = data.join(Image::name(&flip.path));
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let file = std::fs::OpenOptions::new().read(true).write(true).open(&path).map_err(failed)?;
    let mut byte = [0];
    file.read_exact_at(&mut byte, flip.offset as u64).map_err(failed)?;
    file.write_all_at(&[byte[0] ^ (1 << flip.bit)], flip.offset as u64).map_err(failed)
}

/// What the tool says.
struct Verified {
    code: Option<i32>,
    text: String,
}

fn verify(tool: &Path, data: &Path) -> Result<Verified, String> {
    let output = Command::new(tool).arg("verify").arg(data).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{} cannot be run: {error}", tool.display()))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    Ok(Verified { code: output.status.code(), text })
}

fn agrees(sample: &Sample<'_>, verified: &Verified) -> Result<(), String> {
    let file = sample.flip.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let (code, noted) = (verified.code, verified.text.contains("note ") && verified.text.contains(file));
    let damaged = matches!(code, Some(10 | 11)) && verified.text.contains(file);
    let right = match sample.class {
        // Where nothing stands and a start with the checkpoint goes on, a note is enough.
        Class::Refused | Class::Behind if sample.flip.stands == Stands::Freed => damaged || (code == Some(0) && noted),
        // Damaged, or written by a newer version: one bit may say that too.
        Class::Refused | Class::Behind => damaged,
        Class::Copy | Class::Checkpoint => code == Some(0) && noted,
        Class::Torn | Class::Harmless => code == Some(0),
    };
    if right && !verified.text.contains("panicked at") {
        return Ok(());
    }
    Err(format!("journal-tool verify ended with {code:?} and said:\n{}", verified.text))
}

/// What the broker does.
fn serves(sample: &Sample<'_>) -> Result<(), String> {
    let refused = sample.class == Class::Refused;
    let mut broker = match Broker::start(sample.place) {
        Ok(_) if refused => return Err("the broker serves".to_owned()),
        Ok(broker) => broker,
        Err(what) if refused && !what.contains("panicked at") && what.contains("ERROR") => return Ok(()),
        Err(what) => return Err(what),
    };
    let came = contents(&broker, sample.known.made.seed);
    // A broker that stops closes its connections before it has said why.
    let ended = if came.is_err() { broker.ended_within(STOPS_WITHIN).err() } else { None };
    let log = broker.end_of_log();
    if log.contains("panicked at") {
        return Err(log);
    }
    let came = match came {
        Ok(came) => came,
        // It stopped at what could not be read back, and said so.
        Err(_) if sample.class == Class::Behind && log.contains(STOPPED_AT_READ) => return Ok(()),
        Err(what) => return Err(format!("{what}\n{}", ended.unwrap_or(log))),
    };
    let came: Vec<_> = came.into_iter().collect::<Result<_, _>>().map_err(|what| format!("delivered: {what}"))?;
    if sample.class == Class::Torn || came == sample.known.delivered {
        return Ok(());
    }
    Err(format!("the broker delivers {} messages, others than the {} before", came.len(), sample.known.delivered.len()))
}
