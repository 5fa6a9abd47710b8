//! Every pair of state and trigger, and the ways out of every state.

use std::collections::BTreeSet;

use super::*;
use crate::event::Timer;

#[test]
fn every_pair_has_one_row_or_a_reason() {
    let mut rows_used = BTreeSet::new();
    for state in State::ALL {
        for trigger in Trigger::ALL.iter().copied() {
            let matching = rows::ROWS.iter().filter(|row| row.on == trigger && row.from.contains(&state)).count();
            match row(state, trigger) {
                Ok(row) => {
                    assert_eq!(matching, 1, "{state} at {trigger:?}");
                    rows_used.insert(row.number);
                }
                Err(Unused::Ignored(reason) | Unused::Impossible(reason)) => {
                    assert_eq!(matching, 0);
                    assert!(reason.len() > 10, "{state} at {trigger:?}");
                }
            }
        }
    }
    assert_eq!(rows_used.len(), rows::ROWS.len());
}

#[test]
fn every_trigger_and_every_action_is_used() {
    let actions: BTreeSet<Action> = rows::ROWS.iter().flat_map(|row| row.actions.iter().copied()).collect();
    let triggers: BTreeSet<Trigger> = rows::ROWS.iter().map(|row| row.on).collect();
    assert_eq!(triggers.into_iter().collect::<Vec<_>>(), Trigger::ALL);
    assert_eq!(actions.into_iter().collect::<Vec<_>>(), Action::ALL);
}

/// What a server's own timers lead to. Nothing else is certain to come: a peer may be silent for ever.
fn of_timer(timer: Timer) -> &'static [Trigger] {
    match timer {
        Timer::Retry => &[Trigger::Again],
        Timer::Answer => &[Trigger::TooLong],
        Timer::Silence => &[Trigger::LinkLost, Trigger::ReplicaGone],
        Timer::Verdict => &[Trigger::NotYet, Trigger::VerdictsSpent],
        Timer::Activation => &[Trigger::ActivationFailed],
        Timer::Handover => &[Trigger::HandoverLate],
        Timer::Suspended => &[Trigger::SuspendedLong],
        Timer::FailbackHour => &[],
        Timer::Failback | Timer::Heartbeat | Timer::StartWait | Timer::Lag | Timer::Sync | Timer::StopGuard => &[],
    }
}

#[test]
fn no_state_waits_for_ever() {
    for state in State::ALL {
        let moved = |trigger: &Trigger| row(state, *trigger).is_ok();
        let by_timer = watched(state).iter().flat_map(|timer| of_timer(*timer)).any(moved);
        let expected = match state {
            // The end, and what only a person may lead out of.
            State::Stopped | State::Fenced | State::Quarantined => false,
            // Their exits are ends of jobs, which the driver owes: the scan, and the end of what clients had begun.
            State::Starting => !moved(&Trigger::Started),
            State::Demoting => !moved(&Trigger::Quiet),
            // Alone, nothing is owed to it, and nobody waits for it.
            State::ActiveSolo => false,
            _ => true,
        };
        assert_eq!(by_timer, expected, "{state}");
    }
    for state in State::ALL.into_iter().filter(|state| !matches!(state, State::Stopped | State::Fenced)) {
        assert!(row(state, Trigger::StopAsked).is_ok() || state == State::Handover, "{state}");
        assert!(row(state, Trigger::StoreFailed).is_ok(), "{state}");
    }
}

#[test]
fn whatever_serves_steps_down_before_a_newer_epoch() {
    for state in State::ALL.into_iter().filter(|state| state.is_active()) {
        assert_eq!(row(state, Trigger::NewerEpoch).map(|row| row.next), Ok(Some(State::Demoting)));
    }
}

/// The position of `first` before that of `then` in every row that has both.
fn precedes(first: Action, then: Action) {
    let mut found = 0;
    for row in rows::ROWS {
        let place = |wanted| row.actions.iter().position(|action| *action == wanted);
        if let (Some(before), Some(after)) = (place(first), place(then)) {
            assert!(before < after, "{:?} in {:?}", row.on, row.from);
            found += 1;
        }
    }
    assert!(found > 0, "{first:?} and {then:?} are in no row together");
}

#[test]
fn the_order_of_what_is_durable_and_what_is_seen() {
    precedes(Action::Promise, Action::ClaimCas);
    precedes(Action::FlushAll, Action::ClaimCas);
    precedes(Action::Promise, Action::RemoveCas);
    precedes(Action::Promise, Action::HandoverCas);
    precedes(Action::Freeze, Action::HandoverCas);
    precedes(Action::AwaitDrained, Action::HandoverCas);
    precedes(Action::CloseLink, Action::Promise);
    precedes(Action::MarkIneligible, Action::Truncate);
    precedes(Action::Snapshot, Action::MarkIneligible);
    precedes(Action::Truncate, Action::FlushKept);
    precedes(Action::FlushKept, Action::SendReady);
    precedes(Action::FlushBarrier, Action::MarkBarrier);
    precedes(Action::MarkBarrier, Action::SendBarrierOk);
    precedes(Action::MarkEligible, Action::SendSyncDoneAck);
    precedes(Action::MarkIneligible, Action::ConfirmNow);
    precedes(Action::MarkIneligible, Action::SendConsent);
    precedes(Action::MarkHandedOver, Action::SendGrant);
    precedes(Action::StartEpoch, Action::SendRemoved);
    precedes(Action::WriteState, Action::SendSyncDone);
    precedes(Action::FlushAll, Action::StartEpoch);
    precedes(Action::FlushStart, Action::Load);
    precedes(Action::Hold, Action::RemoveCas);
}

#[test]
fn the_table_is_a_document() {
    let text = as_markdown();
    assert_eq!(text.lines().count(), rows::ROWS.len() + 2);
    assert!(text.lines().all(|line| line.matches(" | ").count() == 4), "{text}");
}
