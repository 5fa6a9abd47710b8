//! Lanes that reach the disk and the backup independently of each other: what may be acked, written, freed and used again (SR2, SR5, SR9, SR14,
//! SR15, SR17, SR18, SR19).
//!
//! The lanes of the model are real blocks with real records. What a start makes of them, after every crash that the bounds allow, is decided
//! by the recovery of the journal and the loader of the broker; how far promises go, by the dependencies of the journal. What is proved within
//! the bounds: nothing that was acked is gone, no transaction and no commit counts by half, no message is stored twice, and no start calls
//! sound lanes damaged.

mod load;
mod log;
mod tell;
mod world;

use crate::variant::{Expect, Size, Variant};
use world::{Bounds, Ids, Kept, Lanes, Scene};

/// What may happen where nothing else is said. A server that goes on alone does so lane by lane, which makes many states.
fn bounds(size: Size, scene: Scene) -> Bounds {
    let bounds = |crashes, joins, leaves, others| Bounds { crashes, joins, leaves, others, frees: true };
    match (size, scene) {
        (Size::Small, Scene::Queue) => bounds(2, 1, 0, 0),
        (Size::Small, Scene::Transaction) => bounds(2, 0, 0, 0),
        (Size::Small, Scene::Run) => bounds(2, 0, 1, 0),
        (Size::Large, Scene::Queue) => bounds(3, 1, 0, 0),
        (Size::Large, Scene::Transaction) => bounds(3, 2, 0, 0),
        (Size::Large, Scene::Run) => bounds(3, 1, 1, 0),
    }
}

/// The same with a backup that is lost.
fn solo(size: Size) -> Bounds {
    // With segments that are freed, two crashes are more than can be looked at.
    Bounds { crashes: 1, joins: 0, leaves: 1, others: 0, frees: size == Size::Large }
}

fn lanes(kept: Kept, scene: Scene) -> impl Fn(Size) -> Lanes + Send + Sync + 'static {
    move |size| Lanes::new(kept, scene, bounds(size, scene))
}

/// A name, what is different, the rules that are kept, what clients do.
type Without = (&'static str, &'static str, Kept, Scene);

const ALL: Kept = Kept::ALL;

/// Each lacks one rule, or has it as it was before a hole in it was closed.
const WITHOUT: [Without; 18] = [
    ("own-lane-ack", "an ack waits for its own lane (SR17)", Kept { ack_waits_for_all: false, ..ALL }, Scene::Queue),
    (
        "own-lane-ack-transaction",
        "an ack waits for its own lane (SR17), and so does that of a commit",
        Kept { ack_waits_for_all: false, ..ALL },
        Scene::Transaction,
    ),
    ("answer-at-once", "a duplicate is answered at once (SR19)", Kept { answer_waits: false, ..ALL }, Scene::Queue),
    ("promise-own-lane", "a promise waits for its own lane (SR17)", Kept { promise_waits: false, ..ALL }, Scene::Queue),
    (
        "decision-freed-early",
        "a decision is freed when its ENDs are written (SR18)",
        Kept { decision_stays: false, ..ALL },
        Scene::Transaction,
    ),
    (
        "end-early",
        "an END is written before the decision is promised (SR18)",
        Kept { end_when_promised: false, ..ALL },
        Scene::Transaction,
    ),
    (
        "end-freed-first",
        "an END goes before what it settles (SR18)",
        Kept { end_stays: false, ..ALL },
        Scene::Transaction,
    ),
    (
        "reuse-when-durable",
        "a file is used again when its free is durable here (SR18)",
        Kept { reuse_when_promised: false, ..ALL },
        Scene::Queue,
    ),
    (
        "no-vector",
        "a decision counts without its vector (SR15)",
        Kept { decision_by_vector: false, ..ALL },
        Scene::Transaction,
    ),
    (
        "vector-today",
        "the vector is compared with lanes as they are (SR15)",
        Kept { vector_by_own_epoch: false, ..ALL },
        Scene::Transaction,
    ),
    (
        "promised-today",
        "headers of any epoch say what is promised (SR17)",
        Kept { promised_by_own_epoch: false, ..ALL },
        Scene::Queue,
    ),
    (
        "queue-numbers-again",
        "a number that was only named is given out again (SR17)",
        Kept { queue_numbers_once: false, ..ALL },
        Scene::Queue,
    ),
    ("ids-forgotten", "ids go with their segment (SR19)", Kept { ids: Ids::Forgotten, ..ALL }, Scene::Queue),
    ("ids-behind-free", "ids are written behind the free (SR19)", Kept { ids: Ids::BehindFree, ..ALL }, Scene::Queue),
    ("ids-per-queue", "ids belong to the queue (SR19)", Kept { ids: Ids::PerQueue, ..ALL }, Scene::Queue),
    (
        "solo-ends-writer",
        "an epoch that begins in running lanes ends what was begun (SR15)",
        Kept { writer_goes_on: false, ..ALL },
        Scene::Transaction,
    ),
    ("solo-ends-run", "it does so in the middle of a commit (SR15)", Kept { writer_goes_on: false, ..ALL }, Scene::Run),
    (
        "solo-names-ends",
        "the start of an epoch names what is written (SR17)",
        Kept { start_names_promised: false, ..ALL },
        Scene::Transaction,
    ),
];

