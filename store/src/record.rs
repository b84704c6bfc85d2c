//! The form of a journal record. Self-contained: what an event refers to stands in the same record.
//!
//! ```text
//! 0  version u8            1  flags u8 (FIRST, LAST of its batch)   2  names u16   4  events u32
//! 8  record number u64    16  highest message id tick u64          24  next slot u64
//! 32 next parked u64      40  base tick u64   48  base slot u64    56  base time u64
//! 64 names: length u16, text; events (see `event`); CRC-32 over all before it, u32
//! ```
//!
//! All numbers little-endian. A batch is one record, or several of which the first and the last are marked: on replay
//! it becomes visible when its last record has been read, so a batch that a crash cut off leaves nothing. The checksum
//! stays the last four octets in all versions to come, so that damage and a newer version are told apart.

use bytes::Bytes;
use smsc_proto::timestamp::Timestamp;

use crate::error::StoreError;
use crate::journal::{RECORD_SIZE_MAX, RecordNumber};
use crate::name::Name;

/// The highest version that this release reads and writes: 2 has fingerprints in its bases, and texts that were replaced;
/// 3 has call detail records that are owed.
pub(crate) const VERSION: u8 = 3;
/// The first version with call detail records that are owed.
pub(crate) const VERSION_CDR: u8 = 3;
/// The version of a record without any event that is younger: while the CDR is off, the release before can read it all.
pub(crate) const VERSION_LEAST: u8 = 2;

const FIRST: u8 = 1;
const LAST: u8 = 2;
const HEAD: usize = 64;
const CHECKSUM: usize = 4;
/// Octets of a record beside events and names. They are charged to its first event.
pub(crate) const OVERHEAD: u32 = (HEAD + CHECKSUM) as u32;
/// Octets that events and names may take.
pub(crate) const ROOM: usize = RECORD_SIZE_MAX - HEAD - CHECKSUM;

/// Records, slots, parked receipts and ticks are numbered below this: no partition counts so far in its life, and a
/// tick of more bits would give an id again. A higher number is damage, so that counting on from it never wraps.
pub(crate) const NUMBERS_END: u64 = 1 << 53;

/// The numbers that never fall back, also when everything else has been cleaned away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct HighMarks {
    /// The highest tick of a message id given so far.
    pub(crate) tick: u64,
    /// The next slot.
    pub(crate) slot: u64,
    /// The next number of a parked receipt.
    pub(crate) parked: u64,
}

/// What the numbers in a record's events are written relative to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Base {
    pub(crate) tick: u64,
    pub(crate) slot: u64,
    pub(crate) time: u64,
}

/// Writes the records of one batch.
#[derive(Debug, Default)]
pub(crate) struct RecordWriter {
    /// Number of the batch's first record.
    first: RecordNumber,
    closed: Vec<Bytes>,
    open: bool,
    base: Base,
    names: Vec<Name>,
    names_octets: usize,
    /// By [`Name::index`]: the place in `names` plus one, or zero.
    places: Vec<u16>,
    events: Vec<u8>,
    count: u32,
    /// Of the youngest event in the open record; less than the least: of none.
    version: u8,
}

impl RecordWriter {
    /// Begins a batch whose first record will have this number.
    pub(crate) fn begin(&mut self, first: RecordNumber) {
        debug_assert!(self.is_empty(), "the batch before was sealed");
        self.first = first;
    }

    /// Whether the batch has no event.
    pub(crate) fn is_empty(&self) -> bool {
        self.closed.is_empty() && !self.open
    }

    /// Number of the batch's first record.
    pub(crate) const fn first(&self) -> RecordNumber {
        self.first
    }

    /// Number of the record that takes the next event.
    pub(crate) fn number(&self) -> RecordNumber {
        self.first + self.closed.len() as u64
    }

    /// Octets that the open record still has for an event that names these.
    pub(crate) fn room(&self, names: &[Name]) -> usize {
        let new = names.iter().map(|name| self.cost(*name)).sum::<usize>();
        ROOM.saturating_sub(self.names_octets + self.events.len() + new)
    }

    fn cost(&self, name: Name) -> usize {
        if self.place(name).is_some() { 0 } else { 2 + name.as_str().len() }
    }

    fn place(&self, name: Name) -> Option<u16> {
        self.places.get(name.index()).copied().filter(|place| *place != 0).map(|place| place - 1)
    }

    /// Makes room for an event of at most so many octets: closes the record if it must, and opens one if none is.
    /// Returns the length of the record that was closed.
    pub(crate) fn reserve(
        &mut self,
        names: &[Name],
        octets: usize,
        marks: HighMarks,
        now: Timestamp,
    ) -> Option<(RecordNumber, u32)> {
        let closed = (self.open && self.room(names) < octets).then(|| self.close(marks, 0));
        if !self.open {
            self.open = true;
            self.base = Base { tick: marks.tick, slot: marks.slot, time: now.as_millis() };
        }
        closed
    }

    /// Begins an event; call [`reserve`](Self::reserve) first. Returns the octets of the events before it.
    pub(crate) fn begin_event(&mut self) -> usize {
        debug_assert!(self.open, "room was reserved");
        self.count += 1;
        self.events.len()
    }

    /// The event that was begun is of this version: one that does not know it must not read the record.
    pub(crate) fn is_of_version(&mut self, version: u8) {
        debug_assert!(version <= VERSION, "no version is younger than this release");
        self.version = self.version.max(version);
    }

