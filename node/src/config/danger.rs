//! Choices that cost messages. They are allowed, and `smsc check` and the start of the node say so loudly.

use super::{Config, Journal};

/// A key whose value gives up a promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Danger {
    /// Such as `store.journal`.
    pub key: &'static str,
    /// What is lost, and when.
    pub note: &'static str,
}

const NOTHING: Danger = Danger {
    key: "store.journal",
    note: "\"nothing\" keeps nothing: EVERY MESSAGE IS LOST when the process ends, acknowledged ones too; \
           for measurements only",
};

impl Config {
    /// What in this configuration loses messages.
    pub fn dangers(&self) -> Vec<Danger> {
        match self.store.journal {
            Journal::Nothing => vec![NOTHING],
            Journal::Sled | Journal::Postgres => Vec::new(),
        }
    }
}
