//! The partition as a specification: one chapter per rule of the design.

#![allow(clippy::unwrap_used)]

mod accepting;
mod cast;
mod cleaning;
mod expiry;
mod leases;
mod model;
mod outcomes;
mod parts;
mod priorities;
mod receipts;
mod recovery;
mod rerouting;
mod retention;
mod rings;
