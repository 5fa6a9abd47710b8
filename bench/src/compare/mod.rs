//! Several targets beside their controls in one run: all are started once, one works at a time, and the order is rotated from round to round.
//!
//! Takes targets, loads and a way to measure; gives [`Results`]. A target that is not measured is stopped with SIGSTOP, so that it takes no
//! processor and is warm when its turn comes. What does not start, or ends on the way, is told with its reason, and the others go on; a target
//! that cannot do one of the loads is left out of that load alone.

mod rotation;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

pub use rotation::order;

use crate::result::schema::{Results, Round};
use crate::targets::{Place, Running, SYNC, Target};

/// What is compared.
#[derive(Debug)]
pub struct Plan<L> {
    /// The targets, controls among them.
    pub targets: Vec<Box<dyn Target>>,
    /// What each of them has to do in every round.
    pub loads: Vec<L>,
    /// How often.
    pub rounds: u32,
    /// Their stores and logs: a folder for each target.
    pub directory: PathBuf,
    /// The queue that is there before a load begins.
    pub queue: String,
}

/// What is told while it runs.
#[derive(Debug)]
pub enum Step<'a> {
    /// This target is being started.
    Start(&'a str),
    /// A round begins, from 0; nobody works.
    Round(u32),
    /// This target works now: in which round of how many, and on which load of how many.
    Work {
        /// The target.
        target: &'a str,
        /// The round, from 0.
        round: u32,
        /// The load, from 0.
        load: usize,
    },
    /// This target is left out from now on.
    Out(&'a str, &'a str),
}

/// Measures one target under one load; gives its rounds.
pub type Measure<'m, L> = &'m mut dyn FnMut(&dyn Target, &Running, &L) -> Result<Vec<Round>, String>;

struct Member<'a> {
    target: &'a dyn Target,
    running: Running,
    /// The loads that it cannot do.
    without: Vec<usize>,
}

/// Why a target did not give a round.
enum Failed {
    /// It runs on.
    Load(String),
    /// It ended.
    Target(String),
}

/// Runs it; `results` has what was asked for already, and gets the rounds. A stop keeps what was measured.
pub fn run<L>(
    plan: &Plan<L>,
    measure: Measure<'_, L>,
    told: &mut dyn FnMut(Step<'_>),
    stop: &AtomicBool,
    results: &mut Results,
) {
    let mut members = started(plan, told, stop, results);
    for round in 0..plan.rounds {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        told(Step::Round(round));
        for (at, load) in plan.loads.iter().enumerate() {
            for (place, index) in order(members.len(), round).into_iter().enumerate() {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let Some(slot) = members.get_mut(index) else { continue };
                let Some(member) = slot.as_mut().filter(|member| !member.without.contains(&at)) else { continue };
                told(Step::Work { target: member.target.name(), round, load: at });
                let done = member.work(load, measure);
                match done {
                    Ok(rounds) => results.rounds.extend(rounds.into_iter().map(|done| Round {
                        round,
                        order: u32::try_from(place).unwrap_or(u32::MAX),
                        ..done
                    })),
                    Err(failed) => {
                        let name = member.target.name().to_owned();
                        let why = match &failed {
                            Failed::Load(why) => format!("load {}: {why}", at + 1),
                            Failed::Target(why) => format!("from round {} on: {why}", round + 1),
                        };
                        told(Step::Out(&name, &why));
                        member.without.push(at);
                        if matches!(failed, Failed::Target(_)) {
                            *slot = None;
                        }
                        results.skipped.push((name, why));
                    }
                }
            }
        }
    }
    for member in members.into_iter().flatten() {
        let name = member.target.name();
        if let Err(why) = member.running.stop() {
            told(Step::Out(name, &why));
        }
    }
}

impl Member<'_> {
    fn work<L>(&mut self, load: &L, measure: Measure<'_, L>) -> Result<Vec<Round>, Failed> {
        self.running.resume();
        let done = measure(self.target, &self.running, load);
        if let Some(why) = self.running.ended() {
            return Err(Failed::Target(why));
        }
        self.running.pause();
        done.map_err(Failed::Load)
    }
}

