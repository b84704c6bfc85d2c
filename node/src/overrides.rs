//! Changes that were made while the node ran: accounts, operators and routes on top of the configuration file. Pure.
//!
//! Every entry has one writer that counts: the last by hybrid time. An entry that was put back to what the file says
//! leaves a tombstone, so that an older change that comes round later does not bring it back. [`Overrides::merge`] may be
//! given entries in any order, once or often: all who have seen the same entries hold the same.
//!
//! | file | holds |
//! |---|---|
//! | `hybrid_time` | the order of writers whose clocks differ |
//! | `entry` | one entry, and what it does |
//! | `file` | the entries in the node's data folder |

mod entry;
mod file;
mod hybrid_time;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as MapEntry;

use smsc_proto::timestamp::Timestamp;

pub use entry::{Entry, Setting};
pub use file::{OverridesFile, OverridesFileError};
pub use hybrid_time::{HybridClock, HybridTime};

use crate::config::{Change, EntryKey};

/// Entries that a node makes, tombstones included: a route each for every mobile network of the world, and some. What
/// peers send is taken beyond it, since they are held to the same.
pub const ENTRIES_MAX: usize = 10_000;

/// All entries that this node knows of.
#[derive(Clone, Debug)]
pub struct Overrides {
    held: BTreeMap<EntryKey, Held>,
    /// Rises with every change; this process's own.
    version: u64,
    clock: HybridClock,
}

#[derive(Clone, Debug)]
struct Held {
    entry: Entry,
    /// When it was changed here last.
    version: u64,
}

/// Who writes, and when.
#[derive(Clone, Copy, Debug)]
pub struct Author<'a> {
    /// Who, as the audit log names them.
    pub by: &'a str,
    /// On which node.
    pub on: &'a str,
    /// When, by that node's clock.
    pub at: Timestamp,
}

/// There are [`ENTRIES_MAX`] entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{ENTRIES_MAX} changes are kept already: write what is to stay into the configuration file")]
pub struct TooManyEntries;

impl Overrides {
    /// Those that this node has kept. `node_number` tells writers of one moment apart.
    pub fn new(node_number: u16, kept: Vec<Entry>) -> Self {
        let mut overrides = Self { held: BTreeMap::new(), version: 0, clock: HybridClock::new(node_number) };
        overrides.merge(kept);
        overrides
    }

    /// Writes an entry. It is later than all that this node has seen.
    pub fn set(&mut self, key: EntryKey, setting: Setting, author: Author<'_>) -> Result<Entry, TooManyEntries> {
        let key = key.normalised();
        if self.held.len() >= ENTRIES_MAX && !self.held.contains_key(&key) {
            return Err(TooManyEntries);
        }
        let time = self.clock.tick(author.at);
        let entry =
            Entry { key, setting, time, by: author.by.to_owned(), on: author.on.to_owned(), at: author.at.as_millis() };
        self.merge(vec![entry.clone()]);
        Ok(entry)
    }

    /// Takes in what others have written. Returns the keys of what is new here.
    pub fn merge(&mut self, entries: Vec<Entry>) -> Vec<EntryKey> {
        let mut changed = Vec::new();
        for entry in entries {
            self.clock.saw(entry.time);
            let key = entry.key.clone();
            let held = Held { version: self.version + 1, entry };
            match self.held.entry(key.clone()) {
                MapEntry::Vacant(place) => _ = place.insert(held),
                MapEntry::Occupied(mut place) if held.entry.wins_over(&place.get().entry) => _ = place.insert(held),
                MapEntry::Occupied(_) => continue,
            }
            self.version += 1;
            changed.push(key);
        }
        changed
    }

    /// Rises with every change. It counts in this process only: after a restart all are new.
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// Entries that changed after that version.
    pub fn since(&self, version: u64) -> Vec<Entry> {
        self.held.values().filter(|held| held.version > version).map(|held| held.entry.clone()).collect()
    }

    /// The entry of that key; `None` also where a tombstone stands.
    pub fn get(&self, key: &EntryKey) -> Option<&Entry> {
        let held = self.held.get(&key.clone().normalised())?;
        Some(&held.entry).filter(|entry| entry.setting != Setting::Unset)
    }

    /// All entries but tombstones, by key.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.held.values().map(|held| &held.entry).filter(|entry| entry.setting != Setting::Unset)
    }

    /// All entries, tombstones too: what is to be kept.
    pub fn all(&self) -> Vec<Entry> {
        self.since(0)
    }

    /// What they change: accounts and operators first, then routes.
    pub fn changes(&self) -> Vec<Change> {
        self.iter().filter_map(Entry::change).collect()
    }
}

#[cfg(test)]
mod tests;
