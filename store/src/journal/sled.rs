//! The embedded journal: records as values in sled trees, one flush and one `fdatasync` per append.
//!
//! What must be known of sled 0.34.7 here:
//! - `flush` writes and asks for write-back, but is no fsync on Linux. So there is an own descriptor of its log file,
//!   synced after the flush. The background flusher is off: it would only hide errors.
//! - Its log keeps the order of our calls, and recovery takes a prefix of it. So records are inserted in order, and old
//!   ones removed only after the new ones that replace them: plain calls suffice, no batch, no transaction.
//! - A page is rewritten with its tenth change, and whenever it is split or merged: in one tree every octet of a record
//!   was written five times. So records lie in volumes, trees of nine full records that are dropped as a whole: every
//!   octet is written once.
//! - Entries above a quarter of a segment go to files that are never synced: [`SEGMENT_SIZE`] is large enough that
//!   there are none.
//! - To read one value it reads the whole page: the reader takes all that follows in a volume while it has the page.
//! - Its cache has 256 parts, each of which lets go of pages only with every 64th access to it. We access pages too seldom
//!   for that: the whole journal would stay in memory after a replay. So a page that was written or read to its end is
//!   accessed so often that its part lets go of the others.
//! - It moves what is left in segments that are mostly empty only when a page is replaced, one page each time. We replace
//!   none, so that marks of freed pages would hold up segment after segment: an entry beside the volumes is changed as often
//!   as [`Tidying`] says.
//! - The file is cut only at its end. What is free inside is written anew first.
//! - It panics on some kinds of damage: it is opened on a thread of its own, whose panic becomes an error.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File};
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::error::{StoreError, panic_text};
use crate::folder::sync_folder;
use crate::journal::durable_mark::{Mark, MarkFile};
use crate::journal::log_file::{self, LogEnd, SEGMENT_SIZE};
use crate::journal::tidying::{self, Tidying};
use crate::journal::{EachRecord, Journal, JournalReader, RECORD_SIZE_MAX, RecordNumber};
use crate::options::Durability;

/// Records that a reader takes out of a volume at once.
const READ_AHEAD: usize = 16;

/// With every so many accesses a part of sled's cache lets go of what is too much.
const ACCESSES: usize = 64;

/// Records in a volume at least: as many changes as sled lets a page have before it rewrites it.
const VOLUME_RECORDS: u64 = 9;

/// Octets in a volume at least: the names of all volumes are rewritten when one comes or goes.
const VOLUME_OCTETS: u64 = 64 << 10;

/// Volumes at most, about: in a larger journal they are larger.
const VOLUMES: u64 = 4_096;

/// With every so many changes of a page sled replaces it.
const CHANGES: u64 = 10;

/// The entry of sled's own tree that is changed for that, since no volume is in it.
const TURN: &str = "turn";

/// How old the durable mark may become while something is written.
const MARK_EVERY: Duration = Duration::from_secs(1);

/// How long a database that was just closed in this process may take to let go of its file.
const REOPEN_MAX: Duration = Duration::from_secs(5);

/// A journal in a sled database.
pub struct SledJournal {
    folder: PathBuf,
    /// `None` once it is closed.
    db: Option<::sled::Db>,
    /// Our own way to sled's log file, for the sync that sled does not do.
    log: File,
    durability: Durability,
    /// Oldest first.
    volumes: VecDeque<Volume>,
    /// The same trees, for readers.
    trees: Trees,
    /// Octets of the records in all volumes. Of those that were found at the start: once they are replayed.
    kept: u64,
    /// The newest record; `None` while the journal is empty.
    newest: Option<RecordNumber>,
    tidying: Tidying,
    /// Changes of the entry [`TURN`].
    turns: u64,
    mark: Option<MarkWriter>,
}

/// The trees of volumes by their first record. Locked for a look or an entry, never while anything is read or written.
type Trees = Arc<RwLock<BTreeMap<RecordNumber, ::sled::Tree>>>;

/// A tree of consecutive records, named by the number of its first.
struct Volume {
    first: RecordNumber,
    tree: ::sled::Tree,
    /// What was appended to it since it was opened.
    records: u64,
    octets: u64,
    /// All that is in it.
    kept: u64,
}

