//! Which processor a thread runs on.
//!
//! Takes: a processor's number. Must stay true: only processors that the process is allowed to use
//! (cgroup, taskset) are offered.

use std::io;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// A processor, by the kernel's number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Cpu(pub usize);

/// The processors this thread may run on, in order.
pub fn allowed() -> io::Result<Vec<Cpu>> {
    let set = sched_getaffinity(Pid::from_raw(0))?;
    Ok((0..CpuSet::count()).filter(|cpu| set.is_set(*cpu).unwrap_or(false)).map(Cpu).collect())
}

/// Keeps the calling thread on `cpu`. Do this before the thread allocates, so that its memory is near.
pub fn pin_thread(cpu: Cpu) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu.0)?;
    sched_setaffinity(Pid::from_raw(0), &set).map_err(|error| {
        io::Error::new(
            io::Error::from(error).kind(),
            format!(
                "cannot pin to processor {}: {error}; the process may use {:?}",
                cpu.0,
                allowed().unwrap_or_default()
            ),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pinned_thread_may_use_one_processor() {
        std::thread::spawn(|| {
            let all = allowed().unwrap();
            let last = *all.last().unwrap();
            pin_thread(last).unwrap();
            assert_eq!(allowed().unwrap(), vec![last]);
            let error = pin_thread(Cpu(CpuSet::count() - 1)).unwrap_err().to_string();
            assert!(error.contains("cannot pin to processor"), "{error}");
        })
        .join()
        .unwrap();
    }
}
