//! Between the rules of a pair and the journal: what the engine names by numbers of lanes and positions, the journal has as lanes, blocks and
//! files. Takes what the lanes hold and what they write, gives the engine's words for it; takes the engine's streams, gives the blocks that go
//! to the peer. It does no I/O of its own: a start reads through the storage that it is given, everything else comes in as blocks.

mod epochs;
mod source;
pub mod words;

pub use epochs::Epochs;
pub use source::{Source, Wanted};
pub use words::Lanes;
