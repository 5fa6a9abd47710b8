//! Crashes, faults and the controls that must be caught, on the simulated disk. Every run prints its seed when it fails.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod controls;
mod every_point;
mod faults;
mod harness;
mod random;
