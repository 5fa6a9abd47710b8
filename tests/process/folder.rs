//! A folder for one test's data, gone when the test is.
//!
//! It lies in the build directory and not in the system's place for temporary files: that is often a memory file system,
//! which knows no O_DIRECT.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder of its own.
pub(crate) struct Folder {
    path: PathBuf,
}

static NEXT: AtomicU32 = AtomicU32::new(0);

impl Folder {
    pub(crate) fn new(name: &str) -> Result<Self, String> {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).map_err(|error| format!("cannot create {}: {error}", path.display()))?;
        Ok(Self { path })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A leftover folder in the build directory harms nobody.
        let _leftover = std::fs::remove_dir_all(&self.path);
    }
}
