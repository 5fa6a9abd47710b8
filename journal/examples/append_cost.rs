//! What an append costs without a disk: a thousand million records are not needed to see it. `cargo run --release -p journal --example append_cost`

use std::time::Instant;

use journal::{
    AckMode, AlignedBuffer, AppendError, Command, Commands, EpochId, EpochReason, EpochStart, Geometry, Lane, LaneId,
    LaneOptions, LaneTail, NodeId, Now, Record, RecordKind, Vector,
};

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

fn main() {
    for bytes in [100_usize, 1024, 16 * 1024] {
        let Ok(geometry) = Geometry::new(1 << 30) else { return };
        let buffers = (0..8).map(|_| AlignedBuffer::block()).collect();
        let mut lane =
            Lane::open(LaneOptions { geometry, segments_ahead: 1 }, LaneTail::fresh(LaneId::JOURNAL), buffers);
        let mut commands = Commands::with_capacity(8);
        complete(&mut lane, &mut commands);
        let epoch = EpochId { number: 1, activation: 2 };
        let vector = Vector::new();
        let start =
            EpochStart { node: NodeId(1), epoch, reason: EpochReason::First, ack_mode: AckMode::LiveOnly, vector };
        if lane.start_epoch(&start).is_err() {
            return;
        }
        let body = vec![7_u8; bytes];
        let count = 4_000_000_000 / (bytes as u64 + 1000);
        let begun = Instant::now();
        for _ in 0..count {
            while lane.append(Record::alone(RecordKind(0x40), &[&body]), &Vector::new()) == Err(AppendError::Full) {
                complete(&mut lane, &mut commands);
            }
        }
        complete(&mut lane, &mut commands);
        let nanos = begun.elapsed().as_nanos() as f64 / count as f64;
        let stats = lane.stats();
        println!(
            "{bytes:6} bytes: {nanos:7.1} ns a record with its share of the seal (CRC32C and XXH3 of {:.0} KiB blocks), {:.2} GB/s",
            stats.bytes_written as f64 / stats.blocks as f64 / 1024.0,
            bytes as f64 / nanos
        );
    }
}
