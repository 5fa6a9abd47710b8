//! May this machine run us? Each refusal is one line with the exact fix.
//!
//! Takes: the kernel's answers. Gives: [`Unsupported`], or what was found. Must stay true: a missing
//! feature is found at start, never by a strange error under load.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use io_uring::{IoUring, Probe, opcode};
use nix::sys::statfs::{FsType, statfs};
use nix::sys::utsname::uname;

use crate::limits::BLOCK_ALIGNMENT;
use crate::memlock;

/// The oldest kernel that has all we use.
const KERNEL_MIN: (u32, u32) = (6, 1);

/// What is missing, and what to do about it; one line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unsupported(String);

impl Unsupported {
    pub(crate) fn new(what: &str, error: &io::Error) -> Self {
        Self(format!("{what}: {error}"))
    }
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unsupported {}

/// What the machine offers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Machine {
    /// The kernel's release.
    pub kernel: String,
    /// The limit on locked memory, in bytes; none: unlimited.
    pub memlock: Option<u64>,
}

/// Checks kernel and io_uring. A small memlock limit is no refusal: buffers then stay unregistered.
pub fn machine() -> Result<Machine, Unsupported> {
    let kernel = uname().map(|name| name.release().to_string_lossy().into_owned()).unwrap_or_default();
    check_release(&kernel)?;
    let ring: IoUring = IoUring::builder()
        .setup_single_issuer()
        .setup_coop_taskrun()
        .setup_defer_taskrun()
        .setup_taskrun_flag()
        .build(8)
        .map_err(|error| explain_setup(&error))?;
    let mut probe = Probe::new();
    ring.submitter()
        .register_probe(&mut probe)
        .map_err(|error| Unsupported(format!("io_uring: asking for its operations failed: {error}")))?;
    check_operations(|code| probe.is_supported(code))?;
    let parameters = ring.params();
    for (there, name) in [
        (parameters.is_feature_nodrop(), "NODROP"),
        (parameters.is_feature_ext_arg(), "EXT_ARG"),
        (parameters.is_feature_fast_poll(), "FAST_POLL"),
        (parameters.is_feature_skip_cqe_on_success(), "CQE_SKIP"),
    ] {
        if !there {
            return Err(Unsupported(format!("io_uring of kernel {kernel} lacks {name}; run Linux 6.1 or newer")));
        }
    }
    Ok(Machine { kernel, memlock: memlock::limit() })
}

/// The operations a driver uses, by name.
fn check_operations(supported: impl Fn(u8) -> bool) -> Result<(), Unsupported> {
    let needed = [
        (opcode::AcceptMulti::CODE, "ACCEPT"),
        (opcode::RecvMulti::CODE, "RECV"),
        (opcode::Send::CODE, "SEND"),
        (opcode::Connect::CODE, "CONNECT"),
        (opcode::Read::CODE, "READ"),
        (opcode::ReadFixed::CODE, "READ_FIXED"),
        (opcode::Write::CODE, "WRITE"),
        (opcode::WriteFixed::CODE, "WRITE_FIXED"),
        (opcode::Fsync::CODE, "FSYNC"),
        (opcode::AsyncCancel::CODE, "ASYNC_CANCEL"),
    ];
    match needed.iter().find(|(code, _)| !supported(*code)) {
        None => Ok(()),
        Some((_, name)) => Err(Unsupported(format!(
            "io_uring lacks the operation {name}; run Linux 6.1 or newer, or lift the restriction that hides it"
        ))),
    }
}

fn check_release(release: &str) -> Result<(), Unsupported> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse::<u32>().unwrap_or(0));
    let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if found >= KERNEL_MIN {
        return Ok(());
    }
    Err(Unsupported(format!("kernel {release} is too old; run Linux 6.1 or newer")))
}

/// Turns a failed `io_uring_setup` into a line with the fix.
pub(crate) fn explain_setup(error: &io::Error) -> Unsupported {
    let disabled = fs::read_to_string("/proc/sys/kernel/io_uring_disabled").ok();
    Unsupported(setup_refusal(error, disabled.as_deref().map(str::trim)))
}

