//! A file that this process serves: the kernel's FUSE protocol, as far as one regular file needs it.
//!
//! Takes the requests of `/dev/fuse`, asks the recorder, answers. Layouts are those of `include/uapi/linux/fuse.h`, version 7.31, on a
//! little-endian machine. What is not understood is refused as not built, which the kernel takes in its stride. Must stay true: requests are
//! handled one after the other, and a flush is answered after all writes that were answered before it came.

use std::fs::File;
use std::io::{Read, Write};
use std::time::{Duration, Instant};

use super::recorder::{Cut, Recorder, Shared};

/// The most that one write may bring; the kernel's own bound without an extension.
const WRITE_BYTES_MAX: u32 = 128 * 1024;
/// A mount that takes longer has failed.
const MOUNTED_WITHIN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(1);
const IN_HEADER: usize = 40;
const OUT_HEADER: usize = 16;
/// A write's or read's own fields.
const TRANSFER: usize = 40;

const MAJOR: u32 = 7;
const MINOR: u32 = 31;
/// A write may be longer than a page.
const BIG_WRITES: u32 = 1 << 5;
/// The one file is the root.
const ROOT: u64 = 1;
const REGULAR_FILE: u32 = 0o100_600;
const ENOSYS: i32 = 38;
const EIO: i32 = 5;

/// The requests that are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opcode {
    Forget,
    Attributes,
    Open,
    Read,
    Write,
    Released,
    Sync,
    Init,
    Interrupt,
    Destroy,
    Other,
}

impl Opcode {
    const fn of(number: u32) -> Self {
        match number {
            2 | 42 => Self::Forget,
            // What is set (times, a mode) is not kept.
            3 | 4 => Self::Attributes,
            14 => Self::Open,
            15 => Self::Read,
            16 => Self::Write,
            18 | 25 => Self::Released,
            20 => Self::Sync,
            26 => Self::Init,
            36 => Self::Interrupt,
            38 => Self::Destroy,
            _ => Self::Other,
        }
    }
}

/// Serves until the file is unmounted.
pub(super) fn serve(mut device: File, disk: &Shared) {
    let mut request = vec![0; WRITE_BYTES_MAX as usize + 2 * 4096];
    let begun = Instant::now();
    loop {
        let length = match device.read(&mut request) {
            Ok(length) => length,
            // An interrupted request is asked for again; ENOENT is one that was withdrawn.
            Err(error) if matches!(error.raw_os_error(), Some(2 | 4 | 11)) => continue,
            // EPERM: the mount is still under way. There is no other way to wait for it.
            Err(error) if error.raw_os_error() == Some(1) && begun.elapsed() < MOUNTED_WITHIN => {
                std::thread::sleep(LOOK_EVERY);
                continue;
            }
            Err(_) => return,
        };
        let request = request.get(..length).unwrap_or_default();
        let Some(answer) = answer(request, &mut disk.for_request()) else { continue };
        // A request that was withdrawn meanwhile needs no answer.
        let _withdrawn = device.write_all(&answer);
    }
}

/// The answer to a request; nothing where none is expected.
fn answer(request: &[u8], recorder: &mut Recorder) -> Option<Vec<u8>> {
    let (opcode, unique) = (number::<4>(request, 4)?, number::<8>(request, 8)?);
    let body = request.get(IN_HEADER..).unwrap_or_default();
    let answered = match Opcode::of(u32::try_from(opcode).ok()?) {
        Opcode::Forget | Opcode::Interrupt => return None,
        Opcode::Init => Ok(init()),
        Opcode::Attributes => Ok(attributes(recorder.bytes())),
        Opcode::Open => Ok(vec![0; 16]),
        Opcode::Released | Opcode::Destroy => Ok(Vec::new()),
        Opcode::Sync => recorder.flush().map(|()| Vec::new()).map_err(failed),
        Opcode::Read => {
            let (at, count) = (number::<8>(body, 8)?, number::<4>(body, 16)?);
            recorder.read(at, usize::try_from(count).ok()?).map(<[u8]>::to_vec).map_err(failed)
        }
        Opcode::Write => {
            let (at, count) = (number::<8>(body, 8)?, number::<4>(body, 16)?);
            let bytes = body.get(TRANSFER..)?.get(..usize::try_from(count).ok()?)?;
            let told =
                |written: usize| u32::try_from(written).unwrap_or(0).to_le_bytes().into_iter().chain([0; 4]).collect();
            recorder.write(at, bytes).map(told).map_err(failed)
        }
        Opcode::Other => Err(ENOSYS),
    };
    let (error, body) = answered.map_or_else(|error| (-error, Vec::new()), |body| (0, body));
    let mut out = Vec::with_capacity(OUT_HEADER + body.len());
    out.extend(u32::try_from(OUT_HEADER + body.len()).unwrap_or(0).to_le_bytes());
    out.extend(error.to_le_bytes());
    out.extend(unique.to_le_bytes());
    out.extend(body);
    Some(out)
}

