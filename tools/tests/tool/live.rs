//! A store that somebody writes to while the tool reads it: no lock is taken, nothing is called damaged that is not, and nothing is changed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use journal::{DirectoryLock, NodeId, Run};

use super::scratch::Scratch;
use super::store::{End, J00, Writer, blocks, change, copy_of, place, shape};
use super::tool::run;

/// Tells the writer to stop when it is dropped.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_moving_store_is_never_called_damaged() {
    let scratch = Scratch::new("live");
    let mut lock = DirectoryLock::take(&{
        std::fs::create_dir_all(scratch.0.join("journal")).unwrap();
        scratch.0.join("journal")
    })
    .unwrap();
    let mut writer = Writer::new(&scratch.0);
    lock.identify(shape().store, NodeId(5)).unwrap();
    writer.queue(1, "orders");
    writer.settle();
    let done = AtomicBool::new(false);
    let freed = thread::scope(|threads| {
        let writing = threads.spawn(|| {
            // Messages come and go, and segments are freed and used again under the reader's hands.
            let mut freed = 0;
            while !done.load(Ordering::Relaxed) {
                let ids: Vec<_> = (0..20).map(|_| writer.add(J00, 1, Run::None, 700)).collect();
                writer.ack(J00, 1, &ids);
                writer.settle();
                let oldest = writer.lane(J00).first_kept();
                let (oldest, _) = shape().journal_segments.place(oldest);
                let (newest, _) = shape().journal_segments.place(writer.lane(J00).promised());
                if newest.0 > oldest.0 + 1 {
                    writer.free(J00, oldest.0);
                    freed += 1;
                }
            }
            freed
        });
        // However the looking ends: else the writer would go on for ever, and a failure would look like a hang.
        let stop = Stop(&done);
        for look in 0..12 {
            let said = run("verify", &scratch.0, &[]);
            let moved = said.code == 0
                && said.says("store", &["state=in-use", "process="])
                && said.says("verdict", &["result=sound"]);
            assert!(moved, "look {look}: {}{}", said.out, said.err);
            let print = run("print", &scratch.0, &["--type", "lane"]);
            assert!(!print.says("damage", &[]), "look {look}: {}", print.out);
        }
        drop(stop);
        writing.join().unwrap()
    });
    assert!(freed > 3, "only {freed} segments were freed meanwhile: nothing was proved");
    // The lock was never in the way of anybody, and is still ours.
    lock.release().unwrap();
    assert!(run("verify", &scratch.0, &[]).says("store", &["state=stopped"]));
}

/// The control: what stays damaged is named in a live store, too.
#[test]
fn damage_in_a_live_store_is_found() {
    let scratch = copy_of(End::Sealed, false);
    let lock = DirectoryLock::take(&scratch.0.join("journal")).unwrap();
    let blocks = blocks(&scratch.0, J00);
    let (file, offset) = place(&scratch.0, J00, blocks[blocks.len() / 2].0);
    change(&file, |bytes| bytes[offset + 100] ^= 1);
    let said = run("verify", &scratch.0, &[]);
    assert!(said.says("store", &["state=in-use"]), "{}", said.out);
    assert_eq!(said.code, 10, "{}", said.out);
    assert!(
        said.says("damage", &["lane=j00", "kind=hole"]) && said.says("start", &["would=be-refused"]),
        "{}",
        said.out
    );
    lock.release().unwrap();
}
