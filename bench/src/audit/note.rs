//! What audits said, kept in a file: a label counts for a target, its version and its settings, and for nothing else.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Audit;
use crate::result::schema::Durability;

/// Of one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    target: String,
    version: String,
    settings: String,
    label: Durability,
    witness: String,
    counted: Vec<String>,
}

/// All that is known.
#[derive(Clone, Debug, Default)]
pub struct Notes {
    path: PathBuf,
    notes: Vec<Note>,
}

impl Notes {
    /// Those in `audits.json` of this folder; a file that cannot be read is as good as none.
    pub fn in_folder(folder: &Path) -> Self {
        let path = folder.join("audits.json");
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        Self { path, notes: serde_json::from_str(&text).unwrap_or_default() }
    }

    /// The label of a target with these very settings.
    pub fn label(&self, target: &str, version: &str, settings: &str) -> Durability {
        let is_it = |note: &&Note| note.target == target && note.version == version && note.settings == settings;
        self.notes.iter().find(is_it).map_or(Durability::Unknown, |note| note.label.clone())
    }

    /// Keeps what an audit said, in place of what one said before of the same settings.
    ///
    /// # Errors
    ///
    /// A file that cannot be written.
    pub fn keep(&mut self, target: &str, version: &str, settings: &str, audit: &Audit) -> Result<(), String> {
        self.notes.retain(|note| note.target != target || note.settings != settings);
        self.notes.push(Note {
            target: target.to_owned(),
            version: version.to_owned(),
            settings: settings.to_owned(),
            label: audit.verdict.label(),
            witness: audit.witness.to_owned(),
            counted: audit.loads.iter().map(ToString::to_string).collect(),
        });
        let text = serde_json::to_string_pretty(&self.notes).map_err(|error| error.to_string())?;
        std::fs::write(&self.path, text).map_err(|error| format!("{}: {error}", self.path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Audit, Verdict};
    use super::*;

    #[test]
    fn a_label_counts_for_its_settings_only() {
        let folder = std::env::temp_dir().join(format!("ringmq-notes-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let audit = Audit { witness: "strace", loads: Vec::new(), verdict: Verdict::Durable };
        Notes::in_folder(&folder).keep("nats", "2.15.0", "sync_interval=always", &audit).unwrap();
        let notes = Notes::in_folder(&folder);
        assert_eq!(notes.label("nats", "2.15.0", "sync_interval=always"), Durability::Local);
        assert_eq!(notes.label("nats", "2.15.0", "sync_interval=default"), Durability::Unknown);
        assert_eq!(notes.label("nats", "2.16.0", "sync_interval=always"), Durability::Unknown);
        let not = Audit { verdict: Verdict::NotDurable(String::new()), ..audit.clone() };
        Notes::in_folder(&folder).keep("nats", "2.15.0", "sync_interval=2m", &not).unwrap();
        let notes = Notes::in_folder(&folder);
        assert_eq!(notes.label("nats", "2.15.0", "sync_interval=2m"), Durability::NotDurable);
        assert_eq!(notes.label("nats", "2.15.0", "sync_interval=always"), Durability::Local, "it stays");
        let unknown = Audit { verdict: Verdict::Unknown("no strace".to_owned()), ..audit };
        Notes::in_folder(&folder).keep("nats", "2.15.0", "sync_interval=always", &unknown).unwrap();
        assert_eq!(Notes::in_folder(&folder).label("nats", "2.15.0", "sync_interval=always"), Durability::Unknown);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
