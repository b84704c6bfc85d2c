//! The durable record of every message.
//!
//! A partition is a pure state machine over a journal: commands in, events and answers out. The state thread applies
//! commands and encodes their events as one batch; the journal thread makes the batch durable; only then are its
//! answers released and its messages visible to those who pull.
//!
//! The path of a batch: [`handle`] (on the caller's thread) → `lanes` (two lanes, one bell) → `commit` (state thread,
//! journal thread) → [`partition`] (what it means) → [`record`] → [`journal`] (sled or PostgreSQL) → back through `commit` to the
//! `Recipient` of the caller. Bodies that are not in memory come back by a third thread (`commit::reader`). [`actor`]
//! opens and closes it all: `folder` (whose data this is), [`upgrade`] (which records it may hold), `opening` (one partition), [`recovery`] (replay), [`clock`].
//! Partitions in PostgreSQL are adopted and let go by the `keeper`, which has its share by `ownership`. What partitions say about
//! themselves hangs on the [`board`], from where `metrics` takes it.

mod abandoned;
pub mod actor;
pub mod board;
pub mod clock;
mod commit;
pub mod error;
pub mod event;
mod fingerprint;
mod folder;
pub mod free_space;
pub mod handle;
pub mod journal;
mod keeper;
mod lanes;
pub mod lifecycle;
pub mod message_id;
pub mod messages;
mod metrics;
pub mod name;
mod opening;
pub mod options;
pub mod outbox;
mod ownership;
pub mod partition;
pub mod receipt_desk;
pub mod receipt_index;
pub mod record;
pub mod recovery;
pub mod remote;
pub mod upgrade;

pub use actor::{CloseStore, GetStoreStats, Store, StoreClosed, StoreFailed, StoreParts, StoreThreads};
pub use board::PartitionSnapshot;
pub use error::StoreError;
pub use fingerprint::Fingerprint;
pub use handle::StoreHandle;
pub use messages::*;
pub use name::Name;
pub use options::{Durability, JournalKind, OutboxRules, StoreOptions};
pub use receipt_desk::ReceiptDesk;
pub use remote::{Owned, RemoteStore};
pub use upgrade::Upgrade;
