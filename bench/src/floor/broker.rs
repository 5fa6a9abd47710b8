//! The loop of a floor broker: one thread, one ring.
//!
//! A turn takes all that came, then writes the open group if it may, then sends what may leave: the disk works while the answers go out.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use runtime::clock::Moment;
use runtime::{Config, Driver, Event, ListenOptions, ReceivedBuffer, SocketId, Wait, Waker};

use super::connection::Connection;
use super::file::filled;
use super::groups::{Groups, Waiter};
use super::limits::{
    CONNECTIONS_MAX, GROUP_BYTES, IN_FLIGHT_MAX, RECEIVE_BUFFER_BYTES, RECEIVE_BUFFERS, SILENCE, SILENCE_AFTER_NATS,
};
use super::settings::{Figures, Settings};

/// Stops a floor broker from another thread.
#[derive(Clone, Debug)]
pub struct Stopper {
    stop: Arc<AtomicBool>,
    waker: Waker,
}

impl Stopper {
    /// It ends soon, without waiting for its clients.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.waker.wake();
    }
}

/// A floor broker, for the thread that opened it.
pub struct Floor {
    driver: Driver,
    port: u16,
    groups: Groups,
    connections: Vec<Option<Connection>>,
    /// Clients with answers that wait for the open group.
    waiting_for_open: Vec<SocketId>,
    /// Clients that may have something to send.
    to_flush: Vec<SocketId>,
    /// Received bytes that found no room in the open group, from which byte on, oldest first.
    blocked: VecDeque<(SocketId, ReceivedBuffer, usize)>,
    /// Clients that may have to be greeted, and when.
    silent: Vec<(Moment, SocketId)>,
    /// Whether a client waited for its greeting, and took it for one.
    greeted: bool,
    stop: Arc<AtomicBool>,
    connections_seen: u64,
}

