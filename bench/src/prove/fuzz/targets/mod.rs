//! All decoders that read bytes of others, each with its examples.
//!
//! Whoever adds a decoder to the product adds a row here.

mod journal;
mod messages;
mod older;
mod packets;
mod records;
mod streams;
mod texts;

use std::fmt::Write;
use std::path::Path;

use super::target::Target;
use crate::captures;

/// All of them, in the order in which they are run. `top` is the top of the repository, for the captures.
///
/// # Errors
/// The captures cannot be read.
pub fn all(top: &Path) -> Result<Vec<Target>, String> {
    let captures = captures::all(top)?;
    let mut targets = streams::targets(&captures);
    targets.extend(packets::targets(&captures)?);
    targets.extend(messages::targets(&captures));
    targets.extend(texts::targets());
    targets.extend(journal::targets());
    targets.extend(records::targets());
    Ok(targets)
}

/// Walks everything that a value borrows, without keeping a byte of it.
fn walk(value: &impl std::fmt::Debug) -> bool {
    struct Nowhere;
    impl Write for Nowhere {
        fn write_str(&mut self, text: &str) -> std::fmt::Result {
            std::hint::black_box(text);
            Ok(())
        }
    }
    write!(Nowhere, "{value:?}").is_ok()
}

/// Walks what a decoder says about bytes that it does not take.
fn refused(error: &impl std::fmt::Debug) -> bool {
    walk(error);
    false
}
