//! The block: the unit in which a lane is written, verified, shipped and cut. Pure functions over bytes.
//!
//! [`seal`] completes a block in its buffer; [`BlockView::parse`] checks one that was read. A block proves by itself that its bytes are the
//! ones written (CRC), that they are in the right place (lane, LSN), and, given the chain of its predecessor, that nothing before it differs.

use std::fmt;

use twox_hash::XxHash3_128;

use crate::crc::crc32c_padded;
use crate::ids::{Chain, LaneId, Location, Lsn};
use crate::limits::{BLOCK_HEADER_BYTES, BLOCK_PAGES_MAX, PAGE_BYTES, SECTOR_BYTES};
use crate::record::FragmentHeader;

/// "RMQB", little endian.
pub const BLOCK_MAGIC: u32 = u32::from_le_bytes(*b"RMQB");
/// The version of the format that this code writes.
pub const FORMAT_VERSION: u16 = 1;

/// Marks of a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlockFlags(pub u16);

impl BlockFlags {
    /// The block holds the start of an epoch and nothing else.
    pub const EPOCH_START: Self = Self(1);
    /// The last block before a planned handover.
    pub const HANDOVER: Self = Self(2);
    /// The lane was cut here: nothing behind it counts, and the next block overwrites it.
    pub const TERMINATOR: Self = Self(4);
    /// The segment ends with this block.
    pub const SEGMENT_END: Self = Self(8);
    /// The block stands in the place of damaged ones that the operator gave up, and names the block behind them.
    pub const PATCH: Self = Self(16);
    const KNOWN: u16 = 31;

    /// Whether all marks of `other` are set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The header of a block without what [`seal`] computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockHeader {
    /// Marks.
    pub flags: BlockFlags,
    /// Of which lane.
    pub lane: LaneId,
    /// The number of the epoch that wrote it. Never decreases along a lane.
    pub epoch: u64,
    /// Where it begins in the lane.
    pub lsn: Lsn,
    /// What the lane had promised when the block was sealed. Never decreases along a lane, never beyond `lsn`.
    pub promised: Lsn,
    /// Bytes of fragments behind the header.
    pub payload_bytes: u32,
    /// How many fragments.
    pub fragments: u32,
}

impl BlockHeader {
    /// The pages that the block takes.
    #[must_use]
    pub const fn pages(&self) -> usize {
        (BLOCK_HEADER_BYTES + self.payload_bytes as usize).div_ceil(PAGE_BYTES)
    }

    /// The bytes that the block takes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.pages() * PAGE_BYTES
    }

    /// Where the next block begins.
    #[must_use]
    pub const fn end(&self) -> Lsn {
        self.lsn.plus(self.bytes() as u64)
    }
}

const CHAIN_AT: usize = 40;
const CRC_AT: usize = 60;
/// Where the previous chain and the fields before [`CHAIN_AT`] lie so that they end where the payload begins.
const CHAINED_AT: usize = BLOCK_HEADER_BYTES - CHAIN_AT - size_of::<Chain>();

/// Completes the block in `buffer`, whose payload already stands behind the header: zeroes the padding, writes the header, computes chain and
/// CRC. Gives the length of the block and the chain behind it; `None` if the buffer cannot hold it, which is our own mistake.
#[must_use]
pub fn seal(buffer: &mut [u8], header: &BlockHeader, previous: Chain) -> Option<(usize, Chain)> {
    let length = header.bytes();
    if header.pages() > BLOCK_PAGES_MAX || !header.lsn.is_block_border() {
        return None;
    }
    let block = buffer.get_mut(..length)?;
    let payload_end = BLOCK_HEADER_BYTES + header.payload_bytes as usize;
    block.get_mut(payload_end..)?.fill(0);
    let mut head = [0; BLOCK_HEADER_BYTES];
    write_fields(&mut head, header)?;
    // For a moment all that the chain covers lies in one piece before the payload's end: hashing one piece costs less than three.
    put(block, CHAINED_AT, &previous.0.to_le_bytes())?;
    put(block, CHAINED_AT + size_of::<Chain>(), head.get(..CHAIN_AT)?)?;
    let chain = Chain(XxHash3_128::oneshot(block.get(CHAINED_AT..payload_end)?));
    put(&mut head, CHAIN_AT, &chain.0.to_le_bytes())?;
    *block.first_chunk_mut()? = head;
    let crc = crc32c_padded(block, payload_end)?;
    put(block, CRC_AT, &crc.to_le_bytes())?;
    Some((length, chain))
}

