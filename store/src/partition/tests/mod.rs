//! The partition as a specification: one chapter per rule of the design. All are told twice: with room in memory for
//! every body, and with none, so that each body is read back before it leaves.

#![allow(clippy::unwrap_used)]

use super::*;

mod in_memory;
mod spilled;
