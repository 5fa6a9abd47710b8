//! The files of a state, taken out of its file system without a mount: whoever may not mount can look too.
//!
//! Takes the bytes of a disk; `e2fsck` replays the file system's journal and checks all of it, `debugfs` copies what is in it. Gives a folder.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::disk::write_image;
use crate::prove::kill9::broker::empty;

/// What `debugfs` says of files that are not ours to give away.
const HARMLESS: &str = "while changing ownership";

/// A folder with the files of a given state.
#[derive(Debug)]
pub(super) struct Copied {
    folder: PathBuf,
}

impl Copied {
    /// Copies them to `directory/data`.
    pub(super) fn of(directory: &Path, bytes: &[u8]) -> Result<Self, String> {
        let (image, folder) = (directory.join("state.img"), directory.join("data"));
        empty(&folder)?;
        std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let copied = Self { folder };
        write_image(&image, bytes)?;
        mended(&image)?;
        copied.fill(&image)?;
        Ok(copied)
    }

    fn fill(&self, image: &Path) -> Result<(), String> {
        let request = format!("rdump / \"{}\"", self.folder.display());
        let output = Command::new("debugfs").args(["-R", &request]).arg(image).output();
        let output = output.map_err(|error| format!("debugfs cannot be run: {error}"))?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        // It says its name first, and ends with 0 whatever happens.
        match said.lines().skip(1).find(|line| !line.contains(HARMLESS)) {
            None if output.status.success() => Ok(()),
            line => Err(format!("debugfs: {}", line.unwrap_or("failed"))),
        }
    }
}

impl Drop for Copied {
    fn drop(&mut self) {
        // The next one begins with an empty folder anyway.
        let _left = std::fs::remove_dir_all(&self.folder);
    }
}

/// Everything that a mount would mend is mended; what it would not notice is an error.
fn mended(image: &Path) -> Result<(), String> {
    let output = Command::new("e2fsck").args(["-f", "-p"]).arg(image).output();
    let output = output.map_err(|error| format!("e2fsck cannot be run: {error}"))?;
    // 1: something was mended.
    if output.status.code().is_some_and(|code| code <= 1) {
        return Ok(());
    }
    Err(format!("e2fsck: {}", String::from_utf8_lossy(&output.stdout).trim()))
}