const fn failed(_: Cut) -> i32 {
    EIO
}

fn init() -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    // Version, bytes read ahead, flags.
    [MAJOR, MINOR, WRITE_BYTES_MAX, BIG_WRITES].iter().for_each(|field| out.extend(field.to_le_bytes()));
    // Requests in the background: the kernel's own choice.
    out.extend([0; 4]);
    // Bytes of a write, and times to the nanosecond.
    [WRITE_BYTES_MAX, 1].iter().for_each(|field| out.extend(field.to_le_bytes()));
    out.resize(64, 0);
    out
}

/// An hour of validity, then the attributes: the size is all that matters.
fn attributes(bytes: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(104);
    out.extend(3_600_u64.to_le_bytes());
    out.extend([0; 8]);
    [ROOT, bytes, bytes / 512, 0, 0, 0].iter().for_each(|field| out.extend(field.to_le_bytes()));
    // Nanoseconds, mode, links, owner, group, device, block size, flags.
    [0, 0, 0, REGULAR_FILE, 1, 0, 0, 0, 4096, 0].iter().for_each(|field: &u32| out.extend(field.to_le_bytes()));
    out
}

/// A number of so many bytes at a place.
fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..)?.first_chunk::<N>()?;
    Some(bytes.iter().rev().fold(0, |number, byte| (number << 8) | u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(opcode: u32, body: &[u8]) -> Vec<u8> {
        let mut out = u32::try_from(IN_HEADER + body.len()).unwrap().to_le_bytes().to_vec();
        out.extend(opcode.to_le_bytes());
        out.extend(77_u64.to_le_bytes());
        out.resize(IN_HEADER, 0);
        out.extend(body);
        out
    }

    fn transfer(at: u64, count: u32, bytes: &[u8]) -> Vec<u8> {
        let mut out = vec![0; 8];
        out.extend(at.to_le_bytes());
        out.extend(count.to_le_bytes());
        out.resize(TRANSFER, 0);
        out.extend(bytes);
        out
    }

    #[test]
    fn requests_are_answered_in_the_kernels_layout() {
        let mut disk = Recorder::new(vec![0; 8192]);
        let mut ask = |opcode, body: &[u8]| answer(&request(opcode, body), &mut disk);
        assert_eq!(ask(26, &[0; 16]).unwrap().len(), 16 + 64);
        assert_eq!(ask(3, &[0; 16]).unwrap().len(), 16 + 104);
        assert_eq!(ask(2, &[0; 8]), None);
        let written = ask(16, &transfer(4096, 3, b"abc")).unwrap();
        assert_eq!(
            (number::<4>(&written, 0), number::<8>(&written, 8), number::<4>(&written, 16)),
            (Some(24), Some(77), Some(3))
        );
        let read = ask(15, &transfer(4095, 5, &[])).unwrap();
        assert_eq!(read.get(16..).unwrap(), b"\0abc\0");
        // Not built, and a request that ends too early.
        assert_eq!(number::<4>(&ask(43, &[]).unwrap(), 4), Some(u64::from((-38_i32).cast_unsigned())));
        assert_eq!(ask(16, &transfer(0, 9, b"abc")), None);
        assert_eq!(ask(20, &[0; 16]).unwrap().len(), 16);
        disk.cut();
        let refused = answer(&request(20, &[0; 16]), &mut disk).unwrap();
        assert_eq!(number::<4>(&refused, 4), Some(u64::from((-5_i32).cast_unsigned())));
    }
}
