//! Sockets on a real ring, with plain blocking clients at the other end.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails here fails")]

mod echo;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use echo::{Echo, local};
use runtime::{CloseReason, Config, Driver, Event, ListenOptions, SocketId, Wait};

fn small() -> Config {
    Config {
        submission_entries: 64,
        completion_entries: 256,
        receive_buffers: 16,
        receive_buffer_bytes: 4096,
        ..Config::default()
    }
}

/// Turns until `done`; only a test that hangs takes as long as the limit.
fn run_until(driver: &mut Driver, mut handle: impl FnMut(&mut Driver, Event), mut done: impl FnMut(&Driver) -> bool) {
    let limit = Instant::now() + Duration::from_secs(120);
    while !done(driver) {
        assert!(Instant::now() < limit, "nothing came of it: {:?}", driver.stats());
        let soon = driver.now() + Duration::from_millis(20);
        driver.turn(Wait::Event(Some(soon))).unwrap();
        while let Some(event) = driver.next_event() {
            handle(driver, event);
        }
    }
}

/// Accepts one connection.
fn accept(driver: &mut Driver) -> (SocketId, TcpStream) {
    let listener = driver.listen(local(), ListenOptions::default()).unwrap();
    let client = TcpStream::connect(driver.address(listener).unwrap()).unwrap();
    let mut accepted = None;
    while accepted.is_none() {
        driver.turn(Wait::Event(None)).unwrap();
        while let Some(event) = driver.next_event() {
            if let Event::Accepted { socket, peer, .. } = event {
                assert_eq!(peer, client.local_addr().unwrap());
                accepted = Some(socket);
            }
        }
    }
    (accepted.unwrap(), client)
}

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn many_connections_echo_every_byte_in_order() {
    let mut driver = Driver::open(small()).unwrap();
    let listener = driver.listen(local(), ListenOptions::default()).unwrap();
    let address = driver.address(listener).unwrap();
    let clients: Vec<_> = (0..40u8)
        .map(|seed| {
            std::thread::spawn(move || {
                let mut stream = TcpStream::connect(address).unwrap();
                for round in 0..20usize {
                    let sent: Vec<u8> = (0..1 + round * 1500).map(|i| (i as u8).wrapping_mul(seed)).collect();
                    stream.write_all(&sent).unwrap();
                    let mut got = vec![0; sent.len()];
                    stream.read_exact(&mut got).unwrap();
                    assert!(got == sent);
                }
            })
        })
        .collect();
    let mut echo = Echo::default();
    run_until(
        &mut driver,
        |driver, event| echo.handle(driver, event),
        |driver| driver.stats().accepted == 40 && driver.sockets() == 0,
    );
    for client in clients {
        client.join().unwrap();
    }
    assert_eq!(driver.received_buffers_out(), 0);
    assert_eq!(driver.stats().stale, 0);
    assert_eq!(driver.stats().received_bytes, driver.stats().sent_bytes);
}

#[test]
fn accepted_sockets_send_without_delay() {
    // The listener's TCP_NODELAY is copied by the kernel: seen from outside only through timing, so ask
    // the descriptor itself, which is the newest socket of this process.
    let mut driver = Driver::open(small()).unwrap();
    let (_socket, client) = accept(&mut driver);
    let mine = client.local_addr().unwrap();
    let found = std::fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok())
        .filter_map(|number| {
            // SAFETY: only looked at while it is open; a number that is no socket answers with an error.
            let borrowed = unsafe { std::os::fd::BorrowedFd::borrow_raw(number) };
            let stream = TcpStream::from(borrowed.try_clone_to_owned().ok()?);
            (stream.peer_addr().ok()? == mine).then_some(stream)
        })
        .next()
        .unwrap();
    assert!(found.nodelay().unwrap());
}

