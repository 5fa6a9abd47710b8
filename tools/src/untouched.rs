//! A storage for the judgement of a start that changes nothing: every change is accepted, remembered as far as it is seen again, and never
//! reaches the disk.
//!
//! A start deletes unfinished files and unusable checkpoints, and flushes what it keeps. Here a deleted name is hidden, a flush does
//! nothing, and a file that is opened for writing is opened for reading. A write, a new file and a rename are refused: no judgement makes one.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use journal::{Access, ENOENT, FileHandle, FileStorage, IoError, Operation, Storage};

/// Read-only file system, as the system numbers it.
const EROFS: i32 = 30;

/// The storage.
#[derive(Default)]
pub(crate) struct Untouched {
    files: FileStorage,
    hidden: HashSet<PathBuf>,
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
        self.files.open(path, Access::Read)
    }

    fn create(&mut self, path: &Path) -> Result<FileHandle, IoError> {
        Err(IoError::from_errno(Operation::Create, EROFS).at(path))
    }

    fn close(&mut self, file: FileHandle) {
        self.files.close(file);
    }

    fn size(&mut self, file: FileHandle) -> Result<u64, IoError> {
        self.files.size(file)
    }

    fn read_at(&mut self, file: FileHandle, offset: u64, into: &mut [u8]) -> Result<usize, IoError> {
        self.files.read_at(file, offset, into)
    }

    fn write_at(&mut self, _file: FileHandle, _offset: u64, _bytes: &[u8]) -> Result<(), IoError> {
        Err(IoError::from_errno(Operation::Write, EROFS))
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

    fn sync_directory(&mut self, _directory: &Path) -> Result<(), IoError> {
        Ok(())
    }
}
