//! A counted list of the wire, borrowed either from a frame or from a slice of values to send.
//!
//! Reading walks the items once, checks each and keeps only their bytes, so that no list of a peer allocates. Must stay true: a
//! list that came from [`Wire::read`] can be walked to its end.

use std::fmt;

use super::cursor::{CursorError, Reader, Writer};
use super::version::Version;
use super::wire::Wire;

/// A type that comes in lists.
pub trait ListItem<'a>: Wire<'a> + Copy + PartialEq + fmt::Debug {
    /// The most items of one list.
    const COUNT_MAX: usize;
}

/// A list of items.
#[derive(Clone, Copy)]
pub struct List<'a, T>(Source<'a, T>);

#[derive(Clone, Copy)]
enum Source<'a, T> {
    /// Items in their wire form, validated.
    Encoded { count: usize, bytes: &'a [u8] },
    /// Items to be sent.
    Items(&'a [T]),
}

impl<'a, T: ListItem<'a>> List<'a, T> {
    /// A list of values to send.
    pub fn of(items: &'a [T]) -> List<'a, T> {
        List(Source::Items(items))
    }

    /// Number of items.
    pub fn len(&self) -> usize {
        match self.0 {
            Source::Encoded { count, .. } => count,
            Source::Items(items) => items.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The items in order.
    pub fn iter(&self) -> Items<'a, T> {
        match self.0 {
            Source::Encoded { bytes, .. } => Items::Encoded(Reader::new(bytes)),
            Source::Items(items) => Items::Slice(items.iter()),
        }
    }
}

/// The items of a [`List`].
#[derive(Clone, Debug)]
pub enum Items<'a, T> {
    /// In wire form.
    Encoded(Reader<'a>),
    /// In memory.
    Slice(std::slice::Iter<'a, T>),
}

impl<'a, T: ListItem<'a>> Iterator for Items<'a, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        match self {
            Items::Encoded(reader) if reader.is_empty() => None,
            // Items have one layout in all versions and were checked when the list was read.
            Items::Encoded(reader) => T::read(reader, Version::NEWEST).ok(),
            Items::Slice(items) => items.next().copied(),
        }
    }
}

impl<T> Default for List<'_, T> {
    fn default() -> Self {
        List(Source::Items(&[]))
    }
}

impl<'a, T: ListItem<'a>> PartialEq for List<'a, T> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<'a, T: ListItem<'a>> fmt::Debug for List<'a, T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.iter()).finish()
    }
}

impl<'a, T: ListItem<'a>> Wire<'a> for List<'a, T> {
    fn read(reader: &mut Reader<'a>, version: Version) -> Result<Self, CursorError> {
        let count = reader.count(T::COUNT_MAX)?;
        let mut ahead = reader.clone();
        for _ in 0..count {
            T::read(&mut ahead, version)?;
        }
        let bytes = reader.take(ahead.position() - reader.position())?;
        Ok(List(Source::Encoded { count, bytes }))
    }

    fn write(&self, writer: &mut Writer<'_>, version: Version) {
        writer.count(self.len());
        match self.0 {
            Source::Encoded { bytes, .. } => writer.bytes(bytes),
            Source::Items(items) => items.iter().for_each(|item| item.write(writer, version)),
        }
    }
}
