//! Which records a node may write: those of the release before until an upgrade is finished, so that it can go back.
//!
//! Kept in the stamp of the data folder. A folder that this release has made begins with its own records; one of an
//! earlier release goes on with that one's until somebody says that nobody goes back.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::{fs, io};

use crate::error::StoreError;
use crate::folder::{RECORDS, replace_stamp, stamp_of, value_of};
use crate::record::{VERSION, VERSION_CDR, VERSION_LEAST};

/// The newest records that this release reads and writes.
pub const RECORDS_KNOWN: u8 = VERSION;

/// What a data folder says about the records that are written to it.
#[derive(Debug)]
pub struct Upgrade {
    folder: PathBuf,
    records: AtomicU8,
}

impl Upgrade {
    /// Of that folder, which need not be there yet.
    ///
    /// # Errors
    /// When its stamp cannot be read, makes no sense, or is of a later release.
    pub fn read(folder: &Path) -> Result<Self, StoreError> {
        let stamp = stamp_of(folder);
        let records = match fs::read_to_string(&stamp) {
            Ok(text) => match value_of(&text, RECORDS) {
                None => VERSION_LEAST,
                Some(value) => value.parse().map_err(|_| StoreError::BadStamp {
                    path: stamp,
                    what: format!("`{RECORDS}` is `{value}`, not a number"),
                })?,
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => VERSION,
            Err(error) => return Err(StoreError::io("read", stamp)(error)),
        };
        if records > VERSION {
            return Err(StoreError::NewerFormat { found: records.into(), known: VERSION.into() });
        }
        Ok(Self { folder: folder.to_owned(), records: AtomicU8::new(records) })
    }

    /// The newest records that are written.
    pub fn records(&self) -> u8 {
        self.records.load(Ordering::Relaxed)
    }

    /// Whether records can be written that only this release knows: the one before cannot take over any more.
    pub fn is_finished(&self) -> bool {
        self.records() == VERSION
    }

    /// Whether call detail records can be owed.
    pub fn has_cdrs(&self) -> bool {
        self.records() >= VERSION_CDR
    }

    /// From now on this release's own records are written. There is no way back.
    ///
    /// # Errors
    /// When the stamp cannot be written; it is as it was then.
    pub fn finish(&self) -> Result<(), StoreError> {
        let stamp = stamp_of(&self.folder);
        let text = match fs::read_to_string(&stamp) {
            Ok(text) => text,
            // Nothing is kept here that anybody could go back to.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(StoreError::io("read", stamp)(error)),
        };
        let others = text.lines().filter(|line| value_of(line, RECORDS).is_none());
        let lines: Vec<&str> = others.collect();
        replace_stamp(&self.folder, &format!("{}\n{RECORDS} = {VERSION}\n", lines.join("\n")))?;
        self.records.store(VERSION, Ordering::Relaxed);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "# The owner of this folder.\nformat = 1\nnode = 3\njournal = \"sled\"\n";

    #[test]
    fn a_new_folder_begins_with_this_releases_records() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(Upgrade::read(&folder.path().join("data")).expect("read").is_finished());
    }

    #[test]
    fn a_folder_of_the_release_before_keeps_its_records_until_the_upgrade_is_finished() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("node.toml"), OLD).expect("written");
        let upgrade = Upgrade::read(folder.path()).expect("read");
        assert_eq!((upgrade.records(), upgrade.has_cdrs()), (VERSION_LEAST, false));
        upgrade.finish().expect("written");
        assert!(upgrade.is_finished() && upgrade.has_cdrs());
        let text = fs::read_to_string(folder.path().join("node.toml")).expect("there");
        assert_eq!(text, format!("{OLD}records = {VERSION}\n"), "all else is as it was");
        upgrade.finish().expect("once more changes nothing");
        assert_eq!(fs::read_to_string(folder.path().join("node.toml")).expect("there"), text);
    }

    #[test]
    fn a_folder_of_a_later_release_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("node.toml"), format!("{OLD}records = {}\n", VERSION + 1)).expect("written");
        assert!(matches!(Upgrade::read(folder.path()), Err(StoreError::NewerFormat { .. })));
        fs::write(folder.path().join("node.toml"), format!("{OLD}records = some\n")).expect("written");
        assert!(matches!(Upgrade::read(folder.path()), Err(StoreError::BadStamp { .. })));
    }
}
