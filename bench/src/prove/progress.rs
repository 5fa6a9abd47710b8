//! What a proof has done so far, in a file, so that an interrupted one goes on.
//!
//! The first line says what is being proved; a file of another proof, seed, count or binary is begun anew. Every further line
//! is a finished part. A last line without its end (the writer was interrupted) does not count.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// The progress of one proof.
#[derive(Debug)]
pub struct Progress {
    path: PathBuf,
    file: File,
    done: Vec<String>,
}

impl Progress {
    /// Opens the file of a proof; `what` says everything that a part's result depends on.
    pub fn open(path: &Path, what: &str) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("the progress cannot be kept: {}: {error}", path.display());
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(failed)?;
        }
        // A file that cannot be read is as good as none.
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let mut whole = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
        let done: Vec<String> =
            if whole.next() == Some(what) { whole.map(str::to_owned).collect() } else { Vec::new() };
        let begin: String =
            std::iter::once(what).chain(done.iter().map(String::as_str)).map(|it| format!("{it}\n")).collect();
        std::fs::write(path, begin).map_err(failed)?;
        let file = OpenOptions::new().append(true).open(path).map_err(failed)?;
        Ok(Self { path: path.to_owned(), file, done })
    }

    /// The parts that are done.
    pub fn done(&self) -> &[String] {
        &self.done
    }

    /// A further part is done.
    pub fn add(&mut self, line: &str) -> Result<(), String> {
        let written = self.file.write_all(format!("{line}\n").as_bytes());
        written.map_err(|error| format!("the progress cannot be kept: {}: {error}", self.path.display()))?;
        self.done.push(line.to_owned());
        Ok(())
    }

    /// The proof is at its end: the next one begins anew.
    pub fn finish(self) -> Result<(), String> {
        std::fs::remove_file(&self.path).map_err(|error| format!("{}: {error}", self.path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interrupted_proof_goes_on_and_another_begins_anew() {
        let directory = std::env::temp_dir().join(format!("ringmq-progress-{}", std::process::id()));
        let path = directory.join("a/kill9-1.tsv");
        let mut progress = Progress::open(&path, "kill9 seed 1").unwrap();
        progress.add("part 0").unwrap();
        progress.add("part 1").unwrap();
        drop(progress);
        std::fs::write(&path, std::fs::read_to_string(&path).unwrap() + "part 2 cut").unwrap();
        assert_eq!(Progress::open(&path, "kill9 seed 1").unwrap().done(), ["part 0", "part 1"]);
        let other = Progress::open(&path, "kill9 seed 2").unwrap();
        assert!(other.done().is_empty());
        other.finish().unwrap();
        assert!(!path.exists());
        std::fs::remove_dir_all(directory).unwrap();
    }
}
