//! Tests of one home of addresses on a simulated disk: what it writes, holds, frees and reads back, across kills.

mod bounds;
mod browsing;
mod checkpoints;
mod compaction;
mod holds;
mod large_bodies;
mod machine;
mod missing;
mod model;
mod passing;
mod random;
mod selecting;
mod unreadable;
