//! What the gate and the detector do for every group of operations takes no memory from the heap, however many lanes there are.

use std::time::Duration;

use crate::detect::{Detector, Timeouts};
use crate::gate::{Gate, Link};
use crate::ids::{Epoch, Incarnation, InstanceId, Member};
use crate::register::{AckMode, Register};
use crate::rules::Rules;
use crate::time::Now;
use crate::vector::Vector;

const LANES: usize = 9;
const PEER: InstanceId = InstanceId(2);

fn gate(epoch: Epoch) -> Gate {
    let member = |instance| Member { instance, incarnation: Incarnation::default() };
    let register = Register {
        version: 1,
        epoch,
        holder: InstanceId(1),
        in_sync: [InstanceId(1), PEER].map(member).into_iter().collect(),
        ack_mode: AckMode::Durable,
        voters_version: 0,
    };
    let mut gate = Gate::new(Rules::ALL, InstanceId(1), AckMode::Durable, epoch, Vector::zero(LANES));
    gate.known(&register);
    assert_eq!(gate.connected(PEER, Link(1), epoch), Ok(()));
    gate.started(Vector::zero(LANES));
    gate
}

/// Appends, flushes and confirmations up to `rounds`; every second round is seen by the detector too.
fn drive(gate: &mut Gate, detector: &mut Detector, end: &mut Vector, from: u64, rounds: u64) -> u64 {
    let epoch = Epoch { number: 1, activation: 1 };
    let mut promised = 0;
    for round in from..from + rounds {
        let now = Now(Duration::from_millis(round));
        for lane in 0..LANES {
            end.set(lane, crate::ids::Lsn(round + 1));
        }
        gate.appended(end);
        detector.sent(now, end);
        gate.durable(end);
        promised += u64::from(gate.confirmed(PEER, (Link(1), epoch), end, end));
        detector.confirmed(now, end);
        detector.heartbeat(now, &[round; 4]);
        assert_eq!(detector.suspicion(now), None);
        assert_eq!(gate.waits_for(), None);
    }
    promised
}

#[test]
fn a_promise_takes_no_memory() {
    let epoch = Epoch { number: 1, activation: 1 };
    let (mut gate, mut detector) = (gate(epoch), Detector::new(Timeouts::default(), Now::default()));
    let mut end = Vector::zero(LANES);
    let _warm = drive(&mut gate, &mut detector, &mut end, 0, 10);
    let mut promised = 0;
    let measured = allocation_counter::measure(|| promised = drive(&mut gate, &mut detector, &mut end, 10, 10_000));
    assert_eq!(promised, 10_000);
    assert_eq!(measured.count_total, 0);
    // The control: a vector of so many lanes is on the heap.
    assert_eq!(allocation_counter::measure(|| drop(end.clone())).count_total, 1);
}
