//! The index on disk, so that a start need not read the whole journal.

/// Where each lane's checkpoints stand.
#[derive(Debug, Default)]
pub(super) struct Checkpoints {}

impl<B: journal::BlockBuffer> super::Home<B> {
    pub(super) fn write_checkpoints(&mut self) {}
}
