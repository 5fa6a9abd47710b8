//! Every bound of this crate, with its reason.

/// How many of its own lives a member remembers. The register names a member in one of its lives: one that is none of these was made by a disk
/// that has since been restored. The life that the register showed last is remembered beside them, however long ago it was.
pub const INCARNATIONS_MAX: usize = 16;
