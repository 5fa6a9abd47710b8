//! The shape of a password's hash: `$argon2id$v=19$m=19456,t=2,p=1$SALT$HASH`.
//!
//! Takes: what a users file holds. Gives: what is wrong with it. Must stay true: a hash that passes can be verified with bounded
//! memory and time, so that no line of a file can starve the broker.

/// The most memory of one hash, in KiB.
const MEMORY_KIB_MAX: u32 = 256 << 10;
/// The most passes over it.
const PASSES_MAX: u32 = 16;
/// The most lanes of it.
const LANES_MAX: u32 = 16;
/// Characters of a salt, and of a hash: bounds of the format.
const TEXT_MAX: usize = 128;

/// Why this is no hash that can be verified, if it is none.
pub(super) fn problem(text: &str) -> Option<&'static str> {
    let parts: Vec<&str> = text.split('$').take(7).collect();
    let ["", algorithm, version, parameters, salt, hash] = parts.as_slice() else {
        return Some("is no hash of a password");
    };
    if *algorithm != "argon2id" || *version != "v=19" {
        return Some("is no argon2id hash of version 19");
    }
    let number = |part: Option<&str>, name: &str| {
        let digits = part?.strip_prefix(name)?;
        let plain = !digits.is_empty() && digits.len() < 10 && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<u32>().ok().filter(|_| plain)
    };
    let mut parameters = parameters.split(',');
    let (memory, passes, lanes) =
        (number(parameters.next(), "m="), number(parameters.next(), "t="), number(parameters.next(), "p="));
    let (Some(memory), Some(passes), Some(lanes), None) = (memory, passes, lanes, parameters.next()) else {
        return Some("is an argon2id hash without its parameters m, t and p");
    };
    let sane = (1..=LANES_MAX).contains(&lanes)
        && (1..=PASSES_MAX).contains(&passes)
        && (8 * lanes..=MEMORY_KIB_MAX).contains(&memory);
    if !sane {
        return Some("has parameters that would take too much memory or time, or none");
    }
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'));
    let fits = (11..=64).contains(&salt.len()) && (16..=TEXT_MAX).contains(&hash.len()) && plain(salt) && plain(hash);
    (!fits).then_some("has a salt or a hash that cannot be one")
}

#[cfg(test)]
mod tests {
    use super::problem;

    const GOOD: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g";

    #[test]
    fn takes_what_can_be_verified_and_nothing_else() {
        assert_eq!(problem(GOOD), None);
        for (from, to) in [
            ("argon2id", "argon2i"),
            ("v=19", "v=16"),
            ("m=19456", "m=4194304"),
            ("m=19456", "m=7"),
            ("m=19456", "m=+9456"),
            ("m=19456", "m=99999999999"),
            ("t=2", "t=0"),
            ("t=2", "t=4000000"),
            ("p=1", "p=0"),
            ("p=1", "p=99"),
            ("p=1", "p=1,x=2"),
            (",p=1", ""),
            ("c2FsdHNhbHRzYWx0", "short"),
            ("c2FsdHNhbHRzYWx0", "c2FsdHNhbHRz\nYWx0"),
            ("$aGFz", "$$aGFz"),
            ("$argon2id", "argon2id"),
        ] {
            let bad = GOOD.replacen(from, to, 1);
            assert_ne!(bad, GOOD);
            assert!(problem(&bad).is_some(), "{bad}");
        }
        for bad in ["", "secret", "$", "$$$$$"] {
            assert!(problem(bad).is_some(), "{bad}");
        }
    }
}
