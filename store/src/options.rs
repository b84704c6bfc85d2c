//! What the store is told once, at its start.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::StoreError;
use crate::journal::postgres::PostgresOptions;
use crate::messages::Outbox;

/// Numbers that [`StoreOptions::node_number`] may have, 0 up to this.
const NODE_NUMBER_MAX: u16 = 59;

/// Partitions that a node may have.
pub(crate) const PARTITIONS_MAX: u16 = 16;

/// Which medium keeps the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JournalKind {
    /// A sled database per partition in the data folder.
    Sled,
    /// Tables in PostgreSQL, which outlive the node.
    Postgres,
    /// Nothing is kept at all: for measurements only.
    Nothing,
}

impl JournalKind {
    /// The word of the configuration and of the data folder's stamp.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sled => "sled",
            Self::Postgres => "postgres",
            Self::Nothing => "nothing",
        }
    }
}

impl fmt::Display for JournalKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
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
    /// 0..=59: partition k of this node is `node_number * 16 + k`, unless the journal is in PostgreSQL.
    pub node_number: u16,
    /// 1..=16: of this node, or of the cluster when the journal is in PostgreSQL.
    pub partitions: u16,
    /// The medium.
    pub journal: JournalKind,
    /// Where PostgreSQL is, for that medium.
    pub postgres: Option<PostgresOptions>,
    /// What an answer promises.
    pub durability: Durability,
    /// Octets of bodies and of the journal's pages that are kept in memory, over all partitions. Bodies beyond it are
    /// read back when they are needed. The index of what waits comes on top, some 130 octets a message.
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
    /// Whether a final message stays until its call detail record is written
    /// ([`TakeCdrs`](crate::messages::TakeCdrs)).
    pub cdr: bool,
    /// Rules of outboxes; those without an entry have [`OutboxRules::default`].
    pub outboxes: Vec<(Outbox, OutboxRules)>,
}

impl StoreOptions {
    /// Refuses numbers that would give ids of another node's partitions.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        if self.node_number > NODE_NUMBER_MAX {
            let value = u64::from(self.node_number);
            return Err(StoreError::BadOption { key: "node.number", value, allowed: "0 to 59" });
        }
        if self.partitions == 0 || self.partitions > PARTITIONS_MAX {
            let value = u64::from(self.partitions);
            return Err(StoreError::BadOption { key: "store.partitions", value, allowed: "1 to 16" });
        }
        Ok(())
    }
}

/// What one outbox is held to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