#[test]
fn a_large_send_to_a_slow_reader_is_carried_on() {
    let mut driver = Driver::open(small()).unwrap();
    let (socket, mut client) = accept(&mut driver);
    let sent: Vec<u8> = (0..32 * 1024 * 1024u32).map(|i| (i >> 3) as u8).collect();
    driver.send(socket, sent.clone()).unwrap();
    let refused = driver.send(socket, vec![1]).unwrap_err();
    assert_eq!((refused.buffer, refused.why), (vec![1], runtime::Why::SendInFlight));
    let reader = std::thread::spawn(move || {
        let mut got = vec![0; sent.len()];
        client.read_exact(&mut got).unwrap();
        assert!(got == sent);
    });
    let mut back = None;
    let mut handle = |_: &mut Driver, event: Event| {
        if let Event::Sent { buffer, result, .. } = event {
            result.unwrap();
            back = Some(buffer.len());
        }
    };
    run_until(&mut driver, &mut handle, |driver| driver.stats().sent_bytes == 32 * 1024 * 1024);
    run_until(&mut driver, &mut handle, |driver| driver.in_flight() <= 3);
    reader.join().unwrap();
    assert_eq!(back, Some(32 * 1024 * 1024));
    assert!(driver.stats().resumed > 0);
}

#[test]
fn closing_with_a_send_in_flight_gives_the_buffer_back_and_says_closed_once() {
    let mut driver = Driver::open(small()).unwrap();
    let (socket, mut client) = accept(&mut driver);
    client.write_all(b"never read").unwrap();
    // Nobody reads, so this cannot end.
    driver.send(socket, vec![7; 64 * 1024 * 1024]).unwrap();
    driver.turn(Wait::Not).unwrap();
    driver.close(socket);
    driver.close(socket);
    let mut seen = Vec::new();
    run_until(
        &mut driver,
        |_, event| match event {
            Event::Sent { buffer, result, .. } => {
                assert_eq!(buffer.len(), 64 * 1024 * 1024);
                assert!(result.is_err());
                seen.push("sent");
            }
            Event::Closed { reason, .. } => {
                assert_eq!(reason, CloseReason::Local);
                seen.push("closed");
            }
            Event::Received { .. } => panic!("data after close"),
            _ => {}
        },
        |driver| driver.sockets() == 0,
    );
    assert_eq!(seen, ["sent", "closed"]);
    assert!(driver.send(socket, vec![1]).is_err(), "the id is dead");
}

#[test]
fn a_peer_that_resets_closes_with_a_reason_and_one_that_leaves_with_another() {
    let mut driver = Driver::open(small()).unwrap();
    let (socket, client) = accept(&mut driver);
    driver.send(socket, b"unread".to_vec()).unwrap();
    let mut sent = false;
    run_until(
        &mut driver,
        |_, event| sent |= matches!(event, Event::Sent { .. }),
        |driver| driver.stats().sent_bytes == 6,
    );
    // Closing with unread bytes makes the kernel send a reset; wait until they are there.
    client.peek(&mut [0; 6]).unwrap();
    drop(client);
    let mut reason = None;
    let mut note = |_: &mut Driver, event: Event| {
        if let Event::Closed { reason: why, .. } = event {
            reason = Some(why);
        }
    };
    run_until(&mut driver, &mut note, |driver| driver.sockets() == 0);
    run_until(&mut driver, &mut note, |driver| driver.in_flight() <= 2);
    assert!(matches!(reason, Some(CloseReason::Failed(_))), "{reason:?}");
    let (_socket, client) = accept(&mut driver);
    drop(client);
    let mut reason = None;
    run_until(
        &mut driver,
        |_, event| {
            if let Event::Closed { reason: why, .. } = event {
                reason = Some(why);
            }
        },
        |driver| driver.sockets() == 0,
    );
    driver.turn(Wait::Not).unwrap();
    assert_eq!(reason, Some(CloseReason::Peer));
}

