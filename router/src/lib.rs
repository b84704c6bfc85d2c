//! Where a message goes next: decisions, and the actor that acts on them.

pub mod actor;
pub mod error;
pub mod handle;
pub mod messages;
pub mod metrics;
pub mod number;
pub mod operator_id;
pub mod options;
pub mod outcome;
pub mod receipt;
pub mod retry;
pub mod route;
pub mod selection;
pub mod table;
pub mod throttle;

pub use actor::Router;
pub use handle::{RouterHandle, Snapshot};
pub use options::RouterOptions;
