//! Damages examples in the ways that hurt decoders: lengths that lie, cuts, splices, repetitions, bits.
//!
//! Takes examples and choices, gives one input. One of eight stays whole, so that what is behind the first error is reached, too.

use crate::prove::random::Random;

/// No input is longer.
const INPUT_BYTES_MAX: usize = 64 * 1024;
/// Most inputs are made of examples of at most this length: the others cost time and have little structure.
const SMALL_BYTES: usize = 4 * 1024;
/// Where lengths and counts are looked for around a chosen place.
const LOOK_AHEAD_BYTES: usize = 96;
/// Numbers at the edges of what a length, a count or a tag may be.
const EDGES: [i32; 16] =
    [0, 1, -1, 2, 3, 8, 9, 13, 4094, 4095, 4096, 0x00ff_ffff, 0x4000_0000, i32::MAX, i32::MIN, i32::MIN + 1];

/// One input.
pub(super) fn input(examples: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut bytes = example(examples, random).to_vec();
    bytes.truncate(INPUT_BYTES_MAX);
    if random.number().is_multiple_of(8) {
        return bytes;
    }
    for _ in 0..random.between(1, 4) {
        damage(&mut bytes, example(examples, random), random);
        bytes.truncate(INPUT_BYTES_MAX);
    }
    bytes
}

fn example<'a>(examples: &'a [Vec<u8>], random: &mut Random) -> &'a [u8] {
    let mut chosen: &[u8] = &[];
    // A second and third look when the first one hits a long one.
    for _ in 0..3 {
        chosen = random.pick(examples).map_or(&[], Vec::as_slice);
        if chosen.len() <= SMALL_BYTES || random.percent(2) {
            break;
        }
    }
    chosen
}

fn damage(bytes: &mut Vec<u8>, donor: &[u8], random: &mut Random) {
    let at = place(bytes.len(), random);
    match random.number() % 12 {
        0 => flip(bytes, at, random),
        1 => put(bytes, at, &[random.number().to_le_bytes()[0]]),
        2 => put(bytes, at, &edge(random).to_be_bytes()),
        3 => put(bytes, at, &edge(random).to_le_bytes()),
        4 | 5 => lie(bytes, at, random),
        6 => bytes.truncate(at),
        7 => {
            bytes.truncate(at);
            bytes.extend_from_slice(part(donor, donor.len(), random));
        }
        8 => repeat(bytes, random),
        9 => {
            let gone = range(bytes.len(), random);
            bytes.drain(gone);
        }
        10 => {
            let piece = part(donor, 256, random);
            bytes.splice(at..at, piece.iter().copied());
        }
        _ => {
            let piece = part(donor, 64, random);
            put(bytes, at, piece);
        }
    }
}

fn flip(bytes: &mut [u8], at: usize, random: &mut Random) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1 << (random.number() % 8);
    }
}

fn edge(random: &mut Random) -> i32 {
    random.pick(&EDGES).copied().unwrap_or(0)
}

/// Looks for what may be a length or a count, and changes it: next to what it was, to what is left, beyond that, or out of all bounds.
fn lie(bytes: &mut [u8], at: usize, random: &mut Random) {
    for place in at..at.saturating_add(LOOK_AHEAD_BYTES) {
        let Some(field) = bytes.get(place..).and_then(|rest| rest.first_chunk::<4>()) else { return };
        let left = i64::try_from(bytes.len() - place - 4).unwrap_or(0);
        let (big, little) = (i64::from(i32::from_be_bytes(*field)), i64::from(i32::from_le_bytes(*field)));
        let is_length = |number: i64| number > 0 && number <= left;
        let (was, is_big) = match (is_length(big), is_length(little)) {
            (true, _) => (big, true),
            (_, true) => (little, false),
            _ => continue,
        };
        let now = match random.number() % 10 {
            0 => was + 1,
            1 => was - 1,
            2 => was * 2,
            3 => was / 2,
            4 => -was,
            5 => left,
            6 => left + 1,
            7 => was + 2,
            8 => was << 16,
            _ => i64::from(edge(random)),
        };
        let now = i32::try_from(now).unwrap_or(i32::MAX);
        put(bytes, place, &if is_big { now.to_be_bytes() } else { now.to_le_bytes() });
        return;
    }
}

/// Writes a piece several times behind itself.
fn repeat(bytes: &mut Vec<u8>, random: &mut Random) {
    let range = range(bytes.len(), random);
    let end = range.end;
    let piece = bytes.get(range).unwrap_or_default().to_vec();
    // Now and then as often as there is room, to see what many small things cost.
    let most = (INPUT_BYTES_MAX - bytes.len().min(INPUT_BYTES_MAX)) / piece.len().max(1);
    let times = if random.percent(3) { most } else { most.min(1 + random.number() as usize % 8) };
    let copies = piece.repeat(times);
    bytes.splice(end..end, copies);
}

/// Writes over what is there, as far as there is room.
fn put(bytes: &mut [u8], at: usize, piece: &[u8]) {
    let room = bytes.get_mut(at..).unwrap_or_default();
    room.iter_mut().zip(piece).for_each(|(byte, new)| *byte = *new);
}

fn place(length: usize, random: &mut Random) -> usize {
    usize::try_from(random.between(0, (length as u64).saturating_sub(1))).unwrap_or(0)
}

fn range(length: usize, random: &mut Random) -> std::ops::Range<usize> {
    let start = place(length, random);
    let most = if random.percent(20) { length } else { 32 };
    let end = start + usize::try_from(random.between(1, most as u64)).unwrap_or(1);
    start..end.min(length)
}

fn part<'a>(donor: &'a [u8], most: usize, random: &mut Random) -> &'a [u8] {
    let piece = donor.get(place(donor.len(), random)..).unwrap_or_default();
    let length = usize::try_from(random.between(1, most as u64)).unwrap_or(1);
    piece.get(..length).unwrap_or(piece)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_follow_from_the_seed_and_stay_in_bounds() {
        let examples = [vec![], vec![0, 0, 0, 4, 1, 2, 3, 4], vec![7; 100_000]];
        for number in 0..20_000 {
            let made = |seed| input(&examples, &mut Random::of(seed, number));
            assert_eq!(made(1), made(1));
            assert!(made(1).len() <= INPUT_BYTES_MAX);
        }
    }

    #[test]
    fn a_length_is_found_and_changed() {
        let honest = [9, 0, 0, 0, 4, 1, 2, 3, 4];
        let mut lies = std::collections::BTreeSet::new();
        for number in 0..4_000 {
            let mut bytes = honest;
            lie(&mut bytes, 1, &mut Random::of(1, number));
            assert_eq!((bytes[0], &bytes[5..]), (9, &honest[5..]));
            lies.insert(i32::from_be_bytes([bytes[1], bytes[2], bytes[3], bytes[4]]));
        }
        assert!([3, 5, -4, 8, i32::MAX, i32::MIN].iter().all(|lie| lies.contains(lie)), "{lies:?}");
    }
}