impl SledJournal {
    /// Opens the journal in a folder that exists, or makes it there. Nothing in the folder is changed when it is damaged.
    /// `cache`: octets of memory for pages. Records are read back in order, so that more of it does not help much.
    pub fn open(folder: &Path, durability: Durability, cache: u64) -> Result<Self, StoreError> {
        let mark = MarkFile::read(folder)?;
        let log_end = log_file::verify(folder, mark.map(|mark| mark.log_end))?;
        remove_unfinished(folder, log_end)?;
        let db = open_sled(folder, cache)?;
        let path = folder.join("db");
        let log = File::open(&path).map_err(StoreError::io("open", &path))?;
        sync_new_files(folder, &log)?;

        let mut journal = Self {
            folder: folder.to_owned(),
            volumes: VecDeque::new(),
            trees: Trees::default(),
            kept: 0,
            newest: None,
            db: Some(db),
            log,
            durability,
            tidying: Tidying::default(),
            turns: 0,
            mark: None,
        };
        journal.find_volumes()?;
        let newest = journal.newest;
        if let Some(mark) = mark.filter(|mark| newest.is_none_or(|newest| newest < mark.record)) {
            return Err(StoreError::Shortened { found: newest, durable: mark.record, mark: MarkFile::path(folder) });
        }
        match durability {
            Durability::PowerLoss => journal.mark = Some(MarkWriter::new(folder)?),
            Durability::ProcessCrash => MarkFile::remove(folder)?,
        }
        Ok(journal)
    }

    /// The newest record, if there is one.
    pub const fn newest(&self) -> Option<RecordNumber> {
        self.newest
    }

    /// Lists the volumes, and removes those at either end that a crash left empty. (One between them is a gap, which the
    /// replay finds. To look into all of them here would read the whole journal once more.)
    fn find_volumes(&mut self) -> Result<(), StoreError> {
        let db = self.db()?.clone();
        let mut firsts = Vec::new();
        for name in db.tree_names() {
            match <[u8; 8]>::try_from(name.as_ref()) {
                Ok(octets) => firsts.push(u64::from_be_bytes(octets)),
                Err(_) if name.as_ref() == b"__sled__default" => {}
                Err(_) => return Err(self.failed("a tree is no volume: the database is not a journal of ours")),
            }
        }
        firsts.sort_unstable();
        for first in firsts {
            let tree = db.open_tree(first.to_be_bytes()).map_err(|error| from_sled(&self.folder, error))?;
            self.push_volume(first, tree);
        }
        while self.volumes.front().is_some_and(|volume| volume.tree.is_empty()) {
            let volume = self.volumes.pop_front();
            self.drop_volume(volume)?;
        }
        while let Some(volume) = self.volumes.back() {
            if let Some((key, _)) = volume.tree.last().map_err(|error| from_sled(&self.folder, error))? {
                self.newest = Some(self.number_of(&key)?);
                break;
            }
            let volume = self.volumes.pop_back();
            self.drop_volume(volume)?;
        }
        Ok(())
    }

    fn drop_volume(&mut self, volume: Option<Volume>) -> Result<(), StoreError> {
        let Some(Volume { first, tree, kept, .. }) = volume else { return Ok(()) };
        self.kept -= kept;
        self.trees.write().unwrap_or_else(PoisonError::into_inner).remove(&first);
        drop(tree);
        self.db()?.drop_tree(first.to_be_bytes()).map_err(|error| from_sled(&self.folder, error))?;
        Ok(())
    }

    fn push_volume(&mut self, first: RecordNumber, tree: ::sled::Tree) {
        self.trees.write().unwrap_or_else(PoisonError::into_inner).insert(first, tree.clone());
        self.volumes.push_back(Volume { first, tree, records: 0, octets: 0, kept: 0 });
    }

    fn insert(&mut self, number: RecordNumber, record: &Bytes) -> Result<(), StoreError> {
        debug_assert!(record.len() <= RECORD_SIZE_MAX, "a record is cut before it is too large");
        let octets_min = VOLUME_OCTETS.max(self.kept / VOLUMES);
        let full = |volume: &Volume| volume.records >= VOLUME_RECORDS && volume.octets >= octets_min;
        // What was found at the start counts as full.
        if self.volumes.back().is_none_or(|volume| full(volume) || volume.records == 0) {
            if let (Some(full), Some(newest)) = (self.volumes.back(), self.newest) {
                let_go(&full.tree, newest).map_err(|error| from_sled(&self.folder, error))?;
            }
            let tree = self.db()?.open_tree(number.to_be_bytes()).map_err(|error| from_sled(&self.folder, error))?;
            self.push_volume(number, tree);
        }
        let folder = &self.folder;
        if let Some(volume) = self.volumes.back_mut() {
            volume.tree.insert(number.to_be_bytes(), &record[..]).map_err(|error| from_sled(folder, error))?;
            volume.records += 1;
            volume.octets += record.len() as u64;
            volume.kept += record.len() as u64;
            self.kept += record.len() as u64;
        }
        Ok(())
    }

    /// Drops the volumes that hold nothing but records below `keep_from`. The last one stays in any case: its last
    /// record holds the highest message id given.
    fn drop_below(&mut self, keep_from: RecordNumber) -> Result<(), StoreError> {
        while self.volumes.get(1).is_some_and(|next| next.first <= keep_from) {
            let volume = self.volumes.pop_front();
            self.drop_volume(volume)?;
        }
        Ok(())
    }

