//! sled's log file, read before sled opens it.
//!
//! sled 0.34 takes damage for the torn end of a crash: it cuts its log there, overwrites what follows, and goes on
//! without a word. So the file is read first, with sled's own format and rules, and is not opened at all when what is
//! damaged must have been durable:
//!
//! - the log ends before the end that the [durable mark](super::durable_mark) remembers, or
//! - an older segment breaks off although pages in it are still in use. (A segment no longer in use may break off:
//!   sled reuses it, and a power cut may leave half of the old and half of the new.)
//!
//! The format, from sled 0.34.7 `pagecache/{logger,iterator,snapshot}.rs`: the file is cut into segments. A segment has
//! a head of 20 octets (CRC, log sequence number of its start, the sequence number that was stable then) and entries of
//! CRC, kind, length, segment number, page id, body. Lengths and numbers have 1 to 9 octets. A cap entry, or less room
//! than the largest entry head, ends a segment. Sequence numbers count octets, so that the entry at `n` lies at `n mod
//! segment size` of its segment.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::error::StoreError;

/// Octets of a segment. sled keeps an entry above a quarter of it in a file of its own that it never syncs; a leaf
/// of its tree holds at most 17 values before it is split (19 after a merge), so with records of 48 KiB an entry stays
/// below 1 MiB, half of that quarter. With sled's default of 512 KiB a leaf that it rewrites would become such a file.
pub const SEGMENT_SIZE: usize = 8 << 20;

const SEGMENT_HEAD: usize = 20;
const ENTRY_HEAD_MAX: usize = 32;
const SIGN: u64 = 0x7FFF_FFFF_FFFF_FFFF;

