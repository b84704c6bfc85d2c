//! What can go wrong with the store: ours or the machine's to mend, never the peer's.
//!
//! Each sentence says what is wrong, where, whose fault it is, and what to do about it.

use std::any::Any;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use smsc_proto::ids::PartitionId;

use crate::journal::RecordNumber;
use crate::journal::postgres::PostgresError;
use crate::options::JournalKind;

/// Why the store cannot start, or cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has the data folder open.
    #[error(
        "the data folder {} is in use by another process: two nodes must never share one. Stop that node, or give this \
         one a node.data_dir of its own",
        folder.display()
    )]
    Locked {
        /// The data folder.
        folder: PathBuf,
    },

    /// The data folder belongs to a node of another number.
    #[error(
        "the data folder {} belongs to node number {found}, but this node is configured as number {configured}: message \
         ids would be given twice. Correct node.number, or mount the volume that belongs to this node",
        folder.display()
    )]
    OtherNode {
        /// The data folder.
        folder: PathBuf,
        /// The number in its stamp.
        found: u16,
        /// `node.number`.
        configured: u16,
    },

    /// The data folder holds a journal of another kind.
    #[error(
        "the data folder {} holds a journal of the kind `{found}`, but store.journal is `{configured}`: what waits in the \
         old one would be left behind. Set store.journal back, or drain the old journal and give the node an empty folder",
        folder.display()
    )]
    OtherJournal {
        /// The data folder.
        folder: PathBuf,
        /// The kind in its stamp.
        found: String,
        /// `store.journal`.
        configured: JournalKind,
    },

    /// The stamp of the data folder cannot be understood.
    #[error(
        "{} is not the stamp of a data folder ({what}): the folder is not ours, or the file was changed by hand. Restore \
         the file, or point node.data_dir at the right folder; nothing was changed",
        path.display()
    )]
    BadStamp {
        /// The stamp file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },

    /// Written by a newer release.
    #[error(
        "format version {found} was written by a newer release; this one knows versions up to {known}. Start the newer \
         release again: nothing was changed"
    )]
    NewerFormat {
        /// The version found.
        found: u32,
        /// The newest version that this release reads.
        known: u32,
    },

    /// A record of the journal does not say what a record must say.
    #[error(
        "record {record} of the journal is damaged at octet {offset}: {what}. The disk, or whoever wrote into the folder, \
         changed it after it was durable. Nothing was changed now: restore the folder from a copy, or move it aside and \
         start empty, which loses the messages in it"
    )]
    Damaged {
        /// The record's number.
        record: RecordNumber,
        /// Where in the record, in octets from its start.
        offset: usize,
        /// What is wrong.
        what: &'static str,
    },

    /// Records that were durable are not there any more.
    #[error(
        "the journal ends with record {found:?}, but record {durable} was durable already: the folder was restored from an \
         older copy, or the disk lost writes that it had confirmed. Restore the newest copy. To start without the lost \
         records, remove the file {}; messages in them are gone",
        mark.display()
    )]
    Shortened {
        /// The newest record found.
        found: Option<RecordNumber>,
        /// The newest one that is known to have been durable.
        durable: RecordNumber,
        /// The file that remembers it.
        mark: PathBuf,
    },

    /// A record between the oldest and the newest is missing.
    #[error(
        "the journal misses record {missing}: record {next} comes in its place. The disk, or whoever wrote into the \
         folder, removed it. Nothing was changed now: restore the folder from a copy"
    )]
    Gap {
        /// The record that should have come.
        missing: RecordNumber,
        /// The record that came.
        next: RecordNumber,
    },

    /// The database file fails its own checksums in a place where only a durable write can have been.
    #[error(
        "{} is damaged at octet {offset}: {what}. That was durable, so it is not the torn end of a crash: the disk, or \
         whoever wrote into the folder, changed it, or it is an older copy. The file was not changed now: restore the \
         newest copy of the folder, or move it aside and start empty, which loses the messages in it",
        path.display()
    )]
    DamagedFile {
        /// The database file.
        path: PathBuf,
        /// Where, in octets from its start.
        offset: u64,
        /// What is wrong.
        what: String,
    },

    /// The database engine gave up.
    #[error(
        "the database in {} cannot be used: {what}. If the disk is sound this is a fault of the engine. Keep a copy of the \
         folder for those who look into it, then restore an older copy, or move the folder aside and start empty, which \
         loses the messages in it",
        folder.display()
    )]
    Engine {
        /// The partition's folder.
        folder: PathBuf,
        /// What the engine said.
        what: String,
    },

    /// The operating system refused.
    #[error("cannot {what} {}: {source}. Check that the disk is sound, has room, and belongs to the node's user", path.display())]
    Io {
        /// What was tried, as a verb.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// The journal in PostgreSQL.
    #[error(transparent)]
    Postgres(#[from] PostgresError),

    /// One partition's error, and where it is.
    #[error("{}: {source}", folder.display())]
    InPartition {
        /// The partition's folder.
        folder: PathBuf,
        /// What is wrong there.
        source: Box<StoreError>,
    },

    /// A number in the options is out of its range.
    #[error("{key} is {value}, but must be {allowed}: correct the configuration")]
    BadOption {
        /// The configuration's key.
        key: &'static str,
        /// Its value.
        value: u64,
        /// What it may be.
        allowed: &'static str,
    },

    /// A thread of the store panicked.
    #[error(
        "{thread} panicked: {what}. This is a fault of this program: please report it. Restart the node; nothing that was acknowledged is lost"
    )]
    Panicked {
        /// Which thread.
        thread: String,
        /// What it said.
        what: String,
    },

    /// A partition had failed before the store was closed.
    #[error("partition {} had failed: {error}", partition.number())]
    Failed {
        /// Which one.
        partition: PartitionId,
        /// Why.
        error: Arc<StoreError>,
    },

    /// The store did not stop in time.
    #[error(
        "the store did not stop within {seconds} s: the disk is too slow or hangs. Nothing that was acknowledged is lost"
    )]
    StopTimedOut {
        /// The deadline, in seconds.
        seconds: u64,
    },
}

impl StoreError {
    /// The same error, with the operating system's word for it.
    pub(crate) fn io(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { what, path, source }
    }
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "it did not say what".into())
}
