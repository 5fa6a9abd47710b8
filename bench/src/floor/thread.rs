//! A floor broker on a thread of its own, for whoever measures and serves in one process.

use std::sync::mpsc::channel;
use std::thread::JoinHandle;

use super::broker::{Floor, Stopper};
use super::settings::{Figures, Settings};

/// A floor broker that runs until [`Running::stop`], or until this is dropped.
#[derive(Debug)]
pub struct Running {
    port: u16,
    stopper: Stopper,
    thread: Option<JoinHandle<Result<Figures, String>>>,
}

impl Running {
    /// Starts one and waits until it listens.
    pub fn start(settings: Settings) -> Result<Self, String> {
        let (opened, wait) = channel();
        let serve = move || {
            // The ring belongs to the thread that makes it.
            let floor = Floor::open(&settings, &mut |_| {});
            let known = floor.as_ref().map(|floor| (floor.port(), floor.stopper())).map_err(Clone::clone);
            // Whoever started it waits for just this.
            let _gone = opened.send(known);
            floor?.serve()
        };
        let spawned = std::thread::Builder::new().name("floor".to_owned()).spawn(serve);
        let thread = spawned.map_err(|error| format!("a thread for the floor broker: {error}"))?;
        let known = wait.recv().map_err(|_| "the floor broker ended while it started".to_owned())?;
        let (port, stopper) = known?;
        Ok(Self { port, stopper, thread: Some(thread) })
    }

    /// Where it listens, on loopback.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Stops it and gives what it did.
    pub fn stop(mut self) -> Result<Figures, String> {
        self.stopper.stop();
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(figures)) => figures,
            _ => Err("the floor broker panicked".to_owned()),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stopper.stop();
        if let Some(thread) = self.thread.take() {
            // Its figures are of no interest any more.
            let _figures = thread.join();
        }
    }
}
