//! Records that name what another lane does not hold: left out if nobody was told of them, else the start is refused.

use journal::{LaneId, Location, Lsn, RecordKind, Run, RunId};
use ringmq::home::{LoadError, Loaded, Loader, Missing, MissingThing, Reach};
use ringmq::message::{QueueId, SessionNumber};
use ringmq::store::record::{LargeBody, Operation, Shape, TransactionId};
use ringmq::store::{encode, record};

use crate::machine::{JOURNAL, LARGE};

const EPOCH: u64 = 3;
const KNOWN: QueueId = QueueId(1);
const UNKNOWN: QueueId = QueueId(2);
const OPERATION: Operation = Operation { session: SessionNumber(1), command: 1 };

/// The lane of large bodies ends at 4096, all others never; so much of the journal lane is promised.
struct Ends {
    promised: Lsn,
    given_up: bool,
}

impl Reach for Ends {
    fn epoch_end(&self, lane: LaneId, epoch: u64) -> Lsn {
        assert_eq!(epoch, EPOCH);
        if lane == LARGE { Lsn(4096) } else { Lsn(1 << 40) }
    }

    fn promised(&self, lane: LaneId, epoch: u64) -> Lsn {
        assert_eq!((lane, epoch), (JOURNAL, EPOCH));
        self.promised
    }

    fn is_given_up(&self, _: LaneId, _: Lsn) -> bool {
        self.given_up
    }

    fn is_patched(&self, _: LaneId, _: Lsn, _: Lsn) -> bool {
        false
    }

    fn is_anything_given_up(&self) -> bool {
        false
    }

    fn kept_from(&self, _: LaneId) -> Lsn {
        Lsn::ZERO
    }
}

fn feed(loader: &mut Loader, at: u64, run: Run, kind: RecordKind, body: &[u8], promised: u64) -> Result<(), LoadError> {
    let location = Location::from_bits(at);
    let lane = if kind == record::QUEUE_ID_MARK { LaneId::BINDINGS } else { JOURNAL };
    let end = Lsn(at + 100);
    loader.record(
        Loaded { lane, location, end, epoch: EPOCH, run, kind, body },
        &Ends { promised: Lsn(promised), given_up: false },
    )
}

fn loader() -> Loader {
    let (mut loader, mut mark) = (Loader::default(), Vec::new());
    encode::queue_id(&mut mark, KNOWN);
    assert!(feed(&mut loader, 0, Run::None, record::QUEUE_ID_MARK, &mark, 0).is_ok());
    loader
}

fn add(queue: QueueId) -> Vec<u8> {
    let mut out = Vec::new();
    encode::add(&mut out, OPERATION, [queue].into_iter());
    out.extend_from_slice(&[7; 40]);
    out
}

fn add_large(end: u64) -> Vec<u8> {
    let mut out = Vec::new();
    let large = LargeBody { lane: LARGE, location: Location::from_bits(0), pieces: 1, end: Lsn(end) };
    encode::add_large(&mut out, OPERATION, &[KNOWN], Shape { size: 200_000, priority: 4 }, large);
    out
}

#[test]
fn what_was_never_promised_is_left_out() {
    let mut loader = loader();
    assert!(feed(&mut loader, 1_000, Run::None, record::ADD, &add(UNKNOWN), 0).is_ok());
    assert!(feed(&mut loader, 2_000, Run::None, record::ADD_LARGE, &add_large(4097), 0).is_ok());
    assert_eq!(loader.report().unpromised, 2);
    // The control: what is there counts.
    assert!(feed(&mut loader, 3_000, Run::None, record::ADD, &add(KNOWN), 0).is_ok());
    assert!(feed(&mut loader, 4_000, Run::None, record::ADD_LARGE, &add_large(4096), 0).is_ok());
    assert_eq!(loader.report().unpromised, 2);
}

