//! The partition as a specification: one chapter per rule of the design.

#![allow(clippy::unwrap_used)]

mod accepting;
mod cancelling;
mod cast;
mod cleaning;
mod expiry;
mod finding;
mod leases;
mod model;
mod notices;
mod outcomes;
mod priorities;
mod receipts;
mod recovery;
mod replacing;
mod rerouting;
mod retention;
mod rings;
