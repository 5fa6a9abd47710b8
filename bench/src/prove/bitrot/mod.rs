//! Bit rot: single bits of a store at rest are flipped, one at a time, in every kind of file.
//!
//! The stores are made by real brokers under the load of the kill loop. Each flip is judged in one process by the broker's own recovery on a
//! copy in memory, and by what messages come out of it, read here and told by their own checksums. It must be reported, or provably without
//! effect: the same messages with and without the index checkpoint, in a place that holds nothing. A sample of each kind goes through real
//! processes, which must agree. The control is a flip that hides itself; as long as it is not caught, the proof reports nothing.

mod control;
mod figures;
mod flip;
mod image;
mod judge;
mod part;
mod sample;
mod start;

pub use control::control;
pub use figures::{Class, Figures, Wrong};
pub use flip::Kind;
pub use part::{FLIPS_PER_STORE, Part, part};
