//! Two servers play against each other, in a world of values.

mod faults;
mod full_copy;
mod handover;
mod joining;
mod pair_alone;
mod storms;
mod world;
