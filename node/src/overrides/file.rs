//! The entries in the node's data folder: one file, written whole or not at all.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Entry;
use crate::durable_file;

/// What this release writes, and the newest that it reads.
const FORMAT: u32 = 1;

/// Where the entries are kept.
#[derive(Clone, Debug)]
pub struct OverridesFile {
    path: PathBuf,
}

/// Why the entries cannot be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum OverridesFileError {
    /// The disk or its rights.
    #[error("{}: cannot {what}: {error}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// What the system says.
        error: io::Error,
    },
    /// Somebody has changed it, or the disk has.
    #[error(
        "{}: damaged: {reason}. It holds the routes, accounts and operators that were changed while the node ran; moved \
         away, they are as the configuration file says",
        path.display()
    )]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A later release wrote it.
    #[error("{}: written by a later release (format {found}, this one knows {FORMAT}): start that one", path.display())]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
}

#[derive(Deserialize)]
struct Head {
    format: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    format: u32,
    entries: Vec<Entry>,
}

impl OverridesFile {
    /// The file of a node with that data folder.
    pub fn in_folder(data_dir: &Path) -> Self {
        Self { path: data_dir.join("overrides.json") }
    }

    /// What is kept; nothing if there is no file.
    pub fn read(&self) -> Result<Vec<Entry>, OverridesFileError> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.io("read it")(error)),
        };
        let damaged = |error: serde_json::Error| OverridesFileError::Damaged {
            path: self.path.clone(),
            reason: error.to_string(),
        };
        let Head { format } = serde_json::from_str(&text).map_err(damaged)?;
        if format > FORMAT {
            return Err(OverridesFileError::Newer { path: self.path.clone(), found: format });
        }
        let Text { entries, .. } = serde_json::from_str(&text).map_err(damaged)?;
        Ok(entries)
    }

    /// Keeps these. When it returns they survive a loss of power; when it fails, those before do.
    pub fn write(&self, entries: Vec<Entry>) -> Result<(), OverridesFileError> {
        let text = serde_json::to_string_pretty(&Text { format: FORMAT, entries })
            .map_err(|error| self.io("write it")(error.into()))?;
        // There may be passwords in it.
        durable_file::replace(&self.path, text.as_bytes()).map_err(self.io("write it"))
    }

    fn io(&self, what: &'static str) -> impl FnOnce(io::Error) -> OverridesFileError {
        let path = self.path.clone();
        move |error| OverridesFileError::Io { path, what, error }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::tests::entry;
    use super::*;

    #[test]
    fn what_was_written_is_read_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = OverridesFile::in_folder(folder.path());
        assert_eq!(file.read().expect("none is nothing"), []);
        let entries = vec![entry("46", 1, 1), entry("47", 2, 1)];
        file.write(entries.clone()).expect("room");
        assert_eq!(file.read().expect("good"), entries);
        let mode = fs::metadata(&file.path).expect("there").permissions().mode();
        assert_eq!(mode & 0o077, 0, "nobody else may read passwords");
    }

    #[test]
    fn a_draft_that_a_crash_left_is_no_harm() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = OverridesFile::in_folder(folder.path());
        fs::write(folder.path().join("overrides.json.new"), "{\"format\":1,\"entr").expect("room");
        assert_eq!(file.read().expect("none is nothing"), []);
        file.write(vec![entry("46", 1, 1)]).expect("room");
        assert_eq!(file.read().expect("good").len(), 1);
    }

    #[test]
    fn damage_and_later_formats_are_told_with_what_to_do() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = OverridesFile::in_folder(folder.path());
        for (text, reason) in [
            ("{\"format\":1,\"entr", "damaged"),
            ("{\"format\":1,\"entries\":[{}]}", "moved away, they are as the configuration file says"),
            ("{\"format\":2,\"anything\":[]}", "written by a later release (format 2"),
        ] {
            fs::write(&file.path, text).expect("room");
            let error = file.read().expect_err(text).to_string();
            assert!(error.contains(reason) && error.contains("overrides.json"), "{error}");
        }
    }
}
