//! The register's value as bytes, the same for every provider.
//!
//! Little endian, without gaps:
//!
//! | bytes | what |
//! | --- | --- |
//! | 4 | magic |
//! | 1 | format |
//! | 1 | ack mode |
//! | 1 | members in sync |
//! | 1 | zero |
//! | 8 | version |
//! | 8, 16 | epoch: number, activation |
//! | 16 | holder |
//! | 8 | version of the list of voters |
//! | 16, 8, 8 for each member | instance, incarnation: counter, nonce |
//! | 4 | CRC32C of all before it |

use std::fmt;

use smallvec::SmallVec;

use crate::ids::{Epoch, Incarnation, InstanceId, Member};
use crate::limits::{IN_SYNC_MAX, REGISTER_VALUE_BYTES_MAX};
use crate::register::{AckMode, Register};

const MAGIC: [u8; 4] = *b"RQha";
const FORMAT: u8 = 1;
const HEAD_BYTES: usize = 64;
const MEMBER_BYTES: usize = 32;
const CRC_BYTES: usize = 4;
const _: () = assert!(HEAD_BYTES + IN_SYNC_MAX * MEMBER_BYTES + CRC_BYTES <= REGISTER_VALUE_BYTES_MAX);

/// An encoded register.
pub type EncodedRegister = SmallVec<[u8; REGISTER_VALUE_BYTES_MAX]>;

/// Why bytes are no register, or a register has no bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValueError {
    /// Too short, too long, or not what the number of members says.
    Length,
    /// They are something else.
    Magic,
    /// They are damaged.
    Crc,
    /// A server of a later version wrote them.
    Format(u8),
    /// A field has a value that no server writes.
    Field,
    /// No member, or more than [`IN_SYNC_MAX`], or one twice.
    Members,
    /// The holder is not in sync with itself.
    Holder,
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length => f.write_str("the register's value has the wrong length"),
            Self::Magic => f.write_str("the register's value is none of this broker's"),
            Self::Crc => f.write_str("the register's value is damaged"),
            Self::Format(format) => write!(f, "the register's value has format {format}, this server knows {FORMAT}"),
            Self::Field => f.write_str("the register's value has a field that no server writes"),
            Self::Members => {
                f.write_str("the register's members in sync are too few, too many, or one of them is twice there")
            }
            Self::Holder => f.write_str("the register's holder is not among the members in sync"),
        }
    }
}

impl std::error::Error for ValueError {}

/// The bytes of a register.
///
/// # Errors
///
/// [`ValueError::Members`], [`ValueError::Holder`], [`ValueError::Field`] for the version zero: what could not be read back is not written.
pub fn encode(register: &Register) -> Result<EncodedRegister, ValueError> {
    check(register)?;
    let mut bytes = EncodedRegister::new();
    bytes.extend_from_slice(&MAGIC);
    let members = u8::try_from(register.in_sync.len()).map_err(|_| ValueError::Members)?;
    bytes.extend_from_slice(&[FORMAT, ack_mode_number(register.ack_mode), members, 0]);
    bytes.extend_from_slice(&register.version.to_le_bytes());
    bytes.extend_from_slice(&register.epoch.number.to_le_bytes());
    bytes.extend_from_slice(&register.epoch.activation.to_le_bytes());
    bytes.extend_from_slice(&register.holder.0.to_le_bytes());
    bytes.extend_from_slice(&register.voters_version.to_le_bytes());
    for member in &register.in_sync {
        bytes.extend_from_slice(&member.instance.0.to_le_bytes());
        bytes.extend_from_slice(&member.incarnation.counter.to_le_bytes());
        bytes.extend_from_slice(&member.incarnation.nonce.to_le_bytes());
    }
    bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
    Ok(bytes)
}

