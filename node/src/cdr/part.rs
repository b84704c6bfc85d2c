//! The file that is being written. Records are in it as a whole and on the disk, or it is as it was before.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, ErrorKind};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use smsc_proto::timestamp::Timestamp;

use super::CdrError;
use super::lines::{LineReader, header};
use crate::config::CdrFormat;

/// The longest line that is taken for a record, when a file is looked through.
const LINE_MAX: u64 = 1 << 20;

/// One `.part` file. What it says of itself is what is on the disk.
#[derive(Debug)]
pub struct Part {
    path: PathBuf,
    /// `None` after an error: it is opened anew.
    file: Option<File>,
    /// Something may stand behind `octets` that does not count.
    dirty: bool,
    /// Whether its header is that of this release, so that it can be gone on with.
    is_current: bool,
    format: CdrFormat,
    number: u64,
    opened: Timestamp,
    first_seq: u64,
    records: u64,
    octets: u64,
    hash: Sha256,
}

impl Part {
    /// Makes a new file, with its header.
    pub fn create(
        path: PathBuf,
        format: CdrFormat,
        number: u64,
        first_seq: u64,
        opened: Timestamp,
    ) -> Result<Self, CdrError> {
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(&path);
        let file = file.map_err(CdrError::io("make", &path))?;
        let mut part = Self {
            path,
            file: Some(file),
            dirty: true,
            is_current: true,
            format,
            number,
            opened,
            first_seq,
            records: 0,
            octets: 0,
            hash: Sha256::new(),
        };
        part.append(&header(format), 0)?;
        Ok(part)
    }

    /// Opens a file that was being written when the process ended, and cuts it behind its last whole record. `None`: it
    /// holds no record.
    pub fn reopen(path: PathBuf, format: CdrFormat, number: u64, opened: Timestamp) -> Result<Option<Self>, CdrError> {
        let file = File::open(&path).map_err(CdrError::io("read", &path))?;
        let length = file.metadata().map_err(CdrError::io("read", &path))?.len();
        let mut reader = BufReader::new(file);
        let mut line = Vec::new();
        let mut next = |line: &mut Vec<u8>| -> Result<(), CdrError> {
            line.clear();
            let mut limited = std::io::Read::take(&mut reader, LINE_MAX);
            limited.read_until(b'\n', line).map(drop).map_err(CdrError::io("read", &path))
        };
        let mut hash = Sha256::new();
        let (mut octets, mut records, mut first_seq, mut is_current) = (0, 0, None, true);
        let lines = match format {
            CdrFormat::Ndjson => Some(LineReader::NDJSON),
            CdrFormat::Csv => {
                next(&mut line)?;
                hash.update(&line);
                octets = line.len() as u64;
                is_current = line == header(format);
                LineReader::csv(&line)
            }
        };
        if let Some(lines) = &lines {
            loop {
                next(&mut line)?;
                let Some(seq) = lines.seq_of(&line) else { break };
                if seq != *first_seq.get_or_insert(seq) + records {
                    break;
                }
                hash.update(&line);
                octets += line.len() as u64;
                records += 1;
            }
        }
        let Some(first_seq) = first_seq else { return Ok(None) };
        if octets < length {
            let cut = length - octets;
            tracing::warn!(event = "cdr.repaired", file = %path.display(), cut, "what a crash left behind the last whole record is cut off");
            if let Some(lines) = &lines {
                keep_cut(&path, octets, lines)?;
            }
        }
        let dirty = octets < length;
        let mut part =
            Self { path, file: None, dirty, is_current, format, number, opened, first_seq, records, octets, hash };
        // Whether what was read is on the disk, or in memory only, the process before did not come to know.
        part.append(&[], 0)?;
        Ok(Some(part))
    }

    /// Appends whole lines, and returns when they are on the disk. After an error it is as it was.
    pub fn append(&mut self, lines: &[u8], records: u64) -> Result<(), CdrError> {
        let path = self.path.clone();
        let result = self.write(lines).map_err(|(what, error)| match error.kind() {
            ErrorKind::NotFound => CdrError::Gone { path, records: self.records },
            _ => CdrError::io(what, &path)(error),
        });
        if let Err(error) = result {
            self.file = None;
            return Err(error);
        }
        self.hash.update(lines);
        self.octets += lines.len() as u64;
        self.records += records;
        Ok(())
    }

    fn write(&mut self, lines: &[u8]) -> Result<(), (&'static str, std::io::Error)> {
        let file = match self.file.take() {
            Some(file) => file,
            None => OpenOptions::new().write(true).open(&self.path).map_err(|error| ("open", error))?,
        };
        let there = file.metadata().map_err(|error| ("look at", error))?;
        if there.nlink() == 0 || there.len() < self.octets {
            return Err(("find", ErrorKind::NotFound.into()));
        }
        if self.dirty {
            file.set_len(self.octets).map_err(|error| ("cut", error))?;
        }
        self.dirty = true;
        file.write_all_at(lines, self.octets).map_err(|error| ("write", error))?;
        file.sync_data().map_err(|error| ("sync", error))?;
        self.dirty = false;
        self.file = Some(file);
        Ok(())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether this release may go on with it: one of another release may have other columns.
    pub const fn is_current(&self) -> bool {
        self.is_current
    }

    /// How its records look.
    pub const fn format(&self) -> CdrFormat {
        self.format
    }

    /// Which file of the node it is, counted from 1.
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// Since when it is written.
    pub const fn opened(&self) -> Timestamp {
        self.opened
    }

    /// The `seq` of its first record.
    pub const fn first_seq(&self) -> u64 {
        self.first_seq
    }

    /// The `seq` of the next record.
    pub const fn next_seq(&self) -> u64 {
        self.first_seq + self.records
    }

    /// How many records it holds.
    pub const fn records(&self) -> u64 {
        self.records
    }

    /// How long it is.
    pub const fn octets(&self) -> u64 {
        self.octets
    }

    /// SHA-256 of it, in hexadecimal digits.
    pub fn sha256(&self) -> String {
        self.hash.clone().finalize().iter().map(|octet| format!("{octet:02x}")).collect()
    }
}

/// What is cut off is no torn end if there are whole records in it: it is kept beside the file for people to look at.
fn keep_cut(path: &Path, from: u64, lines: &LineReader) -> Result<(), CdrError> {
    let content = std::fs::read(path).map_err(CdrError::io("read", path))?;
    let cut = usize::try_from(from).ok().and_then(|from| content.get(from..)).unwrap_or_default();
    if cut.split_inclusive(|octet| *octet == b'\n').all(|line| lines.seq_of(line).is_none()) {
        return Ok(());
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(".cut");
    let beside = PathBuf::from(beside);
    tracing::error!(event = "cdr.damaged", file = %path.display(), kept = %beside.display(), "there were whole records behind the damage");
    std::fs::write(&beside, cut).map_err(CdrError::io("write", &beside))
}

#[cfg(test)]
mod tests;
