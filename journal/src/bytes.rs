//! A cursor over bytes from a disk, which never panics, and its opposite. Little endian throughout.

/// Reads fields from the front; every read says `None` when the bytes end.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

macro_rules! readers {
    ($($name:ident),*) => {
        $(pub(crate) fn $name(&mut self) -> Option<$name> {
            self.take().map($name::from_le_bytes)
        })*
    };
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*head)
    }

    readers!(u8, u16, u32, u64, u128);

    /// How many bytes are left.
    pub(crate) const fn rest(&self) -> usize {
        self.rest.len()
    }

    /// Whether nothing is left over.
    pub(crate) const fn ended(&self) -> bool {
        self.rest.is_empty()
    }
}

/// Appends fields.
pub(crate) struct Writer<'a> {
    out: &'a mut Vec<u8>,
}

macro_rules! writers {
    ($($name:ident),*) => {
        $(pub(crate) fn $name(&mut self, value: $name) -> &mut Self {
            self.out.extend_from_slice(&value.to_le_bytes());
            self
        })*
    };
}

impl<'a> Writer<'a> {
    pub(crate) const fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out }
    }

    writers!(u8, u16, u32, u64, u128);
}
