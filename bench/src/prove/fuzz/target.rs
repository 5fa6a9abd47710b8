//! One decoder under test, with examples of what it reads.

use super::mutate;
use crate::prove::random::Random;

/// Makes damaged bytes look whole to whatever stands in front of the decoder: a type number, a checksum, UTF-8.
pub(super) type Repair = Box<dyn Fn(&mut Vec<u8>, &mut Random) + Send + Sync>;
/// Decodes bytes and looks at all that came out. The number is a choice of the input's own, such as a version. True: it was decoded.
pub(super) type Decode = Box<dyn Fn(&[u8], u64) -> bool + Send + Sync>;
/// Says what is wrong with the outcome of bytes that were decoded.
pub(super) type Check = Box<dyn Fn(&[u8], u64) -> Result<(), String> + Send + Sync>;

/// A decoder and what it is given.
pub struct Target {
    /// Its name.
    pub name: String,
    /// Whether it must have decoded something often enough for the proof to mean anything.
    pub is_packet: bool,
    allowed_factor: u64,
    examples: Vec<Vec<u8>>,
    repair: Option<Repair>,
    decode: Decode,
    check: Option<Check>,
}

/// What decoding may allocate at one time: this, and so many bytes for each byte of the input.
const ALLOWED_BYTES: u64 = 64 * 1024;
const ALLOWED_FACTOR: u64 = 16;

/// An input of a target.
pub(super) struct Input {
    pub(super) bytes: Vec<u8>,
    /// The choice that goes with it.
    pub(super) choice: u64,
}

impl Target {
    pub(super) fn new(
        name: impl Into<String>,
        examples: Vec<Vec<u8>>,
        decode: impl Fn(&[u8], u64) -> bool + Send + Sync + 'static,
    ) -> Self {
        let (name, decode) = (name.into(), Box::new(decode));
        Self { name, is_packet: false, allowed_factor: ALLOWED_FACTOR, examples, repair: None, decode, check: None }
    }

    pub(super) fn repaired(mut self, repair: impl Fn(&mut Vec<u8>, &mut Random) + Send + Sync + 'static) -> Self {
        self.repair = Some(Box::new(repair));
        self
    }

    pub(super) fn checked(mut self, check: impl Fn(&[u8], u64) -> Result<(), String> + Send + Sync + 'static) -> Self {
        self.check = Some(Box::new(check));
        self
    }

    pub(super) fn of_a_packet(mut self) -> Self {
        self.is_packet = true;
        self
    }

    /// It may take more memory than others.
    pub(super) fn allowed(mut self, factor: u64) -> Self {
        self.allowed_factor = factor;
        self
    }

    /// What decoding so many bytes may allocate at one time.
    pub fn allowed_bytes(&self, input: usize) -> u64 {
        self.allowed_factor * input as u64 + ALLOWED_BYTES
    }

    /// How many examples it has.
    pub fn examples(&self) -> usize {
        self.examples.len()
    }

    /// The input of this number.
    pub(super) fn input(&self, seed: u64, number: u64) -> Input {
        let own = self.name.bytes().fold(seed, |hash, byte| hash.wrapping_mul(0x0100_0000_01b3) ^ u64::from(byte));
        let mut random = Random::of(own, number);
        let mut bytes = mutate::input(&self.examples, &mut random);
        if let Some(repair) = &self.repair {
            repair(&mut bytes, &mut random);
        }
        Input { bytes, choice: random.number() }
    }

    pub(super) fn decode(&self, input: &Input) -> bool {
        (self.decode)(&input.bytes, input.choice)
    }

    pub(super) fn check(&self, input: &Input) -> Result<(), String> {
        self.check.as_ref().map_or(Ok(()), |check| check(&input.bytes, input.choice))
    }
}
