//! Opens sockets.
//!
//! Takes: an address and options. Gives: the socket and the address it really has. Must stay true:
//! TCP_NODELAY is set on the listener, because Linux copies it into every accepted socket: so no
//! connection costs a system call for it.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::sys::socket::sockopt::{Ipv6V6Only, ReuseAddr, ReusePort, TcpNoDelay};
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockProtocol, SockType, SockaddrStorage, bind, listen, setsockopt, socket,
};

use crate::driver::ListenOptions;

pub(super) fn open(address: SocketAddr, options: ListenOptions) -> io::Result<(OwnedFd, SocketAddr)> {
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let socket = socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, SockProtocol::Tcp)?;
    setsockopt(&socket, ReuseAddr, &true)?;
    if options.reuse_port {
        setsockopt(&socket, ReusePort, &true)?;
    }
    if address.is_ipv6() {
        // One listener, one family: `[::]` beside `0.0.0.0` on the same port is two acceptors.
        setsockopt(&socket, Ipv6V6Only, &true)?;
    }
    setsockopt(&socket, TcpNoDelay, &true)?;
    bind(socket.as_raw_fd(), &SockaddrStorage::from(address))?;
    listen(&socket, Backlog::new(options.backlog)?)?;
    let listener = TcpListener::from(socket);
    let bound = listener.local_addr()?;
    Ok((OwnedFd::from(listener), bound))
}

/// A socket for an outgoing connection.
pub(super) fn open_unconnected(address: SocketAddr) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let socket = socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, SockProtocol::Tcp)?;
    setsockopt(&socket, TcpNoDelay, &true)?;
    Ok(socket)
}
