//! Domain changes become journal records, and records become the domain again.
//!
//! Owns the meaning of records (`record`), their writing (`encode`), what a start keeps of them (`abridged`) and the bodies in memory (`hot_window`); the journal owns
//! blocks and durability.

pub mod abridged;
mod cursor;
pub mod encode;
mod hot_window;
pub mod index;
pub mod record;

pub use cursor::Malformed;
pub use hot_window::HotWindow;
