//! The destination of a command: `queue://NAME`, a bare name, or `ADDRESS::QUEUE`.

use std::fmt;
use std::str::FromStr;

/// The longest name that is accepted, in bytes; what the protocol's short strings are made for.
const NAME_BYTES_MAX: usize = 1024;

/// A queue and the address it hangs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Destination {
    /// What a producer sends to.
    pub(super) address: String,
    /// What a consumer reads from.
    pub(super) queue: String,
}

impl FromStr for Destination {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = match text.split_once("://") {
            Some(("queue" | "fqqn", name)) => name,
            Some(("topic", _)) => return Err("topics are not built yet; expected queue://NAME".to_owned()),
            Some((scheme, _)) => return Err(format!("`{scheme}://` is unknown; expected queue://NAME")),
            None => text,
        };
        let (address, queue) = name.split_once("::").unwrap_or((name, name));
        for part in [address, queue] {
            if part.is_empty() {
                return Err("the name is empty; expected queue://NAME".to_owned());
            }
            if part.len() > NAME_BYTES_MAX {
                return Err(format!("the name is longer than {NAME_BYTES_MAX} bytes"));
            }
            if part.chars().any(char::is_control) {
                return Err("the name contains a control character".to_owned());
            }
        }
        Ok(Self { address: address.to_owned(), queue: queue.to_owned() })
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.address == self.queue {
            write!(f, "{}", self.queue)
        } else {
            write!(f, "{}::{}", self.address, self.queue)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Destination;

    fn check(text: &str, expected: Result<(&str, &str), &str>) {
        let parsed: Result<Destination, String> = text.parse();
        let parsed = parsed.map(|destination| (destination.address, destination.queue));
        match (parsed, expected) {
            (Ok((address, queue)), Ok(expected)) => assert_eq!((address.as_str(), queue.as_str()), expected, "{text}"),
            (Err(error), Err(part)) => assert!(error.contains(part), "{text}: {error}"),
            (parsed, expected) => panic!("{text}: {parsed:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn reads_what_the_artemis_command_line_reads() {
        check("queue://haQueue", Ok(("haQueue", "haQueue")));
        check("TEST", Ok(("TEST", "TEST")));
        check("orders::eu", Ok(("orders", "eu")));
        check("fqqn://orders::eu", Ok(("orders", "eu")));
        check("queue://a/b.c", Ok(("a/b.c", "a/b.c")));
        check("topic://news", Err("topics are not built yet"));
        check("http://x", Err("unknown"));
        check("queue://", Err("empty"));
        check("", Err("empty"));
        check("a::", Err("empty"));
        check("a\nb", Err("control"));
        check(&"x".repeat(2000), Err("longer"));
    }
}
