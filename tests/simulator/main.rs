//! The broker on the simulated machine: crashes and faults that no real machine gives at will. Every finding names its seed.

mod controls;
mod lives;
mod pair;
mod pair_mutants;
mod steps;
mod sweep;
