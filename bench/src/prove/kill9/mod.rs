//! The kill loop: load the built broker, kill it without a warning, start it again, and compare what it says with what it said.
//!
//! One *round* is one store with its number of lanes and its own choices; it goes through some cycles and ends with all queues
//! emptied and everything judged. Takes a binary and a seed, gives figures and findings. The choices (who sends what to where,
//! when the kill comes) follow from the seed; how far the broker gets until then does not.

pub(crate) mod broker;
mod control;
pub(in crate::prove) mod drain;
mod figures;
pub(in crate::prove) mod load;
mod made;
mod round;

pub use broker::{Broker, Place};
pub use control::{Caught, control};
pub use figures::{Cycle, Figures};
pub use made::{LastEnd, Made, contents, copy_folder, make};
use ringmq::testing::payload;

pub use ringmq::testing::oracle;
pub use round::{CYCLES_PER_ROUND, Plan, round};
