//! The common point of two copies: found by histories, proved by chains, to the exact border; and damage told, not cut.

use std::path::PathBuf;

use journal::testing::{Random, WorkloadOptions};
use journal::{
    BlockView, BorderReader, Chain, ChainSearch, CommonPoint, Company, LaneComparison, LaneHistory, LaneId, Lsn,
    Recovered, SegmentSequence, common_point, compare_lane, search,
};

use crate::copies::{Copy, ends, layout, tail, work};

/// Every border of a lane with its chain, read from the bytes of the files and by nothing that is tested here.
pub(crate) fn borders(copy: &Copy, recovered: &Recovered, lane: LaneId) -> Vec<(Lsn, Chain)> {
    let (geometry, found) = (copy.shape().geometry(lane), tail(recovered, lane));
    let first = first_file(copy, lane);
    let mut at = geometry.start(first);
    let mut borders = if at == Lsn::ZERO { vec![(at, Chain(0))] } else { Vec::new() };
    while at < found.end {
        let (segment, offset) = geometry.place(at);
        let content = copy.disk.content(&layout().segment(lane, segment)).unwrap();
        let view = BlockView::parse(&content[offset as usize..], lane, at).unwrap();
        at = view.header.end();
        borders.push((at, view.chain));
    }
    borders
}

fn first_file(copy: &Copy, lane: LaneId) -> SegmentSequence {
    let exists = |sequence: &SegmentSequence| copy.disk.content(&layout().segment(lane, *sequence)).is_some();
    (0..10_000).map(SegmentSequence).find(exists).unwrap()
}

/// The last border that is in both lists, with the same chain.
fn last_equal(ours: &[(Lsn, Chain)], theirs: &[(Lsn, Chain)]) -> Option<Lsn> {
    ours.iter().rev().find(|border| theirs.contains(border)).map(|(lsn, _)| *lsn)
}

fn history(copy: &Copy, recovered: &Recovered, lane: LaneId) -> LaneHistory {
    LaneHistory { first_kept: first_file(copy, lane), ..LaneHistory::from(tail(recovered, lane)) }
}

/// What came of one lane.
struct Compared {
    comparison: LaneComparison,
    exact: Option<Lsn>,
    found: Option<Lsn>,
    asked: u32,
    pages: u64,
}

/// Compares a lane of two copies, and searches for the last equal border, whatever the histories say.
fn compare(ours: &mut Copy, theirs: &mut Copy, lane: LaneId) -> Compared {
    let (mine, other) = (ours.recover(Company::Alone).unwrap(), theirs.recover(Company::Alone).unwrap());
    let exact = last_equal(&borders(ours, &mine, lane), &borders(theirs, &other, lane));
    let (layout, shape) = (layout(), ours.shape());
    let geometry = shape.geometry(lane);
    let histories = (history(ours, &mine, lane), history(theirs, &other, lane));
    let (end, other_end) = (histories.0.end, histories.1.end);
    let mut reader = BorderReader::new(&mut ours.disk, &layout, &shape, lane, end);
    let mut peer = BorderReader::new(&mut theirs.disk, &layout, &shape, lane, other_end);
    let mut ask = |at| peer.chain_at(at);
    let comparison = compare_lane(geometry, (&histories.0, &histories.1), &mut reader, &mut ask).unwrap();
    let first = histories.0.first_kept.max(histories.1.first_kept);
    let search_all = ChainSearch::new(geometry, first, end.min(other_end));
    let (found, asked) = search(search_all, &mut reader, &mut ask).unwrap();
    let pages = end.min(other_end).since(geometry.start(first)) / 4096 + 2;
    Compared { comparison, exact, found: found.map(|border| border.lsn), asked, pages }
}

fn long(seed: u64) -> WorkloadOptions {
    let mut random = Random::new(seed);
    WorkloadOptions {
        usual_bytes: [200, 3000, 9000][random.index(3)],
        housekeeping: true,
        ..work(60 + random.below(500))
    }
}

#[test]
fn the_search_finds_the_exact_last_equal_border_in_few_questions() {
    let (mut most, mut freed, mut segments) = (0, 0, 0);
    for seed in 0..24 {
        let lanes = [1, 2, 4][seed as usize % 3];
        let common = Copy::new(seed, lanes).live(0, seed, long(seed)).live(0, seed + 100, long(seed + 1));
        // One side may have stood still, or both may have gone on.
        let mut ours = if seed % 5 == 0 { common.clone() } else { common.live(1, seed + 200, long(seed + 2)) };
        let mut theirs = if seed % 7 == 1 { common.clone() } else { common.live(2, seed + 300, long(seed + 3)) };
        for lane in common.shape().data_lanes() {
            let compared = compare(&mut ours, &mut theirs, lane);
            assert_eq!(compared.found, compared.exact, "seed {seed}, {lane}");
            match compared.comparison {
                LaneComparison::Common(border) => assert_eq!(Some(border.lsn), compared.exact, "seed {seed}, {lane}"),
                // What both still have begins behind the common point.
                LaneComparison::TooOld { at } => {
                    freed += 1;
                    assert!(compared.exact.is_none_or(|exact| exact <= at), "seed {seed}, {lane}");
                }
                other => panic!("seed {seed}, {lane}: {other:?}"),
            }
            assert!(compared.asked <= 2 * (compared.pages.ilog2() + 2), "{} in {}", compared.asked, compared.pages);
            most = most.max(compared.asked);
            segments = segments.max(compared.pages / 31);
        }
    }
    println!("at most {most} questions, {segments} segments, {freed} lanes whose common point is gone");
    assert!(segments >= 8 && freed < 40);
}

