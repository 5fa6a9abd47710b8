//! Block buffers that go back to a pool when their lane is dropped: a simulator that starts a broker ten thousand times would
//! spend its time on clearing memory.

use std::cell::{Cell, RefCell};

use journal::{AlignedBuffer, BlockBuffer};

thread_local! {
    static POOL: RefCell<Vec<AlignedBuffer>> = const { RefCell::new(Vec::new()) };
    static TAKEN: Cell<usize> = const { Cell::new(0) };
}

/// A buffer of the pool. What is in it is what its last owner left.
#[derive(Debug)]
pub(in crate::testing) struct Buffer(Option<AlignedBuffer>);

impl Buffer {
    /// The next one.
    pub(in crate::testing) fn take() -> Self {
        TAKEN.set(TAKEN.get() + 1);
        Self(Some(POOL.with_borrow_mut(Vec::pop).unwrap_or_else(AlignedBuffer::block)))
    }
}

/// How many are taken on this thread.
pub(in crate::testing) fn taken() -> usize {
    TAKEN.get()
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Some(buffer) = self.0.take() {
            TAKEN.set(TAKEN.get().saturating_sub(1));
            POOL.with_borrow_mut(|pool| pool.push(buffer));
        }
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        self.0.as_ref().map(AsRef::as_ref).unwrap_or_default()
    }
}

impl AsMut<[u8]> for Buffer {
    fn as_mut(&mut self) -> &mut [u8] {
        self.0.as_mut().map(AsMut::as_mut).unwrap_or_default()
    }
}

impl BlockBuffer for Buffer {}
