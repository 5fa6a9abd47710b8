//! Messages to the service manager: `READY=1` and its kin, over the socket that `NOTIFY_SOCKET` names.
//!
//! Takes: the state. Gives: one datagram, or nothing where no service manager listens. Must stay true: telling never
//! fails the broker.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// The socket of the service manager, if there is one.
#[derive(Debug)]
pub(super) struct ServiceManager {
    address: Option<SocketAddr>,
}

impl ServiceManager {
    /// The one that started this process.
    pub(super) fn of_this_process() -> Self {
        Self { address: std::env::var_os("NOTIFY_SOCKET").and_then(|name| address(name.as_bytes())) }
    }

    /// Tells it. Lines of `KEY=value`.
    pub(super) fn tell(&self, state: &str) {
        let Some(address) = &self.address else { return };
        let Ok(socket) = UnixDatagram::unbound() else { return };
        // A service manager that does not take the message will find out by its own timeout.
        let _untold = socket.set_nonblocking(true).and_then(|()| socket.send_to_addr(state.as_bytes(), address));
    }
}

/// A leading `@` stands for the abstract name space.
fn address(name: &[u8]) -> Option<SocketAddr> {
    match name.split_first()? {
        (b'@', rest) => SocketAddr::from_abstract_name(rest).ok(),
        (b'/', _) => SocketAddr::from_pathname(std::path::Path::new(std::ffi::OsStr::from_bytes(name))).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_an_abstract_socket() {
        let name = format!("@ringmq-notify-{}", std::process::id());
        let address = address(name.as_bytes()).unwrap();
        let socket = UnixDatagram::bind_addr(&address).unwrap();
        socket.set_read_timeout(Some(std::time::Duration::from_secs(5))).unwrap();
        ServiceManager { address: Some(address) }.tell("READY=1\n");
        let mut buffer = [0; 64];
        let length = socket.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], b"READY=1\n");
    }

    #[test]
    fn nobody_to_tell_is_no_failure() {
        ServiceManager { address: None }.tell("READY=1");
        ServiceManager { address: address(b"/nowhere/notify") }.tell("READY=1");
        for odd in ["", "relative", "@"] {
            let _no_panic = address(odd.as_bytes());
        }
        assert!(address(&[b'/'; 500]).is_none());
    }
}