/// Completes an empty block of one page over what stands in `page`, of which only the first sector changes. So a write that tears at any
/// border of sectors leaves what was there before, or this block. Gives the chain behind it.
#[must_use]
pub(crate) fn seal_over(page: &mut [u8], header: &BlockHeader, previous: Chain) -> Option<Chain> {
    let mut sealed = [0; PAGE_BYTES];
    let (length, chain) = seal(&mut sealed, header, previous)?;
    let page = page.get_mut(..PAGE_BYTES).filter(|_| length == PAGE_BYTES && header.payload_bytes == 0)?;
    page.get_mut(..SECTOR_BYTES)?.copy_from_slice(sealed.get(..SECTOR_BYTES)?);
    let crc = crc_of(page);
    put(page, CRC_AT, &crc.to_le_bytes())?;
    Some(chain)
}

/// Everything but chain and CRC, whose places stay zero.
fn write_fields(head: &mut [u8; BLOCK_HEADER_BYTES], header: &BlockHeader) -> Option<()> {
    let pages = u16::try_from(header.pages()).ok()?;
    put(head, 0, &BLOCK_MAGIC.to_le_bytes())?;
    put(head, 4, &FORMAT_VERSION.to_le_bytes())?;
    put(head, 6, &header.flags.0.to_le_bytes())?;
    put(head, 8, &header.lane.number().to_le_bytes())?;
    put(head, 10, &pages.to_le_bytes())?;
    put(head, 12, &header.payload_bytes.to_le_bytes())?;
    put(head, 16, &header.epoch.to_le_bytes())?;
    put(head, 24, &header.lsn.0.to_le_bytes())?;
    put(head, 32, &header.promised.0.to_le_bytes())?;
    put(head, 56, &header.fragments.to_le_bytes())
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) -> Option<()> {
    bytes.get_mut(at..at + value.len())?.copy_from_slice(value);
    Some(())
}

fn get<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk::<N>().copied()
}

/// The hash of the previous chain, the header fields before the chain, and the payload. Not of a CRC: equality would be only 32 bits strong.
fn chain_over(block: &[u8], payload_end: usize, previous: Chain) -> Option<Chain> {
    let mut hasher = XxHash3_128::new();
    hasher.write(&previous.0.to_le_bytes());
    hasher.write(block.get(..CHAIN_AT)?);
    hasher.write(block.get(BLOCK_HEADER_BYTES..payload_end)?);
    Some(Chain(hasher.finish_128()))
}

/// Why bytes are not the block that was looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockError {
    /// More bytes are needed to tell: the block's own length.
    Incomplete {
        /// How many bytes the whole block takes.
        needed: usize,
    },
    /// No block begins here: zeroes, the middle of an older block, or foreign bytes.
    NotABlock,
    /// A block of another place or lane: what a recycled segment holds behind the end, or a misdirected write.
    Elsewhere {
        /// The lane number it names.
        lane: u16,
        /// The LSN it names.
        lsn: Lsn,
    },
    /// The block's version is newer than this program.
    NewerVersion {
        /// Which one it names.
        version: u16,
    },
    /// A block begins here, but its bytes are not the ones that were written.
    Damaged,
}

impl fmt::Display for BlockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Incomplete { needed } => write!(f, "the file ends within the block's {needed} bytes"),
            Self::NotABlock => f.write_str("no block begins there"),
            Self::Elsewhere { lane, lsn } => {
                write!(f, "a block stands there that belongs to {lsn} of lane number {lane:#05x}")
            }
            Self::NewerVersion { version } => write!(f, "a block of version {version} stands there"),
            Self::Damaged => f.write_str("the block there is damaged"),
        }
    }
}

/// What a start takes care of. Everything, except in the controls that prove that each is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checks {
    /// The CRC over all bytes.
    pub crc: bool,
    /// The chain behind the predecessor.
    pub chain: bool,
    /// That epoch numbers and promised positions never decrease along a lane.
    pub order: bool,
    /// That what is kept is flushed before anything is built on it.
    pub flush: bool,
}

impl Checks {
    /// What every reader checks.
    pub const ALL: Self = Self { crc: true, chain: true, order: true, flush: true };
}

/// A verified block.
#[derive(Clone, Copy, Debug)]
pub struct BlockView<'a> {
    /// The header's fields.
    pub header: BlockHeader,
    /// The chain behind this block, as it says itself; [`Self::follows`] proves it.
    pub chain: Chain,
    /// The whole block.
    bytes: &'a [u8],
}

