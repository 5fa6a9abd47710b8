//! The body of a message: who it is, bytes that follow from that, and a checksum.
//!
//! Takes an identity and a length, gives bytes; takes bytes, gives the identity or what is wrong with them. A body that was
//! mixed up with another's, cut or overwritten is seen even if each part of it is a valid part of some body.

use journal::testing::Random;

use super::oracle::{Identity, ProducerNumber, QueueNumber, Sequence};

const MARK: &[u8; 4] = b"RMK9";
/// Mark, seed, producer, sequence, queue, priority, length of the filling.
const HEAD: usize = 4 + 8 + 2 + 8 + 2 + 1 + 4;
const CHECKSUM: usize = 4;

/// The shortest body.
pub const BYTES_MIN: usize = HEAD + CHECKSUM;

/// Writes a body of about this length.
pub fn write(seed: u64, identity: Identity, length: usize, out: &mut Vec<u8>) {
    let filling = u32::try_from(length.saturating_sub(BYTES_MIN)).unwrap_or(u32::MAX);
    out.clear();
    out.reserve(length.max(BYTES_MIN));
    out.extend_from_slice(MARK);
    out.extend_from_slice(&seed.to_be_bytes());
    out.extend_from_slice(&identity.producer.0.to_be_bytes());
    out.extend_from_slice(&identity.sequence.0.to_be_bytes());
    out.extend_from_slice(&identity.queue.0.to_be_bytes());
    out.push(identity.priority);
    out.extend_from_slice(&filling.to_be_bytes());
    let mut random = filling_of(seed, identity);
    let end = out.len() + filling as usize;
    while out.len() < end {
        let word = random.next().to_le_bytes();
        let left = (end - out.len()).min(word.len());
        out.extend(word.iter().take(left));
    }
    let sum = crc32c::crc32c(out);
    out.extend_from_slice(&sum.to_be_bytes());
}

/// Reads a body and checks every byte of it.
pub fn read(seed: u64, body: &[u8]) -> Result<Identity, String> {
    let short = || format!("a body of {} bytes is no body of this proof", body.len());
    let (text, sum) = body.split_last_chunk::<CHECKSUM>().ok_or_else(short)?;
    let (head, filling) = text.split_at_checked(HEAD).ok_or_else(short)?;
    let identity = identity_of(seed, head, filling.len())?;
    if crc32c::crc32c(text) != u32::from_be_bytes(*sum) {
        return Err(format!("the checksum of {identity} ({} bytes) is wrong", body.len()));
    }
    let mut random = filling_of(seed, identity);
    let right = filling.chunks(8).all(|chunk| random.next().to_le_bytes().starts_with(chunk));
    if right { Ok(identity) } else { Err(format!("the bytes of {identity} ({} bytes) are others", body.len())) }
}

fn identity_of(seed: u64, head: &[u8], filling: usize) -> Result<Identity, String> {
    let mut rest = head;
    let mut take = |bytes: usize| -> u64 {
        let (number, left) = rest.split_at_checked(bytes).unwrap_or((rest, &[]));
        rest = left;
        number.iter().fold(0, |number, byte| (number << 8) | u64::from(*byte))
    };
    let mark = take(4);
    let (seen_seed, producer, sequence, queue, priority) = (take(8), take(2), take(8), take(2), take(1));
    let length = take(4);
    let number = |number: u64| u16::try_from(number).unwrap_or(u16::MAX);
    let identity = Identity {
        producer: ProducerNumber(number(producer)),
        sequence: Sequence(sequence),
        queue: QueueNumber(number(queue)),
        priority: u8::try_from(priority).unwrap_or(u8::MAX),
    };
    if mark != u64::from(u32::from_be_bytes(*MARK)) || seen_seed != seed {
        return Err(format!("a body of another seed or none: mark {mark:08x}, seed {seen_seed}"));
    }
    if length != filling as u64 {
        return Err(format!("{identity} was cut: {filling} of {length} bytes of filling"));
    }
    Ok(identity)
}

fn filling_of(seed: u64, identity: Identity) -> Random {
    let who = (u64::from(identity.producer.0) << 48) ^ (u64::from(identity.queue.0) << 40) ^ identity.sequence.0;
    Random::new(seed ^ who.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(sequence: u64) -> Identity {
        Identity { producer: ProducerNumber(3), sequence: Sequence(sequence), queue: QueueNumber(2), priority: 9 }
    }

    fn body(sequence: u64, length: usize) -> Vec<u8> {
        let mut body = Vec::new();
        write(42, identity(sequence), length, &mut body);
        body
    }

    #[test]
    fn a_body_is_read_as_it_was_written() {
        for length in [0, BYTES_MIN, BYTES_MIN + 1, 1000, 100_003] {
            let body = body(5, length);
            assert_eq!(body.len(), length.max(BYTES_MIN));
            assert_eq!(read(42, &body), Ok(identity(5)));
        }
    }

    #[test]
    fn every_change_is_seen() {
        let good = body(5, 300);
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(read(42, &bad).is_err(), "a flipped bit in byte {at}");
            assert!(read(42, &good[..at]).is_err(), "cut after {at} bytes");
        }
        assert!(read(43, &good).is_err(), "another seed");
        // The filling of another message under a fresh checksum.
        let mut mixed = good[..HEAD].to_vec();
        mixed.extend_from_slice(&body(6, 300)[HEAD..300 - CHECKSUM]);
        mixed.extend_from_slice(&crc32c::crc32c(&mixed).to_be_bytes());
        assert!(read(42, &mixed).is_err(), "another's bytes");
    }
}
