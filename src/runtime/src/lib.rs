//! One core: one ring, one thread, no locks. The only room where `unsafe` is allowed.
//!
//! Owns: the io_uring of a core, every buffer the kernel may touch, the sockets and files of that
//! core, the wake-up of a sleeping loop, the rings between cores, the thread that makes segments.
//! Takes: operations ([`Driver`]'s methods). Gives: [`Event`]s, each operation's end exactly once.
//! Must stay true: memory named in an operation belongs to the driver until the kernel's last
//! completion for it; a closed socket's events never reach anybody; no data core blocks here other
//! than in [`Driver::turn`].
//!
//! Read in this order:
//! - [`ring`]: the kernel's side as a trait; the real ring and a fake one that misbehaves
//! - [`buffer`]: aligned buffers for blocks, the provided ring for received bytes
//! - [`driver`]: sockets and files on a ring
//! - [`waker`], [`mesh`]: how other threads reach a core
//! - [`clock`], [`timers`], [`pin`]: time and place
//! - [`probe`], [`disk_probe`]: may this machine run us, and how does its disk flush best
//! - [`segment_maker`]: files made ahead of the writer

pub mod buffer;
pub mod clock;
pub mod disk_probe;
pub mod driver;
pub mod error;
pub mod limits;
pub mod memlock;
pub mod mesh;
pub mod pin;
pub mod probe;
pub mod ring;
pub mod segment_maker;
mod slots;
pub mod timers;
pub mod waker;

pub use buffer::{AlignedBuffer, ReceivedBuffer};
pub use clock::{Clock, Moment};
pub use driver::{CloseReason, Config, Driver, Event, FileId, ListenOptions, ListenerId, SocketId, Stats, Sync, Wait};
pub use error::{Errno, IoError, Refused, Step, Why};
pub use ring::{Ring, UringRing};
pub use waker::{Sleeper, Waker};
