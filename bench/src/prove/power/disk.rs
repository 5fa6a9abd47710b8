//! File systems on loop devices: one whose device is recorded, and one that holds a given state.
//!
//! Takes bytes, gives a folder. All mounts are in a mount namespace of the calling thread, which the processes that it starts see and nobody
//! else does. Must stay true: what is recorded is what reached the device, since the file behind it is served by this process.

use std::fs::{File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, MutexGuard};
use std::thread::JoinHandle;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sched::{CloneFlags, unshare};

use super::fuse;
use super::recorder::{Recorder, Shared};

/// Room for a store of this load, and for the file system itself.
pub(super) const DISK_BYTES: u64 = 128 << 20;
/// Zeroes of this many bytes are left out of an image.
const CHUNK: usize = 64 * 1024;

/// Numbers of the files that hold states.
static NEXT_STATE: AtomicU64 = AtomicU64::new(0);

/// Why there is no such disk: this machine or this user cannot have one.
#[derive(Clone, Debug)]
pub struct NoDisk(pub String);

/// Whether this machine and this user can have one; the calling thread gets a mount namespace of its own.
pub fn available() -> Result<(), NoDisk> {
    if std::fs::metadata("/proc/self").map_or(true, |process| process.uid() != 0) {
        return Err(NoDisk("mounting needs root".to_owned()));
    }
    for device in ["/dev/fuse", "/dev/loop-control"] {
        let opened = OpenOptions::new().read(true).write(true).open(device);
        opened.map_err(|error| NoDisk(format!("{device}: {error}")))?;
    }
    unshare(CloneFlags::CLONE_NEWNS).map_err(|error| NoDisk(format!("no mount namespace: {error}")))?;
    run(Command::new("mount").args(["--make-rprivate", "/"])).map_err(NoDisk)?;
    run(Command::new("mkfs.ext4").arg("-V")).map_err(NoDisk)
}

/// What the device of a new file system of this many bytes holds.
pub(super) fn formatted(directory: &Path, size: u64) -> Result<Vec<u8>, String> {
    let image = directory.join("formatted.img");
    let failed = |error: std::io::Error| format!("{}: {error}", image.display());
    File::create(&image).and_then(|file| file.set_len(size)).map_err(failed)?;
    let options = ["-q", "-F", "-b", "4096", "-J", "size=8", "-E", "lazy_itable_init=0,lazy_journal_init=0"];
    run(Command::new("mkfs.ext4").args(options).arg(&image))?;
    let bytes = std::fs::read(&image).map_err(failed)?;
    std::fs::remove_file(&image).map_err(failed)?;
    Ok(bytes)
}

/// Whether the file system flushes its device when it is asked to make something durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Barriers {
    /// As it should be.
    On,
    /// The control: durable is only a word.
    Off,
}

/// A mounted file system whose device is recorded.
#[derive(Debug)]
pub(super) struct Recorded {
    shared: Arc<Shared>,
    served: PathBuf,
    folder: PathBuf,
    server: Option<JoinHandle<()>>,
}

impl Recorded {
    /// Mounts a device that holds `bytes` at `directory/data`.
    pub(super) fn mount(directory: &Path, bytes: Vec<u8>, barriers: Barriers) -> Result<Self, String> {
        let (served, folder) = (directory.join("served.img"), directory.join("data"));
        std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        File::create(&served).map_err(|error| format!("{}: {error}", served.display()))?;
        let device = OpenOptions::new().read(true).write(true).open("/dev/fuse");
        let device = device.map_err(|error| format!("/dev/fuse: {error}"))?;
        let number = device.as_raw_fd();
        let own = device.try_clone().map_err(|error| format!("/dev/fuse: {error}"))?;
        inherited(&device, true)?;
        let shared = Arc::new(Shared::new(bytes));
        // It must answer while the mount is under way.
        let server = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || fuse::serve(own, &shared)
        });
        let options = format!("fd={number},rootmode=100600,user_id=0,group_id=0");
        let mounted = run(Command::new("mount").args(["-i", "-t", "fuse", "-o", &options, "ringmq"]).arg(&served));
        // No broker may keep it open.
        inherited(&device, false)?;
        mounted?;
        drop(device);
        let disk = Self { shared, served, folder, server: Some(server) };
        let options = if barriers == Barriers::On { "loop,noatime" } else { "loop,noatime,barrier=0" };
        run(Command::new("mount").args(["-t", "ext4", "-o", options]).arg(&disk.served).arg(&disk.folder))?;
        Ok(disk)
    }

    /// The device.
    pub(super) fn recorder(&self) -> MutexGuard<'_, Recorder> {
        self.shared.recorder()
    }

    /// The broker is gone: what it was still waiting for is answered with an error.
    pub(super) fn release(&self) {
        self.shared.release();
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        self.release();
        unmount(&self.folder);
        unmount(&self.served);
        // Its device has gone with the mount.
        let _served = self.server.take().map(JoinHandle::join);
    }
}

/// A file with these bytes; zeroes take no room.
pub(super) fn write_image(path: &Path, bytes: &[u8]) -> Result<File, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let file = File::create(path).map_err(failed)?;
    file.set_len(bytes.len() as u64).map_err(failed)?;
    let zeroes = vec![0; CHUNK];
    for (number, chunk) in bytes.chunks(CHUNK).enumerate() {
        if !zeroes.starts_with(chunk) {
            file.write_all_at(chunk, (number * CHUNK) as u64).map_err(failed)?;
        }
    }
    Ok(file)
}

/// A mounted file system with a given state.
#[derive(Debug)]
pub(super) struct Restored {
    image: PathBuf,
    folder: PathBuf,
}

impl Restored {
    /// Mounts `bytes` at `directory/data`.
    pub(super) fn mount(directory: &Path, bytes: &[u8]) -> Result<Self, String> {
        // A file of its own for each state: `mount` takes a loop device that still stands on the same file, and what that one remembers of
        // the state before would be read as this one's.
        let number = NEXT_STATE.fetch_add(1, Ordering::Relaxed);
        let disk = Self { image: directory.join(format!("state-{number}.img")), folder: directory.join("data") };
        std::fs::create_dir_all(&disk.folder).map_err(|error| format!("{}: {error}", disk.folder.display()))?;
        write_image(&disk.image, bytes)?;
        run(Command::new("mount").args(["-t", "ext4", "-o", "loop,noatime"]).arg(&disk.image).arg(&disk.folder))?;
        Ok(disk)
    }
}

impl Drop for Restored {
    fn drop(&mut self) {
        unmount(&self.folder);
        // A file that stays is in the way of nobody.
        let _left = std::fs::remove_file(&self.image);
    }
}

/// Whether a started process gets this descriptor.
fn inherited(file: &File, inherit: bool) -> Result<(), String> {
    let flag = if inherit { FdFlag::empty() } else { FdFlag::FD_CLOEXEC };
    fcntl(file, FcntlArg::F_SETFD(flag)).map(drop).map_err(|error| format!("/dev/fuse: {error}"))
}

/// What cannot be unmounted now goes when nobody uses it any more.
fn unmount(path: &Path) {
    if run(Command::new("umount").arg(path)).is_err() {
        let _left = run(Command::new("umount").arg("-l").arg(path));
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{name} cannot be run: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{name}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}
