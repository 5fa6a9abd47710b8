//! One lane from its first file to its last, whatever lies between: every segment, block and record is shown to a visitor, and what is damaged
//! is named and passed over.
//!
//! What a start does where a lane's sound blocks end is not decided here (`rehearsal` asks the start itself). A walk goes on behind the
//! place: page by page, until a block of this lane, this place and this time or a later one begins. Must stay true: a block that is shown
//! as sound has the right checksum, lane and position; one that does not follow its predecessor is named.

mod files;
mod records;
mod seen;

use std::ops::ControlFlow;

use journal::{
    BLOCK_BYTES_MAX, BlockError, BlockFlags, BlockView, Chain, EpochStartRecord, Geometry, IoError, Lsn, Operation,
    PAGE_BYTES, Patch, RecordKind, SegmentFreeRecord, SegmentSequence,
};

use crate::flaw::{Flaw, What};
use crate::live;
use crate::progress::Progress;
use crate::reader::{Bytes, LaneReader};
use crate::source::Source;
use files::{header_problem, is_gone};
use records::Records;

pub(crate) use files::segments;
pub(crate) use seen::{LaneEnd, Order, RecordSeen, Seen, SegmentSeen, Visit};

/// Where sound blocks ended.
struct Gap {
    at: Lsn,
    what: GapWhat,
}

enum GapWhat {
    NoFile,
    Blank,
    Torn,
    Newer,
    Refused(IoError),
}

/// A walk along one lane.
pub(crate) struct Walk<'a> {
    order: Order<'a>,
    geometry: Geometry,
    reader: LaneReader<'a>,
    progress: &'a mut Progress,
    chain: Option<Chain>,
    /// The block behind a patch is the one with this chain.
    bridge: Option<Chain>,
    records: Records,
    gap: Option<Gap>,
    /// Gaps that a second look has confirmed.
    confirmed: Option<Lsn>,
    /// A terminator was met: the lane ends there.
    terminated: bool,
    end: LaneEnd,
}

/// How often a live store is listed again for new segments.
const LISTINGS_MAX: u32 = 3;

impl<'a> Walk<'a> {
    pub(crate) fn new(order: Order<'a>, source: &'a mut dyn Source, progress: &'a mut Progress) -> Self {
        let geometry = order.shape.geometry(order.lane);
        let reader = LaneReader::new(source, order.layout, order.lane, geometry);
        Self {
            order,
            geometry,
            reader,
            progress,
            chain: None,
            bridge: None,
            records: Records::new(order.lane),
            gap: None,
            confirmed: None,
            terminated: false,
            end: LaneEnd::default(),
        }
    }

    /// Walks the lane. Gives what it came to, or nothing where the visitor had seen enough.
    ///
    /// # Errors
    /// When the directory cannot be listed.
    pub(crate) fn run(mut self, visit: &mut Visit<'_>) -> Result<Option<LaneEnd>, IoError> {
        let mut files = segments(self.order.layout, self.order.shape, self.order.lane)?;
        self.end.first = files.keys().next().copied();
        self.chain = (self.end.first == Some(SegmentSequence(0))).then_some(Chain(0));
        let mut before: Option<SegmentSequence> = None;
        for listing in 0.. {
            for (&sequence, &bytes) in &files {
                self.missing_before(before, sequence);
                if self.segment(sequence, bytes, visit).is_break() {
                    return Ok(None);
                }
                before = Some(sequence);
                if self.terminated {
                    break;
                }
            }
            if !self.order.live || self.terminated || listing >= LISTINGS_MAX {
                break;
            }
            files = segments(self.order.layout, self.order.shape, self.order.lane)?;
            files.retain(|sequence, _| before.is_none_or(|before| *sequence > before));
            if files.is_empty() {
                break;
            }
        }
        self.end.moved = self.order.live && self.end.first.is_some_and(|first| is_gone(&self.order, first));
        if self.close(visit).is_break() { Ok(None) } else { Ok(Some(self.end)) }
    }

    /// Segments that have no file although earlier and later ones have. Behind the end of the lane nothing is missing then: the order in
    /// which empty segments are made is nobody's business. So it is a gap like others, and a flaw once something sound stands behind it.
    fn missing_before(&mut self, before: Option<SegmentSequence>, sequence: SegmentSequence) {
        if let Some(missing) = before.map(SegmentSequence::next).filter(|missing| *missing < sequence) {
            let at = self.geometry.start(missing);
            self.gap.get_or_insert(Gap { at, what: GapWhat::NoFile });
        }
    }

