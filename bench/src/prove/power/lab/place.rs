//! Where the lab lies, once `tests/lab/build` has made it.
//!
//! Gives the programs of a guest, or why there are none. Nothing is fetched or built here.

use std::path::{Path, PathBuf};

/// Why there is no lab.
#[derive(Clone, Debug)]
pub struct NoLab(pub String);

/// Programs that guests and the host's side of the proofs call.
const PROGRAMS: [&str; 7] = ["setsid", "mount", "umount", "ip", "mkfs.ext4", "e2fsck", "debugfs"];
/// Where they are looked for, beside what was fetched for the lab.
pub(super) const FOLDERS: [&str; 4] = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// A built lab.
#[derive(Clone, Debug)]
pub struct Lab {
    /// The kernel, a program.
    pub(super) kernel: PathBuf,
    /// What the kernel needs on processors with more state than it knows.
    pub(super) state: PathBuf,
    /// The folder of the device mapper's modules.
    pub(super) modules: PathBuf,
    /// Tools that the host did not have.
    pub(super) tools: PathBuf,
    /// The first process of a guest.
    pub(super) init: PathBuf,
}

impl Lab {
    /// The lab below the top of the repository.
    pub fn find(top: &Path) -> Result<Self, NoLab> {
        let top = top.canonicalize().map_err(|error| NoLab(format!("{}: {error}", top.display())))?;
        let built = top.join("target/lab");
        let there = |path: PathBuf| {
            if path.exists() { Ok(path) } else { Err(NoLab("it is not built (tests/lab/build)".to_owned())) }
        };
        there(built.join("built"))?;
        let lab = Self {
            kernel: there(built.join("uml/usr/bin/linux.uml"))?,
            state: there(built.join("state.so"))?,
            modules: there(built.join("modules"))?,
            tools: built.join("tools"),
            init: there(top.join("tests/lab/init"))?,
        };
        for program in PROGRAMS.into_iter().chain(["dmsetup"]) {
            let own = lab.tools.join("sbin");
            let mut folders = FOLDERS.iter().map(Path::new).chain([own.as_path()]);
            if !folders.any(|folder| folder.join(program).exists()) {
                return Err(NoLab(format!("{program} is missing")));
            }
        }
        Ok(lab)
    }
}
