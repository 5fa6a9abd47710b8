//! `print`: every segment, block and record, one line each.

use std::ops::ControlFlow;

use journal::{BlockFlags, BlockHeader, LaneId, Run};
use ringmq::message::QueueId;

use crate::arguments::PrintArguments;
use crate::describe;
use crate::exit::Exit;
use crate::line::{Line, Value};
use crate::names::Names;
use crate::output::{Output, say};
use crate::place::Place;
use crate::progress::Progress;
use crate::source;
use crate::walk::{Order, RecordSeen, Seen, SegmentSeen, Walk};

/// Does what was asked.
pub(crate) fn run(place: &Place, arguments: &PrintArguments) -> Exit {
    let mut source = source::open(arguments.store.reader);
    let lanes: Vec<LaneId> = place.lanes().into_iter().filter(|lane| wanted(&arguments.lane, *lane)).collect();
    let mut progress = Progress::new(arguments.store.progress, place.bytes(&lanes));
    let names = Names::read(place, source.as_mut(), &mut Progress::new(false, 0));
    let queues = arguments.queue.as_ref().map(|queue| names.numbers(queue));
    if queues.as_ref().is_some_and(Vec::is_empty) {
        say("no queue of that name is known; its number would do");
        return Exit::Usage;
    }
    let mut print = Print { arguments, names, queues, output: Output::new(arguments.store.json), exit: Exit::Sound };
    if print.wants("store") {
        let _gone = print.output.line(&place.line());
    }
    for lane in lanes {
        if print.lane(place, lane, source.as_mut(), &mut progress).is_break() {
            break;
        }
    }
    progress.clear();
    print.output.finish(print.exit)
}

fn wanted(named: &[LaneId], lane: LaneId) -> bool {
    named.is_empty() || named.contains(&lane)
}

struct Print<'a> {
    arguments: &'a PrintArguments,
    names: Names,
    queues: Option<Vec<QueueId>>,
    output: Output,
    exit: Exit,
}

impl Print<'_> {
    fn lane(
        &mut self,
        place: &Place,
        lane: LaneId,
        source: &mut dyn source::Source,
        progress: &mut Progress,
    ) -> ControlFlow<()> {
        let order = Order { lane, layout: &place.layout, shape: &place.shape, live: place.is_live() };
        let mut gone = ControlFlow::Continue(());
        let mut visit = |seen: Seen<'_>| {
            gone = self.seen(seen);
            gone
        };
        let walked = Walk::new(order, source, progress).run(&mut visit);
        gone?;
        match walked {
            Ok(end) => {
                let line = end.map(|end| {
                    Line::new("lane")
                        .with("lane", lane.name())
                        .with("end", end.end.0)
                        .with("promised", end.promised.0)
                        .with("epochs", end.history.len())
                });
                match line.filter(|_| self.wants("lane")) {
                    Some(line) => self.output.line(&line),
                    None => ControlFlow::Continue(()),
                }
            }
            Err(error) => {
                self.exit = Exit::Unreadable;
                let line = Line::new("unreadable").with("lane", lane.name()).with("problem", error.to_string());
                self.output.line(&line)
            }
        }
    }

    /// Is this kind of line wanted? Records are asked for by their own kinds, too.
    fn wants(&self, what: &str) -> bool {
        let types = &self.arguments.types;
        if types.is_empty() {
            self.queues.is_none() || what == "record"
        } else {
            types.iter().any(|named| named == what)
        }
    }

    fn in_range(&self, lsn: u64) -> bool {
        (self.arguments.from..self.arguments.to).contains(&lsn)
    }

    fn seen(&mut self, seen: Seen<'_>) -> ControlFlow<()> {
        let line = match seen {
            // Damage is shown whatever was asked for: an answer with a hole in it must not look whole.
            Seen::Flaw(flaw) => Some(flaw.line()),
            Seen::Segment(segment) => {
                let last = segment.first.0.saturating_add(segment.bytes);
                let within = segment.first.0 < self.arguments.to && last > self.arguments.from;
                (within && self.wants("segment")).then(|| segment_line(segment))
            }
            Seen::Block(view) => (self.in_range(view.header.lsn.0) && self.wants("block"))
                .then(|| block_line(&view.header, view.chain.0)),
            Seen::Record(record) => self.record(record),
        };
        match line {
            Some(line) => self.output.line(&line),
            None => ControlFlow::Continue(()),
        }
    }

    fn record(&self, record: &RecordSeen<'_>) -> Option<Line> {
        let kind = describe::kind_name(record.kind).unwrap_or("unknown");
        let by_queue = self
            .queues
            .as_ref()
            .is_none_or(|wanted| describe::queues_of(record).iter().any(|queue| wanted.contains(queue)));
        let by_type = self.wants("record") || self.wants(kind);
        (by_type && by_queue && self.in_range(record.location.block().0)).then(|| self.record_line(kind, record))
    }

    fn record_line(&self, kind: &'static str, record: &RecordSeen<'_>) -> Line {
        let line = Line::new("record")
            .with("lane", record.lane.name())
            .with("at", describe::shown_location(record.location))
            .with("epoch", record.epoch)
            .with("type", kind)
            .with("bytes", record.body.len());
        let line = match record.run {
            Run::None => line,
            Run::Member(run) => line.with("run", run.0),
            Run::Commit(run) => line.with("run", run.0).with("run-ends", "commit"),
            Run::Abort(run) => line.with("run", run.0).with("run-ends", "abort"),
        };
        if !record.whole {
            return line.with("whole", false);
        }
        let line = line.with_all(describe::fields(record, &self.names, self.arguments.bodies));
        line.with_some("problem", describe::problem_of(record))
    }
}

fn segment_line(segment: &SegmentSeen) -> Line {
    Line::new("segment")
        .with("lane", segment.lane.name())
        .with("sequence", segment.sequence.to_string())
        .with("first", segment.first.0)
        .with("bytes", segment.bytes)
        .with("header", if segment.sound { "sound" } else { "damaged" })
}

fn block_line(header: &BlockHeader, chain: u128) -> Line {
    let flags = [
        (BlockFlags::EPOCH_START, "epoch-start"),
        (BlockFlags::HANDOVER, "handover"),
        (BlockFlags::TERMINATOR, "terminator"),
        (BlockFlags::SEGMENT_END, "segment-end"),
        (BlockFlags::PATCH, "patch"),
    ];
    let mut flags: Vec<Value> =
        flags.iter().filter(|(flag, _)| header.flags.contains(*flag)).map(|(_, name)| Value::from(*name)).collect();
    if header.fragments == 0 {
        flags.push("seal".into());
    }
    Line::new("block")
        .with("lane", header.lane.name())
        .with("lsn", header.lsn.0)
        .with("epoch", header.epoch)
        .with("bytes", header.bytes())
        .with("payload", header.payload_bytes)
        .with("fragments", header.fragments)
        .with("promised", header.promised.0)
        .with("flags", Value::List(flags))
        .with("chain", format!("{chain:032x}"))
}
