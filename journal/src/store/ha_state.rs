//! `ha/ha.state`: what an instance remembers about itself, outside of all lanes. Two pages written alternately, so that a torn write costs
//! only the newest state, which then was never relied on.

use std::fmt;
use std::path::PathBuf;

use super::layout::StoreLayout;
use crate::blocking::SyncMode;
use crate::buffer::AlignedBuffer;
use crate::bytes::{Reader, Writer};
use crate::epoch::{decode_vector, encode_vector};
use crate::error::IoError;
use crate::ids::{EpochId, InstanceId, NodeId};
use crate::limits::PAGE_BYTES;
use crate::storage::{Access, FileHandle, Storage, create_filled};
use crate::vector::Vector;

const MAGIC: u32 = u32::from_le_bytes(*b"RMQH");
const VERSION: u16 = 1;
const SLOTS: u64 = 2;
/// How many incarnations are remembered.
pub(super) const INCARNATIONS_MAX: usize = 16;
/// Zero as long as an instance is alone: role, state before the last one, eligible, one more; the number of the newest old replica;
/// whom it was handed over to.
const RESERVED_BYTES: usize = 4 + 4 + 16;
/// The place for the copy of the register, behind its length.
const REGISTER_BYTES_MAX: usize = 256;

/// One life of an instance: a counter, and a random number that tells a restored disk from the original.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Incarnation {
    /// One more at every start.
    pub counter: u64,
    /// Random.
    pub nonce: u64,
}

/// How far the instance had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastState {
    /// Never started.
    New,
    /// Reading its lanes.
    Starting,
    /// Serving, alone.
    ActiveSolo,
    /// Stopped in order; the clean-stop vector is valid.
    Stopped,
}

impl LastState {
    const ALL: [Self; 4] = [Self::New, Self::Starting, Self::ActiveSolo, Self::Stopped];
}

/// What one durable write of a page costs, as it was measured when the store was created; zeros where it was not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlushTimes {
    /// Half took at most this long.
    pub p50_microseconds: u32,
    /// All but one in a hundred took at most this long.
    pub p99_microseconds: u32,
}

/// What is remembered, as far as a live-only server needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HaState {
    /// The logical broker.
    pub node: NodeId,
    /// This installation.
    pub instance: InstanceId,
    /// The last incarnations, oldest first, at most [`INCARNATIONS_MAX`].
    pub incarnations: Vec<Incarnation>,
    /// How far it had come.
    pub last_state: LastState,
    /// The highest epoch that is known to exist.
    pub seen: EpochId,
    /// The highest epoch that this instance tried to create. Durable before the epoch's first block is written: so a number is never used
    /// twice, whatever a crash leaves of the epoch.
    pub asked: EpochId,
    /// What every lane had promised at the last clean stop; empty after any other.
    pub clean_stop: Vector,
    /// How writes are made durable: measured once, when the store was created.
    pub sync: SyncMode,
    /// What that cost then.
    pub flush: FlushTimes,
}

impl HaState {
    /// The state of an instance that was never started.
    #[must_use]
    pub fn new(node: NodeId, instance: InstanceId, sync: SyncMode) -> Self {
        let none = EpochId::default();
        Self {
            node,
            instance,
            incarnations: Vec::new(),
            last_state: LastState::New,
            seen: none,
            asked: none,
            clean_stop: Vector::new(),
            sync,
            flush: FlushTimes::default(),
        }
    }

    /// The next start: incarnation + 1. To be written before anything else.
    pub fn start(&mut self, nonce: u64) {
        let counter = self.incarnations.last().map_or(0, |last| last.counter) + 1;
        if self.incarnations.len() >= INCARNATIONS_MAX {
            self.incarnations.remove(0);
        }
        self.incarnations.push(Incarnation { counter, nonce });
        self.last_state = LastState::Starting;
    }

    /// The number for the next epoch, above everything that exists or was tried; `newest` is the highest on any lane.
    #[must_use]
    pub fn next_epoch_number(&self, newest: Option<u64>) -> u64 {
        self.seen.number.max(self.asked.number).max(newest.unwrap_or(0)) + 1
    }

    fn encode(&self, sequence: u64) -> Vec<u8> {
        let mut page = Vec::with_capacity(PAGE_BYTES);
        let mut out = Writer::new(&mut page);
        out.u32(MAGIC).u16(VERSION).u8(self.last_state as u8).u8(u8::from(self.sync == SyncMode::Dsync)).u64(sequence);
        out.u128(self.node.0).u128(self.instance.0);
        for epoch in [self.seen, self.asked] {
            out.u64(epoch.number).u128(epoch.activation);
        }
        out.u32(self.flush.p50_microseconds).u32(self.flush.p99_microseconds);
        out.u32(0).u32(0).u128(0);
        out.u16(self.incarnations.len() as u16);
        for incarnation in &self.incarnations {
            out.u64(incarnation.counter).u64(incarnation.nonce);
        }
        encode_vector(&self.clean_stop, &mut out);
        out.u16(0);
        let length = page.len() as u32;
        page.resize(PAGE_BYTES - TRAILER_BYTES, 0);
        Writer::new(&mut page).u32(length);
        let crc = crc32c::crc32c(&page);
        Writer::new(&mut page).u32(crc);
        page
    }

