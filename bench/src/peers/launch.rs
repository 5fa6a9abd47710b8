//! Starts an instance of a peer and waits until a client has spoken with it.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::{Peer, fetch};
use crate::targets::{Place, Running, Way, free_port};

/// How often a starting peer is asked.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// Starts it and waits until a client has spoken with it; a place that was used before goes on with its store.
pub(super) fn launch(peer: Peer, home: &Path, place: &Place) -> Result<Running, String> {
    let recipe = peer.recipe();
    let mut running = spawn(peer, home, place)?;
    let (port, log) = (running.port(), running.way().log.clone());
    let begun = Instant::now();
    loop {
        // Asked before each try, since another program may listen on its port.
        if let Some(end) = running.ended() {
            return Err(format!("{}: {end}\n{}", peer.name(), fetch::end_of(&log)));
        }
        match recipe.probe(port, &place.queue) {
            Ok(()) => return Ok(running),
            Err(error) if begun.elapsed() > recipe.ready_within() => {
                return Err(format!("{} was not ready in time: {error}\n{}", peer.name(), fetch::end_of(&log)));
            }
            Err(_) => std::thread::sleep(ASK_EVERY),
        }
    }
}

/// Starts it and waits for nothing.
pub(super) fn spawn(peer: Peer, home: &Path, place: &Place) -> Result<Running, String> {
    let recipe = peer.recipe();
    let named = |error: String| format!("{}: {error}", peer.name());
    let settings = recipe.settings(home).changed(&place.settings).map_err(named)?;
    std::fs::create_dir_all(&place.directory).map_err(|error| format!("{}: {error}", place.directory.display()))?;
    // Peers get their place on their command line, from whatever folder they are started in.
    let directory = place.directory.canonicalize();
    let directory = directory.map_err(|error| format!("{}: {error}", place.directory.display()))?;
    let port = if place.port == 0 { free_port()? } else { place.port };
    let place = Place { directory, port, ..place.clone() };
    recipe.prepare(home, &place, &settings).map_err(named)?;
    let log = place.directory.join("log");
    let opened = File::create(&log).and_then(|file| Ok((file.try_clone()?, file)));
    let (out, err) = opened.map_err(|error| format!("{}: {error}", log.display()))?;
    let mut command = recipe.command(home, &place);
    // Of its own group: Ctrl-C in a terminal ends the measurement, which then ends the peer.
    command.process_group(0).current_dir(&place.directory).stdin(Stdio::null()).stdout(out).stderr(err);
    let child = command.spawn().map_err(|error| {
        format!("{}: {} cannot be run: {error}", peer.name(), command.get_program().to_string_lossy())
    })?;
    Ok(Running::new(child, Way { port, store: recipe.store(&place), log }))
}