/// Checks the log of a sled database that is not open; returns where it ends. `durable_end`: it must reach that far.
pub fn verify(folder: &Path, durable_end: Option<u64>) -> Result<u64, StoreError> {
    let path = folder.join("db");
    let file = match File::open(&path) {
        Ok(file) => Some(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(StoreError::io("open", path)(error)),
    };
    let log = LogFile { path, file };
    let segments = log.segments()?;
    let stable = segments.values().map(|segment| segment.stable).max().unwrap_or(0).max(newest_snapshot(folder)?);
    let first_in_tail = stable / SEGMENT_SIZE as u64 * SEGMENT_SIZE as u64;

    let mut pages = Pages::default();
    let mut broken = Vec::new();
    let mut end = first_in_tail;
    let mut end_offset = segments.values().map(|segment| segment.offset + SEGMENT_SIZE as u64).max().unwrap_or(0);
    let mut buffer = Vec::new();
    for (&start, segment) in &segments {
        if start > end && start > first_in_tail {
            break; // a segment is missing before this one: the log ends there
        }
        log.read_segment(segment.offset, &mut buffer)?;
        let walked = walk(&buffer, start, &mut |entry| pages.take(start, entry));
        let in_tail = start >= first_in_tail;
        match walked {
            Walked::Whole => end = end.max(start + SEGMENT_SIZE as u64),
            Walked::BrokeOff(at) if in_tail => {
                (end, end_offset) = (start + at as u64, segment.offset + at as u64);
                break;
            }
            Walked::BrokeOff(at) => broken.push((start, segment.offset + at as u64)),
        }
    }
    let in_use = pages.segments();
    if let Some((_, offset)) = broken.into_iter().find(|(start, _)| in_use.contains(start)) {
        return Err(log.damaged(offset, "an entry is not what was written, in a segment that is in use"));
    }
    match durable_end {
        Some(durable) if end < durable => Err(log.damaged(end_offset, "its log ends before what was durable already")),
        _ => Ok(end),
    }
}

/// Follows the end of the log of a database that is open and has just been synced.
#[derive(Debug)]
pub struct LogEnd {
    log: LogFile,
    segment: u64,
    offset: u64,
    at: usize,
}

impl LogEnd {
    /// For the database in that folder.
    pub fn new(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join("db");
        let file = File::open(&path).map_err(StoreError::io("open", &path))?;
        Ok(Self { log: LogFile { path, file: Some(file) }, segment: 0, offset: u64::MAX, at: SEGMENT_HEAD })
    }

    /// Where the log ends now: the end of the last entry that is whole. Reads the heads of what was written since the
    /// last call, and one body: what lies behind the end is left from a segment's earlier life and may look like a head.
    pub fn find(&mut self) -> Result<u64, StoreError> {
        let segments = self.log.segments()?;
        let Some((&start, segment)) = segments.last_key_value() else { return Ok(0) };
        if (start, segment.offset) != (self.segment, self.offset) {
            (self.segment, self.offset, self.at) = (start, segment.offset, SEGMENT_HEAD);
        }
        let mut ends = vec![self.at];
        let mut window = Window { log: &self.log, segment: self.offset, start: 0, octets: Vec::new() };
        let mut at = self.at;
        while at + ENTRY_HEAD_MAX <= SEGMENT_SIZE {
            let Some(head) = EntryHead::read(window.at(at)?).filter(|head| head.fits(at, start)) else { break };
            at += head.size + head.length;
            ends.push(at);
            if head.kind == Kind::CAP {
                break;
            }
        }
        let mut body = Vec::new();
        while let [.., from, to] = ends[..] {
            self.log.read(self.offset + from as u64, to - from, &mut body)?;
            if EntryHead::read(&body).is_some_and(|head| head.is_whole(&body)) {
                break;
            }
            ends.pop();
        }
        self.at = ends.last().copied().unwrap_or(self.at);
        Ok(start + self.at as u64)
    }
}

#[derive(Debug)]
struct LogFile {
    path: PathBuf,
    file: Option<File>,
}

#[derive(Clone, Copy, Debug)]
struct Segment {
    offset: u64,
    stable: u64,
}

impl LogFile {
    /// The segments with a head, by the sequence number of their start.
    fn segments(&self) -> Result<BTreeMap<u64, Segment>, StoreError> {
        let mut segments = BTreeMap::new();
        let Some(file) = &self.file else { return Ok(segments) };
        let size = file.metadata().map_err(StoreError::io("look at", &self.path))?.len();
        for offset in (0..size).step_by(SEGMENT_SIZE).take_while(|offset| offset + SEGMENT_HEAD as u64 <= size) {
            let mut head = [0; SEGMENT_HEAD];
            match file.read_exact_at(&mut head, offset) {
                // sled has just cut the file here.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
                read => read.map_err(StoreError::io("read", &self.path))?,
            }
            if head == [0; SEGMENT_HEAD] {
                continue; // freed, and wiped at a start
            }
            let number = |at: usize| le_u64(&head[at..at + 8]) ^ SIGN;
            let (start, stable) = (number(4), number(12));
            if crc32fast::hash(&head[4..]) ^ u32::MAX != le_u32(&head) || start % SEGMENT_SIZE as u64 != 0 {
                return Err(self.damaged(offset, "a segment's head is not what was written"));
            }
            // The very first head says "nothing is stable", which is -1.
            let stable = if stable > SIGN { 0 } else { stable };
            if segments.insert(start, Segment { offset, stable }).is_some() {
                return Err(self.damaged(offset, "two segments claim the same place in the log"));
            }
        }
        Ok(segments)
    }

    fn read_segment(&self, offset: u64, buffer: &mut Vec<u8>) -> Result<(), StoreError> {
        self.read(offset, SEGMENT_SIZE, buffer)
    }

    /// Reads so many octets, or to the end of the file.
    fn read(&self, offset: u64, length: usize, buffer: &mut Vec<u8>) -> Result<(), StoreError> {
        buffer.resize(length, 0);
        let mut filled = 0;
        if let Some(file) = &self.file {
            while filled < length {
                match file.read_at(&mut buffer[filled..], offset + filled as u64) {
                    Ok(0) => break,
                    Ok(octets) => filled += octets,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(StoreError::io("read", &self.path)(error)),
                }
            }
        }
        buffer.truncate(filled);
        Ok(())
    }

    fn damaged(&self, offset: u64, what: &str) -> StoreError {
        StoreError::DamagedFile { path: self.path.clone(), offset, what: what.into() }
    }
}

/// The part of a segment around a place, read in large steps.
struct Window<'a> {
    log: &'a LogFile,
    segment: u64,
    start: usize,
    octets: Vec<u8>,
}

impl Window<'_> {
    const SIZE: usize = 64 << 10;

    fn at(&mut self, at: usize) -> Result<&[u8], StoreError> {
        let inside = at >= self.start && at + ENTRY_HEAD_MAX <= self.start + self.octets.len();
        if !inside {
            self.log.read(self.segment + at as u64, Self::SIZE.min(SEGMENT_SIZE - at), &mut self.octets)?;
            self.start = at;
        }
        Ok(&self.octets[at - self.start..])
    }
}

enum Walked {
    Whole,
    BrokeOff(usize),
}

