//! A file system of its own on a loop device, for as long as the value lives.
//!
//! Takes a path for the image, gives a folder. The mount is in a mount namespace of the calling thread: processes that it starts see it,
//! nobody else does, and when all of them are gone, however they went, so are the mount and its loop device.

use std::fs::OpenOptions;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sched::{CloneFlags, unshare};

/// `commit` only moves the file system's own clock, which would write the times of files every five seconds; what a sync asks for comes at
/// once as before.
const MOUNT_OPTIONS: &str = "loop,noatime,commit=600";

/// The same, but the file system never asks its device to flush: a sync is a lie.
const MOUNT_OPTIONS_LYING: &str = "loop,noatime,commit=600,barrier=0";

/// What was behind a cut, kept for [`LoopDisk::mend`].
#[derive(Debug)]
struct Lost {
    at: u64,
    bytes: Vec<u8>,
}

/// Why there is none: this machine or this user cannot have one.
#[derive(Debug)]
pub struct NoLoopDisk(pub String);

/// A mounted file system with nothing in it.
#[derive(Debug)]
pub struct LoopDisk {
    image: PathBuf,
    folder: PathBuf,
    options: &'static str,
    lost: Option<Lost>,
}

impl LoopDisk {
    /// Makes one of this many bytes below `directory`. The image is sparse.
    pub fn new(directory: &Path, bytes: u64) -> Result<Self, NoLoopDisk> {
        Self::mounted(directory, bytes, MOUNT_OPTIONS)
    }

    /// The same for controls: nothing that is synced on it is flushed.
    pub fn lying(directory: &Path, bytes: u64) -> Result<Self, NoLoopDisk> {
        Self::mounted(directory, bytes, MOUNT_OPTIONS_LYING)
    }

    fn mounted(directory: &Path, bytes: u64, options: &'static str) -> Result<Self, NoLoopDisk> {
        if std::fs::metadata("/proc/self").map_or(true, |process| process.uid() != 0) {
            return Err(NoLoopDisk("a loop device needs root".to_owned()));
        }
        let cannot = |what: &str, error: &dyn std::fmt::Display| NoLoopDisk(format!("{what}: {error}"));
        let disk = Self { image: directory.join("disk.img"), folder: directory.join("disk"), options, lost: None };
        std::fs::create_dir_all(&disk.folder).map_err(|error| cannot("no folder to mount at", &error))?;
        let made = std::fs::File::create(&disk.image).and_then(|image| image.set_len(bytes));
        made.map_err(|error| cannot("no image", &error))?;
        unshare(CloneFlags::CLONE_NEWNS).map_err(|error| cannot("no mount namespace", &error))?;
        run(Command::new("mount").args(["--make-rprivate", "/"]))?;
        // Nothing is left for later: what a file system prepares in the background would be counted.
        let format = ["-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0"];
        run(Command::new("mkfs.ext4").args(format).arg(&disk.image))?;
        disk.mount()?;
        Ok(disk)
    }

    fn mount(&self) -> Result<(), NoLoopDisk> {
        run(Command::new("mount").args(["-o", self.options]).arg(&self.image).arg(&self.folder))
    }

    /// From now on the device fails every access from this byte on with EIO. Nothing may be written meanwhile.
    pub fn cut(&mut self, at: u64) -> Result<(), String> {
        let device = self.device()?;
        let failed = |error: std::io::Error| format!("{} cannot be cut: {error}", self.image.display());
        let mut image = OpenOptions::new().read(true).write(true).open(&self.image).map_err(failed)?;
        let mut bytes = Vec::new();
        image.seek(SeekFrom::Start(at)).and_then(|_| image.read_to_end(&mut bytes)).map_err(failed)?;
        image.set_len(at).map_err(failed)?;
        self.lost = Some(Lost { at, bytes });
        run(Command::new("losetup").arg("--set-capacity").arg(device)).map_err(|NoLoopDisk(why)| why)
    }

    /// Takes the device away, puts back what was behind the cut, and mounts it again.
    pub fn mend(&mut self) -> Result<(), String> {
        run(Command::new("umount").arg(&self.folder)).map_err(|NoLoopDisk(why)| why)?;
        if let Some(Lost { at, bytes }) = self.lost.take() {
            let image = OpenOptions::new().write(true).open(&self.image);
            let written = image.and_then(|image| image.write_all_at(&bytes, at));
            written.map_err(|error| format!("{} cannot be mended: {error}", self.image.display()))?;
        }
        self.mount().map_err(|NoLoopDisk(why)| why)
    }

    /// The device that it is mounted from.
    fn device(&self) -> Result<PathBuf, String> {
        let device =
            std::fs::metadata(&self.folder).map_err(|error| format!("{}: {error}", self.folder.display()))?.dev();
        let (major, minor) = (nix::sys::stat::major(device), nix::sys::stat::minor(device));
        let link = PathBuf::from(format!("/sys/dev/block/{major}:{minor}"));
        let target = std::fs::read_link(&link).map_err(|error| format!("{}: {error}", link.display()))?;
        Ok(Path::new("/dev").join(target.file_name().unwrap_or_default()))
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
