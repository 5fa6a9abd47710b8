//! What a part measured, and what is judged of it.

use std::fmt;
use std::time::Duration;

use super::Kind;

/// Memory of a connection before login, at most.
const CONNECTION_BYTES_MAX: u64 = ringmq::limits::MEMORY_BEFORE_LOGIN_MAX as u64;
/// Memory of the process beside clients that hoard: what its connections may hold together, 196 KiB for each of two hundred, one frame for
/// each of two cores, and what it takes without them.
pub(super) const HOARD_BYTES_MAX: u64 = 320 << 20;
/// What a message of those who behave may cost, in percent of what it costs when they are alone.
const COST_PERCENT_MAX: u64 = 125;
/// None of them waits so long.
const WAIT_MAX: Duration = Duration::from_secs(1);
/// What may be left of an attack that has gone, beyond what the first one left: tables keep their size, nothing else stays.
const LEFT_BYTES_MAX: u64 = 8 << 20;

/// What came of one kind of hostile client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    /// The kind.
    pub kind: Kind,
    /// Rounds, of which each was alone and then beside them.
    pub rounds: u64,
    /// Messages of those who behave, in all measurements.
    pub messages: u64,
    /// Processor time of the broker for one of their messages, in nanoseconds: alone, and beside the hostile ones. Medians.
    pub alone_ns: u64,
    /// See `alone_ns`.
    pub beside_ns: u64,
    /// The longest wait of one of them in microseconds, alone.
    pub alone_wait_us: u64,
    /// The same, from when the hostile ones came to when they had gone.
    pub beside_wait_us: u64,
    /// Hostile connections that had come when memory was looked at.
    pub connections: u64,
    /// By how much memory had grown then, in the round in which it was most.
    pub grown_bytes: u64,
    /// Most memory of the process.
    pub peak_bytes: u64,
    /// Memory that the last attack left beyond what the first one left.
    pub left_bytes: u64,
    /// What the hostile ones sent in a second.
    pub sent_bytes: u64,
    /// Connections that they made in a second while they were there.
    pub sent_connections: u64,
}

/// What is judged of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// Everything.
    All,
    /// What does not depend on the speed of a machine.
    MemoryAlone,
}

impl Figures {
    /// What it breaks; nothing, if it held.
    pub fn faults(&self, memory_max: u64, judged: Judged) -> Vec<String> {
        let mut faults = Vec::new();
        let each = self.connection_bytes();
        if self.kind.is_before_login() && each > CONNECTION_BYTES_MAX {
            faults.push(format!(
                "memory: {each} bytes for a connection before login, allowed are {CONNECTION_BYTES_MAX}"
            ));
        }
        let most = if self.kind.hoards() { memory_max.min(HOARD_BYTES_MAX) } else { memory_max };
        if self.peak_bytes > most {
            faults.push(format!("memory: {} bytes in all, allowed are {most}", self.peak_bytes));
        }
        if self.left_bytes > LEFT_BYTES_MAX {
            faults.push(format!("memory: every attack leaves something, {} bytes in all", self.left_bytes));
        }
        if judged == Judged::MemoryAlone {
            return faults;
        }
        let percent = self.percent();
        if percent > COST_PERCENT_MAX {
            faults.push(format!(
                "processor: a message costs {percent} % of what it costs alone, allowed are {COST_PERCENT_MAX}"
            ));
        }
        if Duration::from_micros(self.beside_wait_us) >= WAIT_MAX {
            faults.push(format!(
                "wait: somebody waited {} ms (alone {} ms)",
                self.beside_wait_us / 1000,
                self.alone_wait_us / 1000
            ));
        }
        faults
    }

    /// Memory of one hostile connection.
    pub fn connection_bytes(&self) -> u64 {
        self.grown_bytes.checked_div(self.connections).unwrap_or(0)
    }

    /// What a message costs beside the hostile ones, in percent of what it costs alone.
    pub fn percent(&self) -> u64 {
        (self.beside_ns * 100).checked_div(self.alone_ns).unwrap_or(0)
    }

