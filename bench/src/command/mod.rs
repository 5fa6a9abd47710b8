//! The command line: what may be asked for, and who does it.

mod audit;
mod bar;
mod bitrot;
mod calibrate;
mod compare;
mod faults;
mod first;
mod floor;
mod footprint;
mod fuzz;
mod gate;
mod goal;
mod hostile;
mod interrupt;
mod kill9;
mod lab;
mod load;
mod measured;
mod model;
mod opening;
mod peers;
mod power;
mod reattach;
mod report;
mod run;
mod simulate;
mod sweep;
mod write_amp;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Measures and proves, against the built broker.
#[derive(Debug, Parser)]
#[command(name = "bench", version)]
pub(crate) struct Arguments {
    /// Nothing: what this machine can do, one durable run, and two numbers
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Put a load on a broker and tell its rate, latencies and cost
    Run(run::Arguments),
    /// The same load again and again, with one value changed from row to row
    Sweep(sweep::Arguments),
    /// Measure the limits of this machine: durable writes, bandwidth, loopback, copying and checksums
    Calibrate(calibrate::Arguments),
    /// Serve as the floor broker: parse, append, one group commit, ack, nothing else; the control of every ratio
    Floor(floor::Arguments),
    /// Count flushes beside acks: a target that acks before it flushes gets no durability label
    Audit(audit::Arguments),
    /// Install, start and stop real peers, with settings that make their acks durable
    Peers(peers::Arguments),
    /// Run a proof to its end and note it in bench/LEDGER.tsv; an interrupted one goes on where it was
    #[command(subcommand)]
    Prove(Proof),
    /// Measure RingMQ, its control and peers in turns, and make result.json, summary.csv and report.html
    Compare(compare::Arguments),
    /// Measure and judge one goal; the exit code tells whether it holds
    Goal(goal::One),
    /// Measure and judge all goals; those whose feature is not built count as open
    Goals(goal::Measured),
    /// Compare two measurements by what they count, never by time: more than 2 % off, up or down, fails
    Gate(gate::Arguments),
    /// Make a page with plots, and a table, of results
    Report(report::Arguments),
}

#[derive(Debug, Subcommand)]
enum Proof {
    /// Flip single bits in every kind of file of a store: each is reported, or provably without effect
    Bitrot(bitrot::Arguments),
    /// Let every operation of a simulated disk fail in every way, and crash at every step
    Faults(faults::Arguments),
    /// Give every decoder damaged bytes: it answers, and takes no more memory than they explain
    Fuzz(fuzz::Arguments),
    /// Kill guests of User-Mode Linux under load: what was answered is on their disks (tests/lab)
    GuestKills(lab::Arguments),
    /// Let hostile clients come beside those that behave: what they cost is bounded, and the others do not notice
    Hostile(hostile::Arguments),
    /// Kill the broker under load, again and again: nothing acked is lost, nothing comes that should not
    Kill9(kill9::Arguments),
    /// The work of a guest of the lab, within it
    #[command(hide = true)]
    Inside(lab::Inside),
    /// Make moments of a disk's record disks again: what was answered by then is there (tests/lab)
    LogWrites(lab::Arguments),
    /// Look at every state of the model of a pair within large bounds, and walk through what is larger: no rule fails
    Model(model::Arguments),
    /// Cut the power of a recorded disk under load: what was answered is there, whatever part of the rest is (needs root)
    Power(power::Arguments),
    /// Cut connections at random bytes: what clients with a confirmation window do counts once, in order
    Reattach(reattach::Arguments),
    /// Let pairs of servers live through crashes, cuts and outages in a simulator: nothing acked is lost, one serves in the end
    Simulate(simulate::Arguments),
    /// Count what the disk is asked for: as much as a bare program asks, and no byte too many (needs root)
    WriteAmp(write_amp::Arguments),
}

/// What every proof takes.
#[derive(Debug, Args)]
struct Common {
    /// How much of it
    #[arg(long, value_name = "N")]
    count: u32,
    /// The seed of all choices
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Where progress and stores are kept
    #[arg(long, value_name = "DIR", default_value = "target/prove")]
    directory: PathBuf,
    /// Leave the ledger alone
    #[arg(long)]
    no_ledger: bool,
}

/// Does what was asked for. False: the proof failed.
pub(crate) fn run(arguments: Arguments) -> Result<bool, String> {
    let Some(what) = arguments.what else { return first::run() };
    match what {
        What::Compare(arguments) => compare::run(&arguments),
        What::Goal(arguments) => goal::one(&arguments),
        What::Goals(arguments) => goal::all(&arguments),
        What::Run(arguments) => run::run(&arguments),
        What::Sweep(arguments) => sweep::run(&arguments),
        What::Calibrate(arguments) => calibrate::run(&arguments),
        What::Floor(arguments) => floor::run(&arguments),
        What::Audit(arguments) => audit::run(&arguments),
        What::Peers(arguments) => peers::run(&arguments),
        What::Gate(arguments) => gate::run(&arguments),
        What::Report(arguments) => report::run(&arguments),
        What::Prove(Proof::Bitrot(arguments)) => bitrot::run(&arguments),
        What::Prove(Proof::Faults(arguments)) => faults::run(&arguments),
        What::Prove(Proof::Fuzz(arguments)) => fuzz::run(&arguments),
        What::Prove(Proof::GuestKills(arguments)) => lab::run_guest_kills(&arguments),
        What::Prove(Proof::Hostile(arguments)) => hostile::run(&arguments),
        What::Prove(Proof::Kill9(arguments)) => kill9::run(&arguments),
        What::Prove(Proof::Inside(arguments)) => lab::run_inside(&arguments),
        What::Prove(Proof::LogWrites(arguments)) => lab::run_log_writes(&arguments),
        What::Prove(Proof::Model(arguments)) => model::run(&arguments),
        What::Prove(Proof::Power(arguments)) => power::run(&arguments),
        What::Prove(Proof::Reattach(arguments)) => reattach::run(&arguments),
        What::Prove(Proof::Simulate(arguments)) => simulate::run(&arguments),
        What::Prove(Proof::WriteAmp(arguments)) => write_amp::run(&arguments),
    }
}

/// The top of the repository, from this crate's place in it.
fn top() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}
