//! The machine around a measurement: who else used it meanwhile.

use serde::{Deserialize, Serialize};

/// What the kernel says of the whole machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Context {
    /// Runnable and waiting tasks, averaged over a minute.
    pub load: Option<f64>,
    /// Ticks of all processors that another guest of the host took, since boot or between two looks.
    pub steal_ticks: Option<u64>,
    /// Microseconds in which some task waited for a processor (`/proc/pressure/cpu`).
    pub cpu_pressure_us: Option<u64>,
    /// Microseconds in which some task waited for a disk (`/proc/pressure/io`).
    pub io_pressure_us: Option<u64>,
}

impl Context {
    /// Now.
    pub fn now() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).ok();
        Self {
            load: read("/proc/loadavg").and_then(|text| text.split_whitespace().next()?.parse().ok()),
            steal_ticks: read("/proc/stat").and_then(|text| steal(&text)),
            cpu_pressure_us: read("/proc/pressure/cpu").and_then(|text| pressure(&text)),
            io_pressure_us: read("/proc/pressure/io").and_then(|text| pressure(&text)),
        }
    }

    /// What came since `earlier`; the load is that of now.
    pub fn since(&self, earlier: &Self) -> Self {
        let less = |now: Option<u64>, then: Option<u64>| now.zip(then).map(|(now, then)| now.saturating_sub(then));
        Self {
            load: self.load,
            steal_ticks: less(self.steal_ticks, earlier.steal_ticks),
            cpu_pressure_us: less(self.cpu_pressure_us, earlier.cpu_pressure_us),
            io_pressure_us: less(self.io_pressure_us, earlier.io_pressure_us),
        }
    }
}

/// The eighth number of the line `cpu`, proc(5).
fn steal(text: &str) -> Option<u64> {
    text.lines().next()?.strip_prefix("cpu ")?.split_whitespace().nth(7)?.parse().ok()
}

/// `total=` of the line `some`.
fn pressure(text: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with("some "))?;
    line.split_whitespace().find_map(|word| word.strip_prefix("total="))?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_found() {
        assert_eq!(steal("cpu  1 2 3 4 5 6 7 88 9 10\ncpu0 0 0"), Some(88));
        assert_eq!(pressure("some avg10=0.00 avg60=0.00 avg300=0.00 total=4711\nfull avg10=0 total=1"), Some(4711));
        let now = Context { steal_ticks: Some(9), ..Context::default() };
        let then = Context { steal_ticks: Some(4), io_pressure_us: Some(1), ..Context::default() };
        assert_eq!(now.since(&then).steal_ticks, Some(5));
        assert_eq!(now.since(&then).io_pressure_us, None, "unknown is not zero");
    }
}