/// The register in `bytes`, which come from outside and may be anything.
///
/// # Errors
///
/// What is wrong with them.
pub fn decode(bytes: &[u8]) -> Result<Register, ValueError> {
    if bytes.len() > REGISTER_VALUE_BYTES_MAX {
        return Err(ValueError::Length);
    }
    let (body, crc) = bytes.split_last_chunk::<CRC_BYTES>().ok_or(ValueError::Length)?;
    let mut rest = Reader(body);
    if rest.take::<4>()? != MAGIC {
        return Err(ValueError::Magic);
    }
    if crc32c::crc32c(body) != u32::from_le_bytes(*crc) {
        return Err(ValueError::Crc);
    }
    let [format, ack_mode, members, zero] = rest.take::<4>()?;
    if format != FORMAT {
        return Err(ValueError::Format(format));
    }
    if zero != 0 {
        return Err(ValueError::Field);
    }
    let mut register = Register {
        version: rest.number()?,
        epoch: Epoch { number: rest.number()?, activation: rest.id()? },
        holder: InstanceId(rest.id()?),
        in_sync: SmallVec::new(),
        ack_mode: ack_mode_of(ack_mode)?,
        voters_version: rest.number()?,
    };
    if usize::from(members) > IN_SYNC_MAX {
        return Err(ValueError::Members);
    }
    for _ in 0..members {
        let instance = InstanceId(rest.id()?);
        let incarnation = Incarnation { counter: rest.number()?, nonce: rest.number()? };
        register.in_sync.push(Member { instance, incarnation });
    }
    if !rest.0.is_empty() {
        return Err(ValueError::Length);
    }
    check(&register)?;
    Ok(register)
}

/// What holds for every register that a server writes.
fn check(register: &Register) -> Result<(), ValueError> {
    let members = &register.in_sync;
    let twice =
        |(at, member): (usize, &Member)| members.iter().skip(at + 1).any(|other| other.instance == member.instance);
    if members.is_empty() || members.len() > IN_SYNC_MAX || members.iter().enumerate().any(twice) {
        return Err(ValueError::Members);
    }
    if register.member(register.holder).is_none() {
        return Err(ValueError::Holder);
    }
    if register.version == 0 { Err(ValueError::Field) } else { Ok(()) }
}

const fn ack_mode_number(mode: AckMode) -> u8 {
    match mode {
        AckMode::Durable => 1,
        AckMode::Memory => 2,
        AckMode::Local => 3,
    }
}

