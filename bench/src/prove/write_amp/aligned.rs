//! Memory as direct transfers want it: at an address that is a multiple of a page.

/// The alignment of direct transfers, and the unit of the journal.
pub(in crate::prove) const PAGE: usize = 4096;

/// Bytes that begin at a page border.
#[derive(Debug)]
pub(in crate::prove) struct Aligned {
    /// One page more than wanted, never moved after it was measured.
    memory: Vec<u8>,
    from: usize,
    len: usize,
}

impl Aligned {
    /// So many bytes, all of this value.
    pub(in crate::prove) fn filled(len: usize, value: u8) -> Self {
        let memory = vec![value; len + PAGE];
        let from = memory.as_ptr().align_offset(PAGE);
        Self { memory, from, len }
    }

    /// The first `len` bytes.
    pub(in crate::prove) fn first(&self, len: usize) -> &[u8] {
        self.memory.get(self.from..self.from + len.min(self.len)).unwrap_or_default()
    }

    /// All bytes.
    pub(in crate::prove) fn all_mut(&mut self) -> &mut [u8] {
        self.memory.get_mut(self.from..self.from + self.len).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_begins_at_a_page() {
        for len in [PAGE, 5 * PAGE, 100 * PAGE] {
            let mut aligned = Aligned::filled(len, 7);
            assert!(aligned.first(len).as_ptr().addr().is_multiple_of(PAGE));
            assert_eq!(aligned.all_mut().len(), len);
            assert!(aligned.first(len).iter().all(|byte| *byte == 7));
        }
    }
}
