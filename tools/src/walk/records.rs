//! Records put together from their fragments.
//!
//! Takes the fragments of a lane in order; shows records. What must stay true: a record of which a part is missing is shown as such, and
//! what is kept never grows beyond the longest record.

use std::ops::ControlFlow;

use journal::{Fragment, LaneId, Location, Lsn, RECORD_BYTES_MAX, RecordKind, Run};

use super::seen::{RecordSeen, Seen, Visit};

/// A record whose last fragment has not come yet.
#[derive(Debug)]
struct Begun {
    location: Location,
    end: Lsn,
    epoch: u64,
    kind: RecordKind,
    run: Run,
    body: Vec<u8>,
}

/// The record that is being put together.
#[derive(Debug)]
pub(super) struct Records {
    lane: LaneId,
    begun: Option<Begun>,
}

impl Records {
    pub(super) const fn new(lane: LaneId) -> Self {
        Self { lane, begun: None }
    }

    /// Takes the next fragment.
    pub(super) fn take(&mut self, fragment: &Fragment<'_>, epoch: u64, visit: &mut Visit<'_>) -> ControlFlow<()> {
        let header = fragment.header;
        if header.first {
            self.abandon(visit)?;
            let (location, end) = (fragment.location, fragment.end);
            let begun = Begun { location, end, epoch, kind: header.kind, run: header.run, body: Vec::new() };
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
    pub(super) fn abandon(&mut self, visit: &mut Visit<'_>) -> ControlFlow<()> {
        match self.begun.take() {
            Some(begun) => self.show(&begun, &begun.body, false, visit),
            None => ControlFlow::Continue(()),
        }
    }

    fn show(&self, begun: &Begun, body: &[u8], whole: bool, visit: &mut Visit<'_>) -> ControlFlow<()> {
        let Begun { location, end, epoch, kind, run, .. } = *begun;
        visit(Seen::Record(&RecordSeen { lane: self.lane, location, end, epoch, kind, run, body, whole }))
    }
}
