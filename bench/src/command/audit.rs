//! `bench audit`: does a target flush before it acks, and the label that follows.

use std::path::PathBuf;

use bench::audit::{Audit, Notes, Plan, Verdict, audit};
use bench::peers::Peers;
use bench::targets::{FloorBroker, Protocol, RingMq, Target};
use clap::Args;

/// MiB of the floor broker's file: an audit needs little.
const FLOOR_MIB: u64 = 64;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// `ringmq`, `floor`, a peer (`bench peers list`), or one with other settings (`nats-default`)
    target: String,
    /// The broker, for `ringmq`
    #[arg(long, value_name = "FILE", default_value = "target/release/ringmq")]
    broker: PathBuf,
    /// A setting of the target, instead of the durable one
    #[arg(long = "set", value_name = "NAME=VALUE")]
    settings: Vec<String>,
    /// Messages that are sent one at a time
    #[arg(long, value_name = "N", default_value_t = 200)]
    messages: u32,
    /// Where peers are installed and run
    #[arg(long, value_name = "DIR", default_value = "target/peers")]
    directory: PathBuf,
}

/// False: the target acks before it flushes, or nobody could count.
pub(super) fn run(arguments: &Arguments) -> Result<bool, String> {
    let peers = Peers::below(&arguments.directory)?;
    let directory = peers.directory().join("audit").join(&arguments.target);
    let messages = arguments.messages.max(1);
    let plan = Plan { single: messages, settings: arguments.settings.clone(), ..Plan::below(&directory) };
    let (name, version, audit) = match peers.target(&arguments.target) {
        Some(target) => {
            let target = target.with(&arguments.settings)?;
            // They are the target's own by now.
            let plan = Plan { settings: Vec::new(), ..plan };
            let (version, settings) = (target.version()?, target.settings()?.to_string());
            println!("{} {version}: {settings}", target.name());
            let audit = audit(&target, &plan, &mut |line| eprintln!("{line}"))?;
            Notes::in_folder(peers.directory()).keep(target.name(), &version, &settings, &audit)?;
            (target.name().to_owned(), version, audit)
        }
        None => other(arguments, &plan)?,
    };
    show(&name, &version, &audit);
    Ok(audit.verdict == Verdict::Durable)
}

/// What is no peer.
fn other(arguments: &Arguments, plan: &Plan) -> Result<(String, String, Audit), String> {
    let target: Box<dyn Target> = match arguments.target.as_str() {
        "ringmq" => Box::new(RingMq { binary: arguments.broker.clone() }),
        "floor" if !plan.settings.is_empty() => return Err("the floor broker takes no settings here".to_owned()),
        "floor" => Box::new(FloorBroker::own(Protocol::Core, FLOOR_MIB)?),
        name => {
            return Err(format!(
                "`{name}` is nothing to audit; there are ringmq, floor and what `bench peers list` shows"
            ));
        }
    };
    let version = target.version()?;
    let audit = audit(target.as_ref(), plan, &mut |line| eprintln!("{line}"))?;
    Ok((target.name().to_owned(), version, audit))
}

fn show(name: &str, version: &str, audit: &Audit) {
    println!("{name} {version}, counted by: {}", audit.witness);
    audit.loads.iter().for_each(|load| println!("  {load}"));
    println!("{name}: {}", audit.verdict);
}