#[test]
fn a_thousand_connections_come_and_go_and_leave_nothing() {
    let mut driver = Driver::open(small()).unwrap();
    let listener = driver.listen(local(), ListenOptions::default()).unwrap();
    let address = driver.address(listener).unwrap();
    let mut closed = 0;
    driver.turn(Wait::Not).unwrap();
    let before = (open_descriptors(), driver.in_flight());
    for cycle in 0..1000u32 {
        let mut client = TcpStream::connect(address).unwrap();
        client.write_all(b"x").unwrap();
        let goal = cycle + 1;
        // Every other one is closed by us, the rest by the peer.
        let ours = cycle % 2 == 0;
        let mut client = Some(client);
        while closed < goal {
            let soon = driver.now() + Duration::from_millis(100);
            driver.turn(Wait::Event(Some(soon))).unwrap();
            while let Some(event) = driver.next_event() {
                match event {
                    Event::Received { socket, buffer } => {
                        driver.recycle(buffer);
                        if ours {
                            driver.close(socket);
                        } else {
                            client = None;
                        }
                    }
                    Event::Closed { .. } => closed += 1,
                    _ => {}
                }
            }
        }
        drop(client);
    }
    assert_eq!(driver.sockets(), 0);
    assert_eq!(driver.received_buffers_out(), 0);
    // Other tests of this process open descriptors at the same time: a leak of ours would be a thousand.
    assert!(open_descriptors() < before.0 + 300, "{} descriptors, {} before", open_descriptors(), before.0);
    // The wake is armed by the first turn that may sleep.
    assert!(driver.in_flight() <= before.1 + 1);
}

#[test]
fn a_paused_socket_receives_nothing_until_it_is_resumed() {
    let mut driver = Driver::open(small()).unwrap();
    let (socket, mut client) = accept(&mut driver);
    driver.pause_receive(socket);
    // The cancel enters with this turn; its end is the receive's end.
    run_until(&mut driver, |_, _| {}, |driver| driver.in_flight() == 2);
    client.write_all(b"held back").unwrap();
    for _ in 0..5 {
        let soon = driver.now() + Duration::from_millis(5);
        driver.turn(Wait::Event(Some(soon))).unwrap();
        assert!(driver.next_event().is_none());
    }
    driver.resume_receive(socket);
    let mut got = Vec::new();
    run_until(
        &mut driver,
        |driver, event| {
            if let Event::Received { buffer, .. } = event {
                got.extend_from_slice(driver.bytes(&buffer));
                driver.recycle(buffer);
            }
        },
        |driver| driver.stats().received_bytes == 9 && driver.received_buffers_out() == 0,
    );
    driver.turn(Wait::Not).unwrap();
    assert_eq!(got, b"held back");
}

#[test]
fn without_free_buffers_receiving_waits_and_then_goes_on() {
    let mut driver = Driver::open(Config { receive_buffers: 2, ..small() }).unwrap();
    let (_socket, mut client) = accept(&mut driver);
    let sent: Vec<u8> = (0..64 * 1024u32).map(|i| (i >> 2) as u8).collect();
    let copy = sent.clone();
    let writer = std::thread::spawn(move || {
        client.write_all(&copy).unwrap();
        client
    });
    let (mut got, mut held) = (Vec::new(), Vec::new());
    run_until(
        &mut driver,
        |driver, event| {
            let Event::Received { buffer, .. } = event else { return };
            got.extend_from_slice(driver.bytes(&buffer));
            // Held until the kernel has none left.
            held.push(buffer);
            if held.len() == 2 {
                // Let the receive end for want of a buffer.
                driver.turn(Wait::Not).unwrap();
                held.drain(..).for_each(|buffer| driver.recycle(buffer));
            }
        },
        |driver| driver.stats().received_bytes == 64 * 1024,
    );
    assert!(got == sent);
    assert!(driver.stats().starved > 0, "{:?}", driver.stats());
    drop(writer.join().unwrap());
}