const fn ack_mode_of(number: u8) -> Result<AckMode, ValueError> {
    match number {
        1 => Ok(AckMode::Durable),
        2 => Ok(AckMode::Memory),
        3 => Ok(AckMode::Local),
        _ => Err(ValueError::Field),
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], ValueError> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(ValueError::Length)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn number(&mut self) -> Result<u64, ValueError> {
        Ok(u64::from_le_bytes(self.take()?))
    }

    fn id(&mut self) -> Result<u128, ValueError> {
        Ok(u128::from_le_bytes(self.take()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(instance: u128) -> Member {
        Member { instance: InstanceId(instance), incarnation: Incarnation { counter: 7, nonce: u64::MAX - 3 } }
    }

    fn register(members: u128) -> Register {
        Register {
            version: 0x0102_0304_0506_0708,
            epoch: Epoch { number: 9, activation: u128::MAX / 3 },
            holder: InstanceId(1),
            in_sync: (1..=members).map(member).collect(),
            ack_mode: AckMode::Memory,
            voters_version: 5,
        }
    }

    /// The same bytes with the right CRC.
    fn sealed(mut bytes: EncodedRegister) -> EncodedRegister {
        let at = bytes.len() - CRC_BYTES;
        let crc = crc32c::crc32c(&bytes[..at]).to_le_bytes();
        bytes[at..].copy_from_slice(&crc);
        bytes
    }

    #[test]
    fn what_is_written_is_read() {
        for members in 1..=IN_SYNC_MAX as u128 {
            for ack_mode in [AckMode::Durable, AckMode::Memory, AckMode::Local] {
                let register = Register { ack_mode, ..register(members) };
                let bytes = encode(&register).unwrap();
                assert!(bytes.len() <= REGISTER_VALUE_BYTES_MAX && !bytes.spilled());
                assert_eq!(decode(&bytes), Ok(register));
            }
        }
    }

    #[test]
    fn the_bytes_of_a_value_stay_the_same() {
        let bytes = encode(&register(1)).unwrap();
        assert_eq!(bytes.len(), HEAD_BYTES + MEMBER_BYTES + CRC_BYTES);
        assert_eq!(&bytes[..16], [b'R', b'Q', b'h', b'a', 1, 2, 1, 0, 8, 7, 6, 5, 4, 3, 2, 1]);
        assert_eq!(bytes[16..24], 9_u64.to_le_bytes());
        assert_eq!(bytes[40..56], 1_u128.to_le_bytes());
        assert_eq!(bytes[56..64], 5_u64.to_le_bytes());
        assert_eq!(bytes[64..80], 1_u128.to_le_bytes());
    }

    #[test]
    fn what_could_not_be_read_is_not_written() {
        assert_eq!(encode(&register(0)), Err(ValueError::Members));
        assert_eq!(encode(&register(IN_SYNC_MAX as u128 + 1)), Err(ValueError::Members));
        let twice = Register { in_sync: [member(1), member(1)].into_iter().collect(), ..register(1) };
        assert_eq!(encode(&twice), Err(ValueError::Members));
        assert_eq!(encode(&Register { holder: InstanceId(9), ..register(2) }), Err(ValueError::Holder));
        assert_eq!(encode(&Register { version: 0, ..register(2) }), Err(ValueError::Field));
    }

    #[test]
    fn every_cut_and_every_flipped_bit_is_refused() {
        for members in [1, 3] {
            let bytes = encode(&register(members)).unwrap();
            for length in 0..bytes.len() {
                assert!(decode(&bytes[..length]).is_err(), "the first {length} bytes");
            }
            for bit in 0..bytes.len() * 8 {
                let mut damaged = bytes.clone();
                damaged[bit / 8] ^= 1 << (bit % 8);
                let expected = if bit < 32 { ValueError::Magic } else { ValueError::Crc };
                assert_eq!(decode(&damaged), Err(expected), "bit {bit}");
            }
            let mut longer = bytes.clone();
            longer.push(0);
            assert!(decode(&longer).is_err());
        }
    }

    #[test]
    fn wrong_fields_under_a_right_crc_are_refused() {
        let bytes = encode(&register(2)).unwrap();
        let with = |at: usize, value: u8| {
            let mut bytes = bytes.clone();
            bytes[at] = value;
            decode(&sealed(bytes))
        };
        assert_eq!(with(4, 2), Err(ValueError::Format(2)));
        assert_eq!(with(5, 0), Err(ValueError::Field));
        assert_eq!(with(5, 4), Err(ValueError::Field));
        assert_eq!(with(6, 1), Err(ValueError::Length));
        assert_eq!(with(6, 3), Err(ValueError::Length));
        assert_eq!(with(6, 255), Err(ValueError::Members));
        assert_eq!(with(7, 1), Err(ValueError::Field));
        assert_eq!(with(40, 9), Err(ValueError::Holder));
        assert_eq!(with(96, 1), Err(ValueError::Members));
    }

    /// Bytes of a small generator, with and without a right head and a right CRC: an error or a register that gives the same bytes again.
    #[test]
    fn garbage_never_panics() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut read = 0;
        for round in 0..20_000_usize {
            let mut bytes: EncodedRegister = (0..round % (REGISTER_VALUE_BYTES_MAX + 2))
                .map(|_| {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    (state >> 32) as u8
                })
                .collect();
            if round % 2 == 0 && bytes.len() >= HEAD_BYTES + CRC_BYTES {
                let members = ((bytes.len() - HEAD_BYTES) / MEMBER_BYTES) as u8;
                bytes[..4].copy_from_slice(&MAGIC);
                bytes[4..8].copy_from_slice(&[FORMAT, 1, members, 0]);
                let holder: [u8; 16] = bytes.get(64..80).map_or([0; 16], |id| id.try_into().unwrap());
                bytes[40..56].copy_from_slice(&holder);
                bytes = sealed(bytes);
            }
            if let Ok(register) = decode(&bytes) {
                read += 1;
                assert_eq!(encode(&register).as_deref(), Ok(&bytes[..]));
            }
        }
        assert!(read > 100, "only {read} values could be read: the garbage is too random to reach the fields");
    }
}
