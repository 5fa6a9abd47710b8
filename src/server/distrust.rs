//! A place that was promised and cannot be read back: what is left for the next start.
//!
//! Takes the place; gives the words for a person. A start that goes by an index checkpoint does not look at what lies before its marks, and
//! one that reads everything takes a last block that is damaged for a torn one, unless it knows that it was promised. What must stay true:
//! after this, no start serves from this lane before it has judged the place, and none forgets that before it was judged.

use std::fmt::Write as _;

use journal::{HaStateFile, Storage, StoreLayout, Vector, delete_checkpoints};

use crate::home::Damaged;

/// Notes what was promised, then gives the index checkpoint up. Says what was done and what comes next.
///
/// If the process dies in between, or the disk refuses, the next start may go by the checkpoint: then the next reader finds the place.
pub(crate) fn distrust(
    storage: &mut dyn Storage,
    layout: &StoreLayout,
    ha_state: &mut HaStateFile,
    damaged: &Damaged,
) -> String {
    let Damaged { lane, lsn, segment, promised, .. } = damaged;
    let mut text = format!("({}). Nothing wrong was delivered. ", layout.segment(*lane, *segment).display());
    let noted = ha_state.update(storage, |state| state.clean_stop = Vector::of(*lane, *promised));
    let deleted = delete_checkpoints(storage, layout);
    let written = match (noted, deleted) {
        (Ok(()), Ok(())) => write!(text, "The index checkpoint was deleted: the next start reads the whole journal. "),
        (Err(error), _) => write!(text, "What was promised could not be noted: {error}. "),
        (_, Err(error)) => {
            write!(text, "The index checkpoint could not be deleted: {error}. Delete journal/c00-*.seg. ")
        }
    };
    debug_assert!(written.is_ok(), "a string takes everything");
    text + &format!(
        "Start the broker again: if the block can be read by then, it serves. Else it is refused: restore the file from another copy, or \
         give up what is lost with --accept-loss {lane}@{lsn}"
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use journal::testing::{Fault, FaultKind, SimDisk};
    use journal::{
        Geometry, HaState, InstanceId, LaneId, Lsn, NodeId, SEGMENT_BYTES_MIN, SegmentSequence, StoreId, StoreShape,
        SyncMode, create_store,
    };

    use super::*;

    #[test]
    fn the_next_start_knows_what_was_promised_and_has_no_checkpoint() {
        let layout = StoreLayout::under(Path::new("/store"));
        let shape = StoreShape::uniform(StoreId(5), 1, Geometry::new(SEGMENT_BYTES_MIN).unwrap());
        let mut disk = SimDisk::new(1);
        create_store(&mut disk, &layout, &shape, &HaState::new(NodeId(1), InstanceId(2), SyncMode::Dsync)).unwrap();
        let checkpoint = layout.segment(LaneId::CHECKPOINT, SegmentSequence(3));
        disk.put_file(&checkpoint, vec![0; 4096]);
        let (lane, promised) = (LaneId::JOURNAL, Lsn(81920));
        let damaged = Damaged { lane, lsn: Lsn(4096), segment: SegmentSequence(0), promised, problem: "x".to_owned() };
        let mut ha_state = HaStateFile::open(&mut disk, &layout).unwrap();
        // A disk that refuses is told, with what is left to do.
        let mut refusing = disk.clone();
        let mut state = HaStateFile::open(&mut refusing, &layout).unwrap();
        refusing.plan(Fault { at: 0, kind: FaultKind::NoSpace });
        assert!(distrust(&mut refusing, &layout, &mut state, &damaged).contains("could not be"));
        let text = distrust(&mut disk, &layout, &mut ha_state, &damaged);
        for part in ["/store/journal/j00-0000000000000000.seg", "--accept-loss j00@4096", "was deleted"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        disk.cut_power(1);
        assert!(disk.content(&checkpoint).is_none());
        let ha_state = HaStateFile::open(&mut disk, &layout).unwrap();
        assert_eq!(ha_state.state().clean_stop, Vector::of(lane, promised));
    }
}