/// All of them, in the order of the plan. Controls are started last: they sync as what they are compared with.
fn started<'a, L>(
    plan: &'a Plan<L>,
    told: &mut dyn FnMut(Step<'_>),
    stop: &AtomicBool,
    results: &mut Results,
) -> Vec<Option<Member<'a>>> {
    let mut members: Vec<Option<Member<'a>>> = plan.targets.iter().map(|_| None).collect();
    for controls in [false, true] {
        let sync = members.iter().flatten().find_map(|member| member.running.sync());
        for (slot, target) in members.iter_mut().zip(&plan.targets) {
            if target.is_control() == controls && !stop.load(Ordering::Relaxed) {
                let settings = sync.filter(|_| controls).map(|sync| format!("{SYNC}{sync}"));
                *slot = start(plan, target.as_ref(), settings.into_iter().collect(), told, results);
            }
        }
    }
    members
}

fn start<'a, L>(
    plan: &Plan<L>,
    target: &'a dyn Target,
    settings: Vec<String>,
    told: &mut dyn FnMut(Step<'_>),
    results: &mut Results,
) -> Option<Member<'a>> {
    told(Step::Start(target.name()));
    let place = Place { directory: plan.directory.join(target.name()), port: 0, queue: plan.queue.clone(), settings };
    match target.start(&place) {
        Ok(running) => {
            running.pause();
            Some(Member { target, running, without: Vec::new() })
        }
        Err(why) => {
            told(Step::Out(target.name(), &why));
            results.skipped.push((target.name().to_owned(), why));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::result::schema::Durability;
    use crate::targets::{Protocol, Way};

    /// A process that does nothing.
    #[derive(Debug)]
    struct Idle(&'static str, bool);

    impl Target for Idle {
        fn name(&self) -> &str {
            self.0
        }
        fn version(&self) -> Result<String, String> {
            Ok("1".to_owned())
        }
        fn durability(&self) -> Durability {
            Durability::Local
        }
        fn protocol(&self) -> Protocol {
            Protocol::Core
        }
        fn start(&self, place: &Place) -> Result<Running, String> {
            if self.1 {
                return Err("not installed".to_owned());
            }
            let child = Command::new("sleep").arg("600").spawn().map_err(|error| error.to_string())?;
            Ok(Running::new(child, Way { port: 1, store: place.directory.clone(), log: place.directory.clone() }))
        }
    }

    /// A control that keeps what it was told.
    #[derive(Debug)]
    struct Control(std::sync::Arc<std::sync::Mutex<Vec<String>>>);

    impl Target for Control {
        fn name(&self) -> &str {
            "control"
        }
        fn version(&self) -> Result<String, String> {
            Ok("1".to_owned())
        }
        fn durability(&self) -> Durability {
            Durability::Local
        }
        fn is_control(&self) -> bool {
            true
        }
        fn protocol(&self) -> Protocol {
            Protocol::Core
        }
        fn start(&self, place: &Place) -> Result<Running, String> {
            self.0.lock().unwrap().clone_from(&place.settings);
            Err("it is only asked".to_owned())
        }
    }

    #[test]
    fn a_control_that_stands_first_syncs_as_what_it_is_compared_with() {
        for (sync, settings) in
            [(Some(crate::floor::Durability::Fdatasync), vec!["sync=fdatasync".to_owned()]), (None, vec![])]
        {
            let told = std::sync::Arc::default();
            let plan = plan(vec![Box::new(Control(std::sync::Arc::clone(&told))), Box::new(Syncing(sync))]);
            let (stop, mut results) = (AtomicBool::new(false), Results::default());
            drop(started(&plan, &mut |_| {}, &stop, &mut results));
            assert_eq!(*told.lock().unwrap(), settings);
        }
    }

    /// As [`Idle`], with a store that syncs in this way.
    #[derive(Debug)]
    struct Syncing(Option<crate::floor::Durability>);

    impl Target for Syncing {
        fn name(&self) -> &str {
            "syncing"
        }
        fn version(&self) -> Result<String, String> {
            Ok("1".to_owned())
        }
        fn durability(&self) -> Durability {
            Durability::Local
        }
        fn protocol(&self) -> Protocol {
            Protocol::Core
        }
        fn start(&self, place: &Place) -> Result<Running, String> {
            Idle("syncing", false).start(place).map(|running| running.with_sync(self.0))
        }
    }

    fn state(pid: u32) -> char {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        stat.rsplit_once(") ").unwrap().1.chars().next().unwrap()
    }

    fn plan(targets: Vec<Box<dyn Target>>) -> Plan<u32> {
        Plan { targets, loads: vec![1, 2], rounds: 3, directory: PathBuf::from("nowhere"), queue: "q".to_owned() }
    }

    #[test]
    fn one_works_while_the_others_stand_still_and_the_order_turns() {
        let plan = plan(vec![Box::new(Idle("a", false)), Box::new(Idle("b", false)), Box::new(Idle("c", true))]);
        let (mut pids, mut results) = (Vec::new(), Results::default());
        let mut measure = |target: &dyn Target, running: &Running, load: &u32| {
            let pid = running.pids()[0];
            if !pids.contains(&pid) {
                pids.push(pid);
            }
            for other in &pids {
                let stands = state(*other) == 'T';
                assert_eq!(stands, *other != pid, "{} of {other} while {pid} works", state(*other));
            }
            Ok(vec![Round { target: target.name().to_owned(), scenario: load.to_string(), ..Round::default() }])
        };
        run(&plan, &mut measure, &mut |_| {}, &AtomicBool::new(false), &mut results);
        assert_eq!(results.skipped, [("c".to_owned(), "not installed".to_owned())]);
        assert_eq!(results.rounds.len(), 3 * 2 * 2);
        let first = |round: u32| {
            let mut here: Vec<_> =
                results.rounds.iter().filter(|done| done.round == round && done.scenario == "1").collect();
            here.sort_by_key(|done| done.order);
            here[0].target.clone()
        };
        assert_ne!(first(0), first(1));
    }

    #[test]
    fn one_that_fails_at_a_load_is_left_out_of_it_and_a_stop_keeps_what_there_is() {
        let plan = plan(vec![Box::new(Idle("a", false)), Box::new(Idle("b", false))]);
        let (mut done, mut results) = (0, Results::default());
        let stop = AtomicBool::new(false);
        let mut measure = |target: &dyn Target, running: &Running, load: &u32| {
            if target.name() == "b" && *load == 2 {
                return Err("it cannot".to_owned());
            }
            done += 1;
            stop.store(done == 5, Ordering::Relaxed);
            if target.name() == "b" && done > 3 {
                let pid = i32::try_from(running.pids()[0]).unwrap();
                nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL).unwrap();
                while state(running.pids()[0]) != 'Z' {
                    std::thread::yield_now();
                }
            }
            Ok(vec![Round { target: target.name().to_owned(), ..Round::default() }])
        };
        run(&plan, &mut measure, &mut |_| {}, &stop, &mut results);
        // a, b, a, then b cannot; in the second round b comes first and ends, and a is the last before the stop.
        assert_eq!(results.rounds.len(), 4, "{:?}", results.rounds);
        let told: Vec<_> = results.skipped.iter().map(|(who, why)| format!("{who}: {why}")).collect();
        assert_eq!(told.first().map(String::as_str), Some("b: load 2: it cannot"));
        assert!(told.get(1).is_some_and(|told| told.starts_with("b: from round 2 on: it ended by itself")), "{told:?}");
    }
}
