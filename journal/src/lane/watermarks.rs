//! The four positions of a lane and their order, checked on every change.

use crate::ids::Lsn;

/// `appended >= submitted >= durable >= promised`, and none ever goes back.
///
/// - **appended**: the byte behind the last record. Inside a block while that block fills; a block border otherwise.
/// - **submitted**: handed to the driver. From here on a block border, as the others.
/// - **durable**: written and flushed, without a gap, on this disk.
/// - **promised**: durable, and everything that these blocks rely on in other lanes is promised too. What lies below may be acked.
///
/// Why promised may not simply be durable: (1) record A creates a queue on b00, record B on j00 stores a message in it; (2) j00 is durable
/// first and the client gets its ack; (3) the power fails before b00 is flushed. B is there, its queue is not, and an acked message is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Watermarks {
    appended: Lsn,
    submitted: Lsn,
    durable: Lsn,
    promised: Lsn,
}

impl Watermarks {
    /// All four at the end of what recovery kept: the start has flushed it.
    pub(super) fn at(end: Lsn) -> Self {
        Self { appended: end, submitted: end, durable: end, promised: end }
    }

    pub(super) const fn appended(&self) -> Lsn {
        self.appended
    }

    pub(super) const fn submitted(&self) -> Lsn {
        self.submitted
    }

    pub(super) const fn durable(&self) -> Lsn {
        self.durable
    }

    pub(super) const fn promised(&self) -> Lsn {
        self.promised
    }

    pub(super) fn append(&mut self, end: Lsn) {
        assert!(end >= self.appended, "appended went back from {} to {end}", self.appended);
        self.appended = end;
        self.check();
    }

    pub(super) fn submit(&mut self, end: Lsn) {
        assert!(end >= self.submitted, "submitted went back from {} to {end}", self.submitted);
        self.submitted = end;
        self.check();
    }

    pub(super) fn make_durable(&mut self, end: Lsn) {
        assert!(end >= self.durable, "durable went back from {} to {end}", self.durable);
        self.durable = end;
        self.check();
    }

    pub(super) fn promise(&mut self, end: Lsn) {
        assert!(end >= self.promised, "promised went back from {} to {end}", self.promised);
        self.promised = end;
        self.check();
    }

    fn check(&self) {
        assert!(self.appended >= self.submitted, "submitted before appended: {self:?}");
        assert!(self.submitted >= self.durable, "durable before submitted: {self:?}");
        assert!(self.durable >= self.promised, "promised before durable: {self:?}");
        debug_assert!(
            self.submitted.is_block_border() && self.durable.is_block_border() && self.promised.is_block_border()
        );
    }
}
