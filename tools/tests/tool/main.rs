//! Tests of the built `journal-tool`, on stores that the journal's own writer makes with fixed inputs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has failed"
)]

mod agreement;
mod damage;
mod golden;
mod hostile;
mod live;
mod scratch;
mod store;
mod tool;
