//! Every bound of this crate, with its reason.

/// How many of its own lives a member remembers. The register names a member in one of its lives: one that is none of these was made by a disk
/// that has since been restored. The life that the register showed last is remembered beside them, however long ago it was.
pub const INCARNATIONS_MAX: usize = 16;
/// How many epochs a history keeps: as many as the journal keeps for a lane. Of two histories that have nothing in common within these, nobody can
/// tell where they parted: the copy that follows is made anew, and what it held is kept.
pub const EPOCHS_MAX: usize = 48;
/// How many places of a lane a search for damage looks at: 16 TiB of segments of 64 MiB. Of more, the oldest are left out, and damage among them is
/// told as "before" the oldest that is looked at.
pub const CHAIN_PLACES_MAX: usize = 1 << 18;
