//! What a member of a pair does to its lanes, on the simulated disk: cut at a common point, with the power failing at every operation.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot be set up has failed")]

mod compare;
mod copies;
mod copy;
mod epochs;
mod repair;
mod snapshot;
mod truncate;
