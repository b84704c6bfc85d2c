//! What is known of the writer, for people. Kept apart from it: a disk that hangs must not keep the answer back.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use smsc_proto::timestamp::Timestamp;

use super::files::CdrFiles;
use super::folder::ClosedFile;

/// Shared by the writer and those who ask.
#[derive(Clone, Debug, Default)]
pub struct CdrStatus(Arc<Mutex<StatusView>>);

/// One moment.
#[derive(Clone, Debug, Default)]
pub struct StatusView {
    /// The file that is being written.
    pub file: Option<OpenFile>,
    /// The `seq` of the next record, once the folder is open.
    pub next_seq: Option<u64>,
    /// Records written since the start, those that were written again included.
    pub records: u64,
    /// When the last one was.
    pub last_written: Option<Timestamp>,
    /// Files closed since the start.
    pub files: u64,
    /// The last of them.
    pub last_closed: Option<ClosedFile>,
    /// Since when records cannot be written, and why.
    pub failure: Option<(Timestamp, String)>,
}

/// A file that is being written.
#[derive(Clone, Debug)]
pub struct OpenFile {
    /// Its name.
    pub name: String,
    /// How many records are in it.
    pub records: u64,
    /// How long it is.
    pub octets: u64,
    /// Since when.
    pub opened: Timestamp,
}

impl CdrStatus {
    /// As it is.
    pub fn view(&self) -> StatusView {
        self.lock().clone()
    }

    /// So many records were written now.
    pub(super) fn wrote(&self, now: Timestamp, records: u64, files: &CdrFiles) {
        let mut view = self.lock();
        view.records += records;
        view.last_written = Some(now);
        view.see(files);
    }

    /// A file was closed.
    pub(super) fn closed(&self, closed: ClosedFile, files: &CdrFiles) {
        let mut view = self.lock();
        view.files += 1;
        view.last_closed = Some(closed);
        view.see(files);
    }

    /// It cannot be written, or can again. Whether that is new.
    pub(super) fn failing(&self, now: Timestamp, reason: Option<String>) -> bool {
        let mut view = self.lock();
        let before = view.failure.take();
        let is_new = before.is_some() != reason.is_some();
        view.failure = reason.map(|reason| (before.map_or(now, |(since, _)| since), reason));
        is_new
    }

    fn lock(&self) -> MutexGuard<'_, StatusView> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StatusView {
    fn see(&mut self, files: &CdrFiles) {
        self.next_seq = files.next_seq();
        self.file = files.part().map(|part| OpenFile {
            name: part.path().file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            records: part.records(),
            octets: part.octets(),
            opened: part.opened(),
        });
    }
}
