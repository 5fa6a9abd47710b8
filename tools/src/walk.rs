//! One lane from its first file to its last, whatever lies between: every segment, block and record is shown to a visitor, and what is damaged
//! is named and passed over.
//!
//! What a start does where a lane's sound blocks end is not decided here (`rehearsal` asks the start itself). A walk goes on behind the
//! place: page by page, until a block of this lane, this place and this time or a later one begins. Must stay true: a block that is shown
//! as sound has the right checksum, lane and position; one that does not follow its predecessor is named.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use journal::{
    BlockError, BlockFlags, BlockView, Chain, EpochEntry, EpochStartRecord, FileStorage, Fragment, Geometry, IoError,
    LaneId, Location, Lsn, NamedFile, Operation, PAGE_BYTES, RECORD_BYTES_MAX, RecordKind, Run, SegmentFreeRecord,
    SegmentHeader, SegmentHeaderError, SegmentSequence, Storage as _, StoreLayout, StoreShape, Vector, parse_name,
};

use crate::flaw::{Flaw, What};
use crate::live;
use crate::progress::Progress;
use crate::reader::{Bytes, LaneReader};
use crate::source::Source;

/// Something on the way.
pub(crate) enum Seen<'a> {
    Segment(&'a SegmentSeen),
    Block(&'a BlockView<'a>),
    Record(&'a RecordSeen<'a>),
    Flaw(&'a Flaw),
}

/// A segment file.
#[derive(Clone, Debug)]
pub(crate) struct SegmentSeen {
    pub(crate) lane: LaneId,
    pub(crate) sequence: SegmentSequence,
    pub(crate) first: Lsn,
    pub(crate) bytes: u64,
    pub(crate) sound: bool,
}

/// A record.
pub(crate) struct RecordSeen<'a> {
    pub(crate) lane: LaneId,
    pub(crate) location: Location,
    pub(crate) end: Lsn,
    pub(crate) epoch: u64,
    pub(crate) kind: RecordKind,
    pub(crate) run: Run,
    pub(crate) body: &'a [u8],
    /// Its fragments were all there.
    pub(crate) whole: bool,
}

/// What shows what it sees to somebody, who may have seen enough.
pub(crate) type Visit<'a> = dyn FnMut(Seen<'_>) -> ControlFlow<()> + 'a;

/// What a walk is told.
#[derive(Clone, Copy)]
pub(crate) struct Order<'a> {
    pub(crate) lane: LaneId,
    pub(crate) layout: &'a StoreLayout,
    pub(crate) shape: &'a StoreShape,
    /// Somebody writes meanwhile: look twice before something is called missing.
    pub(crate) live: bool,
}

/// What a lane is, as far as it was walked.
#[derive(Clone, Debug, Default)]
pub(crate) struct LaneEnd {
    /// Behind the last sound block.
    pub(crate) end: Lsn,
    /// What the headers say was promised.
    pub(crate) promised: Lsn,
    /// What they say of each epoch.
    pub(crate) promised_in_epoch: Vec<(u64, Lsn)>,
    /// The epochs of the lane, as far as it tells.
    pub(crate) history: Vec<EpochEntry>,
    /// The newest epoch that begins in what was read: its number, and what it says that every lane had promised.
    pub(crate) started: Option<(u64, Vector)>,
    /// The number of the last block's epoch.
    pub(crate) epoch: u64,
    /// The oldest segment that the newest FREE or EPOCH_START keeps.
    pub(crate) kept_from: Option<SegmentSequence>,
    /// The first segment that has a file.
    pub(crate) first: Option<SegmentSequence>,
}

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

/// A record whose last fragment has not come yet.
struct Begun {
    location: Location,
    end: Lsn,
    epoch: u64,
    kind: RecordKind,
    run: Run,
    body: Vec<u8>,
}

/// A walk along one lane.
pub(crate) struct Walk<'a> {
    order: Order<'a>,
    geometry: Geometry,
    reader: LaneReader<'a>,
    progress: &'a mut Progress,
    chain: Option<Chain>,
    begun: Option<Begun>,
    gap: Option<Gap>,
    /// Gaps that a second look has confirmed.
    confirmed: Option<Lsn>,
    /// A terminator was met: the lane ends there.
    terminated: bool,
    end: LaneEnd,
}

/// The lane's segment files by number, with their lengths.
///
/// # Errors
/// When the directory cannot be read; one that is not there is empty.
pub(crate) fn segments(layout: &StoreLayout, lane: LaneId) -> Result<BTreeMap<SegmentSequence, u64>, IoError> {
    let directory = layout.directory(lane.directory());
    let names = match FileStorage::new().list(directory) {
        Err(error) if error.is_not_found() => Vec::new(),
        names => names?,
    };
    let mut found = BTreeMap::new();
    for name in names {
        if let NamedFile::Segment(of, sequence) = parse_name(&name)
            && of == lane
            && sequence.0 < SEQUENCE_LIMIT
        {
            let bytes = std::fs::metadata(directory.join(&name)).map_or(0, |metadata| metadata.len());
            found.insert(sequence, bytes);
        }
    }
    Ok(found)
}

