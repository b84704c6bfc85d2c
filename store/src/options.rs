//! What the store is told once, at its start.

use std::path::PathBuf;
use std::time::Duration;

use crate::messages::Outbox;

/// Which medium keeps the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JournalKind {
    /// A sled database per partition in the data folder.
    Sled,
    /// Nothing is kept at all: for measurements only.
    Nothing,
}

/// What an acknowledged message survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// A power cut: one `fdatasync` per batch before its answers.
    PowerLoss,
    /// The end of the process, not of the machine: no sync.
    ProcessCrash,
}

/// The store's settings, checked by the configuration.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// The folder of the journals; made if it is not there.
    pub data_dir: PathBuf,
    /// 0..=59: partition k of this node is `node_number * 16 + k`.
    pub node_number: u16,
    /// 1..=16.
    pub partitions: u16,
    /// The medium.
    pub journal: JournalKind,
    /// What an answer promises.
    pub durability: Durability,
    /// Octets of bodies kept in memory.
    pub memory_max: u64,
    /// Messages that may wait in this node.
    pub messages_max: u64,
    /// How long a final message can be asked for.
    pub retention: Duration,
    /// How many of them at most.
    pub retention_messages_max: u64,
    /// How long after the validity we wait for a receipt before we write one ourselves.
    pub receipt_grace: Duration,
    /// How long a receipt that matches nothing is kept.
    pub parked_max: Duration,
    /// Octets that must be free on the disk for new messages.
    pub disk_free_min: u64,
    /// Rules of outboxes; those without an entry have [`OutboxRules::default`].
    pub outboxes: Vec<(Outbox, OutboxRules)>,
}

/// What one outbox is held to.
#[derive(Clone, Copy, Debug)]
pub struct OutboxRules {
    /// How many messages may wait in it. Receipts take their message's place and are not counted.
    pub waiting_max: u64,
    /// Operators: after so many unanswered attempts a message is not sent again.
    pub unanswered_max: u32,
    /// Accounts: how long a receipt waits for a receiver.
    pub receipt_lifetime: Duration,
}

impl Default for OutboxRules {
    fn default() -> Self {
        Self { waiting_max: 5_000_000, unanswered_max: 3, receipt_lifetime: Duration::from_secs(7 * 86_400) }
    }
}
