//! Files in memory, as a start reads them. A model writes down what its disk holds, and has the real recovery read it.

use std::path::{Path, PathBuf};

use journal::{
    Access, BLOCK_HEADER_BYTES, BlockFlags, BlockHeader, Chain, ENOENT, FileHandle, FragmentHeader, IoError, Operation,
    PAGE_BYTES, Record, RecordKind, Run, SegmentHeader, Storage, seal,
};

/// Files that can be read. What a start flushes or deletes changes nothing: the model says what is on its disk.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    files: Vec<(PathBuf, Vec<u8>)>,
}

impl Disk {
    /// Puts a segment there, zero-filled but for its header; gives its bytes.
    pub(crate) fn segment(&mut self, path: PathBuf, header: &SegmentHeader) -> &mut Vec<u8> {
        let mut bytes = header.encode();
        bytes.resize(usize::try_from(header.geometry.segment_bytes()).unwrap_or(PAGE_BYTES), 0);
        self.files.push((path, bytes));
        let Some((_, bytes)) = self.files.last_mut() else { unreachable!("a file was just put there") };
        bytes
    }

    fn find(&self, path: &Path) -> Option<usize> {
        self.files.iter().position(|(of, _)| of == path)
    }

    fn bytes(&self, file: FileHandle) -> &[u8] {
        self.files.get(file.0 as usize).map(|(_, bytes)| bytes.as_slice()).unwrap_or_default()
    }
}

impl Storage for Disk {
    fn list(&mut self, directory: &Path) -> Result<Vec<String>, IoError> {
        let inside = self.files.iter().filter(|(path, _)| path.parent() == Some(directory));
        Ok(inside.filter_map(|(path, _)| Some(path.file_name()?.to_str()?.to_owned())).collect())
    }

    fn create_directory(&mut self, _: &Path) -> Result<(), IoError> {
        Ok(())
    }

    fn open(&mut self, path: &Path, _: Access) -> Result<FileHandle, IoError> {
        let found = self.find(path).and_then(|at| u32::try_from(at).ok());
        found.map(FileHandle).ok_or_else(|| IoError::from_errno(Operation::Open, ENOENT).at(path))
    }

    fn create(&mut self, path: &Path) -> Result<FileHandle, IoError> {
        self.open(path, Access::Write)
    }

    fn close(&mut self, _: FileHandle) {}

    fn size(&mut self, file: FileHandle) -> Result<u64, IoError> {
        Ok(self.bytes(file).len() as u64)
    }

    fn read_at(&mut self, file: FileHandle, offset: u64, into: &mut [u8]) -> Result<usize, IoError> {
        let rest = usize::try_from(offset).ok().and_then(|at| self.bytes(file).get(at..)).unwrap_or_default();
        let count = rest.len().min(into.len());
        if let (Some(to), Some(from)) = (into.get_mut(..count), rest.get(..count)) {
            to.copy_from_slice(from);
        }
        Ok(count)
    }

    fn write_at(&mut self, _: FileHandle, _: u64, _: &[u8]) -> Result<(), IoError> {
        Ok(())
    }

    fn sync(&mut self, _: FileHandle) -> Result<(), IoError> {
        Ok(())
    }

    fn rename(&mut self, _: &Path, _: &Path) -> Result<(), IoError> {
        Ok(())
    }

    fn delete(&mut self, _: &Path) -> Result<(), IoError> {
        Ok(())
    }

    fn delete_directory(&mut self, _: &Path) -> Result<(), IoError> {
        Ok(())
    }

    fn link(&mut self, _: &Path, _: &Path) -> Result<(), IoError> {
        Ok(())
    }

    fn links(&mut self, _: &Path) -> Result<u64, IoError> {
        Ok(1)
    }

    fn sync_directory(&mut self, _: &Path) -> Result<(), IoError> {
        Ok(())
    }
}

/// A sealed block: its bytes, and the chain behind it.
#[derive(Clone, Debug)]
pub(crate) struct Sealed {
    pub(crate) bytes: Vec<u8>,
    pub(crate) chain: Chain,
}

/// Seals a block that holds these records, behind a lane that `previous` stands for. `header` says everything but what follows from them.
pub(crate) fn block(header: BlockHeader, records: &[Record<'_>], previous: Chain) -> Sealed {
    let mut bytes = vec![0; BLOCK_HEADER_BYTES];
    for record in records {
        let head = FragmentHeader {
            kind: record.kind,
            first: true,
            last: true,
            run: record.run,
            body_bytes: u32::try_from(record.body_bytes()).unwrap_or(u32::MAX),
        };
        let mut room = [0; 32];
        let length = head.encode(&mut room).unwrap_or_default();
        bytes.extend_from_slice(room.get(..length).unwrap_or_default());
        record.parts.iter().for_each(|part| bytes.extend_from_slice(part));
    }
    let payload_bytes = u32::try_from(bytes.len() - BLOCK_HEADER_BYTES).unwrap_or(u32::MAX);
    let header = BlockHeader { payload_bytes, fragments: u32::try_from(records.len()).unwrap_or(u32::MAX), ..header };
    bytes.resize(header.bytes(), 0);
    let Some((_, chain)) = seal(&mut bytes, &header, previous) else {
        unreachable!("the buffer was made for the block")
    };
    Sealed { bytes, chain }
}

/// A block that starts an epoch.
pub(crate) fn start_block(header: BlockHeader, body: &[u8], previous: Chain) -> Sealed {
    let flags = header.flags.with(BlockFlags::EPOCH_START);
    let parts = [body];
    let record = Record { kind: RecordKind::EPOCH_START, run: Run::None, parts: &parts };
    block(BlockHeader { flags, ..header }, &[record], previous)
}
