//! Measures system calls and processor time a message of an echo server on one ring.
//!
//! Takes: connections, messages a connection. Gives: a line for each way of waiting. The clients run on
//! a ring of their own, on another thread, and keep one message of 1 KiB under way on each connection.

#![allow(clippy::unwrap_used, reason = "a measurement that cannot run stops")]

#[path = "../tests/echo/mod.rs"]
mod echo;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use echo::{Echo, local};
use nix::sys::resource::{UsageWho, getrusage};
use runtime::{Config, Driver, Event, ListenOptions, Wait};

const MESSAGE_BYTES: usize = 1024;

fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<u64>().unwrap());
    let connections = arguments.next().unwrap_or(64);
    let messages = arguments.next().unwrap_or(2000);
    for arrival in [false, true] {
        measure(connections, messages, arrival);
    }
}

fn measure(connections: u64, messages: u64, arrival: bool) {
    let mut driver = Driver::open(Config::default()).unwrap();
    let listener = driver.listen(local(), ListenOptions::default()).unwrap();
    let address = driver.address(listener).unwrap();
    let clients = std::thread::spawn(move || run_clients(address, connections, messages));
    let mut echo = Echo::default();
    let begun = Instant::now();
    let before = processor_time();
    while driver.stats().accepted < connections || driver.sockets() > 0 {
        let limit = Some(driver.now() + Duration::from_millis(100));
        let wait = if arrival && !echo.is_waiting() { Wait::Arrival(limit) } else { Wait::Event(limit) };
        driver.turn(wait).unwrap();
        while let Some(event) = driver.next_event() {
            echo.handle(&mut driver, event);
        }
    }
    let elapsed = begun.elapsed();
    let used = processor_time() - before;
    clients.join().unwrap();
    let stats = driver.stats();
    let count = echo.messages.max(1) as f64;
    println!(
        "{connections} connections, {}: {} messages, {:.0}/s, {:.3} enters/message, {:.1} us processor/message, {} starved",
        if arrival { "Wait::Arrival" } else { "Wait::Event" },
        echo.messages,
        count / elapsed.as_secs_f64(),
        stats.enters as f64 / count,
        used.as_secs_f64() * 1e6 / count,
        stats.starved,
    );
}

fn run_clients(address: SocketAddr, connections: u64, messages: u64) {
    let mut driver = Driver::open(Config::default()).unwrap();
    let sockets: Vec<_> = (0..connections).map(|_| driver.connect(address).unwrap()).collect();
    let mut progress = std::collections::HashMap::new();
    for socket in sockets {
        progress.insert(socket, (0u64, 0usize));
    }
    while !progress.is_empty() {
        driver.turn(Wait::Arrival(None)).unwrap();
        while let Some(event) = driver.next_event() {
            match event {
                Event::Connected { socket } => driver.send(socket, vec![7; MESSAGE_BYTES]).unwrap(),
                Event::Received { socket, buffer } => {
                    let (done, bytes) = progress.get_mut(&socket).unwrap();
                    *bytes += buffer.len();
                    driver.recycle(buffer);
                    if *bytes == MESSAGE_BYTES {
                        *bytes = 0;
                        *done += 1;
                        if *done == messages {
                            driver.close_after_send(socket);
                        } else {
                            // The answer may come before the end of the send is told: then it follows there.
                            let _ = driver.send(socket, vec![7; MESSAGE_BYTES]).or_else(|refused| {
                                driver.turn(Wait::Not).unwrap();
                                driver.send(socket, refused.buffer)
                            });
                        }
                    }
                }
                Event::Closed { socket, .. } => {
                    progress.remove(&socket);
                }
                _ => {}
            }
        }
    }
}

/// Of the calling thread.
fn processor_time() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_THREAD).unwrap();
    let microseconds = |value: nix::sys::time::TimeVal| value.tv_sec() as u64 * 1_000_000 + value.tv_usec() as u64;
    Duration::from_micros(microseconds(usage.user_time()) + microseconds(usage.system_time()))
}
