//! Traces: every PDU of one account, or about one number, for a limited time.
//!
//! | file | holds |
//! |---|---|
//! | [`subject`] | whose PDUs |
//! | [`filter`] | which of a connection's PDUs are about that. Pure |
//! | `line` | a PDU as a line of JSON: all fields, and never a text |
//! | [`tap`] | what listens in on one connection |
//! | [`trace`] | the file that lines go to, by a thread of its own |
//! | [`registry`] | those that run, and those that have |
//!
//! Numbers stand in full: that is what a trace is for. Bounded: so many traces, so many octets and hours of each, so many
//! lines on the way to the disk; what finds no room is counted and left out, and no session ever waits. A restart ends them.

pub mod filter;
mod line;
pub mod registry;
pub mod subject;
pub mod tap;
pub mod trace;

pub use registry::{TraceError, Traces};
pub use subject::Subject;
pub use tap::{Tap, Who};