    /// Has sled move pages out of segments that are mostly empty, as many as are due after so many octets.
    fn tidy_up(&mut self, written: u64) -> Result<(), StoreError> {
        let pages = self.tidying.pages(written, self.size(), self.kept);
        for _ in 0..pages * CHANGES {
            self.turns += 1;
            let turn = self.turns.to_be_bytes();
            self.db()?.insert(TURN, &turn).map_err(|error| from_sled(&self.folder, error))?;
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.db()?.flush().map_err(|error| from_sled(&self.folder, error))?;
        match self.durability {
            Durability::PowerLoss => self.log.sync_data().map_err(StoreError::io("sync", self.folder.join("db"))),
            Durability::ProcessCrash => Ok(()),
        }
    }

    fn db(&self) -> Result<&::sled::Db, StoreError> {
        self.db.as_ref().ok_or_else(|| self.failed("it is closed"))
    }

    fn number_of(&self, key: &[u8]) -> Result<RecordNumber, StoreError> {
        let octets = key.try_into().map_err(|_| self.failed("a key is no record number"))?;
        Ok(u64::from_be_bytes(octets))
    }

    fn failed(&self, what: impl ToString) -> StoreError {
        engine(&self.folder, what)
    }
}

impl Journal for SledJournal {
    fn append(&mut self, first: RecordNumber, records: &[Bytes], keep_from: RecordNumber) -> Result<(), StoreError> {
        debug_assert!(self.newest.is_none_or(|newest| first == newest + 1), "records are numbered without a gap");
        for (number, record) in (first..).zip(records) {
            self.insert(number, record)?;
            self.newest = Some(number);
        }
        self.drop_below(keep_from)?;
        self.tidy_up(records.iter().map(|record| record.len() as u64).sum())?;
        self.sync()?;
        if let (Some(mark), Some(newest)) = (&mut self.mark, self.newest) {
            mark.advance(newest);
        }
        Ok(())
    }

    fn replay(&mut self, each: &mut EachRecord<'_>) -> Result<(), StoreError> {
        let mut expected = self.volumes.front().map_or(0, |volume| volume.first);
        for index in 0..self.volumes.len() {
            let mut kept = 0;
            for entry in self.volumes[index].tree.iter() {
                let (key, record) = entry.map_err(|error| from_sled(&self.folder, error))?;
                kept += record.len() as u64;
                let next = self.number_of(&key)?;
                if next != expected {
                    return Err(StoreError::Gap { missing: expected, next });
                }
                each(next, &record)?;
                expected = next + 1;
            }
            let volume = &self.volumes[index];
            let_go(&volume.tree, volume.first).map_err(|error| from_sled(&self.folder, error))?;
            self.kept = self.kept - self.volumes[index].kept + kept;
            self.volumes[index].kept = kept;
        }
        Ok(())
    }

    fn reader(&self) -> Option<Box<dyn JournalReader>> {
        let (folder, trees) = (self.folder.clone(), self.trees.clone());
        Some(Box::new(SledReader { folder, trees, next: VecDeque::new() }))
    }

    fn size(&self) -> u64 {
        self.log.metadata().map_or(0, |log| log.len())
    }

    fn reusable(&self) -> u64 {
        tidying::reusable(self.size(), self.kept)
    }