impl<'a> BlockView<'a> {
    /// Checks that `bytes` begin with the block of this lane at this position.
    ///
    /// # Errors
    /// When they do not, or when `bytes` do not reach to the block's end.
    pub fn parse(bytes: &'a [u8], lane: LaneId, lsn: Lsn) -> Result<Self, BlockError> {
        Self::parse_with(bytes, lane, lsn, Checks::ALL)
    }

    pub(crate) fn parse_with(bytes: &'a [u8], lane: LaneId, lsn: Lsn, checks: Checks) -> Result<Self, BlockError> {
        let (view, crc) = Self::decode(bytes)?;
        if view.header.lane != lane || view.header.lsn != lsn {
            return Err(BlockError::Elsewhere { lane: view.header.lane.number(), lsn: view.header.lsn });
        }
        if checks.crc && crc != crc_of(view.bytes) {
            return Err(BlockError::Damaged);
        }
        Ok(view)
    }

    /// Whether these bytes are the block of this lane at this position after all, with damage in nothing but what would tell: magic, lane or LSN.
    ///
    /// Without a look at this the last block of a lane would, by one flipped bit, pass for what a used-again file held before, and nobody
    /// would hear that it is gone. A block of an earlier life has a right CRC for its own position, and so a wrong one for this.
    pub fn is_disguised(bytes: &[u8], lane: LaneId, lsn: Lsn) -> bool {
        let disguised = || {
            let head = Self::undisguised(bytes, lane, lsn)?;
            let (_, needed) = Self::decode_header(&head).ok()?;
            let rest = bytes.get(BLOCK_HEADER_BYTES..needed)?;
            let crc = get::<4>(&head, CRC_AT).map(u32::from_le_bytes)?;
            Some(crc == crc32c::crc32c_append(crc_of(&head), rest))
        };
        disguised().unwrap_or(false)
    }

    /// How many bytes [`Self::is_disguised`] has to look at; `None` if what begins here is no such block whatever follows.
    pub(crate) fn disguised_bytes(bytes: &[u8], lane: LaneId, lsn: Lsn) -> Option<usize> {
        let head = Self::undisguised(bytes, lane, lsn)?;
        Self::decode_header(&head).ok().map(|(_, needed)| needed)
    }

    /// The header as it would be of the block of this lane and position.
    fn undisguised(bytes: &[u8], lane: LaneId, lsn: Lsn) -> Option<[u8; BLOCK_HEADER_BYTES]> {
        let mut head = *bytes.first_chunk::<BLOCK_HEADER_BYTES>()?;
        put(&mut head, 0, &BLOCK_MAGIC.to_le_bytes())?;
        put(&mut head, 8, &lane.number().to_le_bytes())?;
        put(&mut head, 24, &lsn.0.to_le_bytes())?;
        Some(head)
    }

    /// The header of whatever block begins here, with nothing verified but its shape. For tools and for evidence scans, which verify it next.
    ///
    /// # Errors
    /// When no block begins here.
    pub fn peek(bytes: &'a [u8]) -> Result<BlockHeader, BlockError> {
        match Self::decode_header(bytes) {
            Ok((header, _)) => Ok(header),
            Err(error) => Err(error),
        }
    }

    fn decode_header(bytes: &[u8]) -> Result<(BlockHeader, usize), BlockError> {
        let not = BlockError::NotABlock;
        let head = bytes.first_chunk::<BLOCK_HEADER_BYTES>().ok_or(BlockError::Incomplete { needed: PAGE_BYTES })?;
        let field_u16 = |at| get::<2>(head, at).map(u16::from_le_bytes).ok_or(not);
        let field_u32 = |at| get::<4>(head, at).map(u32::from_le_bytes).ok_or(not);
        let field_u64 = |at| get::<8>(head, at).map(u64::from_le_bytes).ok_or(not);
        if field_u32(0)? != BLOCK_MAGIC {
            return Err(not);
        }
        let version = field_u16(4)?;
        if version > FORMAT_VERSION {
            return Err(BlockError::NewerVersion { version });
        }
        let flags = field_u16(6)?;
        let lane = LaneId::from_number(field_u16(8)?).ok_or(BlockError::Damaged)?;
        let header = BlockHeader {
            flags: BlockFlags(flags),
            lane,
            epoch: field_u64(16)?,
            lsn: Lsn(field_u64(24)?),
            promised: Lsn(field_u64(32)?),
            payload_bytes: field_u32(12)?,
            fragments: field_u32(56)?,
        };
        let pages = usize::from(field_u16(10)?);
        let shape = version >= 1
            && flags & !BlockFlags::KNOWN == 0
            && (1..=BLOCK_PAGES_MAX).contains(&pages)
            && header.pages() == pages
            && header.lsn.is_block_border()
            && header.promised <= header.lsn;
        if shape { Ok((header, pages * PAGE_BYTES)) } else { Err(BlockError::Damaged) }
    }

