//! Names of sessions: unique on every server, and nobody can guess them, since whoever knows a name may ask for its session. In the
//! shape of a UUID, as the reference client's are.

use std::fs::File;
use std::io::{self, Read};

/// A new name, from the system's generator for secrets.
pub(crate) fn new_session_name() -> io::Result<String> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    let number = u128::from_be_bytes(bytes);
    Ok(format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        number >> 96,
        (number >> 80) & 0xffff,
        (number >> 64) & 0xffff,
        (number >> 48) & 0xffff,
        number & 0xffff_ffff_ffff
    ))
}

#[cfg(test)]
mod tests {
    use super::new_session_name;

    #[test]
    fn names_have_the_shape_of_a_uuid_and_differ() {
        let name = new_session_name().unwrap();
        let widths: Vec<usize> = name.split('-').map(str::len).collect();
        assert_eq!(widths, [8, 4, 4, 4, 12]);
        assert_ne!(name, new_session_name().unwrap());
    }
}