fn setup_refusal(error: &io::Error, disabled: Option<&str>) -> String {
    match (error.raw_os_error(), disabled) {
        (Some(libc::EPERM), Some("2")) => {
            "io_uring is switched off by kernel.io_uring_disabled=2; run `sysctl -w kernel.io_uring_disabled=0` and \
             put it into /etc/sysctl.d"
                .to_owned()
        }
        (Some(libc::EPERM), Some("1")) => {
            "io_uring is kept from ordinary users by kernel.io_uring_disabled=1; run `sysctl -w \
             kernel.io_uring_disabled=0`, or put this user's group into kernel.io_uring_group"
                .to_owned()
        }
        (Some(libc::EPERM | libc::EACCES), _) => {
            "io_uring is forbidden, most likely by a seccomp filter (containers have one): allow io_uring_setup, \
             io_uring_enter and io_uring_register, for example with `--security-opt seccomp=unconfined`, or under \
             systemd with `SystemCallFilter=@io-event io_uring_setup io_uring_enter io_uring_register`"
                .to_owned()
        }
        (Some(libc::ENOSYS), _) => {
            "this kernel has no io_uring (CONFIG_IO_URING), or a seccomp filter hides it; run Linux 6.1 or newer, or \
             allow io_uring_setup in the filter"
                .to_owned()
        }
        (Some(libc::EINVAL), _) => {
            "io_uring of this kernel lacks DEFER_TASKRUN or SINGLE_ISSUER; run Linux 6.1 or newer".to_owned()
        }
        (Some(libc::ENOMEM), _) => format!(
            "no memory for an io_uring: RLIMIT_MEMLOCK counts all rings and registered buffers of this user; {}",
            memlock::FIX
        ),
        (Some(libc::EMFILE | libc::ENFILE), _) => {
            "no free file descriptor for an io_uring: raise LimitNOFILE in the systemd unit or run `ulimit -n 1048576`"
                .to_owned()
        }
        _ => format!("io_uring cannot be set up: {error}"),
    }
}

/// Whether `directory` takes direct I/O: writes and reads one block of a file without a name. Where there are none, of one that it removes;
/// that changes the directory, which costs the next flush of it a commit of the file system's journal.
pub fn direct_io(directory: &Path) -> Result<(), Unsupported> {
    if open_direct(libc::O_TMPFILE, false, directory).and_then(write_and_read).is_ok() {
        return Ok(());
    }
    let path = directory.join(format!(".direct-io-probe-{}", std::process::id()));
    let result = open_direct(0, true, &path).and_then(write_and_read);
    let _ = fs::remove_file(&path);
    if result.as_ref().is_err_and(|error| matches!(error.raw_os_error(), Some(libc::ENOSPC | libc::EDQUOT))) {
        // A full disk is no refusal of direct I/O. A store that is there must open, so that its consumers can empty it.
        return Ok(());
    }
    result.map_err(|error| Unsupported(direct_io_refusal(directory, &error)))
}

fn open_direct(flags: i32, is_named: bool, path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(is_named).truncate(is_named);
    options.custom_flags(flags | libc::O_DIRECT | libc::O_CLOEXEC).open(path)
}

fn write_and_read(file: File) -> io::Result<()> {
    use std::os::unix::fs::FileExt;
    let mut block = crate::AlignedBuffer::new(BLOCK_ALIGNMENT);
    file.write_all_at(&block, 0)?;
    file.read_exact_at(&mut block, 0)
}