    /// A segment: its header, then its blocks.
    fn segment(&mut self, sequence: SegmentSequence, bytes: u64, visit: &mut Visit<'_>) -> ControlFlow<()> {
        let first = self.geometry.start(sequence);
        let problem = header_problem(&self.order, sequence, bytes);
        let sound = problem.is_none();
        let lane = self.order.lane;
        visit(Seen::Segment(&SegmentSeen { lane, sequence, first, bytes, sound }))?;
        if let Some(what) = problem {
            let file = self.order.layout.segment(lane, sequence);
            let end = self.geometry.start(sequence.next());
            let flaw = Flaw { what, lane, at: first, to: Some(end), file, offset: 0 };
            self.tell(&flaw, visit)?;
        }
        let end = self.geometry.start(sequence.next());
        let mut at = first;
        while at < end && !self.terminated {
            at = self.step(at, visit)?;
            let read = self.reader.take_read();
            self.progress.add(read);
        }
        ControlFlow::Continue(())
    }

    /// Looks at one position; gives the next one to look at.
    fn step(&mut self, at: Lsn, visit: &mut Visit<'_>) -> ControlFlow<(), Lsn> {
        let mut needed = PAGE_BYTES;
        let what = loop {
            let bytes = match self.reader.at(at, needed) {
                Bytes::Here(bytes) => bytes,
                Bytes::NoFile => break GapWhat::NoFile,
                Bytes::Refused(error) => break GapWhat::Refused(error),
            };
            match BlockView::parse(bytes, self.order.lane, at) {
                Ok(view) if view.header.epoch < self.end.epoch => break GapWhat::Blank,
                Ok(view) => {
                    // What follows needs the reader too.
                    let block = view.bytes().to_vec();
                    return self.block(at, &block, visit);
                }
                Err(BlockError::Incomplete { needed: more }) if more > needed => needed = more,
                Err(BlockError::Incomplete { .. } | BlockError::Damaged) => break GapWhat::Torn,
                Err(BlockError::NewerVersion { .. }) => break GapWhat::Newer,
                Err(BlockError::NotABlock | BlockError::Elsewhere { .. }) => {
                    let hides = match self.reader.at(at, BLOCK_BYTES_MAX) {
                        Bytes::Here(bytes) => BlockView::is_disguised(bytes, self.order.lane, at),
                        Bytes::NoFile | Bytes::Refused(_) => false,
                    };
                    break if hides { GapWhat::Torn } else { GapWhat::Blank };
                }
            }
        };
        // A file that is not there, or not for us, is not there for any of its pages.
        let whole = match &what {
            GapWhat::NoFile => true,
            GapWhat::Refused(error) => error.operation != Operation::Read,
            GapWhat::Blank | GapWhat::Torn | GapWhat::Newer => false,
        };
        self.gap.get_or_insert(Gap { at, what });
        let (segment, _) = self.geometry.place(at);
        let next = if whole { self.geometry.start(segment.next()) } else { at.plus(PAGE_BYTES as u64) };
        ControlFlow::Continue(next)
    }

    /// A sound block at its place.
    fn block(&mut self, at: Lsn, block: &[u8], visit: &mut Visit<'_>) -> ControlFlow<(), Lsn> {
        let Ok(view) = BlockView::parse(block, self.order.lane, at) else {
            return ControlFlow::Continue(at.plus(PAGE_BYTES as u64));
        };
        if let Some(gap) = &self.gap
            && self.order.live
            && self.confirmed != Some(gap.at)
        {
            // Perhaps it was only written later than it was read. Then there is a block now.
            self.confirmed = Some(gap.at);
            live::wait_a_moment();
            self.reader.forget();
            let again = gap.at;
            if self.readable(again) {
                self.gap = None;
                return ControlFlow::Continue(again);
            }
        }
        let follows = self.gap.is_none() && self.follows(&view);
        if follows && view.header.flags.contains(BlockFlags::TERMINATOR) {
            // Nothing behind it counts.
            self.terminated = true;
            return ControlFlow::Continue(at);
        }
        let sound_behind_gap = self.gap.take();
        let hole = sound_behind_gap.is_some();
        if let Some(gap) = sound_behind_gap {
            self.records.abandon(visit)?;
            self.tell(&self.flaw(self.hole_what(gap.at, gap.what), gap.at, Some(at)), visit)?;
        }
        for what in self.problems(&view, hole) {
            self.tell(&self.flaw(what, at, None), visit)?;
        }
        if let Some(patch) = patch_of(&view).filter(|patch| patch.from == at) {
            self.tell(&self.flaw(What::Patched, at, Some(patch.to)), visit)?;
        }
        visit(Seen::Block(&view))?;
        self.take_marks(&view);
        for fragment in view.fragments() {
            self.records.take(&fragment, view.header.epoch, visit)?;
        }
        ControlFlow::Continue(view.header.end())
    }

