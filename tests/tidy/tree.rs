//! The files the rules look at: what git tracks, and what it would track if somebody said `git add`.
//!
//! Owns the list of paths (relative, `/` between parts, sorted) with their bytes. Takes the repository, or a few planted
//! files. Without git (a source archive) it walks the directories instead. A path that git lists and the disk lacks is
//! a deletion under way and is left out.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// One file of the tree.
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) bytes: Vec<u8>,
}

impl File {
    /// The content as text; `None` for a file that is not UTF-8, such as a recorded fixture.
    pub(crate) fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.bytes).ok()
    }
}

/// All files, sorted by path.
pub(crate) struct Tree {
    pub(crate) files: Vec<File>,
}

/// The repository as it stands, read once for all rules.
pub(crate) static REPOSITORY: LazyLock<Tree> = LazyLock::new(|| Tree::read(&root()));

/// Where the repository stands.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

impl Tree {
    /// A tree of planted files, for the controls.
    pub(crate) fn planted(files: &[(&str, &str)]) -> Self {
        let file = |(path, text): &(&str, &str)| File { path: (*path).to_owned(), bytes: text.as_bytes().to_vec() };
        Self::sorted(files.iter().map(file).collect())
    }

    fn read(root: &Path) -> Self {
        let paths = listed_by_git(root).unwrap_or_else(|| walked(root));
        assert!(paths.len() > 10, "only {} files found below {}", paths.len(), root.display());
        let file = |path: String| {
            let full = root.join(&path);
            // A link is somebody else's file: the rules hold where it points to.
            let is_file = full.symlink_metadata().is_ok_and(|found| found.is_file());
            is_file.then(|| std::fs::read(&full).ok().map(|bytes| File { path, bytes })).flatten()
        };
        Self::sorted(paths.into_iter().filter_map(file).collect())
    }

    fn sorted(mut files: Vec<File>) -> Self {
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Self { files }
    }

    /// The Rust sources with their text.
    pub(crate) fn rust(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts().filter(|(path, _)| path.ends_with(".rs"))
    }

    /// All files that are text.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().filter_map(|file| file.text().map(|text| (file.path.as_str(), text)))
    }

    /// The text of one file.
    pub(crate) fn text_of(&self, path: &str) -> Option<&str> {
        self.files.iter().find(|file| file.path == path).and_then(File::text)
    }

    /// Whether the path is a file, or a directory that holds one.
    pub(crate) fn holds(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        let below =
            |file: &File| file.path.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        path.is_empty() || self.files.iter().any(below)
    }
}

fn listed_by_git(root: &Path) -> Option<Vec<String>> {
    let arguments = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let output = Command::new("git").arg("-C").arg(root).args(arguments).output().ok()?;
    if !output.status.success() {
        return None;
    }
    let text = String::from_utf8(output.stdout).ok()?;
    let mut paths: Vec<String> = text.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect();
    paths.sort();
    paths.dedup();
    Some(paths)
}

/// Everything below the root except what `.gitignore` names by hand: build output and the broker's data.
fn walked(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(&directory).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = entry.file_name();
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() && !["target", ".git", "ringmq-data"].iter().any(|skip| name == *skip) {
                open.push(path);
            } else if kind.is_file()
                && let Some(relative) = path.strip_prefix(root).ok().and_then(Path::to_str)
            {
                found.push(relative.to_owned());
            }
        }
    }
    found
}

#[test]
fn walking_finds_what_git_finds() {
    // Both ways must see the sources; git may list more (nothing here is ignored by a rule the walk does not know).
    let Some(listed) = listed_by_git(&root()) else { return };
    let walked = walked(&root());
    for path in listed.iter().filter(|path| path.ends_with(".rs") && root().join(path).is_file()) {
        assert!(walked.contains(path), "the walk missed {path}");
    }
}

#[test]
fn a_directory_is_held_only_with_its_whole_name() {
    let tree = Tree::planted(&[("src/queue/order.rs", "")]);
    assert!(tree.holds("src/queue/"));
    assert!(tree.holds("src/queue/order.rs"));
    assert!(!tree.holds("src/que"));
    assert!(!tree.holds("src/queue/order"));
}
