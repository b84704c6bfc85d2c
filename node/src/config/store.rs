//! `[store]`: how messages are kept.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, Error};

use super::value::{ByteSize, Secret, duration, duration_positive};

/// Partitions of one node at most: they are numbered `node.number * 16 + k`.
const PARTITIONS_MAX: u16 = 16;

/// Journal, memory and retention.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    /// The medium.
    pub journal: Journal,
    /// 0: one per node with sled, eight for the cluster with PostgreSQL; at most 16. Two on one disk cost more than
    /// they give.
    #[serde(deserialize_with = "partitions")]
    pub partitions: u16,
    /// What an acknowledged message survives.
    pub durability: Durability,
    /// Message bodies and the journal's cache in memory; beyond it bodies are read back from disk when they leave.
    pub memory_max: ByteSize,
    /// Messages that may wait in this node, then ESME_RMSGQFUL. Each costs memory (some 130 octets) and disk.
    pub messages_max: u64,
    /// How long a final message can be asked for.
    #[serde(deserialize_with = "duration")]
    pub retention: Duration,
    /// Final messages that are kept at most, the newest; up to 100 octets each.
    pub retention_messages_max: u64,
    /// How long after the validity we wait for an operator's receipt before we write EXPIRED ourselves.
    #[serde(deserialize_with = "duration")]
    pub receipt_grace: Duration,
    /// How long a receipt that matches no message is kept and asked for again.
    #[serde(deserialize_with = "duration_positive")]
    pub parked_max: Duration,
    /// With less free on the disk no new message is taken; what is there is still delivered. The journal uses some of it
    /// at a start: with less than 32 MiB a node may not come up on a disk that is full.
    pub disk_free_min: ByteSize,
    /// Where PostgreSQL is, for that journal. `partitions` are then those of the cluster.
    pub postgres: Option<Postgres>,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            journal: Journal::Sled,
            partitions: 0,
            durability: Durability::PowerLoss,
            memory_max: ByteSize::mib(256),
            messages_max: 10_000_000,
            retention: Duration::from_secs(24 * 3_600),
            retention_messages_max: 1_000_000,
            receipt_grace: Duration::from_secs(3_600),
            parked_max: Duration::from_secs(10 * 86_400),
            disk_free_min: ByteSize::gib(1),
            postgres: None,
        }
    }
}

/// Which medium keeps the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Journal {
    /// Embedded, in the data folder.
    Sled,
    /// PostgreSQL with synchronous standbys.
    Postgres,
    /// No medium at all: everything is lost with the process. For measurements only, to tell what durability costs.
    Nothing,
}

/// What an acknowledged message survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// A power cut: each batch is synced to the disk before it is answered.
    PowerLoss,
    /// The end of the process only: faster on slow disks, and loses messages with the machine.
    ProcessCrash,
}

/// The databases of the PostgreSQL journal.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Postgres {
    /// `postgres://...`; partitions are spread over them. A secret, since passwords stand in them.
    pub urls: Vec<Secret>,
    /// How long a partition stays with a node that says nothing. Raising it delays the takeover.
    #[serde(default = "lease", deserialize_with = "duration_positive")]
    pub lease: Duration,
    /// The password for URLs that have none.
    pub password: Option<Secret>,
    /// A file with that password.
    pub password_file: Option<PathBuf>,
    /// The authority that signed the databases' certificates (PEM); without it those that the system trusts.
    pub ca: Option<PathBuf>,
}

const fn lease() -> Duration {
    Duration::from_secs(10)
}

fn partitions<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    match u16::deserialize(deserializer)? {
        count @ 0..=PARTITIONS_MAX => Ok(count),
        count => {
            Err(D::Error::custom(format_args!("{count} is too large, expected a number from 0 to {PARTITIONS_MAX}")))
        }
    }
}
