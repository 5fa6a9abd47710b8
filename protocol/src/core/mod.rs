//! The CORE protocol: frames, scalar encodings, packets and error codes.
//!
//! Reading order: [`frame`] cuts a byte stream into frames, [`packet`] gives each frame a meaning, [`cursor`], [`wire`], [`text`]
//! and [`list`] are the encodings underneath, [`identity`] the types of ids, [`version`] what a connection version changes,
//! [`error`] what went wrong and whose fault it is, [`error_code`] the codes an `EXCEPTION` carries.

pub mod frame;
pub mod packet;

pub mod cursor;
pub mod list;
pub mod text;
pub mod transport;
pub mod wire;

pub mod identity;
pub mod version;

pub mod error;
pub mod error_code;
