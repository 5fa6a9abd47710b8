//! Around the rooms: what proves them.
//!
//! [`oracle`] is a plain model of what a broker may say, [`payload`] gives every message a body that shows any change.

pub mod oracle;
pub mod payload;
