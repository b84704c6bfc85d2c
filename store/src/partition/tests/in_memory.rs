//! The chapters, with room in memory for every body.

const MEMORY_MAX: u64 = 1 << 30;

#[path = "accepting.rs"]
mod accepting;
#[path = "cancelling.rs"]
mod cancelling;
#[path = "cast.rs"]
mod cast;
#[path = "cleaning.rs"]
mod cleaning;
#[path = "expiry.rs"]
mod expiry;
#[path = "finding.rs"]
mod finding;
#[path = "leases.rs"]
mod leases;
#[path = "model.rs"]
mod model;
#[path = "notices.rs"]
mod notices;
#[path = "outcomes.rs"]
mod outcomes;
#[path = "owed.rs"]
mod owed;
#[path = "parts.rs"]
mod parts;
#[path = "priorities.rs"]
mod priorities;
#[path = "receipts.rs"]
mod receipts;
#[path = "recovery.rs"]
mod recovery;
#[path = "replacing.rs"]
mod replacing;
#[path = "rerouting.rs"]
mod rerouting;
#[path = "retention.rs"]
mod retention;
#[path = "rings.rs"]
mod rings;
#[path = "searching.rs"]
mod searching;
#[path = "sweeping.rs"]
mod sweeping;
