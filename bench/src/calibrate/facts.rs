//! What the kernel says of the block device under a folder.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::sys::stat::{major, minor};

use super::figures::Device;

/// The device of this folder's file system.
pub(super) fn of(folder: &Path) -> Result<Device, String> {
    let metadata = folder.metadata().map_err(|error| format!("{}: {error}", folder.display()))?;
    let (major, minor) = (major(metadata.dev()), minor(metadata.dev()));
    let link = PathBuf::from(format!("/sys/dev/block/{major}:{minor}"));
    let node = link.canonicalize().map_err(|_| {
        format!("{}: its file system is on no block device of its own (device {major}:{minor})", folder.display())
    })?;
    // A partition has no queue, its disk has.
    let queue = [node.join("queue"), node.join("../queue")].into_iter().find(|queue| queue.is_dir());
    let setting = |name: &str| queue.as_ref().and_then(|queue| fs::read_to_string(queue.join(name)).ok());
    Ok(Device {
        name: node.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        volatile_cache: setting("write_cache").as_deref().and_then(volatile),
        fua: setting("fua").as_deref().and_then(yes),
    })
}

fn volatile(text: &str) -> Option<bool> {
    match text.trim() {
        "write back" => Some(true),
        "write through" => Some(false),
        _ => None,
    }
}

fn yes(text: &str) -> Option<bool> {
    match text.trim() {
        "1" => Some(true),
        "0" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_does_not_say_is_not_made_up() {
        assert_eq!(
            [volatile("write back\n"), volatile("write through\n"), volatile("")],
            [Some(true), Some(false), None]
        );
        assert_eq!([yes("1\n"), yes("0\n"), yes("maybe")], [Some(true), Some(false), None]);
        let error = of(Path::new("/proc")).unwrap_err();
        assert!(error.contains("no block device"), "{error}");
    }
}
