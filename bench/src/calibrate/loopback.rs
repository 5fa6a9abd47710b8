//! The way over loopback: there and back, and one way as fast as it goes.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use super::disk::now;
use crate::measure::latency::{Latencies, Summary};

/// Bytes of a message that goes there and back.
const MESSAGE_BYTES: usize = 1024;
/// Bytes given to the kernel at once, one way.
const PIECE_BYTES: usize = 256 * 1024;

/// 1 KiB there and back, one at a time.
pub(super) fn there_and_back(time: Duration) -> Result<Summary, String> {
    let (mut near, mut far) = pair().map_err(|error| format!("loopback: {error}"))?;
    let echo = move || {
        let mut message = [0; MESSAGE_BYTES];
        while far.read_exact(&mut message).and_then(|()| far.write_all(&message)).is_ok() {}
    };
    let echoes = thread::spawn(echo);
    let mut latencies = Latencies::default();
    let mut message = [7; MESSAGE_BYTES];
    let begun = now();
    let outcome = loop {
        let since = now();
        if since.since(begun) >= time {
            break Ok(());
        }
        if let Err(error) = near.write_all(&message).and_then(|()| near.read_exact(&mut message)) {
            break Err(format!("loopback: {error}"));
        }
        latencies.record(now().since(since));
    };
    drop(near);
    // The other side ends when this one is gone.
    let _ended = echoes.join();
    outcome.map(|()| latencies.summary())
}

/// Bytes a second, one way.
pub(super) fn one_way(time: Duration) -> Result<f64, String> {
    let (mut near, mut far) = pair().map_err(|error| format!("loopback: {error}"))?;
    let swallow = move || {
        let (mut piece, mut bytes) = (vec![0; PIECE_BYTES], 0);
        loop {
            match far.read(&mut piece) {
                Ok(0) | Err(_) => return bytes,
                Ok(read) => bytes += read,
            }
        }
    };
    let begun = now();
    let swallows = thread::spawn(swallow);
    let piece = vec![7; PIECE_BYTES];
    while now().since(begun) < time {
        near.write_all(&piece).map_err(|error| format!("loopback: {error}"))?;
    }
    drop(near);
    let bytes = swallows.join().map_err(|_| "loopback: the reader panicked".to_owned())?;
    Ok(bytes as f64 / now().since(begun).as_secs_f64().max(1e-9))
}

fn pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let near = TcpStream::connect(listener.local_addr()?)?;
    let (far, _) = listener.accept()?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    Ok((near, far))
}
