//! `stats`: what the store holds, in numbers, lane by lane and queue by queue.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use journal::{IoError, LaneId, LaneKind, Location, NamedFile, RecordKind, Storage as _, parse_name};
use ringmq::home::Loader;
use ringmq::message::QueueId;
use ringmq::store::record;

use crate::arguments::StoreArguments;
use crate::describe;
use crate::exit::Exit;
use crate::line::{Line, Value};
use crate::output::Output;
use crate::place::Place;
use crate::progress::Progress;
use crate::rehearsal::{Outlook, outlook};
use crate::source::{self, Source};
use crate::untouched::Untouched;
use crate::walk::{LaneEnd, Order, Seen, Walk};

/// Does what was asked.
pub(crate) fn run(place: &Place, arguments: &StoreArguments) -> Exit {
    let mut output = Output::new(arguments.json);
    let mut exit = Exit::Sound;
    let _gone = stats(place, arguments, &mut output, &mut exit);
    output.finish(exit)
}

/// What was counted on a lane.
#[derive(Default)]
struct Counted {
    segments: u64,
    segment_bytes: u64,
    blocks: u64,
    seals: u64,
    block_bytes: u64,
    payload_bytes: u64,
    largest_record: u64,
    flaws: u64,
    /// Records and their bytes.
    kinds: BTreeMap<RecordKind, (u64, u64)>,
    end: LaneEnd,
}

/// What is alive on a lane: records, or pieces of large bodies.
type Alive = BTreeMap<LaneId, u64>;

fn stats(place: &Place, arguments: &StoreArguments, output: &mut Output, exit: &mut Exit) -> ControlFlow<()> {
    output.line(&place.line())?;
    let lanes = place.lanes();
    let mut progress = Progress::new(arguments.progress, place.bytes(&lanes));
    let mut source = source::open(arguments.reader);
    let mut counted = Vec::new();
    for lane in lanes {
        match Counted::of(place, lane, source.as_mut(), &mut progress) {
            Ok(counts) => counted.push((lane, counts)),
            Err(error) => {
                *exit = Exit::Unreadable;
                output.line(&Line::new("unreadable").with("lane", lane.name()).with("problem", error.to_string()))?;
            }
        }
    }
    progress.clear();
    let (outlook, loader) = outlook(place, Loader::default);
    let alive = alive(&loader);
    for (lane, counts) in &counted {
        let live = outlook.found.as_ref().and(alive.get(lane).copied().or(Some(0)));
        output.line(&counts.line(place, *lane, live))?;
        for (kind, (records, bytes)) in &counts.kinds {
            let name = describe::kind_name(*kind).unwrap_or("unknown");
            let line = Line::new("records").with("lane", lane.name()).with("type", name);
            output.line(&line.with("records", *records).with("bytes", *bytes))?;
        }
    }
    queues(&outlook, &loader, output)?;
    output.line(&whole(&counted, &outlook, &alive))?;
    if counted.iter().any(|(_, counts)| counts.flaws > 0) || outlook.refused.is_some() {
        output.line(&Line::new("note").with("meaning", "something is damaged or torn: see journal-tool verify"))?;
    }
    ControlFlow::Continue(())
}

impl Counted {
    fn of(place: &Place, lane: LaneId, source: &mut dyn Source, progress: &mut Progress) -> Result<Self, IoError> {
        let mut counted = Self::default();
        let order = Order { lane, layout: &place.layout, shape: &place.shape, live: place.is_live() };
        let mut visit = |seen: Seen<'_>| {
            counted.see(seen);
            ControlFlow::Continue(())
        };
        let end = Walk::new(order, source, progress).run(&mut visit)?;
        counted.end = end.unwrap_or_default();
        Ok(counted)
    }

    fn see(&mut self, seen: Seen<'_>) {
        match seen {
            Seen::Segment(segment) => {
                self.segments += 1;
                self.segment_bytes += segment.bytes;
            }
            Seen::Block(view) => {
                self.blocks += 1;
                self.seals += u64::from(view.header.fragments == 0);
                self.block_bytes += view.header.bytes() as u64;
                self.payload_bytes += u64::from(view.header.payload_bytes);
            }
            Seen::Record(record) if record.whole => {
                let bytes = record.body.len() as u64;
                let counts = self.kinds.entry(record.kind).or_default();
                *counts = (counts.0 + 1, counts.1 + bytes);
                self.largest_record = self.largest_record.max(bytes);
            }
            Seen::Record(_) => {}
            Seen::Flaw(_) => self.flaws += 1,
        }
    }

    fn bytes_of(&self, kinds: &[RecordKind]) -> u64 {
        kinds.iter().filter_map(|kind| self.kinds.get(kind)).map(|(_, bytes)| bytes).sum()
    }

    fn line(&self, place: &Place, lane: LaneId, live: Option<u64>) -> Line {
        // Dead is what only tells of messages that nobody waits for any more; what makes names or epochs is neither.
        let bodies = self.bytes_of(&[record::ADD, record::MOVED, record::BODY]);
        let holds = matches!(lane.kind(), LaneKind::Journal | LaneKind::Large);
        let live = live.filter(|_| holds).map(|live| live.min(bodies));
        Line::new("lane")
            .with("lane", lane.name())
            .with("segments", self.segments)
            .with("spare-segments", spares(place, lane))
            .with("segment-bytes", self.segment_bytes)
            .with("blocks", self.blocks)
            .with("seals", self.seals)
            .with("block-bytes", self.block_bytes)
            .with("payload-bytes", self.payload_bytes)
            .with("fill", share(self.payload_bytes, self.block_bytes))
            .with("end", self.end.end.0)
            .with("promised", self.end.promised.0)
            .with("largest-record", self.largest_record)
            .with("epochs", self.end.history.len())
            .with_some("live-bytes", live)
            .with_some("dead-bytes", live.map(|live| bodies - live))
    }
}

