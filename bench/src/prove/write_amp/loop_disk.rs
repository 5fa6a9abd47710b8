//! A file system of its own on a loop device, for as long as the value lives.
//!
//! Takes a path for the image, gives a folder. The mount is in a mount namespace of the calling thread: processes that it starts see it,
//! nobody else does, and when all of them are gone, however they went, so are the mount and its loop device.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sched::{CloneFlags, unshare};

/// `commit` only moves the file system's own clock, which would write the times of files every five seconds; what a sync asks for comes at
/// once as before.
const MOUNT_OPTIONS: &str = "loop,noatime,commit=600";

/// Why there is none: this machine or this user cannot have one.
#[derive(Debug)]
pub struct NoLoopDisk(pub String);

/// A mounted file system with nothing in it.
#[derive(Debug)]
pub struct LoopDisk {
    image: PathBuf,
    folder: PathBuf,
}

impl LoopDisk {
    /// Makes one of this many bytes below `directory`. The image is sparse.
    pub fn new(directory: &Path, bytes: u64) -> Result<Self, NoLoopDisk> {
        if std::fs::metadata("/proc/self").map_or(true, |process| process.uid() != 0) {
            return Err(NoLoopDisk("a loop device needs root".to_owned()));
        }
        let cannot = |what: &str, error: &dyn std::fmt::Display| NoLoopDisk(format!("{what}: {error}"));
        let disk = Self { image: directory.join("disk.img"), folder: directory.join("disk") };
        std::fs::create_dir_all(&disk.folder).map_err(|error| cannot("no folder to mount at", &error))?;
        let made = std::fs::File::create(&disk.image).and_then(|image| image.set_len(bytes));
        made.map_err(|error| cannot("no image", &error))?;
        unshare(CloneFlags::CLONE_NEWNS).map_err(|error| cannot("no mount namespace", &error))?;
        run(Command::new("mount").args(["--make-rprivate", "/"]))?;
        // Nothing is left for later: what a file system prepares in the background would be counted.
        let format = ["-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0"];
        run(Command::new("mkfs.ext4").args(format).arg(&disk.image))?;
        run(Command::new("mount").args(["-o", MOUNT_OPTIONS]).arg(&disk.image).arg(&disk.folder))?;
        Ok(disk)
    }

    /// Where it is mounted.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for LoopDisk {
    fn drop(&mut self) {
        // What is left behind ends with the namespace, and the image with the next run.
        let _left = run(Command::new("umount").arg(&self.folder));
        let _left = std::fs::remove_file(&self.image);
    }
}

fn run(command: &mut Command) -> Result<(), NoLoopDisk> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| NoLoopDisk(format!("{name} cannot be run: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    Err(NoLoopDisk(format!("{name}: {}", String::from_utf8_lossy(&output.stderr).trim())))
}
