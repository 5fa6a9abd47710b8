//! One thing after another, without a register: what the client asks for, and when.

use smallvec::smallvec;

use super::*;
use crate::ids::{Epoch, Incarnation, InstanceId, Member};
use crate::limits::REGISTER_RETRY_MAX;
use crate::register::AckMode;

fn register(version: u64, epoch: u64) -> Register {
    let member = Member { instance: InstanceId(1), incarnation: Incarnation::default() };
    Register {
        version,
        epoch: Epoch { number: epoch, activation: 5 },
        holder: member.instance,
        in_sync: smallvec![member],
        ack_mode: AckMode::Durable,
        voters_version: 0,
    }
}

fn client() -> RegisterClient {
    RegisterClient::new(Rules::ALL)
}

fn call(step: &Step) -> (Request, Ask) {
    let Call { request, ask } = step.call.clone().expect("a request is wanted");
    assert_eq!(step.wake, Some(Wake { request, after: REGISTER_CALL_TIMEOUT }), "each request has its wake");
    assert_eq!(step.done, None);
    (request, ask)
}

fn write(version: u64, value: Register) -> Ask {
    Ask::Write { compare: Compare::Version(version), value }
}

#[test]
fn a_change_compares_the_version_and_writes_the_next() {
    let mut client = client();
    let (request, ask) = call(&client.change(Some(&register(4, 1)), register(77, 2)).unwrap());
    assert_eq!(ask, write(4, register(5, 2)));
    assert_eq!(client.answer(request, Answer::Applied).done, Some(Done::Changed(register(5, 2))));
    assert!(!client.is_busy());
}

#[test]
fn a_lost_change_brings_what_is_there() {
    let mut client = client();
    let (request, _) = call(&client.change(Some(&register(4, 1)), register(0, 2)).unwrap());
    let done = client.answer(request, Answer::Lost(Some(register(6, 3)))).done;
    assert_eq!(done, Some(Done::Refused(Some(register(6, 3)))));
}

#[test]
fn an_unknown_outcome_is_resolved_by_writing_the_old_value() {
    // The old one is written: the change is over.
    let mut client = client();
    let (request, _) = call(&client.change(Some(&register(4, 1)), register(0, 2)).unwrap());
    let pause = client.answer(request, Answer::Unknown);
    assert_eq!(pause, Step { wake: Some(Wake { request, after: REGISTER_RETRY_MIN }), ..Step::default() });
    let (second, ask) = call(&client.wake(request));
    assert_eq!(ask, write(4, register(5, 1)));
    assert_eq!(client.answer(second, Answer::Applied).done, Some(Done::Refused(Some(register(5, 1)))));

    // It is lost to the change itself.
    let (request, _) = call(&client.change(Some(&register(5, 1)), register(0, 2)).unwrap());
    let (second, ask) = call(&client.wake(request));
    assert_eq!(ask, write(5, register(6, 1)));
    let done = client.answer(second, Answer::Lost(Some(register(6, 2)))).done;
    assert_eq!(done, Some(Done::Changed(register(6, 2))));

    // It is lost to somebody else's.
    let (request, _) = call(&client.change(Some(&register(6, 2)), register(0, 3)).unwrap());
    let (second, _) = call(&client.wake(request));
    let done = client.answer(second, Answer::Lost(Some(register(7, 9)))).done;
    assert_eq!(done, Some(Done::Refused(Some(register(7, 9)))));
}

#[test]
fn the_resolving_write_may_get_lost_too() {
    let mut client = client();
    let (request, _) = call(&client.change(Some(&register(4, 1)), register(0, 2)).unwrap());
    let (second, ask) = call(&client.wake(request));
    let (third, again) = call(&client.wake(second));
    assert_eq!(ask, again);
    // The second was applied after all: the third is lost to it, and says the same.
    let mut other = client.clone();
    assert_eq!(other.answer(second, Answer::Applied).done, Some(Done::Refused(Some(register(5, 1)))));
    let done = client.answer(third, Answer::Lost(Some(register(5, 1)))).done;
    assert_eq!(done, Some(Done::Refused(Some(register(5, 1)))));
}

#[test]
fn a_late_answer_counts_for_its_own_request() {
    let mut client = client();
    let (request, _) = call(&client.change(Some(&register(4, 1)), register(0, 2)).unwrap());
    let (second, _) = call(&client.wake(request));
    // The change itself was applied: that is its outcome, although the resolving write is under way.
    assert_eq!(client.answer(request, Answer::Applied).done, Some(Done::Changed(register(5, 2))));

    // What comes for it now is not the next change's.
    let (third, _) = call(&client.change(Some(&register(5, 2)), register(0, 3)).unwrap());
    for late in [Answer::Applied, Answer::Lost(Some(register(5, 2))), Answer::Unknown, Answer::Unreachable] {
        assert_eq!(client.answer(request, late.clone()), Step::default());
        assert_eq!(client.answer(second, late), Step::default());
    }
    assert_eq!(client.wake(request), Step::default());
    // Nor is an answer to what was never asked.
    assert_eq!(client.answer(Request(third.0 + 1), Answer::Applied), Step::default());
    assert_eq!(client.answer(third, Answer::Applied).done, Some(Done::Changed(register(6, 3))));
    assert_eq!(client.answer(third, Answer::Applied), Step::default());
}