    fn decode(page: &[u8]) -> Slot {
        let fields = || {
            let crc = u32::from_le_bytes(*page.last_chunk()?);
            let sound = crc == crc32c::crc32c(page.get(..page.len().checked_sub(4)?)?);
            let mut from = Reader::new(page);
            (sound && from.u32()? == MAGIC).then_some(())?;
            match from.u16()? {
                VERSION => Some(
                    Self::decode_fields(from).map_or(Slot::Damaged, |(at, state)| Slot::State(at, Box::new(state))),
                ),
                // Magic, version and CRC stay where they are in all versions.
                version if version > VERSION => Some(Slot::Newer),
                _ => None,
            }
        };
        fields().unwrap_or(Slot::Damaged)
    }

    fn decode_fields(mut from: Reader<'_>) -> Option<(u64, Self)> {
        let last_state = *LastState::ALL.get(usize::from(from.u8()?))?;
        let sync = if from.u8()? == 1 { SyncMode::Dsync } else { SyncMode::Fdatasync };
        let sequence = from.u64()?;
        let (node, instance) = (NodeId(from.u128()?), InstanceId(from.u128()?));
        let mut epoch = || Some(EpochId { number: from.u64()?, activation: from.u128()? });
        let (seen, asked) = (epoch()?, epoch()?);
        let flush = FlushTimes { p50_microseconds: from.u32()?, p99_microseconds: from.u32()? };
        let _reserved = (from.u64()?, from.u128()?);
        let count = usize::from(from.u16()?);
        if count > INCARNATIONS_MAX {
            return None;
        }
        let mut incarnations = Vec::with_capacity(count);
        for _ in 0..count {
            incarnations.push(Incarnation { counter: from.u64()?, nonce: from.u64()? });
        }
        let clean_stop = decode_vector(&mut from)?;
        Some((sequence, Self { node, instance, incarnations, last_state, seen, asked, clean_stop, sync, flush }))
    }
}

/// What one page holds.
#[derive(Debug, PartialEq, Eq)]
enum Slot {
    /// A state and its sequence.
    State(u64, Box<HaState>),
    Newer,
    Damaged,
}

/// Length and CRC at the end of the page.
const TRAILER_BYTES: usize = 8;
const FIXED_BYTES: usize = 8 + 8 + 32 + 48 + 8 + RESERVED_BYTES;
const _: () = assert!(
    FIXED_BYTES
        + 2
        + INCARNATIONS_MAX * 16
        + 2
        + crate::epoch::VECTOR_LANES_MAX * 10
        + 2
        + REGISTER_BYTES_MAX
        + TRAILER_BYTES
        <= PAGE_BYTES,
    "a state with every lane and a register fits its page"
);

/// Why `ha.state` cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HaStateError {
    /// Neither page is sound.
    Damaged(PathBuf),
    /// Written by a newer version.
    Newer(PathBuf),
    /// The disk said no.
    Io(IoError),
}

impl From<IoError> for HaStateError {
    fn from(error: IoError) -> Self {
        Self::Io(error)
    }
}

impl fmt::Display for HaStateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged(path) => {
                write!(f, "{} holds no sound state: restore it from a backup of this host", path.display())
            }
            Self::Newer(path) => {
                write!(f, "{} was written by a newer version of this program; start that one", path.display())
            }
            Self::Io(_) => f.write_str("ha.state could not be read or written"),
        }
    }
}

impl std::error::Error for HaStateError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Damaged(_) | Self::Newer(_) => None,
        }
    }
}

/// What a page of a file that is kept twice holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageSeen {
    /// What it should.
    Sound,
    /// Something of a newer version.
    Newer,
    /// Nothing but zeroes: it was never written.
    Blank,
    /// Nothing that can be used, or the disk refuses it.
    Damaged,
}

/// The file, and the state that is durable in it.
#[derive(Debug)]
pub struct HaStateFile {
    file: FileHandle,
    state: HaState,
    sequence: u64,
    page: AlignedBuffer,
}

impl HaStateFile {
    /// Creates the file with a first state. With its name the instance exists.
    ///
    /// # Errors
    /// When that fails.
    pub fn create(storage: &mut dyn Storage, layout: &StoreLayout, state: &HaState) -> Result<(), HaStateError> {
        let path = layout.ha.join("ha.state");
        Ok(create_filled(storage, &path, SLOTS * PAGE_BYTES as u64, &state.encode(0))?)
    }

