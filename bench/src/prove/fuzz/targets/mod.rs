//! All decoders that read bytes of others, each with its examples.
//!
//! Whoever adds a decoder to the product adds a row here.

mod filters;
mod ha;
mod journal;
mod messages;
mod older;
mod packets;
mod people;
mod records;
mod streams;
mod texts;

use std::collections::BTreeMap;
use std::fmt::{Debug, Display, Write};
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
    targets.extend(people::targets());
    targets.extend(filters::targets());
    targets.extend(journal::targets());
    targets.extend(records::targets());
    targets.extend(ha::targets());
    Ok(targets)
}

/// Bodies of frames by the number of their packet type, as the captures have them and as older clients would write them: some of every
/// type. `top` is the top of the repository.
///
/// # Errors
/// The captures cannot be read, or a packet type has no example.
pub fn examples(top: &Path) -> Result<BTreeMap<i8, Vec<Vec<u8>>>, String> {
    packets::examples(&captures::all(top)?)
}

/// Formatting costs many times what decoding does: so much text is enough to have looked at the fields of anything.
const WALKED_BYTES_MAX: usize = 1024;

/// Takes so much text and no more.
struct Nowhere(usize);

impl Write for Nowhere {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0 = self.0.checked_sub(std::hint::black_box(text).len()).ok_or(std::fmt::Error)?;
        Ok(())
    }
}

/// Looks at what a value borrows, without keeping a byte of it.
fn walk(value: &impl Debug) -> bool {
    // An error is the end of the room here.
    let _enough = write!(Nowhere(WALKED_BYTES_MAX), "{value:?}");
    true
}

/// Walks one of eight.
fn walk_some(value: &impl Debug, choice: u64) -> bool {
    !is_one_of_eight(choice) || walk(value)
}

/// Reads what a decoder says about bytes that it does not take.
fn refused(error: &impl Display) -> bool {
    let _enough = write!(Nowhere(WALKED_BYTES_MAX), "{error}");
    false
}

/// Reads one of eight.
fn refused_some(error: &impl Display, choice: u64) -> bool {
    is_one_of_eight(choice) && refused(error)
}

fn is_one_of_eight(choice: u64) -> bool {
    (choice >> 32).is_multiple_of(8)
}
