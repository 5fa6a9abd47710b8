//! The fuzz proof: whatever bytes come, a decoder answers. It never panics, never hangs, and never takes more memory than the bytes explain.
//!
//! A [`Target`] is one decoder with examples of what it reads: the frames of the captures, blocks and records of the journal. An input is an
//! example that was damaged with the structure of such bytes in mind ([`mutate`]). The seed and the input's number decide it, so that any
//! range can be run again. [`run`] decodes a range under a watch; what must stay true of the memory is [`Target::allowed_bytes`].

mod control;
mod figures;
mod mutate;
mod run;
mod target;
mod targets;
mod verdict;

pub use control::{Planted, caught, planted};
pub use figures::{Figures, Finding};
pub use run::{Part, run};
pub use target::Target;
pub use targets::{all, examples};
pub use verdict::Verdict;
