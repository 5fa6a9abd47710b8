//! The scenarios: what each one runs, in which rows.

use super::plan::Plan;
use super::queues::Spread;
use super::schedule::Pace;

/// A scenario of the standard set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "UPPER")]
pub enum Scenario {
    /// One producer, one message at a time
    S1,
    /// 64 producers, one message at a time each
    S2,
    /// One producer with 64, and with 256 messages in flight
    S3,
    /// S3 with a consumer that acknowledges each message durably
    S4,
    /// 16 producers, 16 queues and 16 consumers, on schedule at half of what they can do
    S5,
    /// Transactions of 10 and of 100 messages
    S6,
    /// A topic with 10 and with 100 durable subscriptions
    S7,
    /// Bodies of 100 bytes to 10 MiB
    S8,
    /// 1 to 10,000 queues, evenly and unevenly loaded
    S9,
    /// 1 to 10,000 connections, of which one of a hundred sends
    S10,
    /// Publishing and draining with 0 to 10,000,000 messages of 100 bytes in the queue
    S11,
}

impl Scenario {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::S1,
        Self::S2,
        Self::S3,
        Self::S4,
        Self::S5,
        Self::S6,
        Self::S7,
        Self::S8,
        Self::S9,
        Self::S10,
        Self::S11,
    ];

    /// Its name in results.
    pub fn name(self) -> String {
        format!("{self:?}")
    }

    /// Why it cannot be run, if so.
    pub fn waits_for(self) -> Option<&'static str> {
        (self == Self::S7).then_some("S7 needs topics with durable subscriptions, which are not built yet")
    }
}

/// What is to be different from the scenario.
#[derive(Clone, Copy, Debug, Default)]
pub struct Changes {
    /// Messages a second on schedule.
    pub rate: Option<f64>,
    /// With gaps as of many independent senders.
    pub poisson: bool,
    /// Bytes of a body.
    pub size: Option<u32>,
    /// Connections that send.
    pub connections: Option<u32>,
    /// Messages in flight on each.
    pub window: Option<u32>,
    /// Queues.
    pub queues: Option<u32>,
    /// Consumers.
    pub consumers: Option<u32>,
    /// Messages that wait before it begins.
    pub depth: Option<u64>,
    /// How messages are spread over queues.
    pub spread: Option<Spread>,
}

/// One row of a scenario.
#[derive(Clone, Debug)]
pub struct Row {
    /// What is run.
    pub plan: Plan,
    /// Messages that are put into the queue first.
    pub depth: u64,
    /// The rate is this share of what a closed loop reaches right before.
    pub share: Option<f64>,
    /// Afterwards the queue is drained, which is a figure of its own.
    pub drains: bool,
}

impl Row {
    fn of(plan: Plan) -> Self {
        Self { plan, depth: 0, share: None, drains: false }
    }
}

/// The rows of a scenario, from what all of them have in common.
pub fn rows(scenario: Scenario, base: &Plan, changes: Changes) -> Vec<Row> {
    let plan = |connections: u32, window: u32| Plan { connections, window, ..base.clone() };
    let one = |plan: Plan| vec![Row::of(plan)];
    let rows: Vec<Row> = match scenario {
        Scenario::S1 => one(plan(1, 1)),
        Scenario::S2 => one(plan(64, 1)),
        Scenario::S3 => each(changes.window, &[64, 256], |window| Row::of(plan(1, window))),
        Scenario::S4 => each(changes.window, &[64, 256], |window| Row::of(Plan { consumers: 1, ..plan(1, window) })),
        Scenario::S5 => {
            let plan = Plan { queues: 16, consumers: 16, ..plan(16, 16) };
            vec![Row { share: changes.rate.is_none().then_some(0.5), ..Row::of(plan) }]
        }
        Scenario::S6 => {
            [10, 100].map(|count| Row::of(Plan { transaction: Some(count), ..plan(1, 1) })).into_iter().collect()
        }
        Scenario::S7 => Vec::new(),
        Scenario::S8 => each(changes.size, &SIZES, |size| Row::of(Plan { size, ..plan(1, window_for(size)) })),
        Scenario::S9 => {
            let spreads = changes.spread.map_or(vec![Spread::Even, Spread::Zipf], |spread| vec![spread]);
            let row = |queues, spread| Row::of(Plan { queues, spread, ..plan(1, 64) });
            let all =
                each(changes.queues, &QUEUES, |queues| spreads.iter().map(|spread| row(queues, *spread)).collect());
            all.into_iter().flat_map(|rows: Vec<Row>| rows).collect()
        }
        Scenario::S10 => each(changes.connections, &CONNECTIONS, |all| {
            let active = all.div_ceil(100);
            Row::of(Plan { idle_connections: all - active, ..plan(active, 1) })
        }),
        Scenario::S11 => {
            let row = |depth| Row { depth, drains: true, ..Row::of(Plan { size: 100, ..plan(1, 64) }) };
            each(changes.depth, &DEPTHS, row)
        }
    };
    rows.into_iter().map(|row| changed(row, scenario, changes)).collect()
}

