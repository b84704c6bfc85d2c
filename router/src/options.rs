//! What the router is told by the configuration.

use std::time::Duration;

use smsc_proto::smpp::command_status::CommandStatus;
use smsc_store::Name;

use crate::route::{MoRoute, MtRoute};

/// The router's settings.
#[derive(Clone, Debug)]
pub struct RouterOptions {
    /// Routes of MT messages, in any order.
    pub mt: Vec<MtRoute>,
    /// Routes of MO messages, in any order.
    pub mo: Vec<MoRoute>,
    /// What a submit without route earns.
    pub no_route: CommandStatus,
    /// Operators and how long each may have no bound link before it is passed over.
    pub operators: Vec<(Name, Duration)>,
}
