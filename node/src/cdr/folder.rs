//! The folder of the files: names, manifests, the position. What a crash left is put in order when it is opened.
//!
//! ```text
//! cdr-NODE-20261127T101500Z-17.ndjson.part       being written
//! cdr-NODE-20261127T100000Z-16.ndjson            closed: never changes
//! cdr-NODE-20261127T100000Z-16.ndjson.manifest   records, first and last seq, SHA-256
//! cdr-NODE.position                              which number and seq come next, also when all else was taken away
//! cdr-NODE.lock                                  one process at a time
//! ```
//!
//! A file is closed in four steps, each on the disk before the next: manifest, position, the name without `.part`, the
//! folder. A crash between two of them leaves the `.part`, and the next opening does the rest.

use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use smsc_proto::timestamp::Timestamp;

use super::CdrError;
use super::lines::{extension, header};
use super::manifest::Manifest;
use super::part::Part;
use crate::config::CdrFormat;

const PART: &str = ".part";
const MANIFEST: &str = ".manifest";

/// Which file comes next, and with which record it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Counted from 1.
    pub number: u64,
    /// Counted from 1.
    pub seq: u64,
}

/// A file that was closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosedFile {
    /// Its name.
    pub name: String,
    /// How many records it holds.
    pub records: u64,
    /// When it was closed.
    pub closed: Timestamp,
}

/// An open folder. Nobody else writes under this node's name while it is.
#[derive(Debug)]
pub struct CdrFolder {
    path: PathBuf,
    node: String,
    /// As far as file names go.
    name: String,
    _lock: File,
}

impl CdrFolder {
    /// Opens the folder, which is made if it is not there, and finishes what a crash has interrupted. Returns the file
    /// that was being written in this format, if any, and what comes next if none was.
    pub fn open(
        path: &Path,
        node: &str,
        format: CdrFormat,
        now: Timestamp,
    ) -> Result<(Self, Option<Part>, Position), CdrError> {
        fs::create_dir_all(path).map_err(CdrError::io("make the folder", path))?;
        let name = file_name(node);
        let lock = lock(&path.join(format!("cdr-{name}.lock")), path)?;
        let folder = Self { path: path.to_owned(), node: node.to_owned(), name, _lock: lock };
        let mut position = folder.position()?;
        let mut open = None;
        for (found, number) in folder.parts()? {
            let Some((part, is_closing)) = folder.reopen(&found, number)? else { continue };
            if number >= position.number && part.first_seq() != position.seq {
                let (expected, seq) = (position.seq, part.first_seq());
                tracing::error!(event = "cdr.gap", file = %found.display(), seq, expected, "somebody else has written here, or the position was lost");
            }
            if part.format() == format && part.is_current() && !is_closing && number >= position.number {
                open = Some(part);
            } else {
                folder.close(&part, now)?;
                position = folder.position()?;
            }
        }
        Ok((folder, open, position))
    }

    /// A new file.
    pub fn create(&self, format: CdrFormat, position: Position, now: Timestamp) -> Result<Part, CdrError> {
        let opened = i64::try_from(now.as_millis() / 1_000).unwrap_or_default();
        let opened = jiff::Timestamp::from_second(opened).unwrap_or_default().strftime("%Y%m%dT%H%M%SZ");
        let name = format!("cdr-{}-{opened}-{}.{}{PART}", self.name, position.number, extension(format));
        let part = Part::create(self.path.join(name), format, position.number, position.seq, now)?;
        self.sync()?;
        Ok(part)
    }

