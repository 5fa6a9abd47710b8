//! The library that Artemis's AIO journal needs: the system's, or one unpacked from its Debian package into the home.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::fetch::{self, Told};

/// The name that Artemis asks the linker for.
const NAME: &str = "libaio.so.1";
/// The packages that have it, and what each calls it: newer systems have another name for the same interface.
const PACKAGES: [(&str, &str); 2] = [("libaio1", NAME), ("libaio1t64", "libaio.so.1t64")];

/// Where the library is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The linker finds it by itself.
    System,
    /// In this folder.
    Unpacked(PathBuf),
    /// Nowhere.
    Missing,
}

/// Looks for it.
pub(super) fn find(home: &Path) -> Found {
    let unpacked = home.join("libaio");
    if unpacked.join(NAME).exists() {
        return Found::Unpacked(unpacked);
    }
    let folders = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten().map(|entry| entry.path());
    let mut folders = folders.chain(["/usr/lib", "/usr/lib64", "/lib64"].map(PathBuf::from));
    if folders.any(|folder| folder.join(NAME).exists()) { Found::System } else { Found::Missing }
}

/// Fetches its package and unpacks it; needs no root and installs nothing.
///
/// # Errors
///
/// No package can be had.
pub(super) fn fetch(home: &Path, told: Told<'_>) -> Result<(), String> {
    let folder = home.join("libaio");
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut last = String::new();
    for (package, name) in PACKAGES {
        match fetch_package(&folder, package, told) {
            Ok(()) => return link(&folder, name),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn fetch_package(folder: &Path, package: &str, told: Told<'_>) -> Result<(), String> {
    let advice = "install libaio1 (libaio1t64) with the system's package manager instead";
    let mut command = Command::new("apt-get");
    command.args(["download", package]).current_dir(folder);
    fetch::run(&format!("fetching {package}"), &mut command, &folder.join("fetch.log"), advice, told)?;
    unpack(folder, &folder.join("unpacked"), told)
}

/// Unpacks every package that lies in a folder.
pub(super) fn unpack(folder: &Path, into: &Path, told: Told<'_>) -> Result<(), String> {
    let entries = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let paths = entries.flatten().map(|entry| entry.path());
    for package in paths.filter(|path| path.extension().is_some_and(|extension| extension == "deb")) {
        let mut command = Command::new("dpkg");
        command.arg("-x").arg(&package).arg(into);
        let what = format!("unpacking {}", package.file_name().unwrap_or_default().to_string_lossy());
        fetch::run(&what, &mut command, &folder.join("unpack.log"), "dpkg is needed", told)?;
    }
    Ok(())
}

/// Gives the unpacked library the name that is asked for.
fn link(folder: &Path, name: &str) -> Result<(), String> {
    let under = ["usr/lib", "lib"].map(|under| folder.join("unpacked").join(under));
    let folders = under.iter().flat_map(std::fs::read_dir).flatten().flatten().map(|entry| entry.path());
    let library = folders.map(|folder| folder.join(name)).find(|path| path.exists());
    let library = library.ok_or_else(|| format!("the package has no {name}"))?;
    let link = folder.join(NAME);
    let linked = std::fs::canonicalize(&library).and_then(|library| std::os::unix::fs::symlink(library, &link));
    linked.map_err(|error| format!("{}: {error}", link.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unpacked_library_gets_the_name_that_is_asked_for() {
        let home = std::env::temp_dir().join(format!("ringmq-libaio-{}", std::process::id()));
        let lib = home.join("libaio/unpacked/usr/lib/x86_64-linux-gnu");
        std::fs::create_dir_all(&lib).unwrap();
        assert_ne!(find(&home), Found::Unpacked(home.join("libaio")), "nothing is there yet");
        std::fs::write(lib.join("libaio.so.1t64"), "").unwrap();
        assert!(link(&home.join("libaio"), "libaio.so.1").is_err());
        link(&home.join("libaio"), "libaio.so.1t64").unwrap();
        assert_eq!(find(&home), Found::Unpacked(home.join("libaio")));
        std::fs::remove_dir_all(home).unwrap();
    }
}
