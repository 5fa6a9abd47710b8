//! A store in memory, and one changed view of it: what recovery reads and writes without touching the files.
//!
//! Takes a directory once; gives any number of views, each with its own changes. Must stay true: a view never changes the image, so that each
//! flip is judged on the undamaged rest.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use journal::{Access, EIO, ENOENT, FileHandle, IoError, Operation, Storage, StoreLayout};

/// Where the store lies in its own world.
const ROOT: &str = "/store";

/// All files of a store.
#[derive(Debug)]
pub(super) struct Image {
    files: BTreeMap<PathBuf, Vec<u8>>,
    directories: BTreeSet<PathBuf>,
}

impl Image {
    /// Reads a data directory.
    pub(super) fn read(data: &Path) -> Result<Self, String> {
        let mut image = Self { files: BTreeMap::new(), directories: BTreeSet::new() };
        image.add(data, Path::new(ROOT))?;
        Ok(image)
    }

    fn add(&mut self, from: &Path, to: &Path) -> Result<(), String> {
        let failed = |error: std::io::Error| format!("{}: {error}", from.display());
        self.directories.insert(to.to_owned());
        for entry in std::fs::read_dir(from).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let to = to.join(entry.file_name());
            if entry.file_type().map_err(failed)?.is_dir() {
                self.add(&entry.path(), &to)?;
            } else {
                self.files.insert(to, std::fs::read(entry.path()).map_err(failed)?);
            }
        }
        Ok(())
    }

    /// Where everything lies.
    pub(super) fn layout() -> StoreLayout {
        StoreLayout::under(Path::new(ROOT))
    }

    /// The name of a file below the data directory.
    pub(super) fn name(path: &Path) -> &Path {
        path.strip_prefix(ROOT).unwrap_or(path)
    }

    /// All files, in the order of their names.
    pub(super) fn files(&self) -> impl Iterator<Item = (&Path, &[u8])> {
        self.files.iter().map(|(path, bytes)| (path.as_path(), bytes.as_slice()))
    }

    /// One file.
    pub(super) fn bytes(&self, path: &Path) -> Option<&[u8]> {
        self.files.get(path).map(Vec::as_slice)
    }
}

/// A view with changes of its own.
#[derive(Debug)]
pub(super) struct View<'a> {
    image: &'a Image,
    /// What differs from the image; nothing where a file was deleted.
    changed: HashMap<PathBuf, Option<Vec<u8>>>,
    open: Vec<PathBuf>,
}

impl<'a> View<'a> {
    /// The image as it is.
    pub(super) fn of(image: &'a Image) -> Self {
        Self { image, changed: HashMap::new(), open: Vec::new() }
    }

    /// The same image with what this view was changed to, and nothing open.
    pub(super) fn again(&self) -> Self {
        Self { image: self.image, changed: self.changed.clone(), open: Vec::new() }
    }

    /// Puts other bytes into a file.
    pub(super) fn put(&mut self, path: &Path, bytes: Vec<u8>) {
        self.changed.insert(path.to_owned(), Some(bytes));
    }

    /// What a file holds.
    pub(super) fn bytes(&self, path: &Path) -> Option<&[u8]> {
        match self.changed.get(path) {
            Some(changed) => changed.as_deref(),
            None => self.image.bytes(path),
        }
    }

    fn names(&self) -> impl Iterator<Item = &Path> {
        let old = self.image.files.keys().filter(|path| !self.changed.contains_key(*path));
        let new = self.changed.iter().filter(|(_, bytes)| bytes.is_some()).map(|(path, _)| path);
        old.chain(new).map(PathBuf::as_path)
    }

    fn path(&self, file: FileHandle) -> Result<&PathBuf, IoError> {
        let path = usize::try_from(file.0).ok().and_then(|index| self.open.get(index));
        path.ok_or_else(|| IoError::from_errno(Operation::Open, EIO))
    }

    fn keep(&mut self, path: &Path) -> FileHandle {
        self.open.push(path.to_owned());
        FileHandle(u32::try_from(self.open.len() - 1).unwrap_or(u32::MAX))
    }
}

impl Storage for View<'_> {
    fn list(&mut self, directory: &Path) -> Result<Vec<String>, IoError> {
        if !self.image.directories.contains(directory) {
            return Err(IoError::from_errno(Operation::List, ENOENT).at(directory));
        }
        let here = self.names().filter(|path| path.parent() == Some(directory));
        Ok(here.filter_map(|path| path.file_name()?.to_str().map(str::to_owned)).collect())
    }

    fn create_directory(&mut self, _directory: &Path) -> Result<(), IoError> {
        Ok(())
    }

    fn open(&mut self, path: &Path, _access: Access) -> Result<FileHandle, IoError> {
        if self.bytes(path).is_none() {
            return Err(IoError::from_errno(Operation::Open, ENOENT).at(path));
        }
        Ok(self.keep(path))
    }

    fn create(&mut self, path: &Path) -> Result<FileHandle, IoError> {
        self.put(path, Vec::new());
        Ok(self.keep(path))
    }

    fn close(&mut self, _file: FileHandle) {}

    fn size(&mut self, file: FileHandle) -> Result<u64, IoError> {
        let path = self.path(file)?;
        Ok(self.bytes(path).map_or(0, <[u8]>::len) as u64)
    }

    fn read_at(&mut self, file: FileHandle, offset: u64, into: &mut [u8]) -> Result<usize, IoError> {
        let bytes = self.bytes(self.path(file)?).unwrap_or_default();
        let rest = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)).unwrap_or_default();
        let count = rest.len().min(into.len());
        if let (Some(from), Some(to)) = (rest.get(..count), into.get_mut(..count)) {
            to.copy_from_slice(from);
        }
        Ok(count)
    }

    fn write_at(&mut self, file: FileHandle, offset: u64, bytes: &[u8]) -> Result<(), IoError> {
        let path = self.path(file)?.clone();
        let mut content = self.bytes(&path).unwrap_or_default().to_vec();
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let end = offset.saturating_add(bytes.len());
        if content.len() < end {
            content.resize(end, 0);
        }
        if let Some(target) = content.get_mut(offset..end) {
            target.copy_from_slice(bytes);
        }
        self.put(&path, content);
        Ok(())
    }

    fn sync(&mut self, _file: FileHandle) -> Result<(), IoError> {
        Ok(())
    }

    fn rename(&mut self, from: &Path, to: &Path) -> Result<(), IoError> {
        let bytes = self.bytes(from).ok_or_else(|| IoError::from_errno(Operation::Rename, ENOENT).at(from))?.to_vec();
        self.put(to, bytes);
        self.delete(from)
    }

    fn delete(&mut self, path: &Path) -> Result<(), IoError> {
        self.changed.insert(path.to_owned(), None);
        Ok(())
    }

    fn delete_directory(&mut self, _path: &Path) -> Result<(), IoError> {
        Ok(())
    }

    fn link(&mut self, from: &Path, to: &Path) -> Result<(), IoError> {
        let bytes = self.bytes(from).ok_or_else(|| IoError::from_errno(Operation::Link, ENOENT).at(from))?.to_vec();
        self.put(to, bytes);
        Ok(())
    }

    fn links(&mut self, _path: &Path) -> Result<u64, IoError> {
        Ok(1)
    }

    fn sync_directory(&mut self, _directory: &Path) -> Result<(), IoError> {
        Ok(())
    }
}
