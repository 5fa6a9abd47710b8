//! Proofs: long runs against the built broker, each with a seed, a verdict and a control.
//!
//! A proof can be interrupted and goes on where it was ([`progress`]); what came of it is a line of the ledger ([`ledger`]).

pub mod bitrot;
pub mod faults;
pub mod fuzz;
pub mod hostile;
pub mod kill9;
pub mod ledger;
pub mod model;
pub mod parts;
pub mod power;
pub mod progress;
pub mod random;
pub mod reattach;
pub mod simulate;
pub mod write_amp;
