//! Looking at a store that somebody writes meanwhile: when to look again.

use std::time::Duration;

/// How long a block that overtook another may be ahead of it, by far.
const MOMENT: Duration = Duration::from_millis(20);

/// What is in flight now will have landed, on a disk that works. A condition cannot be waited for: nobody tells.
pub(crate) fn wait_a_moment() {
    std::thread::sleep(MOMENT);
}