#[test]
fn more_connections_than_places_are_turned_away() {
    let mut driver = Driver::open(Config { sockets_max: 1, ..small() }).unwrap();
    let (_kept, _client) = accept(&mut driver);
    let listener = driver.listen(local(), ListenOptions::default()).unwrap();
    let mut second = TcpStream::connect(driver.address(listener).unwrap()).unwrap();
    let mut away = false;
    run_until(
        &mut driver,
        |_, event| away |= matches!(event, Event::TurnedAway { .. }),
        |driver| driver.stats().refused == 1,
    );
    driver.turn(Wait::Not).unwrap();
    assert_eq!(second.read(&mut [0]).unwrap_or(0), 0, "closed at once");
    assert!(away);
}

#[test]
fn a_listener_that_stops_frees_its_address() {
    let mut driver = Driver::open(small()).unwrap();
    let listener = driver.listen(local(), ListenOptions::default()).unwrap();
    let address = driver.address(listener).unwrap();
    assert!(driver.listen(address, ListenOptions::default()).is_err(), "taken");
    driver.turn(Wait::Not).unwrap();
    driver.stop_listening(listener);
    driver.stop_listening(listener);
    let mut ends = 0;
    run_until(
        &mut driver,
        |_, event| ends += u32::from(matches!(event, Event::ListenerClosed { .. })),
        |driver| driver.address(listener).is_none(),
    );
    assert_eq!(ends, 1);
    driver.listen(address, ListenOptions::default()).unwrap();
}

#[test]
fn several_cores_share_one_port() {
    let options = ListenOptions { reuse_port: true, ..ListenOptions::default() };
    let mut first = Driver::open(small()).unwrap();
    let mut second = Driver::open(small()).unwrap();
    let a = first.listen(local(), options).unwrap();
    let b = second.listen(first.address(a).unwrap(), options).unwrap();
    assert_eq!(first.address(a), second.address(b));
}

#[test]
fn an_outgoing_connection_stands_or_says_why_not() {
    let mut driver = Driver::open(small()).unwrap();
    let listener = driver.listen(local(), ListenOptions::default()).unwrap();
    let address = driver.address(listener).unwrap();
    let outgoing = driver.connect(address).unwrap();
    let mut echo = Echo::default();
    let mut got = Vec::new();
    run_until(
        &mut driver,
        |driver, event| match event {
            Event::Connected { socket } => driver.send(socket, b"there and back".to_vec()).unwrap(),
            Event::Received { socket, buffer } if socket == outgoing => {
                got.extend_from_slice(driver.bytes(&buffer));
                driver.recycle(buffer);
            }
            Event::Sent { socket, .. } if socket == outgoing => {}
            event => echo.handle(driver, event),
        },
        |driver| driver.stats().received_bytes == 28,
    );
    assert_eq!(got, b"there and back");
    // A port that was free a moment ago refuses.
    let free = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let failing = driver.connect(free).unwrap();
    let mut reason = None;
    let mut note = |_: &mut Driver, event: Event| {
        if let Event::Closed { socket, reason: why } = event {
            assert_eq!(socket, failing);
            reason = Some(why);
        }
    };
    run_until(&mut driver, &mut note, |driver| driver.sockets() == 2);
    driver.turn(Wait::Not).unwrap();
    while let Some(event) = driver.next_event() {
        note(&mut driver, event);
    }
    let Some(CloseReason::Failed(errno)) = reason else { panic!("{reason:?}") };
    assert_eq!(std::io::Error::from(errno).kind(), std::io::ErrorKind::ConnectionRefused);
}

#[test]
fn another_thread_wakes_a_sleeping_loop() {
    let mut driver = Driver::open(small()).unwrap();
    let waker = driver.waker();
    let (go, gone) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || {
        let mut slept = 0u32;
        for () in gone {
            slept += u32::from(waker.wake());
        }
        slept
    });
    for _ in 0..200 {
        go.send(()).unwrap();
        let mut woken = false;
        let limit = driver.now() + Duration::from_secs(120);
        while !woken {
            assert!(driver.now() < limit, "the wake was lost");
            driver.turn(Wait::Event(Some(limit))).unwrap();
            while let Some(event) = driver.next_event() {
                woken |= matches!(event, Event::Woken);
            }
        }
    }
    drop(go);
    assert!(thread.join().unwrap() <= 200);
}

