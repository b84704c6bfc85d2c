//! Routing on the caller's own thread: an immutable snapshot, exchanged whole.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_store::Name;

/// A cheap copy of the way to the current snapshot.
#[derive(Clone)]
pub struct RouterHandle {
    snapshot: Arc<ArcSwap<Snapshot>>,
}

impl RouterHandle {
    /// The tables and the availability of operators as of now. Take it once per batch.
    pub fn snapshot(&self) -> Guard<Arc<Snapshot>> {
        self.snapshot.load()
    }
}

/// Routing tables and the availability of operators at one moment.
pub struct Snapshot {}

/// No route takes the message; `status` is what the configuration says a submit earns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no route for this destination")]
pub struct NoRoute {
    /// The configured `router.no_route`.
    pub status: CommandStatus,
}

impl Snapshot {
    /// The operator of an MT message. `destination` is normalised ([`crate::number::normalise`]).
    pub fn mt(&self, _account: Name, _source: &[u8], _destination: &[u8]) -> Result<Name, NoRoute> {
        todo!()
    }

    /// The account of an MO message; `text` is its text in octets of ASCII or a superset (for keywords).
    pub fn mo(&self, _operator: Name, _destination: &[u8], _text: &[u8]) -> Option<Name> {
        todo!()
    }
}