#[test]
fn what_never_left_is_sent_again_as_it_was() {
    let mut client = client();
    let (request, ask) = call(&client.change(Some(&register(4, 1)), register(0, 2)).unwrap());
    let _pause = client.answer(request, Answer::Unreachable);
    let (_, again) = call(&client.wake(request));
    assert_eq!(ask, again);
}

#[test]
fn pauses_grow_and_have_an_end() {
    let mut client = client();
    let (mut request, _) = call(&client.read().unwrap());
    let mut pauses = Vec::new();
    for _ in 0..300 {
        let wake = client.answer(request, Answer::Unreachable).wake.unwrap();
        pauses.push(wake.after);
        (request, _) = call(&client.wake(request));
    }
    assert_eq!(pauses[..5], [100, 200, 400, 800, 1600].map(Duration::from_millis));
    assert!(pauses[5..].iter().all(|pause| *pause == REGISTER_RETRY_MAX));
    // What succeeds begins anew.
    assert_eq!(client.answer(request, Answer::Value(None)).done, Some(Done::Read(None)));
    let (request, _) = call(&client.read().unwrap());
    assert_eq!(client.answer(request, Answer::Unknown).wake.unwrap().after, REGISTER_RETRY_MIN);
}

#[test]
fn a_read_takes_the_answer_of_any_of_its_requests() {
    let mut client = client();
    let (request, ask) = call(&client.read().unwrap());
    assert_eq!(ask, Ask::Read);
    let _second = client.wake(request);
    assert_eq!(
        client.answer(request, Answer::Value(Some(register(1, 1)))).done,
        Some(Done::Read(Some(register(1, 1))))
    );
}

#[test]
fn a_creation_is_sent_again_and_lost_to_itself() {
    let mut client = client();
    let (request, ask) = call(&client.change(None, register(0, 1)).unwrap());
    assert_eq!(ask, Ask::Write { compare: Compare::Absent, value: register(1, 1) });
    let (second, again) = call(&client.wake(request));
    assert_eq!(ask, again);
    // It cannot be taken back any more.
    assert_eq!(client.withdraw(), Step::default());
    let done = client.answer(second, Answer::Lost(Some(register(1, 1)))).done;
    assert_eq!(done, Some(Done::Changed(register(1, 1))));
}

#[test]
fn a_change_is_taken_back_for_nothing_only_before_it_leaves() {
    let mut client = client();
    let (request, _) = call(&client.change(Some(&register(4, 1)), register(0, 2)).unwrap());
    let mut left = client.clone();
    let (_, ask) = call(&left.withdraw());
    assert_eq!(ask, write(4, register(5, 1)));
    assert_eq!(left.withdraw(), Step::default());

    let _pause = client.answer(request, Answer::Unreachable);
    assert_eq!(client.withdraw().done, Some(Done::Withdrawn));
    assert!(!client.is_busy());
    assert_eq!(client.withdraw(), Step::default());
}

#[test]
fn a_register_that_went_back_is_not_believed() {
    for value in [None, Some(register(3, 2)), Some(register(4, 2))] {
        let mut client = client();
        let (request, _) = call(&client.change(Some(&register(4, 1)), register(0, 2)).unwrap());
        assert_eq!(client.answer(request, Answer::Lost(value.clone())).done, Some(Done::WentBack(value)));
    }
}

#[test]
fn after_a_restart_the_value_that_was_read_is_written_again() {
    let mut client = client();
    let (request, ask) = call(&client.settle(&register(4, 1)).unwrap());
    assert_eq!(ask, write(4, register(5, 1)));
    assert_eq!(client.answer(request, Answer::Applied).done, Some(Done::Changed(register(5, 1))));
}

#[test]
fn one_thing_at_a_time() {
    let mut client = client();
    let _read = client.read().unwrap();
    assert_eq!(client.read(), Err(Busy));
    assert_eq!(client.change(None, register(0, 1)), Err(Busy));
}

#[test]
fn answers_of_the_wrong_kind_change_nothing() {
    let mut client = client();
    let (request, _) = call(&client.read().unwrap());
    assert_eq!(client.answer(request, Answer::Applied), Step::default());
    assert_eq!(client.answer(request, Answer::Lost(None)), Step::default());
    let _read = client.answer(request, Answer::Value(Some(register(4, 1))));
    let (request, _) = call(&client.change(Some(&register(4, 1)), register(0, 2)).unwrap());
    assert_eq!(client.answer(request, Answer::Value(Some(register(5, 2)))), Step::default());
    assert!(client.is_busy());
}