/// No lane comes so far: a file name that says so is not ours, as a start sees it too.
const SEQUENCE_LIMIT: u64 = 1 << 40;
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
            begun: None,
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
        let mut files = segments(self.order.layout, self.order.lane)?;
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
            files = segments(self.order.layout, self.order.lane)?;
            files.retain(|sequence, _| before.is_none_or(|before| *sequence > before));
            if files.is_empty() {
                break;
            }
        }
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
        let problem = self.header(sequence, bytes);
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

    /// What is wrong with a segment's header.
    fn header(&self, sequence: SegmentSequence, bytes: u64) -> Option<What> {
        let path = self.order.layout.segment(self.order.lane, sequence);
        let mut storage = FileStorage::new();
        let mut page = journal::AlignedBuffer::new(PAGE_BYTES);
        let read = storage.open(&path, journal::Access::Read).and_then(|file| {
            let read = storage.read_at(file, 0, page.as_mut());
            storage.close(file);
            read
        });
        match read {
            // Freed since it was listed; in a store that nobody writes there is no such time.
            Err(error) if error.is_not_found() && self.order.live => return None,
            Err(error) => return Some(What::Unreadable(error)),
            Ok(_) => {}
        }
        let header: SegmentHeader = self.order.shape.segment_header(self.order.lane, sequence);
        match header.verify(page.as_ref()) {
            Ok(()) if bytes != self.geometry.segment_bytes() && bytes != 0 => Some(What::Length(bytes)),
            Ok(()) => None,
            Err(SegmentHeaderError::NewerVersion) => Some(What::Newer),
            Err(error @ SegmentHeaderError::Damaged) => Some(What::Header(error.to_string())),
            Err(error) => Some(What::Foreign(error.to_string())),
        }
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
                Err(BlockError::NotABlock | BlockError::Elsewhere { .. }) => break GapWhat::Blank,
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
        let follows = self.gap.is_none() && self.chain.is_none_or(|chain| view.follows(chain));
        if follows && view.header.flags.contains(BlockFlags::TERMINATOR) {
            // Nothing behind it counts.
            self.terminated = true;
            return ControlFlow::Continue(at);
        }
        let sound_behind_gap = self.gap.take();
        let hole = sound_behind_gap.is_some();
        if let Some(gap) = sound_behind_gap {
            self.begun = None;
            self.tell(&self.flaw(self.hole_what(gap.at, gap.what), gap.at, Some(at)), visit)?;
        }
        for what in self.problems(&view, hole) {
            self.tell(&self.flaw(what, at, None), visit)?;
        }
        visit(Seen::Block(&view))?;
        self.take_marks(&view);
        for fragment in view.fragments() {
            self.fragment(&fragment, view.header.epoch, visit)?;
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

    /// What is wrong with a block beside its bytes.
    fn problems(&self, view: &BlockView<'_>, behind_hole: bool) -> Vec<What> {
        let mut found = Vec::new();
        let header = view.header;
        if !behind_hole && self.chain.is_some_and(|chain| !view.follows(chain)) {
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
        self.end.promised = promised;
        self.end.end = header.end();
    }

    /// Puts records together.
    fn fragment(&mut self, fragment: &Fragment<'_>, epoch: u64, visit: &mut Visit<'_>) -> ControlFlow<()> {
        let header = fragment.header;
        if header.first {
            self.abandon(visit)?;
            let begun = Begun {
                location: fragment.location,
                end: fragment.end,
                epoch,
                kind: header.kind,
                run: header.run,
                body: Vec::new(),
            };
            if header.last {
                return self.show(&begun, fragment.body, true, visit);
            }
            self.begun = Some(Begun { body: fragment.body.to_vec(), ..begun });
            return ControlFlow::Continue(());
        }
        // Without a first fragment it is the rest of a record that began in a freed segment, or behind damage.
        let Some(mut begun) = self.begun.take() else { return ControlFlow::Continue(()) };
        if begun.kind != header.kind || begun.body.len() + fragment.body.len() > RECORD_BYTES_MAX {
            return self.show(&begun, &begun.body, false, visit);
        }
        begun.body.extend_from_slice(fragment.body);
        (begun.end, begun.epoch) = (fragment.end, epoch);
        if header.last {
            return self.show(&begun, &begun.body, true, visit);
        }
        self.begun = Some(begun);
        ControlFlow::Continue(())
    }

    /// A record that was begun and never ended: its writer was stopped, or damage lies between.
    fn abandon(&mut self, visit: &mut Visit<'_>) -> ControlFlow<()> {
        match self.begun.take() {
            Some(begun) => self.show(&begun, &begun.body, false, visit),
            None => ControlFlow::Continue(()),
        }
    }

    fn show(&self, begun: &Begun, body: &[u8], whole: bool, visit: &mut Visit<'_>) -> ControlFlow<()> {
        let Begun { location, end, epoch, kind, run, .. } = *begun;
        visit(Seen::Record(&RecordSeen { lane: self.order.lane, location, end, epoch, kind, run, body, whole }))
    }

    fn flaw(&self, what: What, at: Lsn, to: Option<Lsn>) -> Flaw {
        let (file, offset) = self.reader.place(at);
        Flaw { what, lane: self.order.lane, at, to, file, offset }
    }

    /// The lane ends: what stands there?
    fn close(&mut self, visit: &mut Visit<'_>) -> ControlFlow<()> {
        self.abandon(visit)?;
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

    /// Shows a flaw, unless its segment was freed and used again while it was read.
    fn tell(&self, flaw: &Flaw, visit: &mut Visit<'_>) -> ControlFlow<()> {
        if self.order.live
            && self.is_gone(self.geometry.place(flaw.at).0)
            && self.end.first.is_some_and(|first| self.is_gone(first))
        {
            return ControlFlow::Continue(());
        }
        visit(Seen::Flaw(flaw))
    }

    /// Segments go oldest first: where one has gone, all before it have.
    fn is_gone(&self, sequence: SegmentSequence) -> bool {
        let path = self.order.layout.segment(self.order.lane, sequence);
        !path.exists() || self.header(sequence, self.geometry.segment_bytes()).is_some()
    }
}
