//! The names of queues by number, as the bindings lane tells them.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use ringmq::message::QueueId;
use ringmq::store::record::Stored;

use crate::line::Value;
use crate::place::Place;
use crate::progress::Progress;
use crate::source::Source;
use crate::walk::{Order, RecordSeen, Seen, Walk};

/// Names by number; those of queues that are gone stay, because records name them still.
#[derive(Debug, Default)]
pub(crate) struct Names {
    queues: BTreeMap<u32, String>,
}

/// More queues than a broker holds; what a damaged or hostile lane names beyond is shown by number.
const NAMES_MAX: usize = 1_000_000;

impl Names {
    /// Reads the bindings lane.
    pub(crate) fn read(place: &Place, source: &mut dyn Source, progress: &mut Progress) -> Self {
        let mut names = Self::default();
        let (layout, shape) = (&place.layout, &place.shape);
        let order = Order { lane: journal::LaneId::BINDINGS, layout, shape, live: place.is_live() };
        let mut visit = |seen: Seen<'_>| {
            if let Seen::Record(record) = seen {
                names.learn(record);
            }
            ControlFlow::Continue(())
        };
        // A lane that cannot be listed is told of when it is shown itself.
        let _told_later = Walk::new(order, source, progress).run(&mut visit);
        names
    }

    fn learn(&mut self, record: &RecordSeen<'_>) {
        if let Ok(Stored::Queue(queue)) = Stored::decode(record.kind, record.body)
            && self.queues.len() < NAMES_MAX
        {
            self.queues.insert(queue.id.0, queue.name.to_owned());
        }
    }

    /// A queue for people: its name, or its number where the name is not known.
    pub(crate) fn shown(&self, queue: QueueId) -> Value {
        self.queues.get(&queue.0).map_or_else(|| Value::from(queue.0), |name| Value::from(name.as_str()))
    }

    /// The numbers of a queue that was named by name or number; a name that was used again has several.
    pub(crate) fn numbers(&self, named: &str) -> Vec<QueueId> {
        let mut found: Vec<QueueId> =
            self.queues.iter().filter(|(_, name)| *name == named).map(|(id, _)| QueueId(*id)).collect();
        if found.is_empty() {
            found.extend(named.parse().ok().map(QueueId));
        }
        found
    }
}
