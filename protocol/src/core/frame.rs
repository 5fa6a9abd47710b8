//! Cuts a byte stream into frames, and recognises the handshake in front of them.
//!
//! Takes what has been read so far and the cap of the moment (small before login); gives complete frames and how many bytes they
//! consumed. Must stay true: a length is judged as soon as its four bytes are there, before anybody makes room for it.

use std::fmt;

use super::error::Fault;
use crate::limits::{FRAME_BYTES_MIN, LENGTH_PREFIX_BYTES};

/// What a client sends before its first frame. It is not answered.
pub const HANDSHAKE: [u8; 7] = *b"ARTEMIS";

/// What the first bytes of a connection say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Handshake {
    /// A CORE client; frames follow after this many bytes.
    Core {
        /// Bytes of the handshake.
        consumed: usize,
    },
    /// A beginning of the handshake, no more.
    Incomplete,
    /// Another protocol, or none.
    Other,
}

/// Looks at the first bytes of a connection.
pub fn detect_handshake(first: &[u8]) -> Handshake {
    if first.starts_with(&HANDSHAKE) {
        Handshake::Core { consumed: HANDSHAKE.len() }
    } else if HANDSHAKE.starts_with(first) {
        Handshake::Incomplete
    } else {
        Handshake::Other
    }
}

/// The next step through a buffer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Split<'a> {
    /// A complete frame.
    Frame {
        /// Type, channel and fields, for [`super::packet::decode`].
        body: &'a [u8],
        /// Bytes of the buffer it took, with its length field.
        consumed: usize,
    },
    /// The buffer ends within a frame.
    Incomplete {
        /// Bytes of the buffer that the frame will take, once its length is known.
        needed: Option<usize>,
    },
}

/// A length field that no frame may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameError {
    /// The length that was announced.
    pub announced: i32,
    /// The longest body that was allowed.
    pub cap: usize,
}

impl FrameError {
    /// Who broke the rules.
    pub fn fault(&self) -> Fault {
        match usize::try_from(self.announced) {
            Ok(announced) if announced > self.cap => Fault::PeerExceedsBound,
            _ => Fault::PeerBrokeRules,
        }
    }
}

impl fmt::Display for FrameError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FrameError { announced, cap } = self;
        write!(out, "{}: frame length {announced}, expected {FRAME_BYTES_MIN} to {cap}", self.fault())
    }
}

impl std::error::Error for FrameError {}

/// The frame at the start of `buffer`, if it is complete. `cap` bounds the length field.
pub fn split(buffer: &[u8], cap: usize) -> Result<Split<'_>, FrameError> {
    let Some((prefix, rest)) = buffer.split_first_chunk::<LENGTH_PREFIX_BYTES>() else {
        return Ok(Split::Incomplete { needed: None });
    };
    let announced = i32::from_be_bytes(*prefix);
    let length = match usize::try_from(announced) {
        Ok(length) if (FRAME_BYTES_MIN..=cap).contains(&length) => length,
        _ => return Err(FrameError { announced, cap }),
    };
    let whole = LENGTH_PREFIX_BYTES + length;
    Ok(match rest.get(..length) {
        Some(body) => Split::Frame { body, consumed: whole },
        None => Split::Incomplete { needed: Some(whole) },
    })
}

/// The complete frames at the start of a buffer, one after the other.
#[derive(Clone, Debug)]
pub struct Frames<'a> {
    buffer: &'a [u8],
    cap: usize,
    consumed: usize,
    needed: Option<usize>,
}

impl<'a> Frames<'a> {
    /// Starts at the beginning of `buffer`.
    pub fn new(buffer: &'a [u8], cap: usize) -> Frames<'a> {
        Frames { buffer, cap, consumed: 0, needed: None }
    }

    /// The body of the next complete frame, nothing when the rest of the buffer has none.
    pub fn next_frame(&mut self) -> Result<Option<&'a [u8]>, FrameError> {
        match split(self.buffer.get(self.consumed..).unwrap_or_default(), self.cap)? {
            Split::Frame { body, consumed } => {
                self.consumed += consumed;
                Ok(Some(body))
            }
            Split::Incomplete { needed } => {
                self.needed = needed;
                Ok(None)
            }
        }
    }

    /// Changes the cap for the frames that follow, after a login.
    pub fn set_cap(&mut self, cap: usize) {
        self.cap = cap;
    }

    /// Bytes of the buffer that were given out as frames.
    pub fn consumed(&self) -> usize {
        self.consumed
    }

    /// Bytes that the incomplete frame at the end will take, once known.
    pub fn needed(&self) -> Option<usize> {
        self.needed
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, FrameError, Frames, Handshake, Split, detect_handshake, split};

    #[test]
    fn the_handshake_is_seven_bytes_and_a_prefix_waits() {
        assert_eq!(detect_handshake(b""), Handshake::Incomplete);
        assert_eq!(detect_handshake(b"ARTEMI"), Handshake::Incomplete);
        assert_eq!(detect_handshake(b"ARTEMIS"), Handshake::Core { consumed: 7 });
        assert_eq!(detect_handshake(b"ARTEMIS\0\0"), Handshake::Core { consumed: 7 });
        assert_eq!(detect_handshake(b"ARTEMIX"), Handshake::Other);
        assert_eq!(detect_handshake(b"AMQP"), Handshake::Other);
    }

    #[test]
    fn frames_come_out_whole_at_any_cut() {
        let mut stream = Vec::new();
        for size in [9u8, 12, 30] {
            stream.extend_from_slice(&[0, 0, 0, size]);
            stream.extend(std::iter::repeat_n(size, usize::from(size)));
        }
        for cut in 0..=stream.len() {
            let mut frames = Frames::new(&stream[..cut], 64);
            let mut count = 0;
            while let Some(body) = frames.next_frame().unwrap() {
                assert!(body.iter().all(|byte| usize::from(*byte) == body.len()));
                count += 1;
            }
            let whole = [13, 29, 63].into_iter().filter(|end| *end <= cut).count();
            assert_eq!(count, whole, "cut at {cut}");
            assert_eq!(frames.consumed(), [0, 13, 29, 63][whole]);
        }
    }

    #[test]
    fn a_length_outside_its_bounds_is_an_error_before_the_body_is_there() {
        let error = |announced: i32, cap| split(&announced.to_be_bytes(), cap).unwrap_err();
        assert_eq!(error(8, 64), FrameError { announced: 8, cap: 64 });
        assert_eq!(error(-1, 64).fault(), Fault::PeerBrokeRules);
        assert_eq!(error(65, 64).fault(), Fault::PeerExceedsBound);
        assert_eq!(
            error(i32::MAX, 64).to_string(),
            "the peer exceeded a limit: frame length 2147483647, expected 9 to 64"
        );
        assert_eq!(split(&64i32.to_be_bytes(), 64), Ok(Split::Incomplete { needed: Some(68) }));
    }
}