/// Both sides say that they have blocks of one epoch, up to other ends: the shorter one is the common point, whichever it is.
#[test]
fn a_shorter_tail_of_the_same_epoch_is_the_common_point() {
    let mut longer = Copy::new(3, 1).live(0, 3, work(120));
    let whole = longer.recover(Company::Alone).unwrap();
    let lane = LaneId::JOURNAL;
    let cut = {
        let all = borders(&longer, &whole, lane);
        all[all.len() - 4].0
    };
    let mut shorter = longer.clone();
    let (segment, offset) = shorter.shape().geometry(lane).place(cut);
    let path: PathBuf = layout().segment(lane, segment);
    let bytes = shorter.disk.content(&path).unwrap().len() - offset as usize;
    shorter.disk.overwrite(&path, offset, &vec![0; bytes]);
    for copy in [&mut longer, &mut shorter] {
        copy.stop_clean();
    }
    assert_eq!(ends(&shorter.recover(Company::Alone).unwrap()).get(lane), Some(cut));
    for (mut ours, mut theirs) in [(longer.clone(), shorter.clone()), (shorter, longer)] {
        let compared = compare(&mut ours, &mut theirs, lane);
        assert!(matches!(compared.comparison, LaneComparison::Common(border) if border.lsn == cut));
    }
}

/// Two copies claim the same epochs and hold other blocks of them: the histories see nothing, the chains do.
#[test]
fn another_chain_below_a_common_epoch_is_told_with_the_place() {
    let mut told = 0;
    for seed in 0..8 {
        let common = Copy::new(seed, 1).live(0, seed, work(60));
        // One activation, written twice: what no rule lets happen, and a broken disk or a copied store does.
        let mut ours = common.live(1, seed + 1, work(80)).live(3, seed + 2, work(30));
        let mut theirs = common.live(1, seed + 3, work(80)).live(4, seed + 4, work(30));
        let end = ends(&common.clone().recover(Company::Alone).unwrap());
        for lane in common.shape().data_lanes() {
            let compared = compare(&mut ours, &mut theirs, lane);
            let histories = [&mut ours, &mut theirs].map(|copy| {
                let recovered = copy.recover(Company::Alone).unwrap();
                history(copy, &recovered, lane)
            });
            let CommonPoint::In { at, .. } = common_point(&histories[0], &histories[1]) else { panic!("{lane}") };
            match compared.comparison {
                LaneComparison::Corrupt { at: claimed, equal } => {
                    assert_eq!((claimed, equal), (at, compared.exact), "seed {seed}, {lane}");
                    // The epoch's own start block is the same on both.
                    assert!(equal.unwrap() >= end.get(lane).unwrap() && equal.unwrap() < at);
                    told += 1;
                }
                // Nothing was written in that epoch before the next one began on the shorter side.
                LaneComparison::Common(border) => assert_eq!((border.lsn, Some(at)), (at, compared.exact)),
                other => panic!("seed {seed}, {lane}: {other:?}"),
            }
        }
    }
    assert!(told >= 8, "{told}");
}

/// A block that rots on the way is told with its place; nothing is called equal because of it.
#[test]
fn a_damaged_block_on_the_way_is_told() {
    let mut copy = Copy::new(5, 1).live(0, 5, work(150));
    let recovered = copy.recover(Company::Alone).unwrap();
    let lane = LaneId::JOURNAL;
    let all = borders(&copy, &recovered, lane);
    let (damaged, end) = (all[all.len() / 2].0, tail(&recovered, lane).end);
    let (layout, shape) = (layout(), copy.shape());
    let (segment, offset) = shape.geometry(lane).place(damaged);
    copy.disk.flip_bit(&layout.segment(lane, segment), offset + 70, 2);
    let mut reader = BorderReader::new(&mut copy.disk, &layout, &shape, lane, end);
    assert_eq!(reader.chain_at(damaged).unwrap(), Some(all[all.len() / 2].1), "what lies before is as it was");
    let error = reader.at_or_before(all[all.len() / 2 + 1].0).unwrap_err();
    assert_eq!(error, journal::BorderError::Damaged { lane, at: damaged });
}

#[test]
fn strangers_and_empty_lanes_are_told_apart() {
    let mut ours = Copy::new(1, 1).live(1, 1, work(30));
    let mut theirs = Copy::new(2, 1).live(2, 2, work(30));
    let lane = LaneId::JOURNAL;
    assert_eq!(compare(&mut ours, &mut theirs, lane).comparison, LaneComparison::Strangers);
    let mut empty = Copy::new(3, 1);
    let nothing = LaneHistory { lane, history: Vec::new(), end: Lsn::ZERO, first_kept: SegmentSequence(0) };
    let recovered = ours.recover(Company::Alone).unwrap();
    let full = history(&ours, &recovered, lane);
    let (layout, shape) = (layout(), empty.shape());
    let geometry = shape.geometry(lane);
    let mut reader = BorderReader::new(&mut empty.disk, &layout, &shape, lane, Lsn::ZERO);
    let mut peer = BorderReader::new(&mut ours.disk, &layout, &shape, lane, full.end);
    let mut ask = |at| peer.chain_at(at);
    let compared = compare_lane(geometry, (&nothing, &full), &mut reader, &mut ask).unwrap();
    assert!(matches!(compared, LaneComparison::Common(border) if border.lsn == Lsn::ZERO));
    let freed = LaneHistory { first_kept: SegmentSequence(2), ..full };
    let compared = compare_lane(geometry, (&nothing, &freed), &mut reader, &mut ask).unwrap();
    assert_eq!(compared, LaneComparison::TooOld { at: Lsn::ZERO });
}