    /// Reads the newest sound state.
    ///
    /// # Errors
    /// When there is none, or when a newer version wrote here.
    pub fn open(storage: &mut dyn Storage, layout: &StoreLayout) -> Result<Self, HaStateError> {
        let path = layout.ha.join("ha.state");
        let file = storage.open(&path, Access::WriteDurable)?;
        let mut page = AlignedBuffer::new(PAGE_BYTES);
        let mut newest: Option<(u64, HaState)> = None;
        for slot in 0..SLOTS {
            let read = storage.read_at(file, slot * PAGE_BYTES as u64, page.as_mut());
            match read.map_or(Slot::Damaged, |_| HaState::decode(page.as_ref())) {
                Slot::State(sequence, state) if newest.as_ref().is_none_or(|(newest, _)| sequence > *newest) => {
                    newest = Some((sequence, *state));
                }
                Slot::Newer => {
                    storage.close(file);
                    return Err(HaStateError::Newer(path));
                }
                Slot::State(..) | Slot::Damaged => {}
            }
        }
        let Some((sequence, state)) = newest else {
            storage.close(file);
            return Err(HaStateError::Damaged(path));
        };
        Ok(Self { file, state, sequence, page })
    }

    /// Looks at both pages without a change: the newest sound state, and what each page holds. For tools.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn inspect(
        storage: &mut dyn Storage,
        layout: &StoreLayout,
    ) -> Result<(Option<HaState>, [PageSeen; 2]), IoError> {
        let file = storage.open(&layout.ha.join("ha.state"), Access::Read)?;
        let mut page = AlignedBuffer::new(PAGE_BYTES);
        let mut newest: Option<(u64, HaState)> = None;
        let pages = [0, 1].map(|slot| {
            let read = storage.read_at(file, slot * PAGE_BYTES as u64, page.as_mut());
            match read.map_or(Slot::Damaged, |_| HaState::decode(page.as_ref())) {
                Slot::State(sequence, state) => {
                    if newest.as_ref().is_none_or(|(newest, _)| sequence > *newest) {
                        newest = Some((sequence, *state));
                    }
                    PageSeen::Sound
                }
                Slot::Newer => PageSeen::Newer,
                Slot::Damaged if page.as_ref().iter().all(|&byte| byte == 0) => PageSeen::Blank,
                Slot::Damaged => PageSeen::Damaged,
            }
        });
        storage.close(file);
        Ok((newest.map(|(_, state)| state), pages))
    }

    /// The state that is durable.
    #[must_use]
    pub const fn state(&self) -> &HaState {
        &self.state
    }

    /// Changes the state; durable when this returns.
    ///
    /// # Errors
    /// When the write fails. What is durable then is either state; the process must not go on as if it were the new one.
    pub fn update(&mut self, storage: &mut dyn Storage, change: impl FnOnce(&mut HaState)) -> Result<(), HaStateError> {
        let mut state = self.state.clone();
        change(&mut state);
        let sequence = self.sequence + 1;
        let encoded = state.encode(sequence);
        if let Some(page) = self.page.as_mut().get_mut(..encoded.len()) {
            page.copy_from_slice(&encoded);
        }
        storage.write_at(self.file, (sequence % SLOTS) * PAGE_BYTES as u64, self.page.as_ref())?;
        (self.state, self.sequence) = (state, sequence);
        Ok(())
    }

    /// Closes the file.
    pub fn close(self, storage: &mut dyn Storage) {
        storage.close(self.file);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{LaneId, Lsn};

    #[test]
    fn a_state_goes_both_ways_and_any_flip_is_noticed() {
        let mut state = HaState::new(NodeId(1), InstanceId(2), SyncMode::Dsync);
        for nonce in 0..20 {
            state.start(nonce);
        }
        assert_eq!(state.incarnations.len(), INCARNATIONS_MAX);
        assert_eq!(state.incarnations.last(), Some(&Incarnation { counter: 20, nonce: 19 }));
        state.clean_stop = Vector::of(LaneId::JOURNAL, Lsn(4096));
        state.asked = EpochId { number: 4, activation: 8 };
        state.flush = FlushTimes { p50_microseconds: 41, p99_microseconds: 300 };
        let page = state.encode(7);
        assert_eq!(page.len(), PAGE_BYTES);
        assert_eq!(HaState::decode(&page), Slot::State(7, Box::new(state.clone())));
        for bit in (0..PAGE_BYTES * 8).step_by(97) {
            let mut rotten = page.clone();
            rotten[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(HaState::decode(&rotten), Slot::Damaged, "bit {bit}");
        }
        let mut newer = page[..PAGE_BYTES - 4].to_vec();
        newer[4] += 1;
        let crc = crc32c::crc32c(&newer);
        newer.extend(crc.to_le_bytes());
        assert_eq!(HaState::decode(&newer), Slot::Newer);
        assert_eq!(state.next_epoch_number(Some(2)), 5);
        assert_eq!(state.next_epoch_number(Some(9)), 10);
    }
}
