//! The directories of a store as paths that can be opened.

use std::path::PathBuf;

use crate::table::Config;

/// Where a store keeps what: the configured paths, with relative ones placed in the data directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directories {
    /// The directory the others lie in by default; the directory lock is taken here.
    pub data: PathBuf,
    /// Addresses, queues, settings.
    pub bindings: PathBuf,
    /// Messages.
    pub journal: PathBuf,
    /// Large bodies.
    pub large_messages: PathBuf,
    /// Overflow.
    pub paging: PathBuf,
    /// What belongs to this host alone.
    pub ha: PathBuf,
}

impl Config {
    /// The directories of the store.
    #[must_use]
    pub fn directories(&self) -> Directories {
        // Joining an absolute path replaces the base, which is what a person who writes one wants.
        let data = &self.data_directory.value;
        Directories {
            data: data.clone(),
            bindings: data.join(&self.bindings_directory.value),
            journal: data.join(&self.journal_directory.value),
            large_messages: data.join(&self.large_messages_directory.value),
            paging: data.join(&self.paging_directory.value),
            ha: data.join(&self.ha_directory.value),
        }
    }
}
