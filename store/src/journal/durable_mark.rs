//! The durable mark: a small file beside a sled database that remembers how far the journal was durable.
//!
//! sled takes damage near the end of its log for the torn end of a crash, cuts there, and goes on. This file tells the
//! two apart: what it names was synced, so it must be there. It is written now and then, after a sync and never before
//! one, and is not synced itself: it may lag behind the journal, but never leads it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::error::StoreError;
use crate::journal::RecordNumber;

const FILE: &str = "durable";

/// What was durable when the mark was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The newest record.
    pub record: RecordNumber,
    /// The end of sled's log, as a log sequence number.
    pub log_end: u64,
}

/// The mark's file, open for writing.
#[derive(Debug)]
pub struct MarkFile {
    path: PathBuf,
    file: File,
}

impl MarkFile {
    /// Where the mark of a partition's folder is.
    pub fn path(folder: &Path) -> PathBuf {
        folder.join(FILE)
    }

    /// Reads the mark; `None` when there is none, or none that is whole.
    pub fn read(folder: &Path) -> Result<Option<Mark>, StoreError> {
        let path = Self::path(folder);
        match fs::read(&path) {
            Ok(text) => {
                let mark = std::str::from_utf8(&text).ok().and_then(parse);
                if mark.is_none() {
                    tracing::warn!(path = %path.display(), "the durable mark is not readable and is left out of account");
                }
                Ok(mark)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::io("read", path)(error)),
        }
    }

    /// Opens the file for writing.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let path = Self::path(folder);
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        Ok(Self { file: file.map_err(StoreError::io("open", &path))?, path })
    }

    /// Removes the mark: what is written from now on is not synced, so that nothing may be promised about it.
    pub fn remove(folder: &Path) -> Result<(), StoreError> {
        let path = Self::path(folder);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::io("remove", path)(error)),
            _ => Ok(()),
        }
    }

    /// Writes the mark over the last one: one write of always the same length within one sector, so that the file is
    /// old or new and never half of each.
    pub fn write(&self, mark: Mark) -> Result<(), StoreError> {
        self.file.write_all_at(format(mark).as_bytes(), 0).map_err(StoreError::io("write", &self.path))
    }
}

fn format(mark: Mark) -> String {
    let text = format!("record {:020} log {:020}", mark.record, mark.log_end);
    let sum = crc32fast::hash(text.as_bytes());
    format!("{text} crc {sum:08x}\n")
}

fn parse(text: &str) -> Option<Mark> {
    let (body, sum) = text.trim_end().rsplit_once(" crc ")?;
    if u32::from_str_radix(sum, 16).ok()? != crc32fast::hash(body.as_bytes()) {
        return None;
    }
    let (record, log_end) = body.strip_prefix("record ")?.split_once(" log ")?;
    Some(Mark { record: record.parse().ok()?, log_end: log_end.parse().ok()? })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_mark_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let file = MarkFile::open(folder.path()).unwrap();
        let mark = Mark { record: 17, log_end: u64::MAX };
        file.write(Mark { record: 16, log_end: 4 }).unwrap();
        file.write(mark).unwrap();
        assert_eq!(MarkFile::read(folder.path()).unwrap(), Some(mark));
    }

    #[test]
    fn a_mark_that_is_not_whole_is_none() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(MarkFile::read(folder.path()).unwrap(), None);
        for text in [
            "",
            "record 00000000000000000017 log 000",
            "\0\0\0\0\0",
            &format(Mark { record: 1, log_end: 2 }).replace('2', "3"),
        ] {
            fs::write(MarkFile::path(folder.path()), text).unwrap();
            assert_eq!(MarkFile::read(folder.path()).unwrap(), None, "{text:?}");
        }
    }
}
