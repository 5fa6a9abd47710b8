//! The programs in the build directory that a test lies in: `cargo test --workspace` builds them, as does `cargo build --workspace`.

use std::path::PathBuf;

/// The program of this name.
pub(crate) fn built(name: &str) -> Result<PathBuf, String> {
    let here = std::env::current_exe().map_err(|error| format!("this test does not know where it is: {error}"))?;
    let built = here.parent().and_then(std::path::Path::parent).map(|folder| folder.join(name));
    let missing = || format!("no {name} beside this test: cargo build --workspace --bins");
    built.filter(|path| path.is_file()).ok_or_else(missing)
}
