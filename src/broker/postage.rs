//! What other cores have not read of the letters with requests and messages that this one has written.
//!
//! Takes what each letter weighs, when it is written here and when it is read here; gives receipts for what was read, and says when too
//! much is on the way: then this core is as crowded as if letters found no place, handles no frames and delivers nothing. Reading never
//! waits for that, so that receipts always come. What must stay true: both sides weigh a letter alike, and what no receipt was written
//! for yet never fills what may be on the way.

use crate::message::CoreId;

/// The letters of one core.
#[derive(Debug)]
pub(super) struct Postage {
    /// The bound of what is on the way.
    most: usize,
    /// On the way to all other cores, by what they have told.
    sent: usize,
    /// Read of each other core's letters, without a receipt.
    read: Vec<usize>,
    /// A receipt is worth a letter from here on.
    receipt: usize,
}

impl Postage {
    /// Nothing, within this bound, among so many cores. All of them have the same bound.
    pub(super) fn new(most: usize, cores: u16) -> Self {
        // All cores together never keep more than an eighth of it to themselves.
        let receipt = most / 8 / usize::from(cores.max(1));
        Self { most, sent: 0, read: vec![0; usize::from(cores)], receipt }
    }

    /// What is on the way.
    pub(super) fn sent(&self) -> usize {
        self.sent
    }

    /// Is too much on the way?
    #[inline]
    pub(super) fn is_heavy(&self) -> bool {
        self.sent > self.most
    }

    /// A letter of this weight goes out.
    pub(super) fn goes(&mut self, weight: usize) {
        self.sent = self.sent.saturating_add(weight);
    }

    /// A letter of this weight was read. Gives what its sender is to be told, if it is enough.
    pub(super) fn came(&mut self, from: CoreId, weight: usize) -> Option<usize> {
        let read = self.read.get_mut(usize::from(from.0))?;
        *read = read.saturating_add(weight);
        (*read > self.receipt).then(|| std::mem::take(read))
    }

    /// Another core has read so much.
    pub(super) fn was_read(&mut self, weight: usize) {
        self.sent = self.sent.saturating_sub(weight);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_receipt_never_fills_what_may_be_on_the_way() {
        for (most, cores) in [(1 << 20, 2), (1 << 20, 64), (100, 64), (0, 2)] {
            let mut sender = Postage::new(most, cores);
            let mut readers: Vec<_> = (1..cores).map(|_| Postage::new(most, cores)).collect();
            for round in 0..10_000 {
                let reader = round % readers.len();
                if sender.is_heavy() {
                    panic!("{} bytes are on the way, though all is read", sender.sent());
                }
                let weight = 1 + round % 300;
                sender.goes(weight);
                if let Some(read) = readers[reader].came(CoreId(0), weight) {
                    sender.was_read(read);
                }
            }
            assert!(sender.sent() <= most / 8 + 300);
        }
    }
}