fn direct_io_refusal(directory: &Path, error: &io::Error) -> String {
    let shown = directory.display();
    match error.raw_os_error() {
        Some(libc::EINVAL | libc::EOPNOTSUPP) => {
            let name = file_system(directory);
            format!("{shown} is on {name}, which refuses O_DIRECT; put the store on ext4, xfs, GFS2 or NFS 4")
        }
        Some(libc::EACCES | libc::EPERM | libc::EROFS) => {
            format!("cannot write in {shown}: {error}; give this user the directory (chown) or mount it writable")
        }
        Some(libc::ENOENT | libc::ENOTDIR) => format!("{shown} is not a directory: {error}; create it first"),
        Some(libc::ENOSPC | libc::EDQUOT) => {
            format!("no space in {shown}: {error}; free some or choose another directory")
        }
        _ => format!("direct I/O in {shown} fails: {error}"),
    }
}

/// The name of the file system of a directory.
#[must_use]
pub fn file_system(directory: &Path) -> String {
    statfs(directory).map_or_else(|_| "an unknown file system".to_owned(), |fs| name_of(fs.filesystem_type()))
}

/// A file system's name as people know it; its number where we do not.
fn name_of(kind: FsType) -> String {
    let known = [
        (0x0102_1994, "tmpfs"),
        (0x8584_58f6, "ramfs"),
        (0x794c_7630, "overlayfs"),
        (0x6573_5546, "a FUSE file system"),
        (0x0102_1997, "9p"),
        (0xf15f, "ecryptfs"),
        (0x2fc1_2fc1, "ZFS"),
        (0xef53, "ext4"),
        (0x5846_5342, "XFS"),
        (0x9123_683e, "btrfs"),
        (0x6969, "NFS"),
        (0x0116_1970, "GFS2"),
    ];
    let magic = u64::try_from(kind.0).unwrap_or(0);
    known
        .iter()
        .find(|(number, _)| *number == magic)
        .map_or_else(|| format!("a file system of type {magic:#x}"), |(_, name)| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_good_enough() {
        let machine = machine().unwrap();
        assert!(!machine.kernel.is_empty());
    }

    // proves: S2-13
    #[test]
    fn old_kernels_are_refused_by_name() {
        for (release, fine) in
            [("6.1.0-13-amd64", true), ("6.18.44", true), ("10.0", true), ("6.0.9", false), ("5.15.0", false)]
        {
            assert_eq!(check_release(release).is_ok(), fine, "{release}");
        }
        assert!(check_release("5.15.0").unwrap_err().to_string().contains("5.15.0"));
        assert!(check_release("").is_err());
    }

    // proves: S2-13
    #[test]
    fn every_refusal_of_setup_is_one_line_with_its_fix() {
        let cases = [
            (libc::EPERM, Some("2"), "sysctl -w kernel.io_uring_disabled=0"),
            (libc::EPERM, Some("1"), "io_uring_group"),
            (libc::EPERM, Some("0"), "seccomp"),
            (libc::EPERM, None, "seccomp"),
            (libc::ENOSYS, None, "CONFIG_IO_URING"),
            (libc::EINVAL, None, "6.1"),
            (libc::ENOMEM, None, "LimitMEMLOCK"),
            (libc::EMFILE, None, "LimitNOFILE"),
        ];
        for (errno, disabled, fix) in cases {
            let line = setup_refusal(&io::Error::from_raw_os_error(errno), disabled);
            assert!(line.contains(fix), "{errno}: {line}");
            assert!(!line.contains('\n'));
        }
    }

    #[test]
    fn a_missing_operation_is_named() {
        let line = check_operations(|code| code != opcode::Send::CODE).unwrap_err().to_string();
        assert!(line.contains("SEND"), "{line}");
        assert!(check_operations(|_| true).is_ok());
    }

    #[test]
    fn a_refused_directory_is_named_with_its_file_system() {
        let line = direct_io_refusal(Path::new("/proc"), &io::Error::from_raw_os_error(libc::EINVAL));
        assert!(line.contains("/proc is on") && line.contains("O_DIRECT"), "{line}");
        assert_eq!(name_of(FsType(0x0102_1994)), "tmpfs");
        let missing = direct_io(Path::new("/nowhere/at/all")).unwrap_err().to_string();
        assert!(missing.contains("create it first"), "{missing}");
    }
}
