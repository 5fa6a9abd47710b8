//! Who may log in, and who may do what to which address.
//!
//! Owns: passwords and their hashes, and the roles that they give permissions to. Takes: a login; the roles
//! of a user and an address. Gives: an identity; the permissions, as one small value that a session keeps. Must stay true: what no
//! match names is allowed to nobody, and only the most specific match of an address counts; no password and no hash is shown by
//! `Debug`; a login takes as long whether there is such a user or not.

mod accounts;
mod login;
mod password;
mod permission;
mod policy;
mod remembered;

pub use accounts::{Account, Accounts};
pub use login::{Identity, Login, SOMEBODY, Secret, Verdict, refusal, unable};
pub use password::{Verifier, hash};
pub use permission::{Permission, Permissions};
pub use policy::{Grant, Policy};
pub use remembered::Remembered;
