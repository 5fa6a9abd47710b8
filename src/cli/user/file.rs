//! The users file on the disk: read, and replaced.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::{Path, PathBuf};

use config::FileText;

use super::Problem;
use crate::cli::exit::Exit;

/// Only the owner reads it.
const MODE: u32 = 0o600;
/// A directory that is made for it.
const DIRECTORY_MODE: u32 = 0o750;

/// The file, if there is one.
pub(super) fn read(path: &Path) -> Result<Option<FileText>, Problem> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        _ => Ok(Some(FileText::read_users(path)?)),
    }
}

/// Replaces the file: whoever reads it meanwhile, and whoever reads it after a power cut, sees the old one or the new one.
pub(super) fn write(path: &Path, text: &str) -> Result<(), Problem> {
    replace(path, text).map_err(|error| {
        Problem::new(Exit::Failed, format!("error: the users file {} cannot be written: {error}", path.display()))
    })
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    // Behind a link, so that the link stays.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let directory = match target.parent() {
        Some(directory) if directory != Path::new("") => directory.to_owned(),
        _ => PathBuf::from("."),
    };
    fs::DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(&directory)?;
    let name = target.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let draft = directory.join(format!(".{name}.{}", std::process::id()));
    let written = write_draft(&draft, &target, &directory, text).and_then(|()| fs::rename(&draft, &target));
    if written.is_err() {
        let _gone = fs::remove_file(&draft);
    }
    written?;
    File::open(&directory)?.sync_all()
}

fn write_draft(draft: &Path, target: &Path, directory: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(draft)?;
    // The broker runs as another user than the one who types this, as a rule: the file stays with who had it.
    let owner = fs::metadata(target).or_else(|_| fs::metadata(directory))?;
    let mine = file.metadata()?;
    if (owner.uid(), owner.gid()) != (mine.uid(), mine.gid()) {
        fchown(&file, Some(owner.uid()), Some(owner.gid()))?;
    }
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
