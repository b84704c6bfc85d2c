//! Call detail records: one for each final state, in files that billing reads. Never the text of a message.
//!
//! ```text
//! store: final state, owed ──> writer ──> cdr-NODE-UTC-N.ndjson.part, fdatasync ──> store: written
//!                                              │ large, old, or asked to
//!                                              └──> .manifest, position, then the name without .part
//! ```
//!
//! | file | holds |
//! |---|---|
//! | [`record`] | the fields of a record, and its name for ever |
//! | [`lines`] | records as lines of NDJSON or CSV, and whether a line is whole |
//! | [`part`] | the file that is being written: append and sync, or as it was |
//! | [`folder`] | names, manifests, the position; what a crash left is put in order |
//! | [`files`] | one file after the other: which record goes where, when one is closed |
//! | [`writer`] | the actor: takes from the store, writes, says what is written |
//! | [`status`] | what is known of it, for people |
//!
//! What always holds: a record is told as written only after its file's fdatasync; `seq` counts lines without a gap, over
//! files and restarts; a closed file never changes, and its manifest is there before it is.

pub mod files;
pub mod folder;
pub mod lines;
mod manifest;
pub mod part;
pub mod record;
pub mod status;
pub mod writer;

use std::io;
use std::path::{Path, PathBuf};

pub use files::CdrFiles;
pub use folder::CdrFolder;
pub use status::{CdrStatus, StatusView};
pub use writer::{CdrHandle, CdrWriter};

/// Why records cannot be written just now. Nothing is lost: they stay in the store, and it is tried again.
#[derive(Debug, thiserror::Error)]
pub enum CdrError {
    /// The disk or the folder's rights.
    #[error("cannot {what} {path}: {source}", path = .path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process writes under this node's name.
    #[error("another process writes CDRs of this node's name in {}: two nodes need two names or two folders", .0.display())]
    Locked(PathBuf),
    /// Somebody removed or shortened the file that is being written.
    #[error("{} was removed or cut while it was written: {records} records that were in it are gone. The next file goes on behind them", .path.display())]
    Gone {
        /// Which file.
        path: PathBuf,
        /// How many were in it.
        records: u64,
    },
}

impl CdrError {
    fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }
}
