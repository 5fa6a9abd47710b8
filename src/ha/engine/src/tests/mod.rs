//! Tests of the crate as a whole. They stand here so that it is built once for all tests: as files of their own beside `src/` they would need a
//! second build of it, a third of the time of `cargo test -p ha-engine`.

mod page;
mod steady_state;
