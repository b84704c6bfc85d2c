//! The chapters, with no room in memory for bodies that rest; but for notices, which are none without the body at hand.

#![allow(clippy::duplicate_mod)]

const MEMORY_MAX: u64 = 0;

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
#[path = "spilling.rs"]
mod spilling;
#[path = "sweeping.rs"]
mod sweeping;
