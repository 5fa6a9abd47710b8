//! A hold: the clients stop, what they know is written down, and the record of the disk is marked; then the broker goes on with what it was asked.
//!
//! The mark is a durable write of one page behind the end of the file system: a write and, as far as the record goes, a flush like any other.
//! Must stay true: while a hold lasts, no client hears or asks anything.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use nix::fcntl::OFlag;

use crate::prove::write_amp::aligned::{Aligned, PAGE};

/// The diary of all clients, in the window. Each hold ends with a line of its own.
pub(super) const DIARY: &str = "diary";
/// That line.
pub(super) const HOLD: &str = "hold";
/// What a mark begins with; its number follows, and whether it begins or ends.
const MAGIC: &[u8; 8] = b"RMQ-hold";

/// The beginning or the end of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Border {
    Begin,
    End,
}

/// A mark in the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) number: u32,
    pub(super) border: Border,
}

impl Mark {
    fn write_to(self, page: &mut [u8]) {
        let border = u8::from(self.border == Border::End);
        let bytes = MAGIC.iter().copied().chain(self.number.to_le_bytes()).chain([border]);
        page.iter_mut().zip(bytes).for_each(|(place, byte)| *place = byte);
    }

    /// The mark that was written with these bytes; nothing if it is none.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        let (number, rest) = bytes.strip_prefix(MAGIC)?.split_first_chunk::<4>()?;
        let border = if *rest.first()? == 0 { Border::Begin } else { Border::End };
        Some(Self { number: u32::from_le_bytes(*number), border })
    }
}

/// The device that marks are written to.
#[derive(Debug)]
pub(super) struct Marker {
    device: File,
    at: u64,
    page: Aligned,
}

impl Marker {
    /// Marks go to this place of the device.
    pub(super) fn open(device: &Path, at: u64) -> Result<Self, String> {
        let flags = (OFlag::O_DIRECT | OFlag::O_DSYNC).bits();
        let device = OpenOptions::new().write(true).custom_flags(flags).open(device);
        let device = device.map_err(|error| format!("marks cannot be written: {error}"))?;
        Ok(Self { device, at, page: Aligned::filled(PAGE, 0) })
    }

    pub(super) fn mark(&mut self, mark: Mark) -> Result<(), String> {
        mark.write_to(self.page.all_mut());
        let written = self.device.write_all_at(self.page.first(PAGE), self.at);
        written.map_err(|error| format!("a mark cannot be written: {error}"))
    }
}

/// Appends what the clients know to the diary, so that it outlives the guest.
pub(super) fn write_down(window: &Path, lines: &str) -> Result<(), String> {
    let path = window.join(DIARY);
    let file = OpenOptions::new().create(true).append(true).open(&path);
    let written = file.and_then(|mut file| {
        file.write_all(format!("{lines}{HOLD}\n").as_bytes())?;
        file.sync_all()
    });
    written.map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_as_it_was_written() {
        for border in [Border::Begin, Border::End] {
            let mark = Mark { number: 70_000, border };
            let mut page = vec![0; PAGE];
            mark.write_to(&mut page);
            assert_eq!(Mark::of(&page), Some(mark));
        }
        assert_eq!(Mark::of(&[0; PAGE]), None);
    }
}
