//! What goes to the peer: for each connection and lane the blocks from a position on, in order. One that is written right where a stream
//! stands goes out as it is; where a stream is behind, it is read back from the disk first, and the blocks written meanwhile wait there for it.

use ha_engine::gate::Link;
use journal::{LaneId, Lsn};

/// The stream of one lane on one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stream {
    link: Link,
    lane: LaneId,
    /// The next block begins here.
    next: Lsn,
}

/// A block to read back: where it begins, and for whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// To whom it goes.
    pub link: Link,
    /// In which lane.
    pub lane: LaneId,
    /// Where it begins.
    pub at: Lsn,
}

/// All streams of a server.
#[derive(Clone, Debug, Default)]
pub struct Source {
    streams: Vec<Stream>,
}

impl Source {
    /// No streams.
    #[must_use]
    pub const fn new() -> Self {
        Self { streams: Vec::new() }
    }

    /// From now on blocks go to this connection, from these positions on. A copy and what is written meanwhile are one stream: the lower
    /// position counts, whichever is named first.
    pub fn stream(&mut self, link: Link, from: impl IntoIterator<Item = (LaneId, Lsn)>) {
        for (lane, lsn) in from {
            match self.streams.iter_mut().find(|stream| stream.link == link && stream.lane == lane) {
                Some(stream) => stream.next = stream.next.min(lsn),
                None => self.streams.push(Stream { link, lane, next: lsn }),
            }
        }
    }

    /// The connection is gone.
    pub fn close(&mut self, link: Link) {
        self.streams.retain(|stream| stream.link != link);
    }

    /// Nothing goes to anybody any more.
    pub fn clear(&mut self) {
        self.streams.clear();
    }

    /// A block was handed to the disk. Gives the connections to which it goes right away.
    pub fn written(&mut self, lane: LaneId, lsn: Lsn, end: Lsn) -> impl Iterator<Item = Link> + '_ {
        let there = move |stream: &&mut Stream| stream.lane == lane && stream.next == lsn;
        self.streams.iter_mut().filter(there).map(move |stream| {
            stream.next = end;
            stream.link
        })
    }

    /// The blocks that must be read back, each the next one of its stream: those before what is durable.
    pub fn wanted<'a>(&'a self, durable: impl Fn(LaneId) -> Lsn + 'a) -> impl Iterator<Item = Wanted> + 'a {
        let behind = self.streams.iter().filter(move |stream| stream.next < durable(stream.lane));
        behind.map(|stream| Wanted { link: stream.link, lane: stream.lane, at: stream.next })
    }

    /// The block that was wanted goes out; it ends here.
    pub fn sent(&mut self, wanted: Wanted, end: Lsn) {
        let mut own = self.streams.iter_mut().filter(|stream| stream.link == wanted.link && stream.lane == wanted.lane);
        if let Some(stream) = own.find(|stream| stream.next == wanted.at) {
            stream.next = end;
        }
    }

    /// Nothing of a lane from here on may be given back: it is still to be read.
    #[must_use]
    pub fn pinned(&self, lane: LaneId) -> Option<Lsn> {
        self.streams.iter().filter(|stream| stream.lane == lane).map(|stream| stream.next).min()
    }

    /// How many streams there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.streams.len()
    }

    /// Does nothing go to anybody?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LANE: LaneId = LaneId::JOURNAL;
    const A: Link = Link(1);

    fn wanted(source: &Source, durable: u64) -> Vec<u64> {
        source.wanted(|_| Lsn(durable)).map(|wanted| wanted.at.0).collect()
    }

    #[test]
    fn a_stream_that_is_behind_is_read_back_in_order_and_then_goes_on_by_itself() {
        let mut source = Source::new();
        source.stream(A, [(LANE, Lsn(8192))]);
        source.stream(A, [(LANE, Lsn(0))]);
        assert_eq!(source.pinned(LANE), Some(Lsn(0)));
        assert_eq!(source.written(LANE, Lsn(8192), Lsn(12288)).count(), 0, "what lies before comes first");
        assert!(wanted(&source, 0).is_empty());
        for at in [0, 4096, 8192] {
            assert_eq!(wanted(&source, 12288), [at]);
            source.sent(Wanted { link: A, lane: LANE, at: Lsn(at) }, Lsn(at + 4096));
        }
        assert!(wanted(&source, 12288).is_empty());
        assert_eq!(source.written(LANE, Lsn(12288), Lsn(16384)).collect::<Vec<_>>(), [A]);
        assert_eq!(source.pinned(LANE), Some(Lsn(16384)));
        source.sent(Wanted { link: A, lane: LANE, at: Lsn(0) }, Lsn(4096));
        assert_eq!(source.pinned(LANE), Some(Lsn(16384)), "an answer to an old question moves nothing");
        source.close(A);
        assert!(source.is_empty() && source.pinned(LANE).is_none());
    }
}
