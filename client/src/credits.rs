//! Credits of a session to send to one address.
//!
//! Must stay true: nothing is taken before it was granted; what has been asked for and not granted yet is counted, so that a slow
//! server is not asked again and again.

use std::sync::Mutex;

use tokio::sync::Notify;

use crate::outbound::locked;

/// What a sender should do next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// The credits are taken: send.
    Send,
    /// Ask the server for so many, then look again when something changed.
    Ask(i32),
    /// Wait for what has been asked for.
    Wait,
    /// The server refused: the address is full.
    Refused,
}

#[derive(Debug, Default)]
struct Account {
    balance: i64,
    asked: i64,
    /// Refusals not yet passed on to a sender.
    refusals: u32,
}

/// The account of one address.
#[derive(Debug, Default)]
pub(crate) struct Credits {
    account: Mutex<Account>,
    /// Something changed: credits, a refusal, or the end of the connection.
    pub(crate) changed: Notify,
}

impl Credits {
    /// Takes `cost`, or says what to do first. Asks for at least `least`, as the reference does.
    pub(crate) fn take(&self, cost: usize, least: u32) -> Step {
        let cost = i64::try_from(cost).unwrap_or(i64::MAX);
        let mut account = locked(&self.account);
        if account.refusals > 0 {
            account.refusals -= 1;
            return Step::Refused;
        }
        let need = cost.max(i64::from(least));
        let missing = if account.balance + account.asked < need { need - account.asked } else { 0 };
        if missing > 0 {
            // No frame costs more than an i32 holds.
            let ask = i32::try_from(missing).unwrap_or(i32::MAX);
            account.asked += i64::from(ask);
            return Step::Ask(ask);
        }
        if account.balance >= cost {
            account.balance -= cost;
            return Step::Send;
        }
        Step::Wait
    }

    /// The server granted credits.
    pub(crate) fn grant(&self, credits: i32) {
        let mut account = locked(&self.account);
        account.balance = account.balance.saturating_add(i64::from(credits));
        account.asked = (account.asked - i64::from(credits)).max(0);
        drop(account);
        self.changed.notify_waiters();
    }

    /// The server refused credits: what there was is void, and one sender is told.
    pub(crate) fn refuse(&self) {
        *locked(&self.account) = Account { balance: 0, asked: 0, refusals: 1 };
        self.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::{Credits, Step};

    #[test]
    fn credits_are_asked_for_ahead_and_taken_when_granted() {
        let credits = Credits::default();
        assert_eq!(credits.take(100, 1000), Step::Ask(1000));
        assert_eq!(credits.take(100, 1000), Step::Wait);
        credits.grant(1000);
        assert_eq!(credits.take(100, 1000), Step::Send);
        // 900 are left, which is less than a window: more is asked for while the rest is used.
        assert_eq!(credits.take(100, 1000), Step::Ask(1000));
        assert_eq!(credits.take(100, 1000), Step::Send);
        assert_eq!(credits.take(5000, 1000), Step::Ask(4000));
        assert_eq!(credits.take(5000, 1000), Step::Wait);
        credits.grant(1000);
        credits.grant(4000);
        assert_eq!(credits.take(5000, 1000), Step::Send);
    }

    #[test]
    fn a_refusal_reaches_one_sender_and_voids_the_account() {
        let credits = Credits::default();
        assert_eq!(credits.take(100, 1000), Step::Ask(1000));
        credits.refuse();
        assert_eq!(credits.take(100, 1000), Step::Refused);
        assert_eq!(credits.take(100, 1000), Step::Ask(1000));
        // The late grant for the refused request may come as well; any number is welcome.
        credits.grant(1000);
        assert_eq!(credits.take(100, 1000), Step::Send);
    }
}
