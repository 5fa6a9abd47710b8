//! The life of the process: start, serve, stop.

use std::collections::HashSet;
use std::mem::ManuallyDrop;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use config::Config;
use journal::{EpochId, LastState, Vector};
use runtime::mesh::Mesh;
use runtime::pin::Cpu;
use runtime::{Sleeper, Waker};

use super::core_loop::{self, Start};
use super::descriptors::share_out;
use super::disk::DiskOptions;
use super::distrust::distrust;
use super::exit::Failed;
use super::lobby::{Door, Notice, Order};
use super::logins::Office;
use super::open::{Store, not_written, open, random_u64};
use super::recovery::{self, Contents};
use super::tally::Tally;
use super::{announcement, matches, memory, renewal, shape, signals, watched};
use crate::broker::{FrontSettings, Reattach};
use crate::cli::{Announcer, Exit, RunArguments};
use crate::event;
use crate::home::Settings;
use crate::limits;
use crate::message::CoreId;
use crate::net::core::ServerFacts;
use crate::net::tls::Acceptor;
use crate::routing::SettingsByAddress;

/// How long a core may take to promise the start of its epoch.
const START_PATIENCE: Duration = Duration::from_secs(120);
/// How long the cores may take to stop.
const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// Runs the broker until it is stopped.
pub fn run(arguments: RunArguments) -> Exit {
    match serve(&arguments) {
        Ok(()) => {
            event!(SV105);
            Exit::Ok
        }
        Err(failed) => {
            event::tell(failed.event, format_args!("{failed}"));
            eprintln!("error[{}]: {failed}", failed.event.code);
            failed.exit
        }
    }
}

/// The cores, as the main thread holds them.
struct Cores {
    orders: Vec<(Sender<Order>, Waker)>,
    threads: Vec<JoinHandle<()>>,
    notices: Receiver<Notice>,
}

fn serve(arguments: &RunArguments) -> Result<(), Failed> {
    let RunArguments { config, accept_loss, announcer } = arguments;
    let machine = runtime::probe::machine()
        .map_err(|error| Failed::because(&event::SV302, "this machine lacks what the broker needs", &error))?;
    let allowed = runtime::pin::allowed().unwrap_or_default();
    let cpus = u16::try_from(allowed.len().max(1)).unwrap_or(1).min(u16::try_from(limits::CORES_MAX).unwrap_or(1));
    let (sender, notices) = channel();
    signals::watch(sender.clone())
        .map_err(|error| Failed::because(&event::SV308, "signals cannot be watched", &error))?;
    let mut store = open(config, announcer, cpus)?;
    let count = shape::cores(config, store.shape.journal_lanes, cpus);
    let processors: Vec<Option<Cpu>> =
        (0..count).map(|core| shape::processor(*config.pinning, core, count, &allowed)).collect();
    announcement::store(announcer, &machine, &store, &processors);
    let mut contents = recovery::read(&mut store, accept_loss, announcer)?;
    announcement::recovery(announcer, &contents);
    let epoch = contents.epoch.epoch;
    let cores = start_cores(config, &store, &mut contents, &processors, sender, notices)?;
    let served = live(config, &mut store, &cores, epoch, announcer).and_then(|()| stop_cores(cores));
    let vector = served.map_err(|failed| distrusted(&mut store, failed))?;
    settle_state(&mut store, |state| {
        state.clean_stop = vector;
        state.last_state = LastState::Stopped;
    })?;
    ManuallyDrop::into_inner(store.lock)
        .release()
        .map_err(|error| Failed::because(&event::JN309, "the lock cannot be given back", &error))
}

/// Serves, until the process is asked to stop.
fn live(
    config: &Config,
    store: &mut Store,
    cores: &Cores,
    epoch: EpochId,
    announcer: &Announcer,
) -> Result<(), Failed> {
    await_epoch(cores, u16::try_from(cores.threads.len()).unwrap_or(u16::MAX), announcer)?;
    settle_state(store, |state| {
        state.seen = epoch;
        state.last_state = LastState::ActiveSolo;
    })?;
    store
        .lock
        .set_epoch(epoch)
        .map_err(|error| Failed::because(&event::JN309, "the lock cannot be written", &error))?;
    let address = listen(config, cores, announcer)?;
    event!(SV102, %address);
    match &config.users {
        None => event!(SV201),
        Some(users) => event!(SV106, users = users.users.len()),
    }
    announcer.ready();
    event!(SV103);
    let signal = await_signal(cores, || {
        if let Some(acceptor) = renewal::read_again(config) {
            cores.order_all(&Order::Certificates(acceptor));
        }
    })?;
    announcer.stopping();
    event!(SV104, signal);
    Ok(())
}

