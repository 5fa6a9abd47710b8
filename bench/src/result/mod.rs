//! Results as files: what was measured, on what, against what, so that somebody else can judge it.

pub mod csv;
pub mod machine;
pub mod report;
pub mod schema;
pub mod series;

use std::path::Path;

use schema::Results;

/// Reads `result.json`.
///
/// # Errors
///
/// A file that cannot be read, is none of ours, or has a version that this program does not know.
pub fn read(path: &Path) -> Result<Results, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| failed(&error))?;
    let results: Results = serde_json::from_str(&text).map_err(|error| failed(&error))?;
    if results.version == schema::VERSION {
        Ok(results)
    } else {
        Err(failed(&format!("has version {} where this program knows {}", results.version, schema::VERSION)))
    }
}

/// Writes `result.json`, all or nothing.
///
/// # Errors
///
/// A file that cannot be written.
pub fn write(path: &Path, results: &Results) -> Result<(), String> {
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let text = serde_json::to_string_pretty(results).map_err(|error| failed(&error))?;
    let beside = path.with_extension("json.new");
    std::fs::write(&beside, text + "\n").map_err(|error| failed(&error))?;
    std::fs::rename(&beside, path).map_err(|error| failed(&error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::schema::{Durability, Figures, Parameters, Round};

    #[test]
    fn what_was_written_is_read_and_another_version_is_not() {
        let folder = std::env::temp_dir().join(format!("ringmq-result-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("result.json");
        let round = Round {
            target: "ringmq".to_owned(),
            target_version: "0.1.0".to_owned(),
            durability: Durability::Local,
            protocol: "core".to_owned(),
            scenario: "S1".to_owned(),
            parameters: Parameters { connections: 1, window: 1, ..Parameters::default() },
            round: 3,
            order: 0,
            figures: Figures { messages: 10, seconds: 0.5, ..Figures::default() },
        };
        let mut results = Results { rounds: vec![round], ..Results::default() };
        write(&path, &results).unwrap();
        assert_eq!(read(&path).unwrap(), results);
        results.version += 1;
        write(&path, &results).unwrap();
        let error = read(&path).unwrap_err();
        assert!(error.contains("version 2"), "{error}");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
