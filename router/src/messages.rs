//! What the router actor is told.

use actix::prelude::*;
use smsc_store::Name;

/// A link of this operator has bound, or is gone. The router counts links per operator.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct LinkChanged {
    /// Which operator.
    pub operator: Name,
    /// Bound, or no longer.
    pub bound: bool,
}