/// If something could not be read back: leaves word of it for the next start.
fn distrusted(store: &mut Store, failed: Failed) -> Failed {
    let Some(damaged) = &failed.damaged else { return failed };
    let word = distrust(&mut store.storage, &store.layout, &mut store.ha_state, damaged);
    Failed { message: format!("{failed} {word}"), ..failed }
}

fn start_cores(
    config: &Config,
    store: &Store,
    contents: &mut Contents,
    processors: &[Option<Cpu>],
    sender: Sender<Notice>,
    notices: Receiver<Notice>,
) -> Result<Cores, Failed> {
    let count = u16::try_from(processors.len()).unwrap_or(1);
    let failed = |error: std::io::Error| Failed::because(&event::SV308, "a data core cannot be started", &error);
    let sleepers = (0..count).map(|_| Sleeper::new()).collect::<Result<Vec<_>, _>>().map_err(failed)?;
    let wakers: Vec<Waker> = sleepers.iter().map(Sleeper::waker).collect();
    let endpoints = Mesh::build(limits::MAIL_PER_PAIR_MAX, &wakers);
    let loader = Arc::new(Mutex::new(std::mem::take(&mut contents.loader)));
    let unfinished = Arc::new(std::mem::take(&mut contents.unfinished));
    let (run_number, facts) = (random_u64() & 0xffff_ffff_ffff, facts(config, store));
    let addresses = Arc::new(matches::of(config));
    let shares = share_out(count, usize::try_from(*config.acceptor_max_connections).unwrap_or(usize::MAX));
    let tally = Tally::new(shares.clients);
    let office = config.users.as_ref().map(|users| Office::new(users, count));
    let acceptor = config.tls.as_ref().map(Acceptor::new).transpose().map_err(|text| {
        Failed::new(&event::SV309, Exit::DaemonConfigurationInvalid, format!("TLS cannot be set up: {text}"))
    })?;
    let mut cores = Cores { orders: Vec::new(), threads: Vec::new(), notices };
    for (index, ((sleeper, endpoint), waker)) in (0..count).zip(sleepers.into_iter().zip(endpoints).zip(wakers)) {
        let core = CoreId(index);
        let (orders, inbox) = channel();
        let start = Start {
            door: Door { core, notices: sender.clone(), orders: inbox },
            sleeper,
            endpoint,
            cpu: processors.get(usize::from(index)).copied().flatten(),
            layout: store.layout.clone(),
            shape: store.shape,
            disk: DiskOptions {
                sync: store.ha_state.state().sync,
                spares_max: config
                    .journal_pool_files
                    .map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX)),
                first_fill_bytes: runtime::limits::FIRST_FILL_BYTES,
                files_open_max: shares.files,
            },
            tails: recovery::tails_of(&contents.recovered, core, count),
            epoch: contents.epoch.clone(),
            loader: Arc::clone(&loader),
            unfinished: Arc::clone(&unfinished),
            home: home_settings(config, store, contents, core, count, run_number, &addresses),
            front: front_settings(config, store, count, &addresses),
            tally: tally.clone(),
            desk: office.as_ref().map(|office| office.desk(core)),
            acceptor: acceptor.clone(),
            facts: facts.clone(),
            reuse_port: count > 1,
        };
        let name = format!("core-{index}");
        let thread = std::thread::Builder::new().name(name).spawn(move || core_loop::run(start)).map_err(failed)?;
        cores.orders.push((orders, waker));
        cores.threads.push(thread);
    }
    if let Some(office) = office {
        let failed = |error| Failed::because(&event::SV308, "the thread of logins cannot be started", &error);
        office.open(cores.orders.clone()).map_err(failed)?;
    }
    Ok(cores)
}

fn home_settings(
    config: &Config,
    store: &Store,
    contents: &Contents,
    core: CoreId,
    cores: u16,
    run_number: u64,
    addresses: &Arc<SettingsByAddress>,
) -> Settings {
    Settings {
        core,
        cores,
        lanes: store.shape.journal_lanes,
        hot_bytes: shape::hot_bytes(config.hot_window_size.bytes(), cores),
        addresses: Arc::clone(addresses),
        run_number: run_number.wrapping_add(u64::from(core.0) << 44),
        epoch: contents.epoch.epoch.number,
        segments_before_compaction: u64::from(*config.journal_min_files).max(2),
        checkpoint_bytes: limits::CHECKPOINT_BYTES,
    }
}