#[test]
fn what_was_left_out_stays_out_when_the_next_queue_is_made() {
    let named = add(UNKNOWN);
    // The number after the one that was lost is on the bindings lane by now.
    let mut mark = Vec::new();
    encode::queue_id(&mut mark, QueueId(UNKNOWN.0 + 1));
    let mut later = loader();
    assert!(feed(&mut later, 500, Run::None, record::QUEUE_ID_MARK, &mark, 0).is_ok());
    assert!(feed(&mut later, 1_000, Run::None, record::ADD, &named, 0).is_ok());
    assert_eq!(later.report().unpromised, 1);
    // The controls: what was promised, and a lane whose beginning is not known, so that the number may have been given out before it.
    assert!(feed(&mut later, 2_000, Run::None, record::ADD, &named, 2_100).is_ok());
    assert_eq!(later.report().unpromised, 1);
    let mut cut = Loader::default();
    assert!(feed(&mut cut, 500, Run::None, record::QUEUE_ID_MARK, &mark, 0).is_ok());
    assert!(feed(&mut cut, 1_000, Run::None, record::ADD, &named, 0).is_ok());
    assert_eq!(cut.report().unpromised, 0);
}

#[test]
fn a_run_is_left_out_whole() {
    let mut loader = loader();
    let run = RunId(9);
    assert!(feed(&mut loader, 1_000, Run::Member(run), record::ADD, &add(KNOWN), 0).is_ok());
    assert!(feed(&mut loader, 2_000, Run::Member(run), record::ADD_LARGE, &add_large(5000), 0).is_ok());
    assert!(feed(&mut loader, 3_000, Run::Commit(run), record::ADD, &add(KNOWN), 0).is_ok());
    assert_eq!(loader.report().unpromised, 1);
    assert!(feed(&mut loader, 4_000, Run::Commit(run), record::ADD, &add(KNOWN), 0).is_ok());
    assert_eq!(loader.report().unpromised, 1, "the next run is another one");
}

#[test]
fn no_part_of_a_transaction_counts_whose_other_part_is_broken() {
    let mut loader = loader();
    let transaction = TransactionId { epoch: EPOCH, core: 0, number: 1 };
    let mut id = Vec::new();
    encode::transaction(&mut id, transaction);
    for (at, body) in [(1_000, add_large(5000)), (3_000, add_large(4000))] {
        let run = RunId(at);
        assert!(feed(&mut loader, at, Run::Member(run), record::PREPARE, &id, 0).is_ok());
        assert!(feed(&mut loader, at + 500, Run::Commit(run), record::ADD_LARGE, &body, 0).is_ok());
    }
    let mut decision = Vec::new();
    encode::decision(&mut decision, transaction, [(JOURNAL, Lsn(3_600))].into_iter());
    assert!(feed(&mut loader, 5_000, Run::None, record::DECISION, &decision, 0).is_ok());
    loader.settle(&Ends { promised: Lsn::ZERO, given_up: false });
    assert_eq!(loader.report().undecided, 2);
}

#[test]
fn what_was_promised_is_missed() {
    for (kind, body, what) in [
        (record::ADD, add(UNKNOWN), MissingThing::Queue(UNKNOWN)),
        (record::ADD_LARGE, add_large(5000), MissingThing::Body(Lsn(5000))),
    ] {
        assert!(feed(&mut loader(), 1_000, Run::None, kind, &body, 1_099).is_ok(), "one byte of it is not promised");
        let refused = feed(&mut loader(), 1_000, Run::None, kind, &body, 1_100);
        let Err(LoadError::Missing { lane, location, missing }) = refused else { panic!("{refused:?}") };
        assert_eq!((lane, location.to_bits(), missing.what), (JOURNAL, 1_000, what));
        // The operator gives up what the refusal names, and nothing else.
        let Missing { lane, at, .. } = missing;
        let mut loader = loader();
        loader.accept_loss(lane, Lsn(at.0 + 1));
        assert!(feed(&mut loader, 1_000, Run::None, kind, &body, 1_100).is_err());
        loader.accept_loss(lane, at);
        assert!(feed(&mut loader, 1_000, Run::None, kind, &body, 1_100).is_ok());
        assert_eq!((loader.report().unpromised, loader.given_up().collect::<Vec<_>>()), (1, vec![(lane, at)]));
    }
}

#[test]
fn what_the_history_gives_up_is_left_out_without_asking_again() {
    let mut loader = loader();
    let (location, end, run) = (Location::from_bits(1_000), Lsn(1_100), Run::None);
    let body = add_large(5000);
    let loaded = Loaded { lane: JOURNAL, location, end, epoch: EPOCH, run, kind: record::ADD_LARGE, body: &body };
    assert!(loader.record(loaded, &Ends { promised: end, given_up: false }).is_err());
    assert!(loader.record(loaded, &Ends { promised: end, given_up: true }).is_ok());
    assert_eq!(loader.report().unpromised, 1);
}