    /// Is there a block of this lane and time now?
    fn readable(&mut self, at: Lsn) -> bool {
        let (lane, epoch) = (self.order.lane, self.end.epoch);
        let bytes = match self.reader.at(at, self.geometry.block_bytes_max(at)) {
            Bytes::Here(bytes) => bytes,
            Bytes::NoFile | Bytes::Refused(_) => return false,
        };
        BlockView::parse(bytes, lane, at).is_ok_and(|view| view.header.epoch >= epoch)
    }

    fn hole_what(&self, at: Lsn, gap: GapWhat) -> What {
        match gap {
            GapWhat::NoFile if !self.reader.place(at).0.exists() => What::SegmentMissing,
            GapWhat::NoFile | GapWhat::Blank | GapWhat::Torn => What::Hole,
            GapWhat::Newer => What::Newer,
            GapWhat::Refused(error) => What::Unreadable(error),
        }
    }

    /// Does a block stand behind the one before it?
    fn follows(&self, view: &BlockView<'_>) -> bool {
        self.bridge == Some(view.chain) || self.chain.is_none_or(|chain| view.follows(chain))
    }

    /// What is wrong with a block beside its bytes.
    fn problems(&self, view: &BlockView<'_>, behind_hole: bool) -> Vec<What> {
        let mut found = Vec::new();
        let header = view.header;
        if !behind_hole && !self.follows(view) {
            found.push(What::Chain);
        }
        let starts = header.flags.contains(BlockFlags::EPOCH_START);
        let begins = behind_hole || self.end.epoch == 0;
        let epoch_fits = if starts { header.epoch > self.end.epoch } else { header.epoch == self.end.epoch || begins };
        if !epoch_fits || header.promised < self.end.promised {
            found.push(What::Order);
        }
        if !view.well_formed() {
            found.push(What::Fragments);
        }
        found
    }

    /// Takes what the journal's own records and the header say.
    fn take_marks(&mut self, view: &BlockView<'_>) {
        let header = view.header;
        for fragment in view.fragments().filter(|fragment| fragment.header.first && fragment.header.last) {
            match fragment.header.kind {
                RecordKind::EPOCH_START => {
                    if let Some(record) = EpochStartRecord::decode(fragment.body) {
                        self.end.kept_from = Some(record.first_kept);
                        self.end.history.push(record.entry);
                        self.end.started = Some((header.epoch, record.start.vector));
                    }
                }
                RecordKind::SEGMENT_FREE => {
                    if let Some(record) = SegmentFreeRecord::decode(fragment.body) {
                        self.end.kept_from = Some(record.sequence.next());
                        self.end.history = record.history;
                    }
                }
                _ => {}
            }
        }
        let promised = header.promised.max(self.end.promised);
        match self.end.promised_in_epoch.last_mut() {
            Some((epoch, known)) if *epoch == header.epoch => *known = promised,
            _ => self.end.promised_in_epoch.push((header.epoch, promised)),
        }
        self.end.epoch = header.epoch;
        self.chain = Some(view.chain);
        self.bridge = patch_of(view).map(|patch| patch.next);
        self.end.promised = promised;
        self.end.end = header.end();
    }

    fn flaw(&self, what: What, at: Lsn, to: Option<Lsn>) -> Flaw {
        let (file, offset) = self.reader.place(at);
        Flaw { what, lane: self.order.lane, at, to, file, offset }
    }

    /// The lane ends: what stands there?
    fn close(&mut self, visit: &mut Visit<'_>) -> ControlFlow<()> {
        self.records.abandon(visit)?;
        let Some(gap) = self.gap.take() else { return ControlFlow::Continue(()) };
        let what = match gap.what {
            GapWhat::NoFile | GapWhat::Blank => return ControlFlow::Continue(()),
            // The broker is writing it at this moment.
            GapWhat::Torn if self.order.live => return ControlFlow::Continue(()),
            GapWhat::Torn => What::TornTail,
            GapWhat::Newer => What::Newer,
            GapWhat::Refused(error) => What::Unreadable(error),
        };
        self.tell(&self.flaw(what, gap.at, None), visit)
    }

    /// Shows a flaw, unless its segment was freed and used again while it was read: segments go oldest first, so where one has gone, all
    /// before it have.
    fn tell(&self, flaw: &Flaw, visit: &mut Visit<'_>) -> ControlFlow<()> {
        if self.order.live
            && is_gone(&self.order, self.geometry.place(flaw.at).0)
            && self.end.first.is_some_and(|first| is_gone(&self.order, first))
        {
            return ControlFlow::Continue(());
        }
        visit(Seen::Flaw(flaw))
    }
}

/// What a block of a patch says.
fn patch_of(view: &BlockView<'_>) -> Option<Patch> {
    let is_patch = view.header.flags.contains(BlockFlags::PATCH);
    let fragment = view.fragments().find(|fragment| fragment.header.kind == RecordKind::PATCH).filter(|_| is_patch)?;
    Patch::decode(fragment.body)
}
