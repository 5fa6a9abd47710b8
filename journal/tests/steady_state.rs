//! Once it runs, a lane allocates nothing: every buffer, queue and table has its size from the beginning.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use journal::{
    AckMode, AlignedBuffer, AppendError, Command, Commands, EpochId, EpochReason, EpochStart, Geometry, Lane, LaneId,
    LaneOptions, LaneTail, Lsn, NodeId, Now, Record, RecordKind, Run, Vector,
};

/// Appends and completes until `records` are in; the driver is a queue that always says yes.
fn drive(lane: &mut Lane<AlignedBuffer>, commands: &mut Commands<AlignedBuffer>, records: u64) {
    let (head, body) = ([7_u8; 40], [8_u8; 984]);
    let mut depends = Vector::new();
    for count in 0..records {
        let run = if count % 5 == 0 { Run::None } else { Run::Member(journal::RunId(1)) };
        let run = if count % 5 == 4 { Run::Commit(journal::RunId(1)) } else { run };
        depends.clear();
        depends.raise(LaneId::BINDINGS, Lsn(count));
        while lane.append(Record { kind: RecordKind(0x40), run, parts: &[&head, &body] }, &depends)
            == Err(AppendError::Full)
        {
            complete(lane, commands);
        }
        lane.note_promised(LaneId::BINDINGS, Lsn(count));
        if count % 7 == 0 {
            complete(lane, commands);
        }
    }
    complete(lane, commands);
}

fn complete(lane: &mut Lane<AlignedBuffer>, commands: &mut Commands<AlignedBuffer>) {
    loop {
        lane.poll(Now(5), commands);
        if commands.is_empty() {
            return;
        }
        while let Some(command) = commands.pop() {
            match command {
                Command::Write { ticket, buffer, .. } => lane.written(ticket, buffer, Ok(())),
                Command::PrepareSegment { sequence } => lane.segment_ready(sequence),
                Command::FreeSegment { .. } => {}
            }
        }
    }
}

#[test]
fn a_running_lane_allocates_nothing() {
    let options = LaneOptions { geometry: Geometry::new(1 << 30).unwrap(), segments_ahead: 1 };
    let buffers = (0..8).map(|_| AlignedBuffer::block()).collect();
    let mut lane = Lane::open(options, LaneTail::fresh(LaneId::JOURNAL), buffers);
    let mut commands = Commands::with_capacity(8);
    complete(&mut lane, &mut commands);
    let start = EpochStart {
        node: NodeId(1),
        epoch: EpochId { number: 1, activation: 2 },
        reason: EpochReason::First,
        ack_mode: AckMode::LiveOnly,
        vector: Vector::new(),
    };
    lane.start_epoch(&start).unwrap();
    drive(&mut lane, &mut commands, 2_000);
    let before = lane.stats().records;
    let measured = allocation_counter::measure(|| drive(&mut lane, &mut commands, 20_000));
    assert_eq!(lane.stats().records - before, 20_000);
    assert_eq!(measured.count_total, 0, "{measured:?}");
}