/// Hands out the entries of a segment until its end, or until one is not whole.
fn walk(segment: &[u8], start: u64, each: &mut dyn FnMut(&EntryHead)) -> Walked {
    let mut at = SEGMENT_HEAD;
    while at + ENTRY_HEAD_MAX <= SEGMENT_SIZE {
        let rest = segment.get(at..).unwrap_or_default();
        let whole = EntryHead::read(rest).filter(|head| head.fits(at, start) && head.is_whole(rest));
        let Some(head) = whole else { return Walked::BrokeOff(at) };
        if head.kind == Kind::CAP {
            break;
        }
        each(&head);
        at += head.size + head.length;
    }
    Walked::Whole
}

/// What an entry is, as sled numbers it.
struct Kind;

impl Kind {
    const CANCELLED: u8 = 1;
    const CAP: u8 = 2;
    const BATCH: u8 = 3;
    const LINK: u8 = 10;
    const LINK_IN_FILE: u8 = 11;
}

struct EntryHead {
    crc: u32,
    kind: u8,
    length: usize,
    segment: u64,
    page: u64,
    size: usize,
}

impl EntryHead {
    fn read(octets: &[u8]) -> Option<Self> {
        let kind = *octets.get(4)?;
        let mut size = 5;
        let mut number = || {
            let (value, length) = read_number(octets.get(size..)?)?;
            size += length;
            Some(value)
        };
        let length = usize::try_from(number()?).ok()?;
        let (segment, page) = (number()?, number()?);
        (1..=Kind::LINK_IN_FILE).contains(&kind).then(|| Self {
            crc: le_u32(octets),
            kind,
            length,
            segment,
            page,
            size,
        })
    }

    /// Whether it lies within its segment and belongs to it.
    fn fits(&self, at: usize, segment_start: u64) -> bool {
        self.segment == segment_start / SEGMENT_SIZE as u64
            && self.length <= SEGMENT_SIZE
            && at + self.size + self.length <= SEGMENT_SIZE
    }

    fn is_whole(&self, octets: &[u8]) -> bool {
        let Some(body) = octets.get(self.size..self.size + self.length) else { return false };
        let mut crc = crc32fast::Hasher::new();
        crc.update(body);
        crc.update(&octets[4..self.size]);
        crc.finalize() ^ u32::MAX == self.crc
    }
}

/// Which segments the pages lie in, as sled counts it: a page is its last whole copy and the changes after it.
#[derive(Default)]
struct Pages {
    segments: HashMap<u64, Vec<u64>>,
}

impl Pages {
    fn take(&mut self, segment: u64, entry: &EntryHead) {
        match entry.kind {
            Kind::CANCELLED | Kind::CAP | Kind::BATCH => {}
            Kind::LINK | Kind::LINK_IN_FILE => {
                if let Some(segments) = self.segments.get_mut(&entry.page).filter(|s| s.last() != Some(&segment)) {
                    segments.push(segment);
                }
            }
            _ => {
                let segments = self.segments.entry(entry.page).or_default();
                segments.clear();
                segments.push(segment);
            }
        }
    }

    fn segments(self) -> HashSet<u64> {
        self.segments.into_values().flatten().collect()
    }
}

/// The newest snapshot of sled's page table says by its name how far the log was when it was written.
fn newest_snapshot(folder: &Path) -> Result<u64, StoreError> {
    if !folder.is_dir() {
        return Ok(0);
    }
    let mut newest = 0;
    for entry in fs::read_dir(folder).map_err(StoreError::io("list", folder))? {
        let name = entry.map_err(StoreError::io("list", folder))?.file_name();
        let number = name.to_str().and_then(|name| u64::from_str_radix(name.strip_prefix("snap.")?, 16).ok());
        newest = newest.max(number.unwrap_or(0));
    }
    Ok(newest)
}

/// sled's number of 1 to 9 octets, and how many they are.
fn read_number(octets: &[u8]) -> Option<(u64, usize)> {
    let first = *octets.first()?;
    match first {
        0..=240 => Some((u64::from(first), 1)),
        241..=248 => Some((240 + 256 * (u64::from(first) - 241) + u64::from(*octets.get(1)?), 2)),
        249 => Some((2_288 + 256 * u64::from(*octets.get(1)?) + u64::from(*octets.get(2)?), 3)),
        _ => {
            let length = usize::from(first) - 247;
            let mut value = [0; 8];
            value[..length].copy_from_slice(octets.get(1..=length)?);
            Some((u64::from_le_bytes(value), length + 1))
        }
    }
}

fn le_u32(octets: &[u8]) -> u32 {
    octets[..4].try_into().map_or(0, u32::from_le_bytes)
}

fn le_u64(octets: &[u8]) -> u64 {
    octets[..8].try_into().map_or(0, u64::from_le_bytes)
}
