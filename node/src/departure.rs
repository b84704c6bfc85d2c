//! Whether the node is to leave its cluster for good, kept in its data folder: a restart changes nothing about that.
//!
//! ```text
//! (no file) ──decommission──> leaving ──nothing is left──> retired
//!     ^                          │
//!     └────────undrain───────────┘
//! ```

use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use crate::durable_file;

/// How far it has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Departure {
    /// Nothing new is taken; what is kept is delivered by the other nodes.
    Leaving,
    /// Nothing is left. A node does not start with such a folder.
    Retired,
}

impl fmt::Display for Departure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Leaving => "leaving",
            Self::Retired => "retired",
        })
    }
}

/// Why that is not known, or could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum DepartureError {
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
    /// Somebody has changed it.
    #[error("{}: expected `leaving` or `retired`; remove it if the node is to serve", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
    },
    /// It was left for good.
    #[error(
        "this node was decommissioned: nothing is left in its data folder, and no node counts on it. To have it serve \
         again remove {}",
        path.display()
    )]
    Retired {
        /// Which file.
        path: PathBuf,
    },
}

/// Where it is kept.
#[derive(Clone, Debug)]
pub struct DepartureFile {
    path: PathBuf,
}

impl DepartureFile {
    /// Of a node with that data folder.
    pub fn in_folder(data_dir: &Path) -> Self {
        Self { path: data_dir.join("departure") }
    }

    /// Whether a node that starts is to leave. One that is retired does not start.
    pub fn is_leaving(&self) -> Result<bool, DepartureError> {
        match self.read()? {
            None => Ok(false),
            Some(Departure::Leaving) => Ok(true),
            Some(Departure::Retired) => Err(DepartureError::Retired { path: self.path.clone() }),
        }
    }

    fn read(&self) -> Result<Option<Departure>, DepartureError> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.io("read it")(error)),
        };
        let known = [Departure::Leaving, Departure::Retired].into_iter().find(|one| one.to_string() == text.trim());
        known.map(Some).ok_or_else(|| DepartureError::Damaged { path: self.path.clone() })
    }

    /// Keeps it. When it returns it survives a loss of power.
    pub fn write(&self, departure: Departure) -> Result<(), DepartureError> {
        durable_file::replace(&self.path, format!("{departure}\n").as_bytes()).map_err(self.io("write it"))
    }

    /// The node stays after all.
    pub fn remove(&self) -> Result<(), DepartureError> {
        durable_file::remove(&self.path).map_err(self.io("remove it"))
    }

    fn io(&self, what: &'static str) -> impl FnOnce(io::Error) -> DepartureError {
        let path = self.path.clone();
        move |error| DepartureError::Io { path, what, error }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_is_leaving_knows_it_after_a_restart() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = DepartureFile::in_folder(folder.path());
        assert!(matches!(file.is_leaving(), Ok(false)), "nobody has said so");
        file.write(Departure::Leaving).expect("written");
        assert!(matches!(file.is_leaving(), Ok(true)));
        file.remove().expect("removed");
        assert!(matches!(file.is_leaving(), Ok(false)), "it stays after all");
    }

    #[test]
    fn a_retired_node_does_not_start_and_says_what_to_do() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = DepartureFile::in_folder(folder.path());
        file.write(Departure::Retired).expect("written");
        let refused = file.is_leaving().expect_err("it is retired").to_string();
        assert!(refused.contains("decommissioned") && refused.contains("remove"), "{refused}");
    }

    #[test]
    fn a_file_that_makes_no_sense_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("departure"), "perhaps").expect("written");
        let refused = DepartureFile::in_folder(folder.path()).is_leaving().expect_err("it makes no sense").to_string();
        assert!(refused.contains("departure: expected `leaving` or `retired`"), "{refused}");
    }
}