    fn decode(bytes: &'a [u8]) -> Result<(Self, u32), BlockError> {
        let (header, needed) = Self::decode_header(bytes)?;
        let block = bytes.get(..needed).ok_or(BlockError::Incomplete { needed })?;
        let chain = get::<16>(block, CHAIN_AT).map(u128::from_le_bytes).ok_or(BlockError::Damaged)?;
        let crc = get::<4>(block, CRC_AT).map(u32::from_le_bytes).ok_or(BlockError::Damaged)?;
        Ok((Self { header, chain: Chain(chain), bytes: block }, crc))
    }

    /// Whether this block was written behind exactly the lane that `previous` stands for.
    #[must_use]
    pub fn follows(&self, previous: Chain) -> bool {
        chain_over(self.bytes, self.payload_end(), previous) == Some(self.chain)
    }

    /// The whole block, padding included.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    const fn payload_end(&self) -> usize {
        BLOCK_HEADER_BYTES + self.header.payload_bytes as usize
    }

    /// The fragment that begins at `offset` bytes into the block.
    #[must_use]
    pub fn record_at(&self, offset: u32) -> Option<Fragment<'a>> {
        let at = usize::try_from(offset).ok()?;
        if at < BLOCK_HEADER_BYTES {
            return None;
        }
        let rest = self.bytes.get(at..self.payload_end())?;
        let (header, header_bytes) = FragmentHeader::decode(rest)?;
        let body = rest.get(header_bytes..)?.get(..usize::try_from(header.body_bytes).ok()?)?;
        let end = offset + u32::try_from(header_bytes + body.len()).ok()?;
        Some(Fragment {
            header,
            body,
            location: Location::new(self.header.lsn, offset),
            end: self.header.lsn.plus(u64::from(end)),
            next: end,
        })
    }

    /// All fragments in order. Ends early only if the payload is not a sequence of fragments; [`Self::well_formed`] tells.
    pub fn fragments(&self) -> impl Iterator<Item = Fragment<'a>> + use<'a> {
        let view = *self;
        let mut offset = BLOCK_HEADER_BYTES as u32;
        std::iter::from_fn(move || {
            let fragment = view.record_at(offset)?;
            offset = fragment.next;
            Some(fragment)
        })
    }

    /// Whether the payload is exactly the announced number of fragments. A block with a right CRC that is not was written by a broken writer.
    #[must_use]
    pub fn well_formed(&self) -> bool {
        let mut count = 0_u32;
        let mut end = BLOCK_HEADER_BYTES as u32;
        for fragment in self.fragments() {
            count += 1;
            end = fragment.next;
        }
        count == self.header.fragments && end as usize == self.payload_end()
    }
}

/// A record, or a part of one, in a block.
#[derive(Clone, Copy, Debug)]
pub struct Fragment<'a> {
    /// Kind, marks, run.
    pub header: FragmentHeader,
    /// Its bytes.
    pub body: &'a [u8],
    /// Where it begins.
    pub location: Location,
    /// The byte behind it in the lane.
    pub end: Lsn,
    /// The offset in the block behind it.
    pub next: u32,
}

