//! The controls: damage that no checksum shows must be caught by what comes out.
//!
//! A flip in a body whose lane is sealed again behind it is what a reader without checksums would see: the bytes that come out must be called
//! wrong. A lane whose last blocks are gone without a trace must be called unnoticed. Both go through the same judgement as every flip.

use journal::{Chain, LaneId, Location, Lsn, seal};

use super::figures::{Class, Wrong};
use super::flip::{Flip, Kind, Stands};
use super::image::{Image, View};
use super::judge::{Base, Found, judge_view};
use super::part::{Known, Part, known};
use super::start::block_at;
use crate::prove::kill9::LastEnd;
use crate::prove::kill9::broker::empty;

/// Flips that hide themselves.
const HIDDEN: usize = 25;
/// Where in its record a bit is flipped: behind all that the record and the message say before the body.
const WITHIN: usize = 100;
/// Records shorter than this are passed over.
const RECORD_MIN: usize = 200;
/// The control's store has a number of its own: one lane, killed.
const NUMBER: u32 = 9_999;

/// Runs both controls on a store of their own. The error says what was not caught.
pub fn control(part: &Part) -> Result<String, String> {
    let known = known(part, NUMBER, LastEnd::Killed)?;
    let hidden = hidden_flips(&known)?;
    let gone = vanished_tail(&known.base)?;
    empty(&known.made.place.directory)?;
    Ok(format!("caught: {hidden} of {hidden} flips that hide themselves (wrong bytes), a tail that is gone ({gone})"))
}

fn hidden_flips(known: &Known) -> Result<usize, String> {
    let base = &known.base;
    let mut tried = 0;
    for (lane, location) in base.went.places.iter().rev() {
        let Some((flip, view)) = hide(base, *lane, *location) else { continue };
        match judge_view(base, &flip, &view, None) {
            Err(Found { wrong: Wrong::Bytes, .. }) => tried += 1,
            other => return Err(format!("a flip that hides itself was not caught: {flip}: {other:?}")),
        }
        if tried >= HIDDEN {
            break;
        }
    }
    if tried == 0 { Err("no message waits in which a flip could hide itself".to_owned()) } else { Ok(tried) }
}

/// Flips a bit in the body of a message, and makes checksum and chain of its block and of all behind it right. Only in the last epoch of
/// the lane: what began after it would name the old chain.
fn hide<'a>(base: &'a Base, lane: LaneId, location: Location) -> Option<(Flip, View<'a>)> {
    let layout = Image::layout();
    let undamaged = View::of(&base.image);
    let lsn = location.block();
    let began = base.went.recovered.lane(lane)?.tail.history.last()?.start;
    let fragment = block_at(&undamaged, &layout, &base.shape, lane, lsn).ok()?.record_at(location.offset())?;
    if lsn <= began || fragment.body.len() < RECORD_MIN {
        return None;
    }
    let (segment, block_at_offset) = base.shape.geometry(lane).place(lsn);
    let head = fragment.next as usize - fragment.body.len();
    let offset = usize::try_from(block_at_offset).ok()? + head + WITHIN;
    let flip = Flip {
        kind: Kind::Journal,
        path: layout.segment(lane, segment),
        offset,
        bit: 3,
        stands: Stands::Block(lane, lsn),
    };
    let mut view = flip.view(&base.image);
    let blocks = &base.map.lanes.get(&lane)?.blocks;
    let first = blocks.iter().position(|(at, _)| *at == lsn)?;
    let (before, _) = blocks.get(first.checked_sub(1)?)?;
    let mut chain = block_at(&undamaged, &layout, &base.shape, lane, *before).ok()?.chain;
    for (at, length) in blocks.get(first..)? {
        chain = seal_again(base, &mut view, lane, *at, *length, chain)?;
    }
    Some((flip, view))
}

fn seal_again(base: &Base, view: &mut View<'_>, lane: LaneId, at: Lsn, length: usize, before: Chain) -> Option<Chain> {
    let layout = Image::layout();
    let header = block_at(&View::of(&base.image), &layout, &base.shape, lane, at).ok()?.header;
    let (segment, offset) = base.shape.geometry(lane).place(at);
    let offset = usize::try_from(offset).ok()?;
    let path = layout.segment(lane, segment);
    let mut bytes = view.bytes(&path)?.to_vec();
    let (_, chain) = seal(bytes.get_mut(offset..offset + length)?, &header, before)?;
    view.put(&path, bytes);
    Some(chain)
}

/// The last blocks of a lane are zeroes, from one with a waiting message on: nothing behind tells of them.
fn vanished_tail(base: &Base) -> Result<&'static str, String> {
    let layout = Image::layout();
    let mut said = String::new();
    for (lane, map) in &base.map.lanes {
        let waiting = base.went.places.iter().filter(|(of, _)| of == lane).map(|(_, location)| location.block());
        let Some(from) = waiting.max() else { continue };
        let mut view = View::of(&base.image);
        for (at, length) in map.blocks.iter().filter(|(at, _)| *at >= from) {
            let (segment, offset) = base.shape.geometry(*lane).place(*at);
            let path = layout.segment(*lane, segment);
            let mut bytes = view.bytes(&path).unwrap_or_default().to_vec();
            let offset = usize::try_from(offset).unwrap_or(usize::MAX);
            bytes.get_mut(offset..offset + length).into_iter().for_each(|block| block.fill(0));
            view.put(&path, bytes);
        }
        let (segment, offset) = base.shape.geometry(*lane).place(from);
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let path = layout.segment(*lane, segment);
        let flip = Flip { kind: Kind::Journal, path, offset, bit: 0, stands: Stands::Block(*lane, from) };
        match judge_view(base, &flip, &view, None) {
            Err(Found { wrong: Wrong::Unnoticed, .. }) => return Ok("unnoticed"),
            Ok(class @ (Class::Refused | Class::Behind)) => said.push_str(&format!("{lane}: {class:?}; ")),
            other => said.push_str(&format!("{lane}: {other:?}; ")),
        }
    }
    Err(format!("a lane whose last blocks are gone was not caught: {said}"))
}
