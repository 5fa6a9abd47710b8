//! The frames of the recorded conversations, as the tests of the codec look at them.

// The file serves the proofs and the tests of the broker as well.
#[allow(unreachable_pub, dead_code)]
#[path = "../../../bench/src/captures.rs"]
mod captures;

use std::path::Path;

use protocol::core::packet::Direction;

pub(crate) use captures::Versions;

/// One frame of a recorded conversation.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// File and line, for messages of failed tests.
    pub place: String,
    /// Number of the connection within its file.
    pub connection: u32,
    /// Who sent it.
    pub direction: Direction,
    /// The packet's name according to the recorder.
    pub name: String,
    /// The channel according to the recorder.
    pub channel: i64,
    /// The whole frame, with its length field.
    pub bytes: Vec<u8>,
    /// Whether it was made to be refused.
    pub malformed: bool,
}

/// Every frame of every capture, file by file.
pub(crate) fn all() -> Vec<Vec<Line>> {
    read().into_iter().map(|(_, lines)| lines).collect()
}

/// The frames of one capture.
pub(crate) fn one(name: &str) -> Vec<Line> {
    read().into_iter().find(|(own, _)| own == name).unwrap().1
}

fn read() -> Vec<(String, Vec<Line>)> {
    let captures = captures::all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).unwrap();
    let frames = |capture: captures::Capture| {
        let lines = capture.lines.into_iter().filter_map(|line| frame(&capture.name, line)).collect();
        (capture.name, lines)
    };
    captures.into_iter().map(frames).collect()
}

/// A frame line; nothing for handshakes and closings.
fn frame(capture: &str, line: captures::Line) -> Option<Line> {
    let place = format!("{capture}:{}", line.number);
    let malformed = line.remark == "malformed";
    let captures::Line { connection, direction, name, channel, bytes, .. } = line;
    Some(Line { place, connection, direction, name, channel: channel?, bytes, malformed })
}

/// Bytes of hex with runs.
pub(crate) fn unpack(text: &str) -> Vec<u8> {
    captures::unpack(text).unwrap()
}
