//! One change: what, and whose.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::HybridTime;
use crate::config::{Change, EntryKey};

/// A change, as nodes tell each other and keep it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What is changed.
    pub key: EntryKey,
    /// How.
    pub setting: Setting,
    /// By which the last writer is known.
    pub time: HybridTime,
    /// Who wrote it.
    pub by: String,
    /// On which node.
    pub on: String,
    /// When, by that node's clock: milliseconds since 1970.
    pub at: u64,
}

/// What an entry does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Setting {
    /// These keys hold; of accounts and operators beside those that the file gives.
    Set(Map<String, Value>),
    /// It is not there, whatever the file says.
    Removed,
    /// It is as the file says: a tombstone.
    Unset,
}

impl Entry {
    /// What it does to the configuration; nothing, for a tombstone.
    pub fn change(&self) -> Option<Change> {
        let keys = match &self.setting {
            Setting::Set(keys) => Some(keys.clone()),
            Setting::Removed => None,
            Setting::Unset => return None,
        };
        Some(Change { key: self.key.clone(), keys })
    }

    /// Whether it takes the other's place: the later one does. Of two with the same time, which only a node that lost its
    /// folder can make, the text decides, so that all nodes decide alike.
    pub(super) fn wins_over(&self, other: &Self) -> bool {
        self.time > other.time || self.time == other.time && self.text() > other.text()
    }

    fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}