fn front_settings(config: &Config, store: &Store, cores: u16, addresses: &SettingsByAddress) -> FrontSettings {
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let ttl = config.connection_ttl_override.map(|ttl| i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX));
    FrontSettings {
        ttl_override_ms: ttl.unwrap_or(-1),
        ttl_check_interval_ms: millis(*config.connection_ttl_check_interval).max(1),
        handshake_timeout_ms: millis(*config.acceptor_handshake_timeout),
        connections_max: usize::try_from(*config.acceptor_max_connections).unwrap_or(usize::MAX),
        frame_bytes_max: usize::try_from(config.acceptor_max_frame_size.bytes()).unwrap_or(limits::FRAME_BYTES_MAX),
        memory_max: memory::part(*config.connection_memory, cores),
        reattach: match *config.session_reattach {
            config::SessionReattach::SameHost => Reattach::SameHost,
            config::SessionReattach::Tls => Reattach::Tls,
            config::SessionReattach::Off => Reattach::Off,
        },
        sync_transactional: *config.journal_sync_transactional,
        sync_non_transactional: *config.journal_sync_non_transactional,
        lanes: store.shape.journal_lanes,
        cores,
        full_matters: addresses.may_be_full(),
        follows: true,
    }
}

fn facts(config: &Config, store: &Store) -> ServerFacts {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    let node = format!("{:032x}", store.ha_state.state().node.0);
    let part = |range: std::ops::Range<usize>| node.get(range).unwrap_or_default();
    let node_id = [part(0..8), part(8..12), part(12..16), part(16..20), part(20..32)].join("-");
    ServerFacts {
        node_id,
        started_unix_ms: i64::try_from(now).unwrap_or(i64::MAX),
        management_address: (*config.management_address).clone(),
    }
}

fn await_epoch(cores: &Cores, count: u16, announcer: &Announcer) -> Result<(), Failed> {
    let mut ready = HashSet::new();
    let deadline = Instant::now() + START_PATIENCE;
    while ready.len() < usize::from(count) {
        match cores.notices.recv_timeout(watched::EVERY) {
            Ok(Notice::Ready(core)) => {
                ready.insert(core);
            }
            Ok(notice) => unexpected(notice)?,
            Err(_) if Instant::now() < deadline => announcer.progress("building the index"),
            Err(_) => {
                return Err(Failed::new(
                    &event::SV306,
                    Exit::TimedOut,
                    "the start of the epoch was not durable in time: look at the disk",
                ));
            }
        }
    }
    Ok(())
}

/// Opens the acceptors: the first core finds the port where none is given, the others share it.
fn listen(config: &Config, cores: &Cores, announcer: &Announcer) -> Result<SocketAddr, Failed> {
    let mut address = SocketAddr::new(*config.acceptor_host, *config.acceptor_port);
    for (orders, waker) in &cores.orders {
        let _heard = orders.send(Order::Listen(address));
        waker.wake();
        address = loop {
            match cores.notices.recv_timeout(START_PATIENCE) {
                Ok(Notice::Listening(address)) => break address,
                Ok(notice) => unexpected(notice)?,
                Err(_) => return Err(Failed::new(&event::SV306, Exit::TimedOut, "an acceptor did not open in time")),
            }
        };
    }
    announcer.listening(address, if config.tls.is_some() { "core over TLS" } else { "core" });
    Ok(address)
}

/// Waits for the end; meanwhile certificates may be read again.
fn await_signal(cores: &Cores, read_again: impl Fn()) -> Result<&'static str, Failed> {
    loop {
        match cores.notices.recv() {
            Ok(Notice::ReadAgain) => read_again(),
            Ok(Notice::Signal(signal)) => return Ok(signal),
            Ok(notice) => unexpected(notice)?,
            Err(_) => return Err(Failed::new(&event::SV304, Exit::Fenced, "all data cores are gone")),
        }
    }
}

