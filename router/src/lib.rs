//! Where a message goes next: decisions, and the actor that acts on them.
//!
//! | module | decides |
//! |---|---|
//! | [`number`] | what a destination is called in routes |
//! | [`route`], [`table`] | which route takes a message |
//! | [`mobile_originated`] | which account an MO message goes to, and where it waits without a route |
//! | [`selection`] | which operator of the route |
//! | [`outcome`] | what a command_status means for the message |
//! | [`retry`] | when it is tried again |
//! | [`throttle`] | how many go in a second |
//! | [`operator_id`], [`receipt`] | which message a receipt is about, and what it says of it |
//! | `links`, `rerouting` | who is passed over, and where what waits for him goes |
//! | [`handle`] | all look-ups, on the caller's own thread, from one immutable snapshot |
//! | [`actor`] | when there is a new snapshot, and what is re-routed |

pub mod actor;
pub mod error;
pub mod handle;
mod links;
pub mod messages;
pub mod metrics;
pub mod mobile_originated;
pub mod number;
pub mod operator_id;
pub mod options;
pub mod outcome;
pub mod receipt;
mod rerouting;
pub mod retry;
pub mod route;
pub mod selection;
pub mod table;
pub mod throttle;
mod trie;

pub use actor::Router;
pub use error::RouterError;
pub use handle::{RouterHandle, Snapshot};
pub use options::RouterOptions;
