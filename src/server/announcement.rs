//! The first lines that a person reads: what runs, on what, and what the start found.

use journal::FlushTimes;
use runtime::pin::Cpu;
use runtime::probe::{Machine, file_system};

use super::open::Store;
use super::recovery::Contents;
use super::shape;
use crate::cli::Announcer;
use crate::event;

/// What runs, and where it stores. Before the lanes are read, which may take long.
pub(super) fn store(announcer: &Announcer, machine: &Machine, store: &Store, processors: &[Option<Cpu>]) {
    let state = store.ha_state.state();
    let (version, node, kernel) = (env!("CARGO_PKG_VERSION"), state.node, &machine.kernel);
    let cores = cores(processors);
    announcer.say("ringmq", format_args!("{version}  node {node}  kernel {kernel}  io_uring ok  {cores}"));
    let journal = &store.layout.journal;
    let place = match shape::device(journal).as_deref().and_then(|device| device.file_name()) {
        Some(device) => format!("{} on {}", file_system(journal), device.to_string_lossy()),
        None => file_system(journal),
    };
    let FlushTimes { p50_microseconds, p99_microseconds } = state.flush;
    let flush = format!("{} {p50_microseconds} µs p50, {p99_microseconds} µs p99", state.sync);
    let probe =
        store.created.map_or_else(String::new, |took| format!(" (new store, probe {:.1} s)", took.as_secs_f64()));
    let lanes = count(usize::from(store.shape.journal_lanes), "journal lane");
    announcer.say(
        "storage",
        format_args!("{}  {place}  {flush}{probe}  {lanes}  durability: synced on this node", journal.display()),
    );
}

/// What the lanes held.
pub(super) fn recovery(announcer: &Announcer, contents: &Contents) {
    let bytes: u64 = contents.recovered.lanes.iter().map(|lane| lane.tail.end.since(lane.replay_from)).sum();
    let (records, files) = (contents.loader.report().records, contents.effort.read.files);
    let took = contents.effort.took.as_secs_f64();
    announcer.say("recovery", format_args!("{records} records  {files} files  {bytes} bytes  in {took:.3} s"));
    event!(JN104, records, files, bytes);
}

/// `2 data cores (processors 0, 1)`.
fn cores(processors: &[Option<Cpu>]) -> String {
    let bound: Vec<String> = processors.iter().flatten().map(|cpu| cpu.0.to_string()).collect();
    let where_ = if bound.is_empty() { "not bound".to_owned() } else { format!("processors {}", bound.join(", ")) };
    format!("{} ({where_})", count(processors.len(), "data core"))
}

fn count(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_are_counted_and_placed() {
        assert_eq!(cores(&[None]), "1 data core (not bound)");
        assert_eq!(cores(&[Some(Cpu(0)), Some(Cpu(3))]), "2 data cores (processors 0, 3)");
    }
}