fn crc_of(block: &[u8]) -> u32 {
    let (head, tail) = block.split_at(CRC_AT.min(block.len()));
    let crc = crc32c::crc32c_append(crc32c::crc32c(head), &[0; 4]);
    crc32c::crc32c_append(crc, tail.get(4..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{RecordKind, Run};

    fn sample(lsn: Lsn, body: &[u8], previous: Chain) -> (Vec<u8>, Chain) {
        let mut buffer = vec![0xee; 8 * PAGE_BYTES];
        let fragment = FragmentHeader {
            kind: RecordKind(0x40),
            first: true,
            last: true,
            run: Run::None,
            body_bytes: body.len() as u32,
        };
        let at = BLOCK_HEADER_BYTES + fragment.encode(&mut buffer[BLOCK_HEADER_BYTES..]).unwrap();
        buffer[at..at + body.len()].copy_from_slice(body);
        let header = BlockHeader {
            flags: BlockFlags::default(),
            lane: LaneId::JOURNAL,
            epoch: 3,
            lsn,
            promised: Lsn(0),
            payload_bytes: (at + body.len() - BLOCK_HEADER_BYTES) as u32,
            fragments: 1,
        };
        let (length, chain) = seal(&mut buffer, &header, previous).unwrap();
        buffer.truncate(length);
        (buffer, chain)
    }

    #[test]
    fn a_sealed_block_reads_back() {
        let body = vec![7; 5000];
        let (bytes, chain) = sample(Lsn(8192), &body, Chain(9));
        assert_eq!(bytes.len(), 2 * PAGE_BYTES);
        let view = BlockView::parse(&bytes, LaneId::JOURNAL, Lsn(8192)).unwrap();
        assert_eq!(view.chain, chain);
        assert!(view.follows(Chain(9)) && !view.follows(Chain(8)) && view.well_formed());
        let fragment = view.record_at(64).unwrap();
        assert_eq!(fragment.body, body);
        assert!(fragment.end > view.header.lsn && fragment.end <= view.header.end());
        assert_eq!(view.fragments().count(), 1);
    }

    #[test]
    fn a_block_over_another_changes_its_first_sector_alone() {
        let (old, before) = sample(Lsn(0), &[7; 5000], Chain(0));
        let header = BlockView::parse(&old, LaneId::JOURNAL, Lsn(0)).unwrap().header;
        let flags = BlockFlags::TERMINATOR;
        let header = BlockHeader { flags, payload_bytes: 0, fragments: 0, ..header };
        let mut page = old[..PAGE_BYTES].to_vec();
        let chain = seal_over(&mut page, &header, Chain(5)).unwrap();
        assert_ne!(chain, before);
        assert_eq!(page[SECTOR_BYTES..], old[SECTOR_BYTES..PAGE_BYTES]);
        let view = BlockView::parse(&page, LaneId::JOURNAL, Lsn(0)).unwrap();
        assert!(view.follows(Chain(5)) && view.header == header && view.well_formed());
        assert!(seal_over(&mut page[..SECTOR_BYTES], &header, Chain(5)).is_none(), "no place for it");
        assert!(seal_over(&mut page, &BlockHeader { payload_bytes: 8, ..header }, Chain(5)).is_none());
    }

    #[test]
    fn every_single_bit_flip_is_noticed() {
        let (bytes, _) = sample(Lsn(0), b"hello", Chain(0));
        for bit in 0..bytes.len() * 8 {
            let mut rotten = bytes.clone();
            rotten[bit / 8] ^= 1 << (bit % 8);
            assert!(BlockView::parse(&rotten, LaneId::JOURNAL, Lsn(0)).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_flip_that_hides_a_block_is_seen_and_an_older_block_is_none() {
        let (bytes, _) = sample(Lsn(8192), &[7; 5000], Chain(0));
        let hides = |bytes: &[u8], lsn| BlockView::is_disguised(bytes, LaneId::JOURNAL, lsn);
        for bit in (0..4 * 8).chain(8 * 8..10 * 8).chain(24 * 8..32 * 8) {
            let mut rotten = bytes.clone();
            rotten[bit / 8] ^= 1 << (bit % 8);
            assert!(hides(&rotten, Lsn(8192)), "bit {bit}");
            rotten[5000] ^= 1;
            assert!(!hides(&rotten, Lsn(8192)), "bit {bit} and one of the payload");
        }
        assert!(!hides(&bytes, Lsn(4096)), "a block of an earlier life");
        assert!(!hides(&bytes[..4096], Lsn(8192)) && !hides(&[], Lsn(0)), "too few bytes to tell");
    }

    #[test]
    fn the_wrong_place_is_not_the_block() {
        let (bytes, _) = sample(Lsn(4096), b"x", Chain(0));
        assert_eq!(
            BlockView::parse(&bytes, LaneId::JOURNAL, Lsn(8192)).err(),
            Some(BlockError::Elsewhere { lane: 0x100, lsn: Lsn(4096) })
        );
        assert!(BlockView::parse(&bytes, LaneId::LARGE, Lsn(4096)).is_err());
        assert_eq!(BlockView::parse(&[0; 4096], LaneId::LARGE, Lsn(0)).err(), Some(BlockError::NotABlock));
        assert_eq!(
            BlockView::parse(&bytes[..100], LaneId::JOURNAL, Lsn(4096)).err(),
            Some(BlockError::Incomplete { needed: 4096 })
        );
    }
}