    fn close(&mut self) -> Result<(), StoreError> {
        if self.db.is_none() {
            return Ok(());
        }
        self.sync()?;
        if let (Some(mark), Some(newest)) = (&mut self.mark, self.newest) {
            mark.write(newest);
        }
        self.trees.write().unwrap_or_else(PoisonError::into_inner).clear();
        let open = (std::mem::take(&mut self.volumes), self.db.take());
        panic::catch_unwind(AssertUnwindSafe(|| drop(open))).map_err(|panic| self.failed(panic_text(&*panic)))
    }
}

/// Reads records while the journal appends others.
struct SledReader {
    folder: PathBuf,
    trees: Trees,
    /// Records that were read with the one before, in rising order.
    next: VecDeque<(RecordNumber, ::sled::IVec)>,
}

impl JournalReader for SledReader {
    fn read(&mut self, number: RecordNumber) -> Result<Option<Bytes>, StoreError> {
        while self.next.front().is_some_and(|(next, _)| *next < number) {
            self.next.pop_front();
        }
        if self.next.front().is_none_or(|(next, _)| *next != number) {
            self.read_volume(number)?;
        }
        let record = self.next.front().filter(|(next, _)| *next == number);
        Ok(record.map(|(_, record)| Bytes::copy_from_slice(record)))
    }
}

impl SledReader {
    /// Takes this record and those behind it out of its volume.
    fn read_volume(&mut self, number: RecordNumber) -> Result<(), StoreError> {
        self.next.clear();
        let trees = self.trees.read().unwrap_or_else(PoisonError::into_inner);
        let tree = trees.range(..=number).next_back().map(|(_, tree)| tree.clone());
        drop(trees);
        let Some(tree) = tree else { return Ok(()) };
        for entry in tree.range(number.to_be_bytes()..).take(READ_AHEAD) {
            let (key, record) = entry.map_err(|error| engine(&self.folder, error))?;
            let key = key.as_ref().try_into().map_err(|_| engine(&self.folder, "a key is no record number"))?;
            self.next.push_back((u64::from_be_bytes(key), record));
        }
        let_go(&tree, number).map_err(|error| engine(&self.folder, error))
    }
}

/// Has the part of sled's cache where the page of this record lies let go of its other pages.
fn let_go(tree: &::sled::Tree, number: RecordNumber) -> Result<(), ::sled::Error> {
    (0..ACCESSES).try_for_each(|_| tree.contains_key(number.to_be_bytes()).map(drop))
}

/// Moves the durable mark forward now and then. It is a help for the next start: what goes wrong with it is said, and
/// does not hold up messages.
struct MarkWriter {
    file: MarkFile,
    log_end: LogEnd,
    written: Option<Instant>,
}

impl MarkWriter {
    fn new(folder: &Path) -> Result<Self, StoreError> {
        Ok(Self { file: MarkFile::open(folder)?, log_end: LogEnd::new(folder)?, written: None })
    }

    fn advance(&mut self, newest: RecordNumber) {
        if self.written.is_none_or(|written| written.elapsed() >= MARK_EVERY) {
            self.write(newest);
        }
    }

    fn write(&mut self, newest: RecordNumber) {
        self.written = Some(Instant::now());
        let log_end = self.log_end.find();
        if let Err(error) = log_end.and_then(|log_end| self.file.write(Mark { record: newest, log_end })) {
            tracing::warn!(%error, "the durable mark could not be moved on");
        }
    }
}

fn open_sled(folder: &Path, cache: u64) -> Result<::sled::Db, StoreError> {
    let config = ::sled::Config::new()
        .path(folder)
        .mode(::sled::Mode::HighThroughput)
        .cache_capacity(cache)
        .segment_size(SEGMENT_SIZE)
        .flush_every_ms(None);
    let started = Instant::now();
    loop {
        let config = config.clone();
        let opening = thread::Builder::new().name("smsc-sled-open".into()).spawn(move || config.open());
        let opening = opening.map_err(StoreError::io("start a thread to open", folder))?;
        match opening.join() {
            Ok(Ok(db)) => return Ok(db),
            // Threads of sled hold the file a moment longer than the database that was closed in this process. Another
            // process cannot: the data folder is locked.
            Ok(Err(error)) if error.to_string().contains("acquire lock") && started.elapsed() < REOPEN_MAX => {
                thread::sleep(Duration::from_millis(10));
            }
            Ok(Err(error)) => return Err(from_sled(folder, error)),
            Err(panic) => return Err(engine(folder, panic_text(&*panic))),
        }
    }
}

/// Removes what a crash in the middle of a start leaves behind and sled then stumbles over: an unfinished snapshot (the
/// one before it is still there), and an unfinished description of a database that has no content yet.
fn remove_unfinished(folder: &Path, log_end: u64) -> Result<(), StoreError> {
    for entry in fs::read_dir(folder).map_err(StoreError::io("list", folder))? {
        let entry = entry.map_err(StoreError::io("list", folder))?;
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        if (name.starts_with("snap.") && name.ends_with(".generating")) || (log_end == 0 && name == "conf") {
            fs::remove_file(&path).map_err(StoreError::io("remove", &path))?;
        }
    }
    Ok(())
}

fn sync_new_files(folder: &Path, log: &File) -> Result<(), StoreError> {
    let conf = folder.join("conf");
    File::open(&conf).and_then(|conf| conf.sync_all()).map_err(StoreError::io("sync", conf))?;
    log.sync_all().map_err(StoreError::io("sync", folder.join("db")))?;
    sync_folder(folder)
}

/// A disk that is full or broken is no fault of the engine, and no reason to give its folder up.
fn from_sled(folder: &Path, error: ::sled::Error) -> StoreError {
    match error {
        ::sled::Error::Io(source) => StoreError::io("read or write the database in", folder)(source),
        other => engine(folder, other),
    }
}

fn engine(folder: &Path, what: impl ToString) -> StoreError {
    StoreError::Engine { folder: folder.to_owned(), what: what.to_string() }
}