/// The sizes of S8 in bytes; 100 KiB is where clients begin to send in pieces.
const SIZES: [u32; 8] = [100, 1_024, 4_096, 16_384, 65_536, 102_400, 1_048_576, 10_485_760];
const QUEUES: [u32; 5] = [1, 10, 100, 1_000, 10_000];
const CONNECTIONS: [u32; 4] = [1, 100, 1_000, 10_000];
const DEPTHS: [u64; 4] = [0, 10_000, 1_000_000, 10_000_000];

/// 64 small messages or a few large ones.
fn window_for(size: u32) -> u32 {
    ((4 << 20) / size.max(1)).clamp(4, 64)
}

fn each<N: Copy, T>(only: Option<N>, all: &[N], row: impl Fn(N) -> T) -> Vec<T> {
    match only {
        Some(one) => vec![row(one)],
        None => all.iter().copied().map(row).collect(),
    }
}

fn changed(mut row: Row, scenario: Scenario, changes: Changes) -> Row {
    let plan = &mut row.plan;
    let set = |field: &mut u32, change: Option<u32>| *field = change.unwrap_or(*field);
    set(&mut plan.size, changes.size);
    set(&mut plan.window, changes.window);
    set(&mut plan.queues, changes.queues);
    set(&mut plan.consumers, changes.consumers);
    if scenario != Scenario::S10 {
        set(&mut plan.connections, changes.connections);
    }
    plan.spread = changes.spread.unwrap_or(plan.spread);
    row.depth = changes.depth.unwrap_or(row.depth);
    if let Some(rate) = changes.rate {
        plan.pace = if changes.poisson { Pace::Poisson(rate) } else { Pace::Constant(rate) };
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::targets::Protocol;

    #[test]
    fn each_scenario_has_its_rows_or_says_why_not() {
        let base = Plan::new("localhost:1", Protocol::Core);
        for scenario in Scenario::ALL {
            let rows = rows(scenario, &base, Changes::default());
            assert_eq!(rows.is_empty(), scenario.waits_for().is_some(), "{scenario:?}");
        }
        let windows: Vec<u32> =
            rows(Scenario::S3, &base, Changes::default()).iter().map(|row| row.plan.window).collect();
        assert_eq!(windows, [64, 256]);
        let idle = rows(Scenario::S10, &base, Changes::default());
        let counts: Vec<_> = idle.iter().map(|row| (row.plan.connections, row.plan.idle_connections)).collect();
        assert_eq!(counts, [(1, 0), (1, 99), (10, 990), (100, 9_900)]);
    }

    #[test]
    fn what_is_changed_is_changed_in_every_row() {
        let base = Plan::new("localhost:1", Protocol::Core);
        let changes = Changes { size: Some(7), rate: Some(100.0), queues: Some(3), ..Changes::default() };
        for scenario in Scenario::ALL {
            for row in rows(scenario, &base, changes) {
                assert_eq!((row.plan.size, row.plan.queues, row.plan.pace), (7, 3, Pace::Constant(100.0)));
                assert_eq!(row.share, None, "a rate was given");
            }
        }
        assert_eq!(rows(Scenario::S8, &base, changes).len(), 1);
    }
}
