//! Threads that read files while whoever wants the bytes does something else.
//!
//! Takes reads with the memory that they fill; gives each back with what came of it. What must stay true: a buffer belongs to one side at a
//! time, and a read that nobody waits for any more ends by itself.

use std::fs::File;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use crate::error::{IoError, Operation};
use crate::file_storage::read_up_to;
use crate::limits::READER_THREADS;
use crate::storage::{PendingRead, ReadDone, ReadTarget};

/// A read to be done.
struct Job {
    file: Arc<File>,
    path: PathBuf,
    offset: u64,
    target: ReadTarget,
    done: SyncSender<ReadDone>,
}

/// The threads. They end when this is dropped and what they were given is done.
#[derive(Debug)]
pub(crate) struct Readers {
    jobs: mpsc::Sender<Job>,
}

impl Readers {
    /// Starts them; `None` where there are no threads to be had.
    pub(crate) fn start() -> Option<Self> {
        let (jobs, todo) = channel();
        let todo = Arc::new(Mutex::new(todo));
        let started = (0..READER_THREADS).filter(|_| {
            let todo = Arc::clone(&todo);
            std::thread::Builder::new().name("reader".to_owned()).spawn(move || work(&todo)).is_ok()
        });
        (started.count() > 0).then_some(Self { jobs })
    }

    /// Has a read done. Gives its target back if no thread is left to do it.
    pub(crate) fn begin(
        &self,
        (file, path): (Arc<File>, PathBuf),
        offset: u64,
        target: ReadTarget,
    ) -> Result<PendingRead, ReadTarget> {
        let (done, answer) = sync_channel(1);
        let bytes = target.from + target.bytes;
        match self.jobs.send(Job { file, path, offset, target, done }) {
            Ok(()) => Ok(PendingRead::elsewhere(answer, bytes)),
            Err(mpsc::SendError(job)) => Err(job.target),
        }
    }
}

fn work(todo: &Mutex<Receiver<Job>>) {
    loop {
        // One thread waits for the next read and holds the lock meanwhile, the others wait for the lock.
        let next = todo.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { file, path, offset, mut target, done }) = next else { return };
        let read = read_up_to(&file, offset, target.part());
        let read = read.map_err(|error| IoError::new(Operation::Read, &path, &error));
        // Whoever wanted it may be gone.
        let _heard = done.send((target.buffer, read));
    }
}