    /// As a line of progress.
    pub fn to_line(&self) -> String {
        let numbers = self.numbers().map(|number| number.to_string());
        format!("{} {}", self.kind, numbers.join(" "))
    }

    /// From a line of progress.
    pub fn from_line(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let kind = Kind::of(words.next()?)?;
        let mut next = || words.next()?.parse().ok();
        Some(Self {
            kind,
            rounds: next()?,
            messages: next()?,
            alone_ns: next()?,
            beside_ns: next()?,
            alone_wait_us: next()?,
            beside_wait_us: next()?,
            connections: next()?,
            grown_bytes: next()?,
            peak_bytes: next()?,
            left_bytes: next()?,
            sent_bytes: next()?,
            sent_connections: next()?,
        })
    }

    fn numbers(&self) -> [u64; 12] {
        [
            self.rounds,
            self.messages,
            self.alone_ns,
            self.beside_ns,
            self.alone_wait_us,
            self.beside_wait_us,
            self.connections,
            self.grown_bytes,
            self.peak_bytes,
            self.left_bytes,
            self.sent_bytes,
            self.sent_connections,
        ]
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, messages, connections, .. } = self;
        let mib = |bytes: u64| bytes.div_ceil(1 << 20);
        write!(
            out,
            "{kind}: {connections} connections, {} B each, {} MiB at most; {} ns a message beside {} alone ({} %, {messages} messages); \
             longest wait {} ms beside {} alone",
            self.connection_bytes(),
            mib(self.peak_bytes),
            self.beside_ns,
            self.alone_ns,
            self.percent(),
            self.beside_wait_us / 1000,
            self.alone_wait_us / 1000,
        )?;
        if self.sent_bytes > 0 {
            write!(out, "; they send {} KiB/s on {} new connections/s", self.sent_bytes / 1024, self.sent_connections)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound() -> Figures {
        Figures {
            kind: Kind::Slow,
            rounds: 5,
            messages: 10_000,
            alone_ns: 20_000,
            beside_ns: 25_000,
            alone_wait_us: 900,
            beside_wait_us: 999_999,
            connections: 1_000,
            grown_bytes: 1_000 << 16,
            peak_bytes: 300 << 20,
            left_bytes: 0,
            sent_bytes: 200,
            sent_connections: 0,
        }
    }

    #[test]
    fn each_judgement_has_its_border() {
        let most = 300 << 20;
        assert_eq!(sound().faults(most, Judged::All), Vec::<String>::new());
        let broken = [
            ("memory", Figures { grown_bytes: 1_000 * ((1 << 16) + 1), ..sound() }),
            ("memory", Figures { peak_bytes: most + 1, ..sound() }),
            ("memory", Figures { left_bytes: LEFT_BYTES_MAX + 1, ..sound() }),
            ("processor", Figures { beside_ns: 25_200, ..sound() }),
            ("wait", Figures { beside_wait_us: 1_000_000, ..sound() }),
        ];
        for (what, figures) in broken {
            let faults = figures.faults(most, Judged::All);
            assert!(faults.len() == 1 && faults[0].starts_with(what), "{faults:?}");
            let of_memory = figures.faults(most, Judged::MemoryAlone).len();
            assert_eq!(of_memory, usize::from(what == "memory"), "{figures}");
        }
        let hoards = Figures { kind: Kind::Hoard, peak_bytes: HOARD_BYTES_MAX + 1, ..sound() };
        assert_eq!(hoards.faults(u64::MAX, Judged::All).len(), 1);
        let logged_in = Figures { kind: Kind::HalfOpen, grown_bytes: 1 << 30, ..sound() };
        assert_eq!(logged_in.faults(most, Judged::All), Vec::<String>::new());
    }

    #[test]
    fn a_line_is_read_back() {
        assert_eq!(Figures::from_line(&sound().to_line()), Some(sound()));
        assert_eq!(Figures::from_line("slow 1 2"), None);
        assert_eq!(Figures::from_line("fast 1 2 3 4 5 6 7 8 9 10 11 12"), None);
    }
}