/// Every variant, those that hold first.
#[must_use]
pub fn variants() -> Vec<Variant> {
    use Expect::{Broken, Holds};
    use Scene::{Queue, Run, Transaction};
    let queue = "a queue, a message with an id, its end, and the message again";
    let transaction = "a transaction over two lanes, its END and its end";
    let alone = "the same with a server that goes on alone in the middle of it";
    let mut variants = vec![
        Variant::new("lanes-queue", Holds, queue, lanes(ALL, Queue)),
        Variant::new("lanes-transaction", Holds, transaction, lanes(ALL, Transaction)),
        Variant::new("lanes-solo", Holds, alone, |size| Lanes::new(ALL, Transaction, solo(size))),
        Variant::new("lanes-run", Holds, "a commit of two messages in one lane", lanes(ALL, Run)),
    ];
    variants.extend(WITHOUT.map(|(name, about, kept, scene)| {
        // The shortest way to what is wrong is found first, so that more may happen than where there is none. A promise that goes too far is
        // said by the header of a second message.
        let (leaves, others) = (u8::from(scene != Queue), if kept.promise_waits { 0 } else { 2 });
        let more = Bounds { crashes: 2, joins: 1, leaves, others, frees: true };
        Variant::new(name, Broken, about, move |_| Lanes::new(kept, scene, more))
    }));
    variants
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;

    /// The shortest traces as they are, so that a change of the rules, or of what the model looks at, is noticed.
    const STEPS: [(&str, usize); 18] = [
        ("own-lane-ack", 5),
        ("own-lane-ack-transaction", 5),
        ("answer-at-once", 4),
        ("promise-own-lane", 6),
        ("decision-freed-early", 10),
        ("end-early", 4),
        ("end-freed-first", 12),
        ("reuse-when-durable", 19),
        ("no-vector", 3),
        ("vector-today", 4),
        ("promised-today", 4),
        ("queue-numbers-again", 9),
        ("ids-forgotten", 12),
        ("ids-behind-free", 17),
        ("ids-per-queue", 4),
        ("solo-ends-writer", 8),
        ("solo-ends-run", 5),
        ("solo-names-ends", 5),
    ];

    #[test]
    fn every_variant_comes_out_as_it_must() {
        for variant in variants() {
            let limits = Limits { states_max: 2_000_000, threads: 1 };
            let outcome = variant.run(Size::Small, limits, &mut |_| ()).unwrap();
            assert!(variant.is_expected(&outcome), "{variant:?}: {outcome:?}");
            let steps = outcome.trace().map(|trace| trace.steps.len());
            let known = STEPS.iter().find(|(name, _)| *name == variant.name).map(|(_, steps)| *steps);
            assert_eq!(steps, known, "{}", variant.name);
        }
    }
}