impl Floor {
    /// Fills its file, then listens. `told` hears of the bytes filled so far.
    pub fn open(settings: &Settings, told: &mut dyn FnMut(u64)) -> Result<Self, String> {
        if !(1..=IN_FLIGHT_MAX).contains(&settings.in_flight) {
            return Err(format!("{} groups in flight: 1 to {IN_FLIGHT_MAX} can be", settings.in_flight));
        }
        let directory = settings.directory.display();
        std::fs::create_dir_all(&settings.directory).map_err(|error| format!("{directory}: {error}"))?;
        let file_bytes = settings.file_bytes.max(1).next_multiple_of(GROUP_BYTES as u64);
        let file = filled(&settings.file(), file_bytes, told)?;
        let mut driver = Driver::open(config(settings.in_flight)).map_err(|error| error.to_string())?;
        let file = driver.register_file(file).map_err(|error| format!("the file cannot be registered: {error}"))?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, settings.port));
        let listener = driver
            .listen(address, ListenOptions::default())
            .map_err(|error| format!("{address}: {error}; name another port with --port"))?;
        let port = driver.address(listener).map_or(settings.port, |address| address.port());
        let open = driver.take_buffer().ok_or("no buffer for a group")?;
        Ok(Self {
            driver,
            port,
            groups: Groups::new(file, file_bytes, settings.durability, settings.in_flight, open),
            connections: Vec::new(),
            waiting_for_open: Vec::new(),
            to_flush: Vec::new(),
            blocked: VecDeque::new(),
            silent: Vec::new(),
            greeted: false,
            stop: Arc::default(),
            connections_seen: 0,
        })
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What ends [`Floor::serve`].
    pub fn stopper(&self) -> Stopper {
        Stopper { stop: Arc::clone(&self.stop), waker: self.driver.waker() }
    }

    /// Serves until it is stopped.
    ///
    /// # Errors
    /// A write failed: nothing that waits for it is answered.
    pub fn serve(mut self) -> Result<Figures, String> {
        while !self.stop.load(Ordering::Acquire) {
            let until = self.silent.iter().map(|(until, _)| *until).min();
            self.driver.turn(Wait::Arrival(until)).map_err(|error| format!("the ring is broken: {error}"))?;
            while let Some(event) = self.driver.next_event() {
                self.on(event)?;
            }
            self.write()?;
            self.flush();
            self.greet_silent();
        }
        let system_calls = self.driver.stats().enters;
        Ok(Figures { system_calls, connections: self.connections_seen, ..self.groups.figures })
    }

    #[inline]
    fn on(&mut self, event: Event) -> Result<(), String> {
        match event {
            Event::Received { socket, buffer } => self.received(socket, buffer, 0),
            Event::Written { token, buffer, result } => {
                result.map_err(|error| format!("a group cannot be written: {error}"))?;
                self.driver.give_buffer(buffer);
                self.groups.written(token);
                while let Some(waiters) = self.groups.finished() {
                    self.release(waiters);
                }
            }
            Event::Sent { socket, buffer, .. } => {
                let more = self.connection(socket).is_some_and(|connection| connection.sent(buffer));
                self.to_flush.extend(more.then_some(socket));
            }
            Event::Accepted { socket, .. } => self.accepted(socket),
            Event::Closed { socket, .. } => self.forget(socket),
            Event::TurnedAway { .. } => eprintln!("a connection was turned away: {CONNECTIONS_MAX} are open"),
            Event::AcceptFailed { error, .. } => eprintln!("a connection could not be accepted: {error}"),
            _ => {}
        }
        Ok(())
    }

    fn accepted(&mut self, socket: SocketId) {
        self.connections_seen += 1;
        let index = socket.index();
        if self.connections.len() <= index {
            self.connections.resize_with(index + 1, || None);
        }
        if let Some(place) = self.connections.get_mut(index) {
            *place = Some(Connection::new(socket));
        }
        let silence = if self.greeted { SILENCE_AFTER_NATS } else { SILENCE };
        self.silent.push((self.driver.now() + silence, socket));
    }

    fn forget(&mut self, socket: SocketId) {
        if self.connection(socket).is_some()
            && let Some(place) = self.connections.get_mut(socket.index())
        {
            *place = None;
        }
    }

    #[inline]
    fn connection(&mut self, socket: SocketId) -> Option<&mut Connection> {
        self.connections.get_mut(socket.index())?.as_mut().filter(|connection| connection.socket == socket)
    }

    /// Takes bytes from place `from` on; what finds no room waits, with all that comes after it.
    #[inline]
    fn received(&mut self, socket: SocketId, buffer: ReceivedBuffer, from: usize) {
        if !self.blocked.is_empty() {
            self.blocked.push_back((socket, buffer, from));
            return;
        }
        if let Some((buffer, from)) = self.take(socket, buffer, from) {
            self.blocked.push_front((socket, buffer, from));
        }
    }

    /// Gives the buffer back if the open group is full.
    #[inline]
    fn take(&mut self, socket: SocketId, buffer: ReceivedBuffer, from: usize) -> Option<(ReceivedBuffer, usize)> {
        let connection = self.connections.get_mut(socket.index()).and_then(Option::as_mut);
        let Some(connection) = connection.filter(|connection| connection.socket == socket) else {
            self.driver.recycle(buffer);
            return None;
        };
        let waited = connection.waits_for_open();
        let bytes = self.driver.bytes(&buffer).get(from..).unwrap_or_default();
        let taken = connection.take(bytes, &mut self.groups);
        if !waited && connection.waits_for_open() {
            self.waiting_for_open.push(socket);
        }
        self.to_flush.push(socket);
        match taken {
            Ok(taken) if taken.full => return Some((buffer, from + taken.bytes)),
            Ok(_) => {}
            Err(what) => {
                eprintln!("a connection is closed: {what}");
                self.greeted = false;
                // What it was told last is told, if it can be; it is closed either way.
                let _unread = connection.flush(&mut self.driver);
                self.driver.close_after_send(socket);
            }
        }
        self.driver.recycle(buffer);
        None
    }

    /// Writes the open group if it may be written; then there is room for what was blocked.
    fn write(&mut self) -> Result<(), String> {
        while self.groups.may_submit() {
            let mut waiters = self.groups.list();
            for socket in self.waiting_for_open.drain(..) {
                let connection = self.connections.get_mut(socket.index()).and_then(Option::as_mut);
                if let Some(connection) = connection.filter(|connection| connection.socket == socket) {
                    waiters.push(Waiter { socket, bytes: connection.close_group() });
                }
            }
            self.groups.submit(&mut self.driver, waiters)?;
            while let Some((socket, buffer, from)) = self.blocked.pop_front() {
                if let Some((buffer, from)) = self.take(socket, buffer, from) {
                    self.blocked.push_front((socket, buffer, from));
                    break;
                }
            }
        }
        Ok(())
    }

    fn release(&mut self, waiters: Vec<Waiter>) {
        for Waiter { socket, bytes } in &waiters {
            if let Some(connection) = self.connection(*socket) {
                connection.release(*bytes);
                self.to_flush.push(*socket);
            }
        }
        self.groups.give_list(waiters);
    }

    fn flush(&mut self) {
        while let Some(socket) = self.to_flush.pop() {
            let connection = self.connections.get_mut(socket.index()).and_then(Option::as_mut);
            let Some(connection) = connection.filter(|connection| connection.socket == socket) else { continue };
            if let Err(what) = connection.flush(&mut self.driver) {
                eprintln!("a connection is closed: {what}");
                self.driver.close(socket);
            }
        }
    }

    /// Greets those who wait to hear from the server first.
    fn greet_silent(&mut self) {
        if self.silent.is_empty() {
            return;
        }
        let now = self.driver.now();
        let mut silent = std::mem::take(&mut self.silent);
        silent.retain(|(until, socket)| {
            let is_late = *until <= now;
            if is_late && self.connection(*socket).is_some_and(Connection::greet) {
                self.greeted = true;
                self.to_flush.push(*socket);
            }
            !is_late
        });
        self.silent = silent;
        self.flush();
    }
}

impl std::fmt::Debug for Floor {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Floor(port {})", self.port)
    }
}

fn config(in_flight: usize) -> Config {
    Config {
        receive_buffers: RECEIVE_BUFFERS,
        receive_buffer_bytes: RECEIVE_BUFFER_BYTES,
        block_buffers: in_flight + 1,
        block_buffer_bytes: GROUP_BYTES,
        sockets_max: CONNECTIONS_MAX,
        files_max: 1,
        ..Config::default()
    }
}
