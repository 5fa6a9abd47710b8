//! Crashes, faults and the controls that must be caught, on the simulated disk. Every run prints its seed when it fails.

mod controls;
mod every_point;
mod faults;
mod harness;
mod random;