fn spares(place: &Place, lane: LaneId) -> usize {
    let names = Untouched::default().list(place.layout.directory(lane.directory())).unwrap_or_default();
    names.iter().filter(|name| matches!(parse_name(name), NamedFile::Spare(of, _) if of == lane)).count()
}

/// Bytes on each lane that a waiting message needs, each record once however many queues hold it.
fn alive(loader: &Loader) -> Alive {
    let mut places: Vec<(LaneId, Location, u64)> = Vec::new();
    for waiting in loader.waiting() {
        let small = || LaneId::new(LaneKind::Journal, waiting.id.lane_index()?);
        let place = match waiting.large {
            Some(body) => Some((body.lane, body.location)),
            None => small().map(|lane| (lane, waiting.location)),
        };
        places.extend(place.map(|(lane, location)| (lane, location, u64::from(waiting.size))));
    }
    places.sort_unstable();
    places.dedup_by_key(|(lane, location, _)| (*lane, *location));
    let mut alive = Alive::new();
    for (lane, _, bytes) in places {
        *alive.entry(lane).or_default() += bytes;
    }
    alive
}

/// The queues by number, and what waits in each.
fn queues(outlook: &Outlook, loader: &Loader, output: &mut Output) -> ControlFlow<()> {
    if outlook.found.is_none() {
        let meaning = "a start would be refused, so nobody knows what waits: see journal-tool verify";
        return output.line(&Line::new("note").with("meaning", meaning));
    }
    let mut waiting: BTreeMap<QueueId, (u64, u64)> = BTreeMap::new();
    for message in loader.waiting() {
        let counts = waiting.entry(message.queue).or_default();
        *counts = (counts.0 + 1, counts.1 + u64::from(message.size));
    }
    let mut known: Vec<(QueueId, &str, &str)> = loader.queues().collect();
    known.sort_unstable();
    for (id, name, address) in known {
        let (messages, bytes) = waiting.remove(&id).unwrap_or_default();
        let line = Line::new("queue").with("queue", name).with("address", address).with("id", id.0);
        output.line(&line.with("messages", messages).with("bytes", bytes))?;
    }
    let (messages, bytes) = waiting.values().fold((0, 0), |sum, counts| (sum.0 + counts.0, sum.1 + counts.1));
    if messages > 0 {
        let line = Line::new("queue").with("queue", "gone").with("messages", messages).with("bytes", bytes);
        return output.line(&line.with("meaning", "messages of queues that are gone: a start drops them"));
    }
    ControlFlow::Continue(())
}

/// The store as a whole.
fn whole(counted: &[(LaneId, Counted)], outlook: &Outlook, alive: &Alive) -> Line {
    let data = || counted.iter().filter(|(lane, _)| lane.kind() != LaneKind::Checkpoint).map(|(_, counts)| counts);
    let written: u64 = data().map(|counts| counts.block_bytes).sum();
    let came: u64 = data().map(|counts| counts.bytes_of(&[record::ADD, record::BODY])).sum();
    let accepted: Vec<Value> = outlook.accept.iter().map(|(lane, at)| Value::from(format!("{lane}@{at}"))).collect();
    Line::new("whole")
        .with("segment-bytes", counted.iter().map(|(_, counts)| counts.segment_bytes).sum::<u64>())
        .with("block-bytes", written)
        .with("message-bytes", came)
        .with("write-amplification", share(written, came))
        .with("live-bytes", alive.values().sum::<u64>())
        .with("largest-record", data().map(|counts| counts.largest_record).max().unwrap_or(0))
        .with_some("counted-with-accept-loss", (!accepted.is_empty()).then_some(accepted))
}

/// A ratio with three digits behind the point; `-` where there is nothing to divide by.
fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "-".to_owned();
    }
    let thousandths = u128::from(part) * 1000 / u128::from(whole);
    format!("{}.{:03}", thousandths / 1000, thousandths % 1000)
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn shares_are_cut_to_three_digits() {
        assert_eq!((share(1, 3), share(5000, 1000), share(1, 0)), ("0.333".into(), "5.000".into(), "-".into()));
    }
}
