//! The captures' clients against the rooms: whoever spoke to the reference hears the same here.
//!
//! Each conversation is played in its order and with its times; what the server chose (message ids, the node's id) is put into what the client
//! says. Each frame of the reference must have its counterpart: the same packet with the same fields, in order for each channel and each kind
//! of sequence there (deliveries of a consumer, confirmations, credits, answers). [`compare`] says which differences are allowed and why,
//! [`table`] which conversations go otherwise. One of those that goes as with the reference fails the test: its row is to go.

mod before;
mod compare;
mod play;
mod table;

use std::path::Path;

use bench::captures::{self, Capture};
use protocol::core::packet::PacketType;
use protocol::limits::LENGTH_PREFIX_BYTES;

use play::play;
use table::{NOT_YET, OTHERWISE, OUTSIDE};

/// A frame without fields: an old client's answer has no number.
const BARE_FRAME_BYTES: usize = 13;

fn all() -> Vec<Capture> {
    captures::all(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// What a row is for.
fn listed(name: &str) -> Option<(&'static str, &'static str)> {
    let tables = [("not yet", NOT_YET), ("outside", OUTSIDE), ("otherwise", OTHERWISE)];
    tables.iter().find_map(|(table, rows)| rows.iter().find(|(row, _)| *row == name).map(|(_, why)| (*table, *why)))
}

#[test]
fn every_recorded_client_hears_what_the_reference_said() {
    let mut wrong = Vec::new();
    let (mut passed, mut compared) = (0, 0);
    let captures = all();
    let plays = captures.iter().flat_map(|capture| [(capture, 1), (capture, 2)]);
    for (capture, cores) in plays {
        match (play(capture, cores, |_| {}), listed(&capture.name)) {
            (Ok(frames), None) => {
                passed += 1;
                compared += frames;
            }
            (Err(difference), None) => wrong.push(format!("{} on {cores} cores: {difference}", capture.name)),
            (Err(difference), Some((table, why))) => println!("{}: {table}: {why}: {difference}", capture.name),
            (Ok(_), Some((table, why))) => {
                wrong.push(format!(
                    "{}: goes as with the reference: take its row `{why}` out of `{table}`",
                    capture.name
                ));
            }
        }
    }
    for (name, _) in [NOT_YET, OUTSIDE, OTHERWISE].concat() {
        if !captures.iter().any(|capture| capture.name == name) {
            wrong.push(format!("{name}: there is no such capture"));
        }
    }
    println!("{passed} of {} plays pass, {compared} frames", 2 * captures.len());
    assert!(wrong.is_empty(), "{} conversations:\n{}", wrong.len(), wrong.join("\n"));
}

/// Control: whatever is answered with nothing carries another number.
#[test]
fn an_answer_under_another_number_is_caught() {
    fn renumber(body: &mut [u8]) {
        if body.first().copied().map(u8::cast_signed) == Some(PacketType::NULL_RESPONSE.0)
            && body.len() + LENGTH_PREFIX_BYTES > BARE_FRAME_BYTES
            && let [.., last] = body
        {
            *last ^= 1;
        }
    }
    fn count_again(body: &mut [u8]) {
        if body.first().copied().map(u8::cast_signed) == Some(PacketType::SESS_RECEIVE_MSG.0)
            && let [.., last] = body
        {
            *last += 1;
        }
    }
    for capture in all().iter().filter(|capture| listed(&capture.name).is_none()) {
        for (name, plant) in [("NULL_RESPONSE", renumber as fn(&mut [u8])), ("SESS_RECEIVE_MSG", count_again)] {
            let has_one = capture.lines.iter().any(|line| line.name == name && line.bytes.len() > BARE_FRAME_BYTES);
            assert_eq!(play(capture, 1, plant).is_err(), has_one, "{}: {name}", capture.name);
        }
    }
}