    /// Closes a file for good. May be called again if it fails.
    pub fn close(&self, part: &Part, now: Timestamp) -> Result<ClosedFile, CdrError> {
        let closed = part.path().with_extension("");
        let name = closed.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        self.replace(&with_suffix(&closed, MANIFEST), &Manifest::of(part, &name, &self.node, now))?;
        let next = Position { number: part.number() + 1, seq: part.next_seq() };
        // A file that somebody has put back does not lead back.
        if self.written_position()?.is_none_or(|position| position.number < next.number) {
            self.set_position(next)?;
        }
        fs::rename(part.path(), &closed).map_err(CdrError::io("rename", part.path()))?;
        self.sync()?;
        Ok(ClosedFile { name, records: part.records(), closed: now })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// From now on files and records are numbered from here.
    pub fn set_position(&self, position: Position) -> Result<(), CdrError> {
        self.replace(&self.position_file(), &position)
    }

    /// What comes next by what was written down; after the newest manifest if that is lost.
    fn position(&self) -> Result<Position, CdrError> {
        if let Some(position) = self.written_position()? {
            return Ok(position);
        }
        let mut position = Position { number: 1, seq: 1 };
        for (path, number) in self.files(MANIFEST)? {
            if number >= position.number
                && let Some(manifest) = read_manifest(&path)
            {
                position = Position { number: number + 1, seq: manifest.last_seq + 1 };
            }
        }
        Ok(position)
    }

    fn written_position(&self) -> Result<Option<Position>, CdrError> {
        let file = self.position_file();
        let octets = match fs::read(&file) {
            Ok(octets) => octets,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(CdrError::io("read", &file)(error)),
        };
        let position = serde_json::from_slice(&octets);
        if let Err(error) = &position {
            tracing::error!(event = "cdr.position", file = %file.display(), %error, "the position cannot be read: the newest manifest counts");
        }
        Ok(position.ok())
    }

    /// One that is being written, and whether its closing had begun.
    fn reopen(&self, path: &Path, number: u64) -> Result<Option<(Part, bool)>, CdrError> {
        let closed = path.with_extension("");
        let format = match closed.extension().and_then(|extension| extension.to_str()) {
            Some("csv") => CdrFormat::Csv,
            _ => CdrFormat::Ndjson,
        };
        // One whose name does not say it is closed at once.
        let opened = opened_by_name(path).unwrap_or_default();
        let Some(part) = Part::reopen(path.to_owned(), format, number, opened)? else {
            // Its header at most, or damage from the first octet on.
            if fs::metadata(path).is_ok_and(|there| there.len() <= header(format).len() as u64) {
                fs::remove_file(path).map_err(CdrError::io("remove", path))?;
            } else {
                tracing::error!(event = "cdr.damaged", file = %path.display(), "no record can be read in it: it is put aside");
                fs::rename(path, with_suffix(path, ".damaged")).map_err(CdrError::io("rename", path))?;
            }
            return Ok(None);
        };
        let is_closing = read_manifest(&with_suffix(&closed, MANIFEST)).is_some_and(|manifest| manifest.is_of(&part));
        Ok(Some((part, is_closing)))
    }

    fn parts(&self) -> Result<Vec<(PathBuf, u64)>, CdrError> {
        self.files(PART)
    }

    /// This node's files with that ending and their numbers, in order.
    fn files(&self, ending: &str) -> Result<Vec<(PathBuf, u64)>, CdrError> {
        let failed = |error| CdrError::io("list", &self.path)(error);
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if let Some(number) = name.strip_suffix(ending).and_then(|name| self.number_of(name)) {
                files.push((path, number));
            }
        }
        files.sort_unstable_by_key(|(_, number)| *number);
        Ok(files)
    }

    /// The number in the name of a file of this node: `cdr-NODE-TIME-NUMBER.FORMAT`.
    fn number_of(&self, name: &str) -> Option<u64> {
        let rest = name.strip_prefix("cdr-")?.strip_prefix(&self.name)?.strip_prefix('-')?;
        let (time, rest) = rest.split_once('-')?;
        // Another node's name may begin with this one's and a dash.
        let is_time = time.len() == 16 && time.ends_with('Z');
        rest.split_once('.').filter(|_| is_time)?.0.parse().ok()
    }

    fn position_file(&self) -> PathBuf {
        self.path.join(format!("cdr-{}.position", self.name))
    }

    /// Writes a small file as a whole: there is the old one, or the new one.
    fn replace(&self, path: &Path, content: &impl Serialize) -> Result<(), CdrError> {
        let new = with_suffix(path, ".new");
        let mut octets = serde_json::to_vec(content).map_err(|error| CdrError::io("write", path)(error.into()))?;
        octets.push(b'\n');
        let write = || {
            let mut file = File::create(&new)?;
            file.write_all(&octets)?;
            file.sync_all()?;
            fs::rename(&new, path)
        };
        write().map_err(CdrError::io("write", path))?;
        self.sync()
    }

    fn sync(&self) -> Result<(), CdrError> {
        File::open(&self.path).and_then(|folder| folder.sync_all()).map_err(CdrError::io("sync the folder", &self.path))
    }
}

fn lock(file: &Path, folder: &Path) -> Result<File, CdrError> {
    let lock = File::options().create(true).truncate(false).write(true).open(file);
    let lock = lock.map_err(CdrError::io("open", file))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(CdrError::Locked(folder.to_owned())),
        Err(TryLockError::Error(error)) => Err(CdrError::io("lock", file)(error)),
    }
}

fn read_manifest(path: &Path) -> Option<Manifest> {
    fs::read(path).ok().and_then(|octets| serde_json::from_slice(&octets).ok())
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

/// When a file was begun, by its name.
fn opened_by_name(path: &Path) -> Option<Timestamp> {
    let name = path.file_name()?.to_str()?;
    let time = name.rsplit('-').nth(1)?;
    let time = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", time).ok()?;
    let time = time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond();
    Some(Timestamp::from_millis(u64::try_from(time).ok()?))
}

/// A node's name as a part of file names.
fn file_name(node: &str) -> String {
    node.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests;