    /// Whether the open record has no event yet.
    pub(crate) const fn is_fresh(&self) -> bool {
        self.count == 0
    }

    /// Where the fields of an event are appended.
    pub(crate) fn events(&mut self) -> &mut Vec<u8> {
        &mut self.events
    }

    /// What the numbers of events in the open record are relative to.
    pub(crate) const fn base(&self) -> Base {
        self.base
    }

    /// The place of a name in the open record's dictionary.
    pub(crate) fn name(&mut self, name: Name) -> u16 {
        if let Some(place) = self.place(name) {
            return place;
        }
        let place = u16::try_from(self.names.len()).expect("a record of 48 KiB has room for fewer than 2^15 names");
        if self.places.len() <= name.index() {
            self.places.resize(name.index() + 1, 0);
        }
        self.places[name.index()] = place + 1;
        self.names_octets += 2 + name.as_str().len();
        self.names.push(name);
        place
    }

    fn close(&mut self, marks: HighMarks, flags: u8) -> (RecordNumber, u32) {
        let number = self.number();
        let flags = if self.closed.is_empty() { flags | FIRST } else { flags };
        let mut record = Vec::with_capacity(HEAD + self.names_octets + self.events.len() + CHECKSUM);
        record.extend([self.version.max(VERSION_LEAST), flags]);
        record.extend((self.names.len() as u16).to_le_bytes());
        record.extend(self.count.to_le_bytes());
        for value in [number, marks.tick, marks.slot, marks.parked, self.base.tick, self.base.slot, self.base.time] {
            record.extend(value.to_le_bytes());
        }
        for name in self.names.drain(..) {
            let text = name.as_str().as_bytes();
            record.extend((text.len() as u16).to_le_bytes());
            record.extend(text);
            self.places[name.index()] = 0;
        }
        record.extend(&self.events);
        record.extend(crc32fast::hash(&record).to_le_bytes());
        let length = record.len() as u32;
        self.closed.push(record.into());
        self.events.clear();
        (self.names_octets, self.count, self.open, self.version) = (0, 0, false, 0);
        (number, length)
    }

    /// Ends the batch: its records, and the number and length of the last of them.
    pub(crate) fn finish(&mut self, marks: HighMarks) -> (Vec<Bytes>, Option<(RecordNumber, u32)>) {
        let last = self.open.then(|| self.close(marks, LAST));
        (std::mem::take(&mut self.closed), last)
    }
}

/// A record whose checksum and head are sound.
pub(crate) struct RecordView<'a> {
    pub(crate) number: RecordNumber,
    pub(crate) first: bool,
    pub(crate) last: bool,
    pub(crate) marks: HighMarks,
    pub(crate) base: Base,
    /// The texts of the dictionary.
    pub(crate) names: Vec<&'a str>,
    /// How many events follow.
    pub(crate) count: u32,
    /// The events' octets.
    pub(crate) events: &'a [u8],
    /// Where they begin in the record.
    pub(crate) events_at: usize,
}

impl<'a> RecordView<'a> {
    /// Reads the record that the journal keeps under this number.
    pub(crate) fn read(number: RecordNumber, octets: &'a [u8]) -> Result<Self, StoreError> {
        let damaged = |offset, what| StoreError::Damaged { record: number, offset, what };
        if octets.len() < HEAD + CHECKSUM {
            return Err(damaged(octets.len(), "it is shorter than the head of a record"));
        }
        let (content, checksum) = octets.split_at(octets.len() - CHECKSUM);
        if crc32fast::hash(content).to_le_bytes() != checksum {
            return Err(damaged(content.len(), "its checksum is wrong"));
        }
        if content[0] > VERSION {
            return Err(StoreError::NewerFormat { found: content[0].into(), known: VERSION.into() });
        }
        if content[0] == 0 {
            return Err(damaged(0, "version 0 was never written"));
        }
        let word = |index: usize| {
            let at = 8 + 8 * index;
            u64::from_le_bytes(content[at..at + 8].try_into().expect("eight octets of the head"))
        };
        if word(0) != number {
            return Err(damaged(8, "it was written under another number"));
        }
        if let Some(index) = (0..6).find(|index| word(*index) >= NUMBERS_END) {
            return Err(damaged(8 + 8 * index, "no partition has counted so far"));
        }
        let mut at = HEAD;
        let mut names = Vec::with_capacity(usize::from(u16::from_le_bytes([content[2], content[3]])).min(64));
        for _ in 0..u16::from_le_bytes([content[2], content[3]]) {
            let text = content.get(at..at + 2).and_then(|length| {
                let length = usize::from(u16::from_le_bytes([length[0], length[1]]));
                content.get(at + 2..at + 2 + length)
            });
            let text = text.ok_or_else(|| damaged(at, "a name runs over the end"))?;
            names.push(std::str::from_utf8(text).map_err(|_| damaged(at, "a name is not UTF-8"))?);
            at += 2 + text.len();
        }
        Ok(Self {
            number,
            first: content[1] & FIRST != 0,
            last: content[1] & LAST != 0,
            marks: HighMarks { tick: word(1), slot: word(2), parked: word(3) },
            base: Base { tick: word(4), slot: word(5), time: word(6) },
            names,
            count: u32::from_le_bytes([content[4], content[5], content[6], content[7]]),
            events: &content[at..],
            events_at: at,
        })
    }
}

#[cfg(test)]
mod tests;
