//! A body is put together from the blocks of a lane.
//!
//! Takes the bytes of reads, gives the body. A record goes on at the very beginning of the next block. The pieces of a large
//! body are records of their own, and what the lane says about itself may stand between them: seals of an idle lane, and that a
//! segment is free.

use journal::{
    BLOCK_HEADER_BYTES, BlockError, BlockView, Fragment, LaneId, Location, Lsn, RECORD_BYTES_MAX, RecordKind,
};

use crate::store::record::{LargeBody, Stored};

/// The pieces of a large body.
#[derive(Debug)]
pub(super) struct Pieces {
    /// How many came, and how many there are.
    came: u32,
    all: u32,
    /// The position behind the last one.
    end: Lsn,
    /// Bytes of the whole body, and those that came.
    size: usize,
    body: Vec<u8>,
}

impl Pieces {
    /// None yet.
    pub(super) fn new(body: LargeBody, size: usize) -> Self {
        Self { came: 0, all: body.pieces, end: body.end, size, body: Vec::new() }
    }

    /// Takes the next piece. True: it was the last one.
    fn take(&mut self, number: u32, bytes: &[u8]) -> Result<bool, String> {
        if number != self.came || self.body.len() + bytes.len() > self.size {
            return Err(format!("piece {number} stands where piece {} should", self.came));
        }
        if self.came == 0 {
            self.body.reserve_exact(self.size);
        }
        self.body.extend_from_slice(bytes);
        self.came += 1;
        match (self.came == self.all, self.body.len() == self.size) {
            (true, true) => Ok(true),
            (false, _) => Ok(false),
            (true, false) => Err(format!("{} of {} bytes are there", self.body.len(), self.size)),
        }
    }
}

/// What the bytes of a read brought.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// The whole body.
    Whole(Vec<u8>),
    /// It goes on at [`Collecting::lsn`].
    NeedsMore,
}

/// A body on its way.
#[derive(Debug)]
pub(super) struct Collecting {
    /// Its lane.
    pub(super) lane: LaneId,
    /// The block where reading goes on.
    pub(super) lsn: Lsn,
    /// Where in that block.
    offset: u32,
    /// The kind of the record that has begun, and what came of its body.
    kind: Option<RecordKind>,
    record: Vec<u8>,
    /// Nothing was taken yet.
    is_new: bool,
    large: Option<Pieces>,
}

impl Collecting {
    /// For the record at this place: the message, or the first piece of its large body.
    pub(super) fn new(lane: LaneId, location: Location, large: Option<Pieces>) -> Self {
        let (lsn, offset) = (location.block(), location.offset());
        Self { lane, lsn, offset, kind: None, record: Vec::new(), is_new: true, large }
    }

    /// Is this the first read of a message that is not large?
    pub(super) fn is_new(&self) -> bool {
        self.is_new && self.large.is_none()
    }

    /// Takes what was read from [`Collecting::lsn`] on; `block` gives the lane's block at a position out of the bytes there. An error
    /// says what stands there instead.
    pub(super) fn take<'a>(
        &mut self,
        bytes: &'a [u8],
        block: impl Fn(&'a [u8], Lsn) -> Result<BlockView<'a>, BlockError>,
    ) -> Result<Taken, String> {
        self.is_new = false;
        let start = self.lsn;
        loop {
            let at = usize::try_from(self.lsn.since(start)).unwrap_or(usize::MAX);
            let rest = bytes.get(at..).unwrap_or_default();
            let view = match block(rest, self.lsn) {
                Ok(view) => view,
                // The bytes end within this block: it is whole in the next read, which begins with it.
                Err(BlockError::Incomplete { .. }) if at > 0 => return Ok(Taken::NeedsMore),
                Err(error) => return Err(error.to_string()),
            };
            if let Some(body) = self.take_block(&view)? {
                return Ok(Taken::Whole(body));
            }
        }
    }

    /// Takes what belongs to the body from one block; gives the body if that was all.
    fn take_block(&mut self, view: &BlockView<'_>) -> Result<Option<Vec<u8>>, String> {
        while let Some(fragment) = view.record_at(self.offset) {
            self.take_fragment(&fragment)?;
            self.offset = fragment.next;
            if !fragment.header.last {
                return self.go_on_at(view.header.end()).map(|()| None);
            }
            if let Some(body) = self.take_record()? {
                return Ok(Some(body));
            }
        }
        let between = self.kind.is_none() && self.large.is_some();
        if !between {
            return Err("no record starts there".to_owned());
        }
        self.go_on_at(view.header.end()).map(|()| None)
    }

    fn take_fragment(&mut self, fragment: &Fragment<'_>) -> Result<(), String> {
        let header = &fragment.header;
        let fits = match self.kind {
            Some(kind) => !header.first && header.kind == kind,
            None => header.first,
        };
        if !fits || self.record.len() + fragment.body.len() > RECORD_BYTES_MAX {
            return Err("no record starts or goes on there".to_owned());
        }
        self.kind = Some(header.kind);
        self.record.extend_from_slice(fragment.body);
        Ok(())
    }

    /// A record is whole; gives the body if that was all.
    fn take_record(&mut self) -> Result<Option<Vec<u8>>, String> {
        let Some(kind) = self.kind.take() else { return Ok(None) };
        if self.large.is_some() && !kind.is_user() {
            self.record.clear();
            return Ok(None);
        }
        let stored = Stored::decode(kind, &self.record).map_err(|error| error.to_string())?;
        let body = match (stored, &mut self.large) {
            (Stored::Add { message, .. } | Stored::Moved { message, .. }, None) => Some(message.to_vec()),
            (Stored::Body { piece, bytes }, Some(pieces)) => {
                pieces.take(piece, bytes)?.then(|| std::mem::take(&mut pieces.body))
            }
            _ => return Err(format!("a record of kind {kind} stands there")),
        };
        self.record.clear();
        Ok(body)
    }

    fn go_on_at(&mut self, next: Lsn) -> Result<(), String> {
        if self.large.as_ref().is_some_and(|pieces| next >= pieces.end) {
            return Err("its pieces end too early".to_owned());
        }
        (self.lsn, self.offset) = (next, BLOCK_HEADER_BYTES as u32);
        Ok(())
    }
}
