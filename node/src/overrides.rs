//! Changes that were made while the node ran: accounts, operators and routes on top of the configuration file. Pure.
//!
//! Every entry has one writer that counts: the last by hybrid time. An entry that was put back to what the file says
//! leaves a tombstone, so that an older change that comes round later does not bring it back. [`Overrides::merge`] may be
//! given entries in any order, once or often: all who have seen the same entries hold the same.
//!
//! A peer whose clock is far ahead would win for as long as it is: its changes are not taken ([`AHEAD_MAX`]).
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
use std::time::Duration;

use smsc_proto::timestamp::Timestamp;

pub use entry::{Entry, Setting};
pub use file::{OverridesFile, OverridesFileError};
pub use hybrid_time::{HybridClock, HybridTime};

use crate::config::{Change, EntryKey};

/// Entries that a node makes, tombstones included: a route each for every mobile network of the world, and some. What
/// peers send is taken beyond it, since they are held to the same.
pub const ENTRIES_MAX: usize = 10_000;
/// Entries that are kept whoever made them: nodes of which each made as many as it may while it saw nobody.
pub const KEPT_MAX: usize = 10 * ENTRIES_MAX;
/// How far ahead of this node's clock a peer's change may be dated. Clocks that differ by hours do no harm, since hybrid
/// time goes on from what was seen.
pub const AHEAD_MAX: Duration = Duration::from_secs(24 * 3_600);

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

/// What became of entries that came from elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// What is new here.
    pub keys: Vec<EntryKey>,
    /// What was not taken: dated too far ahead of this node's clock.
    pub ahead: Vec<Ahead>,
    /// How many were not taken because there are [`KEPT_MAX`].
    pub no_room: usize,
}

/// An entry that is dated too far ahead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ahead {
    /// What it changes.
    pub key: EntryKey,
    /// The node that wrote it.
    pub on: String,
    /// How far.
    pub by: Duration,
}

/// Some of the entries that have changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// In the order in which they changed here.
    pub entries: Vec<Entry>,
    /// Whoever has these, and those before, has all up to this version.
    pub version: u64,
    /// There are further ones.
    pub more: bool,
}

/// There are [`ENTRIES_MAX`] entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{ENTRIES_MAX} changes are kept already: write what is to stay into the configuration file")]
pub struct TooManyEntries;

impl Overrides {
    /// Those that this node has kept. `node_number` tells writers of one moment apart.
    pub fn new(node_number: u16, kept: Vec<Entry>) -> Self {
        let mut overrides = Self { held: BTreeMap::new(), version: 0, clock: HybridClock::new(node_number) };
        kept.into_iter().for_each(|entry| _ = overrides.take(entry));
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
        self.take(entry.clone());
        Ok(entry)
    }

    /// Takes in what others have written, `now` by this node's clock.
    pub fn merge(&mut self, entries: Vec<Entry>, now: Timestamp) -> Merged {
        let mut merged = Merged::default();
        for entry in entries {
            let ahead = Duration::from_millis(entry.time.millis.saturating_sub(now.as_millis()));
            if ahead > AHEAD_MAX {
                merged.ahead.push(Ahead { key: entry.key, on: entry.on, by: ahead });
            } else if self.held.len() >= KEPT_MAX && !self.held.contains_key(&entry.key) {
                merged.no_room += 1;
            } else {
                let key = entry.key.clone();
                if self.take(entry) {
                    merged.keys.push(key);
                }
            }
        }
        merged
    }

    /// Returns whether it is new here.
    fn take(&mut self, entry: Entry) -> bool {
        self.clock.saw(entry.time);
        let held = Held { version: self.version + 1, entry };
        match self.held.entry(held.entry.key.clone()) {
            MapEntry::Vacant(place) => _ = place.insert(held),
            MapEntry::Occupied(mut place) if held.entry.wins_over(&place.get().entry) => _ = place.insert(held),
            MapEntry::Occupied(_) => return false,
        }
        self.version += 1;
        true
    }

    /// Rises with every change. It counts in this process only: after a restart all are new.
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// Entries that changed after that version, the oldest change first, at most so many.
    pub fn since(&self, version: u64, count_max: usize) -> Batch {
        let mut newer: Vec<&Held> = self.held.values().filter(|held| held.version > version).collect();
        newer.sort_unstable_by_key(|held| held.version);
        let more = newer.len() > count_max;
        newer.truncate(count_max);
        let last = newer.last().filter(|_| more).map_or(self.version, |held| held.version);
        Batch { entries: newer.into_iter().map(|held| held.entry.clone()).collect(), version: last, more }
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
        self.held.values().map(|held| held.entry.clone()).collect()
    }

    /// What they change: accounts and operators first, then routes.
    pub fn changes(&self) -> Vec<Change> {
        self.iter().filter_map(Entry::change).collect()
    }
}

#[cfg(test)]
mod tests;
