//! What a guest is to do: the host writes it into the window, the guest reads it there.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::place::Lab;

/// The name of the file in the window.
const FILE: &str = "work.json";

/// What a proof in the lab runs.
#[derive(Clone, Debug)]
pub struct LabPlan {
    /// The lab.
    pub lab: Lab,
    /// The broker.
    pub broker: PathBuf,
    /// The program that does a guest's work: `bench` itself.
    pub bench: PathBuf,
    /// Where disks lie. States with findings are left there.
    pub directory: PathBuf,
    /// The seed of the whole run.
    pub seed: u64,
    /// Numbers of lanes; the rounds take them in turn.
    pub lanes: Vec<u16>,
    /// Holds of a recording.
    pub holds: u32,
    /// The control: from the first client on nothing reaches the disk for good.
    pub unsafe_disk: bool,
}

/// What one guest does.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Work {
    pub(super) broker: PathBuf,
    pub(super) lanes: u16,
    pub(super) settings: Vec<String>,
    /// The store's seed.
    pub(super) seed: u64,
    /// The seed of this life's choices.
    pub(super) choices: u64,
    pub(super) modules: PathBuf,
    /// Holds of a recorded disk; none: the guest holds once and is killed.
    pub(super) holds: u32,
    pub(super) unsafe_disk: bool,
}

impl Work {
    /// Whether the disk records its writes.
    pub(super) const fn is_recorded(&self) -> bool {
        self.holds > 0
    }

    pub(super) fn write(&self, window: &Path) -> Result<(), String> {
        let text = serde_json::to_string(self).map_err(|error| format!("{FILE}: {error}"))?;
        std::fs::write(window.join(FILE), text).map_err(|error| format!("{}: {error}", window.display()))
    }

    pub(super) fn read(window: &Path) -> Result<Self, String> {
        let path = window.join(FILE);
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
    }
}
