//! What the router actor is told.

use actix::prelude::*;
use smsc_store::Name;

use crate::error::RouterError;
use crate::options::RouterOptions;

/// A link of this operator has bound, or is gone. The router counts links per operator.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct LinkChanged {
    /// Which operator.
    pub operator: Name,
    /// Bound, or no longer.
    pub bound: bool,
}

/// So many links of this operator are bound on other nodes of the cluster, as far as this one knows. An operator with a
/// link anywhere is available: messages reach it by way of that node.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct LinksElsewhere {
    /// Which operator.
    pub operator: Name,
    /// How many.
    pub links: u32,
}

/// Other routes and operators from now on. Operators that stay keep their links and their state; what waits for
/// operators that are gone is re-routed. Routes that contradict each other change nothing.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<(), RouterError>")]
pub struct Reconfigure(pub RouterOptions);
