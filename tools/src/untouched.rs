//! A storage for the judgement of a start that changes nothing: every change is accepted, remembered as far as it is seen again, and never
//! reaches the disk.
//!
//! A start deletes unfinished files and unusable checkpoints, flushes what it keeps, and writes over damaged blocks that it is to give up.
//! Here a deleted name is hidden, a flush does nothing, a file that is opened for writing is opened for reading, and what is written is kept
//! in memory and read from there. A new file, a second name and a rename are refused: no judgement makes one.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use journal::{Access, ENOENT, FileHandle, FileStorage, IoError, Operation, Storage};

/// Read-only file system, as the system numbers it.
const EROFS: i32 = 30;

/// The storage.
#[derive(Default)]
pub(crate) struct Untouched {
    files: FileStorage,
    hidden: HashSet<PathBuf>,
    paths: HashMap<FileHandle, PathBuf>,
    /// What was written: where, and what.
    written: Vec<(PathBuf, u64, Vec<u8>)>,
}

impl Untouched {
    /// Puts what was written over what was read. Says whether all of it was written here.
    fn overlay(&self, file: FileHandle, offset: u64, into: &mut [u8]) -> bool {
        let Some(path) = self.paths.get(&file) else { return false };
        let mut covered = 0;
        for (_, at, bytes) in self.written.iter().filter(|(of, ..)| of == path) {
            let (from, to) = ((*at).max(offset), (at + bytes.len() as u64).min(offset + into.len() as u64));
            let place = |from: u64, to: u64| usize::try_from(from).ok().zip(usize::try_from(to).ok());
            let target = place(from.saturating_sub(offset), to.saturating_sub(offset));
            let source = place(from.saturating_sub(*at), to.saturating_sub(*at));
            if let (Some((a, b)), Some((c, d))) = (target, source)
                && let (Some(target), Some(source)) = (into.get_mut(a..b), bytes.get(c..d))
            {
                target.copy_from_slice(source);
                covered += source.len();
            }
        }
        covered >= into.len()
    }
}

impl Storage for Untouched {
    fn list(&mut self, directory: &Path) -> Result<Vec<String>, IoError> {
        let mut names = match self.files.list(directory) {
            // A copy may lack a directory. Whether what it held is missing is what the start judges.
            Err(error) if error.is_not_found() => Vec::new(),
            names => names?,
        };
        names.retain(|name| !self.hidden.contains(&directory.join(name)));
        Ok(names)
    }

    fn create_directory(&mut self, directory: &Path) -> Result<(), IoError> {
        Err(IoError::from_errno(Operation::Create, EROFS).at(directory))
    }

    fn open(&mut self, path: &Path, _access: Access) -> Result<FileHandle, IoError> {
        if self.hidden.contains(path) {
            return Err(IoError::from_errno(Operation::Open, ENOENT).at(path));
        }
        let file = self.files.open(path, Access::Read)?;
        self.paths.insert(file, path.to_owned());
        Ok(file)
    }

    fn create(&mut self, path: &Path) -> Result<FileHandle, IoError> {
        Err(IoError::from_errno(Operation::Create, EROFS).at(path))
    }

    fn close(&mut self, file: FileHandle) {
        self.paths.remove(&file);
        self.files.close(file);
    }

    fn size(&mut self, file: FileHandle) -> Result<u64, IoError> {
        self.files.size(file)
    }

    fn read_at(&mut self, file: FileHandle, offset: u64, into: &mut [u8]) -> Result<usize, IoError> {
        let read = self.files.read_at(file, offset, into);
        let is_ours = self.overlay(file, offset, into);
        // What the disk refuses may have been written over since.
        if is_ours { Ok(into.len()) } else { read }
    }

    fn write_at(&mut self, file: FileHandle, offset: u64, bytes: &[u8]) -> Result<(), IoError> {
        let path = self.paths.get(&file).ok_or_else(|| IoError::from_errno(Operation::Write, EROFS))?;
        // What is written again replaces what was there.
        self.written.retain(|(of, at, old)| (of, *at, old.len()) != (path, offset, bytes.len()));
        self.written.push((path.clone(), offset, bytes.to_vec()));
        Ok(())
    }

    fn sync(&mut self, _file: FileHandle) -> Result<(), IoError> {
        Ok(())
    }

    fn rename(&mut self, from: &Path, _to: &Path) -> Result<(), IoError> {
        Err(IoError::from_errno(Operation::Rename, EROFS).at(from))
    }

    fn delete(&mut self, path: &Path) -> Result<(), IoError> {
        self.hidden.insert(path.to_owned());
        Ok(())
    }

    fn delete_directory(&mut self, path: &Path) -> Result<(), IoError> {
        self.delete(path)
    }

    fn link(&mut self, from: &Path, _to: &Path) -> Result<(), IoError> {
        Err(IoError::from_errno(Operation::Link, EROFS).at(from))
    }

    fn links(&mut self, path: &Path) -> Result<u64, IoError> {
        self.files.links(path)
    }

    fn sync_directory(&mut self, _directory: &Path) -> Result<(), IoError> {
        Ok(())
    }
}
