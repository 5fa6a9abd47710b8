//! What a simulated file holds: bytes in pages that its copies share until one of them writes.
//!
//! A simulator copies its disk at each crash and at the beginning of each case; nearly all pages stay as they are.

use std::sync::Arc;

/// Bytes of a page: small enough that one write copies little, large enough that a copy of a disk counts few of them.
const PAGE_BYTES: usize = 16 * 1024;

/// Bytes of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Content {
    pages: Vec<Arc<[u8; PAGE_BYTES]>>,
    /// Bytes beyond it are zero, in the last page.
    len: usize,
}

impl Content {
    /// These bytes.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut content = Self::default();
        content.put(0, bytes);
        content
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// The byte at a place.
    pub(super) fn get(&self, at: usize) -> Option<u8> {
        let page = self.pages.get(at / PAGE_BYTES).filter(|_| at < self.len)?;
        page.get(at % PAGE_BYTES).copied()
    }

    /// Copies what is there from `offset` on, as far as there is room, and says how much that was.
    pub(super) fn read(&self, offset: u64, into: &mut [u8]) -> usize {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let count = self.len.saturating_sub(start).min(into.len());
        let mut done = 0;
        while done < count {
            let at = start + done;
            let Some(page) = self.pages.get(at / PAGE_BYTES) else { break };
            let part = (PAGE_BYTES - at % PAGE_BYTES).min(count - done);
            if let (Some(to), Some(from)) = (into.get_mut(done..done + part), page.get(at % PAGE_BYTES..)) {
                to.copy_from_slice(from.get(..part).unwrap_or_default());
            }
            done += part;
        }
        done
    }

    /// Writes bytes at a place; what lies between the end and it becomes zero.
    pub(super) fn put(&mut self, offset: u64, bytes: &[u8]) {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let end = start + bytes.len();
        if self.len < end {
            let zeros = Arc::new([0; PAGE_BYTES]);
            self.pages.resize(end.div_ceil(PAGE_BYTES), zeros);
            self.len = end;
        }
        let mut done = 0;
        while done < bytes.len() {
            let at = start + done;
            let part = (PAGE_BYTES - at % PAGE_BYTES).min(bytes.len() - done);
            let Some(page) = self.pages.get_mut(at / PAGE_BYTES) else { return };
            let to = Arc::make_mut(page).get_mut(at % PAGE_BYTES..at % PAGE_BYTES + part);
            if let (Some(to), Some(from)) = (to, bytes.get(done..done + part)) {
                to.copy_from_slice(from);
            }
            done += part;
        }
    }

    /// All of it.
    pub(super) fn to_vec(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.len];
        self.read(0, &mut bytes);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;

    #[test]
    fn it_holds_what_a_vector_would() {
        let mut random = Random::new(1);
        let (mut content, mut plain) = (Content::default(), Vec::new());
        let mut copies = Vec::new();
        for step in 0..300_u64 {
            let (offset, count) = (random.below(90_000), random.below(40_000) as usize);
            let bytes: Vec<u8> = (0..count).map(|at| (at as u64 * 31 + step) as u8).collect();
            let end = offset as usize + count;
            plain.resize(plain.len().max(end), 0);
            plain[offset as usize..end].copy_from_slice(&bytes);
            content.put(offset, &bytes);
            assert_eq!((content.len(), content.get(end)), (plain.len(), plain.get(end).copied()));
            let mut part = vec![0xee; count + 7];
            let read = content.read(offset, &mut part);
            let rest = &plain[offset as usize..];
            assert_eq!(read, rest.len().min(part.len()));
            assert_eq!(part[..read], rest[..read]);
            if step % 50 == 0 {
                copies.push((content.clone(), plain.clone()));
            }
        }
        assert_eq!(content, Content::of(&plain));
        assert!(copies.iter().all(|(copy, was)| copy.to_vec() == *was), "a write reached a copy");
        assert_eq!(content.read(1 << 40, &mut [0; 8]), 0);
    }
}
