//! One file after the other: which record goes into which, and when one is closed. Driven with the time passed in.

use std::path::PathBuf;
use std::time::Duration;

use smsc_proto::timestamp::Timestamp;
use smsc_store::Cdr;

use super::CdrError;
use super::folder::{CdrFolder, ClosedFile, Position};
use super::lines::Lines;
use super::part::Part;
use crate::config::{self, CdrFormat};

/// Where and how records are written.
#[derive(Clone, Debug)]
pub struct CdrOptions {
    /// The name of this node: in every record and file name.
    pub node: String,
    /// The folder.
    pub folder: PathBuf,
    /// How a record looks.
    pub format: CdrFormat,
    /// A file is closed when it is so long, in octets.
    pub rotate_size: u64,
    /// A file is closed when it is so old.
    pub rotate_every: Duration,
}

impl CdrOptions {
    /// As the configuration says.
    pub fn new(node: &str, cdr: &config::Cdr) -> Self {
        Self {
            node: node.to_owned(),
            folder: cdr.folder.clone(),
            format: cdr.format,
            rotate_size: cdr.rotate_size.as_u64(),
            rotate_every: cdr.rotate_every,
        }
    }
}

/// The files of one node.
#[derive(Debug)]
pub struct CdrFiles {
    options: CdrOptions,
    open: Option<Open>,
    /// What is known to come next, whatever the folder says when it is opened again.
    known: Option<Position>,
}

#[derive(Debug)]
struct Open {
    folder: CdrFolder,
    part: Option<Part>,
    /// What comes next if there is no part.
    next: Position,
}

impl Open {
    fn next(&self) -> Position {
        let after = |part: &Part| Position { number: part.number() + 1, seq: part.next_seq() };
        self.part.as_ref().map_or(self.next, after)
    }

    fn close(&mut self, now: Timestamp) -> Result<Option<ClosedFile>, CdrError> {
        let Some(part) = &self.part else { return Ok(None) };
        let closed = self.folder.close(part, now)?;
        tracing::info!(event = "cdr.closed", file = closed.name, records = closed.records, "a file of CDRs is closed");
        self.next = self.next();
        self.part = None;
        Ok(Some(closed))
    }
}

impl CdrFiles {
    /// Touches nothing yet: the first record, or [`open`](Self::open), opens the folder.
    pub const fn new(options: CdrOptions) -> Self {
        Self { options, open: None, known: None }
    }

    /// Opens the folder and goes on with the file that was being written.
    pub fn open(&mut self, now: Timestamp) -> Result<(), CdrError> {
        if self.open.is_some() {
            return Ok(());
        }
        let CdrOptions { folder, node, format, .. } = &self.options;
        let (folder, part, mut next) = CdrFolder::open(folder, node, *format, now)?;
        if let Some(known) = self.known.filter(|known| part.is_none() && known.seq > next.seq) {
            folder.set_position(known)?;
            next = known;
        }
        self.open = Some(Open { folder, part, next });
        Ok(())
    }

    /// Writes records from the one with the index `written` on, and counts it up: those before it are on the disk, also
    /// after an error.
    pub fn write(&mut self, now: Timestamp, cdrs: &[Cdr], written: &mut usize) -> Result<(), CdrError> {
        let result = self.try_write(now, cdrs, written);
        if let (Err(_), Some(open)) = (&result, &self.open)
            && !open.folder.path().is_dir()
        {
            // With the folder gone, so is our lock, and what we know of it.
            self.known = Some(open.next());
            self.open = None;
        }
        result
    }

    fn try_write(&mut self, now: Timestamp, cdrs: &[Cdr], written: &mut usize) -> Result<(), CdrError> {
        self.open(now)?;
        let CdrOptions { node, format, rotate_size, .. } = &self.options;
        let Some(open) = &mut self.open else { return Ok(()) };
        let first = *written;
        let encode = |seq| Lines::encode(*format, node, seq, &cdrs[first..]);
        let seq = open.part.as_ref().map_or(open.next.seq, Part::next_seq);
        let lines = encode(seq).map_err(CdrError::io("encode records for", open.folder.path()))?;
        while *written < cdrs.len() {
            if open.part.as_ref().is_some_and(|part| part.octets() >= *rotate_size) {
                open.close(now)?;
            }
            let part = match &mut open.part {
                Some(part) => part,
                none => none.insert(open.folder.create(*format, open.next, now)?),
            };
            let room = rotate_size.saturating_sub(part.octets());
            let (octets, count) = lines.from(*written - first, room);
            if let Err(error) = part.append(octets, count as u64) {
                if matches!(error, CdrError::Gone { .. }) {
                    let next = open.next();
                    open.folder.set_position(next)?;
                    (open.next, open.part) = (next, None);
                }
                return Err(error);
            }
            *written += count;
        }
        Ok(())
    }

    /// Closes the file if it is large or old enough; an empty one is none.
    pub fn rotate_if_due(&mut self, now: Timestamp) -> Result<Option<ClosedFile>, CdrError> {
        let CdrOptions { rotate_size, rotate_every, .. } = self.options;
        let is_due = |part: &Part| part.octets() >= rotate_size || now.since(part.opened()) >= rotate_every;
        match &self.open {
            Some(Open { part: Some(part), .. }) if part.records() > 0 && is_due(part) => self.rotate(now),
            _ => Ok(None),
        }
    }

    /// Closes the file, if there is one with records.
    pub fn rotate(&mut self, now: Timestamp) -> Result<Option<ClosedFile>, CdrError> {
        match &mut self.open {
            Some(open) if open.part.as_ref().is_some_and(|part| part.records() > 0) => open.close(now),
            _ => Ok(None),
        }
    }

    /// The file that is being written.
    pub fn part(&self) -> Option<&Part> {
        self.open.as_ref().and_then(|open| open.part.as_ref())
    }

    /// The `seq` of the next record, once the folder is open.
    pub fn next_seq(&self) -> Option<u64> {
        self.open.as_ref().map(|open| open.next().seq)
    }

    /// Where and how.
    pub const fn options(&self) -> &CdrOptions {
        &self.options
    }
}

#[cfg(test)]
mod tests;