fn stop_cores(cores: Cores) -> Result<Vector, Failed> {
    let count = cores.threads.len();
    cores.order_all(&Order::Close);
    await_notices(&cores, count, |notice| matches!(notice, Notice::Closed))?;
    cores.order_all(&Order::Stop);
    await_notices(&cores, count, |notice| matches!(notice, Notice::Quiet))?;
    if let Some((orders, waker)) = cores.orders.first() {
        let _heard = orders.send(Order::Checkpoint);
        waker.wake();
        match await_notices(&cores, 1, |notice| matches!(notice, Notice::CheckpointWritten)) {
            Ok(()) => {}
            // Without it the next start reads more: nothing to fail for.
            Err(failed) if failed.exit == Exit::TimedOut => event!(JN206),
            Err(failed) => return Err(failed),
        }
    }
    cores.order_all(&Order::End);
    let mut vector = Vector::new();
    await_notices(&cores, count, |notice| {
        if let Notice::Stopped(promised) = notice {
            vector.merge(promised);
            return true;
        }
        false
    })?;
    for thread in cores.threads {
        let _ended = thread.join();
    }
    Ok(vector)
}

impl Cores {
    fn order_all(&self, order: &Order) {
        for (orders, waker) in &self.orders {
            let _heard = orders.send(order.clone());
            waker.wake();
        }
    }
}

/// Waits for this many notices of a kind.
fn await_notices(cores: &Cores, count: usize, mut wanted: impl FnMut(&Notice) -> bool) -> Result<(), Failed> {
    let mut seen = 0;
    while seen < count {
        match cores.notices.recv_timeout(STOP_PATIENCE) {
            Ok(notice) if wanted(&notice) => seen += 1,
            Ok(notice) => unexpected(notice)?,
            Err(_) => {
                return Err(Failed::new(
                    &event::SV306,
                    Exit::TimedOut,
                    "a data core did not stop in time; nothing acked is lost",
                ));
            }
        }
    }
    Ok(())
}

/// A notice out of turn: a broken core or a second signal ends the process, the rest says nothing.
fn unexpected(notice: Notice) -> Result<(), Failed> {
    match notice {
        Notice::Broken { core, broken } => Err(Failed::broken(core, &broken)),
        Notice::Signal(signal) => {
            Err(Failed::new(&event::SV307, Exit::Failed, format!("{signal} while the broker was starting or stopping")))
        }
        Notice::Ready(_)
        | Notice::Listening(_)
        | Notice::Closed
        | Notice::ReadAgain
        | Notice::Quiet
        | Notice::CheckpointWritten
        | Notice::Stopped(_) => Ok(()),
    }
}

fn settle_state(store: &mut Store, change: impl FnOnce(&mut journal::HaState)) -> Result<(), Failed> {
    store.ha_state.update(&mut store.storage, change).map_err(|error| not_written(&error))
}

#[cfg(test)]
mod tests {
    use super::super::broken::{Broken, guarded};
    use super::*;

    /// The cores of a broker of which one lives its life as this says, and the others stay.
    fn cores(life: fn() -> Result<(), Broken>) -> (Cores, Sender<Notice>) {
        let (sender, notices) = channel();
        let others = sender.clone();
        let thread = std::thread::spawn(move || guarded(CoreId(1), &sender, life));
        (Cores { orders: Vec::new(), threads: vec![thread], notices }, others)
    }

    #[test]
    fn a_core_that_falls_over_ends_the_process_whatever_it_was_doing() {
        let planted = || panic!("planted");
        let (serving, _others) = cores(planted);
        let failed = await_signal(&serving, || {}).unwrap_err();
        assert_eq!((failed.exit, failed.event.code), (Exit::Fenced, "SV304"), "{failed}");
        assert!(failed.message.contains("data core 1") && failed.message.contains("planted"), "{failed}");
        let (starting, _others) = cores(planted);
        let failed = await_epoch(&starting, 2, &Announcer::silent()).unwrap_err();
        assert_eq!((failed.exit, failed.event.code), (Exit::Fenced, "SV304"), "{failed}");
        let (stopping, _others) = cores(|| Err(Broken::Disk("EIO".to_owned())));
        let failed = stop_cores(stopping).unwrap_err();
        assert_eq!((failed.exit, failed.event.code), (Exit::Fenced, "JN301"), "{failed}");
    }

    #[test]
    fn a_signal_is_heard_while_all_cores_live() {
        let (serving, others) = cores(|| Ok(()));
        let times = std::cell::Cell::new(0);
        for notice in [Notice::ReadAgain, Notice::ReadAgain, Notice::Signal("SIGTERM")] {
            others.send(notice).unwrap();
        }
        assert_eq!(await_signal(&serving, || times.set(times.get() + 1)).unwrap(), "SIGTERM");
        assert_eq!(times.get(), 2);
    }
}
