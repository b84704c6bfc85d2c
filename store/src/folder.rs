//! The data folder: one node at a time, always the same node and the same kind of journal.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use smsc_proto::ids::PartitionId;

use crate::error::StoreError;
use crate::options::{JournalKind, StoreOptions};
use crate::record;

/// The newest layout of the data folder that this release writes and reads.
const FORMAT: u32 = 1;
const STAMP: &str = "node.toml";
/// The stamp's key of the newest version of records that is written; without it, of a release that knew no such key.
pub(crate) const RECORDS: &str = "records";
const LOCK: &str = "node.lock";
const PARTITION_PREFIX: &str = "partition-";

/// The data folder, locked for this process until it is dropped.
#[derive(Debug)]
pub(crate) struct DataFolder {
    path: PathBuf,
    _lock: File,
}

impl DataFolder {
    /// Makes the folder if it is not there, locks it, and checks its stamp or writes it.
    pub(crate) fn open(options: &StoreOptions) -> Result<Self, StoreError> {
        let path = options.data_dir.clone();
        make_folder(&path)?;
        let lock = lock(&path)?;
        let folder = Self { path, _lock: lock };
        match fs::read_to_string(folder.stamp_path()) {
            Ok(text) => folder.check_stamp(&text, options)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => folder.write_stamp(options)?,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(StoreError::BadStamp { path: folder.stamp_path(), what: "it is not text".into() });
            }
            Err(error) => return Err(StoreError::io("read", folder.stamp_path())(error)),
        }
        Ok(folder)
    }

    /// Where a partition keeps its journal.
    pub(crate) fn partition(&self, id: PartitionId) -> PathBuf {
        self.path.join(format!("{PARTITION_PREFIX}{}", id.number()))
    }

    /// The partitions of this node that lie in the folder, also those that `store.partitions` no longer counts.
    pub(crate) fn partitions(&self, node_number: u16) -> Result<Vec<PartitionId>, StoreError> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(StoreError::io("list", &self.path))? {
            let entry = entry.map_err(StoreError::io("list", &self.path))?;
            let name = entry.file_name();
            let number = name.to_str().and_then(|name| name.strip_prefix(PARTITION_PREFIX)?.parse().ok());
            found.extend(number.filter(|number| number / 16 == node_number).and_then(PartitionId::new));
        }
        found.sort_unstable();
        Ok(found)
    }

    fn stamp_path(&self) -> PathBuf {
        stamp_of(&self.path)
    }

    fn check_stamp(&self, text: &str, options: &StoreOptions) -> Result<(), StoreError> {
        let bad = |what: String| StoreError::BadStamp { path: self.stamp_path(), what };
        let value = |key: &str| value_of(text, key).ok_or_else(|| bad(format!("it has no line `{key} = …`")));
        let number = |key: &str| {
            let value = value(key)?;
            value.parse::<u32>().map_err(|_| bad(format!("`{key}` is `{value}`, not a number")))
        };
        // The format first: a newer one may say the rest otherwise.
        let found = number("format")?;
        if found > FORMAT {
            return Err(StoreError::NewerFormat { found, known: FORMAT });
        }
        let found = number("node")?;
        if found != u32::from(options.node_number) {
            let found = u16::try_from(found).map_err(|_| bad(format!("`node` is {found}, above 59")))?;
            return Err(StoreError::OtherNode { folder: self.path.clone(), found, configured: options.node_number });
        }
        let found = value("journal")?.trim_matches('"');
        if found != options.journal.as_str() {
            let (folder, found) = (self.path.clone(), found.to_owned());
            return Err(StoreError::OtherJournal { folder, found, configured: options.journal });
        }
        Ok(())
    }

    fn write_stamp(&self, options: &StoreOptions) -> Result<(), StoreError> {
        if options.journal == JournalKind::Nothing {
            // Nothing is kept, so there is nothing to protect: the next run may be of any kind.
            return Ok(());
        }
        if let Some(id) = self.partitions(options.node_number)?.first() {
            let what = format!("it is missing, but {} is there", self.partition(*id).display());
            return Err(StoreError::BadStamp { path: self.stamp_path(), what });
        }
        let text = format!(
            "# The owner of this folder. Do not change or remove it: message ids would be given twice.\n\
             format = {FORMAT}\nnode = {}\njournal = \"{}\"\n{RECORDS} = {}\n",
            options.node_number,
            options.journal,
            record::VERSION
        );
        replace_stamp(&self.path, &text)
    }
}

/// Where the stamp of a data folder is.
pub(crate) fn stamp_of(folder: &Path) -> PathBuf {
    folder.join(STAMP)
}

/// What a stamp says under that key.
pub(crate) fn value_of<'a>(stamp: &'a str, key: &str) -> Option<&'a str> {
    let lines = stamp.lines().filter_map(|line| line.split_once('='));
    lines.filter(|(name, _)| name.trim() == key).map(|(_, value)| value.trim()).next()
}

/// Writes the stamp whole or not at all, also when the power goes.
pub(crate) fn replace_stamp(folder: &Path, text: &str) -> Result<(), StoreError> {
    let (stamp, draft) = (stamp_of(folder), folder.join("node.toml.new"));
    let mut file = File::create(&draft).map_err(StoreError::io("create", &draft))?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(StoreError::io("write", &draft))?;
    fs::rename(&draft, &stamp).map_err(StoreError::io("create", &stamp))?;
    sync_folder(folder)
}

fn lock(folder: &Path) -> Result<File, StoreError> {
    let path = folder.join(LOCK);
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(StoreError::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked { folder: folder.to_owned() }),
        Err(TryLockError::Error(error)) => Err(StoreError::io("lock", path)(error)),
    }
}

/// Makes a folder, and its name durable in its parent.
pub(crate) fn make_folder(path: &Path) -> Result<(), StoreError> {
    if path.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(path).map_err(StoreError::io("create the folder", path))?;
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_folder(parent),
        _ => sync_folder(Path::new(".")),
    }
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(path: &Path) -> Result<(), StoreError> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(StoreError::io("sync the folder", path))
}
