//! What a peer's file says: how it is had, which settings make its acks durable, how it is started, and when it is ready.
//!
//! Takes a home (where it is installed) and a place (where one instance runs). Must stay true: every setting that the durability of an ack
//! depends on is in [`Settings`], since an audit counts for these settings only.

use std::fmt::Debug;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::fetch::Told;
use crate::targets::{Place, Protocol};

/// The settings of an instance, by name; the names are those of the peer's own configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings(Vec<(String, String)>);

impl Settings {
    /// With these values.
    pub(super) fn new(settings: &[(&str, &str)]) -> Self {
        Self(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    /// Changes the values that are said as `NAME=VALUE`.
    ///
    /// # Errors
    ///
    /// A name that is not among them.
    pub fn changed(mut self, changes: &[String]) -> Result<Self, String> {
        for change in changes {
            let (name, value) = change.split_once('=').ok_or_else(|| format!("`{change}` is not NAME=VALUE"))?;
            let names = self.0.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
            let known = self.0.iter_mut().find(|(known, _)| known == name);
            let (_, known) = known.ok_or_else(|| format!("`{name}` is no setting of this peer; there are {names}"))?;
            value.clone_into(known);
        }
        Ok(self)
    }

    /// The value of one that is there.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str())
    }
}

impl std::fmt::Display for Settings {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let all: Vec<String> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        out.write_str(&all.join(" "))
    }
}

/// How one peer is had and run.
pub(super) trait Recipe: Debug + Sync {
    /// What clients speak with it.
    fn protocol(&self) -> Protocol;

    /// Where a client of this protocol sends, for a queue.
    fn destination(&self, queue: &str) -> String {
        queue.to_owned()
    }

    /// Fetches what is missing.
    ///
    /// # Errors
    ///
    /// What cannot be had, and what to do.
    fn install(&self, home: &Path, told: Told<'_>) -> Result<(), String>;

    /// The version of what is installed.
    ///
    /// # Errors
    ///
    /// Nothing is.
    fn version(&self, home: &Path) -> Result<String, String>;

    /// The durable settings, and those that a fair comparison wants.
    fn settings(&self, home: &Path) -> Settings;

    /// Writes the configuration of an instance that was never started, or again with another port.
    ///
    /// # Errors
    ///
    /// What cannot be written.
    fn prepare(&self, home: &Path, place: &Place, settings: &Settings) -> Result<(), String>;

    /// What to run; its output goes to the log.
    fn command(&self, home: &Path, place: &Place) -> Command;

    /// A folder that all its durable files are in.
    fn store(&self, place: &Place) -> std::path::PathBuf {
        place.directory.join("data")
    }

    /// One try to speak with it, which ends with the queue being there.
    ///
    /// # Errors
    ///
    /// It is not ready yet, or does not want to.
    fn probe(&self, port: u16, queue: &str) -> Result<(), String>;

    /// What a start may take on a busy machine.
    fn ready_within(&self) -> Duration {
        Duration::from_secs(300)
    }
}

/// Writes a file of an instance.
pub(super) fn write(path: &Path, text: &str) -> Result<(), String> {
    let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    made.and_then(|()| std::fs::write(path, text)).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_changed_by_name_and_unknown_ones_are_refused() {
        let settings = Settings::new(&[("sync_interval", "always"), ("replicas", "1")]);
        assert_eq!(settings.to_string(), "sync_interval=always replicas=1");
        let changed = settings.clone().changed(&["sync_interval=2m".to_owned()]).unwrap();
        assert_eq!((changed.get("sync_interval"), changed.get("replicas")), ("2m", "1"));
        let error = settings.clone().changed(&["sync=2m".to_owned()]).unwrap_err();
        assert!(error.contains("`sync`") && error.contains("sync_interval, replicas"), "{error}");
        assert!(settings.changed(&["sync_interval".to_owned()]).is_err());
    }
}
