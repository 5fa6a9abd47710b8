//! All goals, with their ids, their names and what they ask for.

/// A goal.
#[derive(Clone, Copy, Debug)]
pub struct Goal {
    /// `P01` and so on.
    pub id: &'static str,
    /// The same as a word.
    pub name: &'static str,
    /// What is measured.
    pub what: &'static str,
    /// What must be kept for a release.
    pub gate: &'static str,
    /// What it is meant to reach one day.
    pub moonshot: &'static str,
    /// The feature that it waits for; none where it can be measured.
    pub waits_for: Option<&'static str>,
}

/// The goal with this id or name, in any case.
pub fn find(word: &str) -> Option<&'static Goal> {
    GOALS.iter().find(|goal| goal.id.eq_ignore_ascii_case(word) || goal.name.eq_ignore_ascii_case(word))
}

const fn goal(
    id: &'static str,
    name: &'static str,
    what: &'static str,
    gate: &'static str,
    moonshot: &'static str,
) -> Goal {
    Goal { id, name, what, gate, moonshot, waits_for: None }
}

const fn later(mut goal: Goal, feature: &'static str) -> Goal {
    goal.waits_for = Some(feature);
    goal
}

/// All of them, by id.
pub const GOALS: [Goal; 30] = [
    goal(
        "P01",
        "p50-sync",
        "durable send p50, one producer, window 1, 1 KiB",
        "<= 1.15 x floor",
        "<= 0.95 x floor and <= 1.25 x (disk + loopback)",
    ),
    goal(
        "P02",
        "tail-sync",
        "durable send p99 and p99.9, open loop at half the rate",
        "<= 1.5 x and 2 x the disk's at the same rate",
        "<= 1.2 x and 1.5 x",
    ),
    goal(
        "P03",
        "thr-pipelined",
        "durable messages a second, one producer, window 64",
        ">= 0.8 x floor and >= 4 x the best peer with the same label",
        ">= 1.0 x floor",
    ),
    goal("P04", "thr-many", "durable messages a second, 64 producers, window 1", ">= 0.9 x floor", ">= 1.3 x floor"),
    goal(
        "P05",
        "cpu-msg",
        "processor time of the broker for a durable message, window 64",
        "<= 2.5 x floor",
        "<= 1.5 x floor",
    ),
    goal(
        "P06",
        "write-amp",
        "device writes and flushes for a group, bytes for a byte",
        "those of one bare durable overwrite, and <= 1.15 bytes a byte at window 64",
        "<= 1.08 bytes a byte",
    ),
    later(goal("P07", "big", "bodies of 1 MiB and 10 MiB", ">= 0.75 x device", ">= 0.9 x device"), "large messages"),
    goal("P08", "e2e", "send, deliver and durable ack against send alone", ">= 0.5 x P03", ">= 0.7 x P03"),
    goal(
        "P09",
        "tail-load",
        "p99.9 in an open loop at three quarters of the rate",
        "<= 4 x the disk's p99.9 at the same write rate",
        "<= 2.5 x",
    ),
    goal(
        "P10",
        "depth",
        "publish with many queued against none: instructions, device writes, processor time",
        "<= 1.25 x",
        "<= 1.05 x",
    ),
    goal(
        "P11",
        "queues",
        "10,000 queues against one: processor time; queues made a second; memory for a queue",
        "<= 1.25 x, 10,000/s, 4 KiB",
        "<= 1.10 x, 50,000/s, 1 KiB",
    ),
    goal("P12", "conns", "memory for an idle connection of 10,000", "<= 4 KiB", "<= 1 KiB"),
    goal("P13", "rss-depth", "memory for a million queued messages of 1 KiB", "<= 64 MiB", "<= 24 MiB"),
    goal("P14", "idle", "memory and wake-ups of an idle broker", "<= 16 MiB, < 5/s a core", "<= 8 MiB, 0"),
    goal("P15", "recover-rate", "bytes a second read by recovery", ">= 0.7 x read bandwidth", ">= 0.9 x"),
    goal(
        "P16",
        "restart",
        "kill -9 to the first durable ack with a million queued",
        "<= 1.5 x its limit and <= 1 s",
        "<= 150 ms",
    ),
    later(
        goal(
            "P17",
            "fo-shared",
            "failover on a shared store",
            "p50 <= 3 x bare processes, p99 <= 1/10 of Artemis",
            "p50 <= 1.5 x, p99 <= 60 ms",
        ),
        "the shared store",
    ),
    later(
        goal(
            "P18",
            "fo-repl",
            "failover of a replicated pair",
            "p50 <= 3 x bare processes, p99 <= 1/10 of Artemis",
            "p50 <= 1.5 x, p99 <= 30 ms",
        ),
        "replication",
    ),
    later(
        goal("P19", "fo-silent", "failover on silence", "<= detection + lease + P18", "the same with 1 s"),
        "replication",
    ),
    later(goal("P20", "repl-lat", "replicated send p50", "<= 1.3 x / 1.2 x", "<= 1.12 x / 1.08 x"), "replication"),
    later(goal("P21", "repl-thr", "replicated throughput", ">= 0.55 x single", ">= 0.7 x"), "replication"),
    later(goal("P22", "sync", "rate of a backup's synchronisation", ">= 0.6 x", ">= 0.85 x"), "replication"),
    goal(
        "P23",
        "copies",
        "copies of a payload byte from socket to journal block",
        "<= 1.0",
        "0 for bodies from 64 KiB",
    ),
    goal(
        "P24",
        "syscalls",
        "system calls of the broker for a durable message",
        "<= 3 at window 1, <= 0.15 at window 64",
        "<= 2, <= 0.05",
    ),
    goal(
        "P25",
        "instr",
        "instructions and allocations for a durable message of 1 KiB, bytes to answer",
        "<= 6,000 and 0",
        "<= 2,500 and 0",
    ),
    goal(
        "P26",
        "start",
        "start to the first durable ack on a created store, beyond a bare program",
        "<= 50 ms",
        "<= 15 ms",
    ),
    later(
        goal(
            "P27",
            "protocols",
            "processor time for a message of AMQP, STOMP, MQTT against CORE",
            "<= 1.6 x",
            "<= 1.25 x",
        ),
        "AMQP, STOMP and MQTT",
    ),
    goal(
        "P28",
        "soak",
        "half an hour at 60 %: the worst ten seconds' p99 against the median; growth of memory",
        "<= 3 x",
        "<= 1.5 x, none",
    ),
    goal("P29", "proof", "power cuts under load: what was acked is there", "0 lost, 0 corrupt", "the same"),
    goal(
        "P30",
        "vs-artemis",
        "beside Artemis with the same label and the same client: throughput, latency, processor time, memory, start",
        "4.5 x at 1 x 64, 2.2 x at 64 x 1, p50 <= 0.55 x, p99 <= 0.4 x, CPU <= 1/6, idle RSS <= 1/16, connection <= 1/12, message <= 1/30, start <= 1/30",
        "6.3 x, 3.5 x, 0.4 x, 0.2 x, 1/14, 1/30, 1/50, 1/70, 1/100",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_in_order_and_a_name_is_as_good() {
        for (at, goal) in GOALS.iter().enumerate() {
            assert_eq!(goal.id, format!("P{:02}", at + 1));
            assert_eq!(GOALS.iter().filter(|other| other.name == goal.name).count(), 1, "{}", goal.name);
        }
        assert_eq!(find("p06").map(|goal| goal.name), Some("write-amp"));
        assert_eq!(find("write-amp").map(|goal| goal.id), Some("P06"));
        assert!(find("P31").is_none());
    }
}
