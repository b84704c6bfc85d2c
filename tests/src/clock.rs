//! The system's clock, set by hand for one node: libfaketime stands between it and the system.
//!
//! Only the time of day is moved. The clock that timers run by is the machine's own, as when an administrator or NTP
//! sets the time.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::configuration::Configuration;
use crate::skip::skipped;

/// A clock that a test moves.
#[derive(Debug)]
pub struct SettableClock {
    folder: TempDir,
    library: PathBuf,
}

impl SettableClock {
    /// A clock that shows the right time. `None` where libfaketime is not installed.
    pub fn new() -> Option<Self> {
        let folders = fs::read_dir("/usr/lib").into_iter().flatten().flatten().map(|entry| entry.path());
        let mut libraries = folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1"));
        let Some(library) = libraries.find(|path| path.exists()) else {
            return skipped("there is no libfaketime: apt-get install faketime");
        };
        let clock = Self { folder: tempfile::tempdir().expect("the temporary folder can be written"), library };
        clock.set(0);
        Some(clock)
    }

    /// From now on it is so many seconds ahead of the right time.
    pub fn set(&self, seconds: i64) {
        // Renamed into place: it is read at any moment.
        let draft = self.folder.path().join("draft");
        fs::write(&draft, format!("{seconds:+}s\n")).expect("the temporary folder can be written");
        fs::rename(draft, self.file()).expect("the temporary folder can be written");
    }

    /// Gives a node this clock.
    pub fn of(&self, configuration: Configuration) -> Configuration {
        configuration
            .environment("LD_PRELOAD", &self.library.display().to_string())
            .environment("FAKETIME_TIMESTAMP_FILE", &self.file().display().to_string())
            .environment("FAKETIME_NO_CACHE", "1")
            .environment("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("clock")
    }
}