#[test]
fn a_wake_before_the_sleep_prevents_it() {
    let mut driver = Driver::open(small()).unwrap();
    driver.waker().wake();
    let begun = Instant::now();
    driver.turn(Wait::Event(Some(driver.now() + Duration::from_secs(600)))).unwrap();
    assert!(begun.elapsed() < Duration::from_secs(300));
    assert!(matches!(driver.next_event(), Some(Event::Woken)));
}

#[test]
fn a_deadline_ends_the_sleep_and_is_no_event() {
    let mut driver = Driver::open(small()).unwrap();
    let deadline = driver.now() + Duration::from_millis(10);
    while driver.now() < deadline {
        driver.turn(Wait::Event(Some(deadline))).unwrap();
        assert!(driver.next_event().is_none());
    }
    assert!(driver.stats().enters <= 3);
}

#[test]
fn a_driver_dropped_in_the_middle_closes_its_connections() {
    let mut driver = Driver::open(small()).unwrap();
    let (socket, mut client) = accept(&mut driver);
    driver.send(socket, vec![1; 64 * 1024 * 1024]).unwrap();
    driver.turn(Wait::Not).unwrap();
    drop(driver);
    let mut rest = Vec::new();
    // The end comes as EOF or as a reset; what matters is that it comes.
    let _ = client.read_to_end(&mut rest);
    assert!(rest.len() < 64 * 1024 * 1024);
}

#[test]
fn ids_of_another_address_family_listen_too() {
    let mut driver = Driver::open(small()).unwrap();
    let address: SocketAddr = "[::1]:0".parse().unwrap();
    // A machine without IPv6 refuses the address; then there is nothing to prove.
    if let Ok(listener) = driver.listen(address, ListenOptions::default()) {
        assert!(driver.address(listener).unwrap().is_ipv6());
    }
}

/// Bytes that one driver received when its connection was given away, and the other one after it: together all of them, in order.
#[test]
fn a_connection_moves_to_another_driver_without_losing_a_byte() {
    let (mut first, mut second) = (Driver::open(small()).unwrap(), Driver::open(small()).unwrap());
    for round in 0..20u32 {
        let (socket, mut client) = accept(&mut first);
        let sent: Vec<u8> = (0..200_000u32).map(|i| (i.wrapping_mul(31) ^ round) as u8).collect();
        let bytes = sent.clone();
        let writer = std::thread::spawn(move || {
            client.write_all(&bytes).unwrap();
            let mut answer = [0; 5];
            client.read_exact(&mut answer).unwrap();
            answer
        });
        let mut got = Vec::new();
        let mut moved = None;
        while moved.is_none() {
            first.turn(Wait::Event(None)).unwrap();
            while let Some(event) = first.next_event() {
                match event {
                    Event::Received { buffer, .. } => {
                        got.extend_from_slice(first.bytes(&buffer));
                        first.recycle(buffer);
                        if got.len() > 1_000 * round as usize {
                            first.detach(socket);
                            assert!(first.send(socket, vec![1]).is_err(), "it is on its way");
                        }
                    }
                    Event::Detached { socket: which, stream } => {
                        assert_eq!(which, socket);
                        moved = Some(stream);
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
        let here = second.adopt(moved.unwrap()).unwrap();
        let mut answered = false;
        while got.len() < sent.len() {
            second.turn(Wait::Event(None)).unwrap();
            while let Some(event) = second.next_event() {
                if let Event::Received { buffer, .. } = event {
                    got.extend_from_slice(second.bytes(&buffer));
                    second.recycle(buffer);
                }
            }
        }
        second.send(here, b"moved".to_vec()).unwrap();
        while !answered {
            second.turn(Wait::Event(None)).unwrap();
            while let Some(event) = second.next_event() {
                answered |= matches!(event, Event::Closed { .. });
            }
        }
        assert_eq!(&writer.join().unwrap(), b"moved");
        assert!(got == sent, "round {round}");
        assert_eq!(first.sockets(), 0);
    }
}
