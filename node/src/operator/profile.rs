//! What we know about an operator, ready for use by its links.

use smsc_router::operator_id::IdTransforms;
use smsc_router::outcome::OutcomeTable;
use smsc_router::retry::RetrySchedule;
use smsc_store::Name;

use super::connect::LinkTls;
use super::pace::Pace;
use super::shape::Shape;
use crate::config::{self, Receipts, SettleMode, StatusMeaning};

/// An operator: its configuration, and tables made of it.
pub struct Profile {
    /// Its name.
    pub name: Name,
    /// Its configuration.
    pub config: config::Operator,
    /// What its answers mean.
    pub outcomes: OutcomeTable,
    /// Whether one of them means that the route's next operator is to be tried.
    pub says_next: bool,
    /// When a message is tried again.
    pub retry: RetrySchedule,
    /// How its ids are compared.
    pub ids: IdTransforms,
    /// What it wants of a message.
    pub shape: Shape,
    /// How many messages a second its links here may send.
    pub pace: Pace,
    /// TLS towards it.
    pub tls: Option<LinkTls>,
}

impl Profile {
    /// The profile of this configuration.
    pub fn new(config: config::Operator, tls: Option<LinkTls>) -> Self {
        Self {
            name: Name::intern(&config.name),
            outcomes: config.outcome_table(),
            says_next: config.status.values().any(|meaning| *meaning == StatusMeaning::Next),
            retry: config.retry_schedule(),
            ids: config.id_transforms(),
            shape: Shape::new(&config),
            pace: Pace::new(config.throughput_max),
            tls,
            config,
        }
    }

    /// Whether it returns receipts.
    pub fn receipts_expected(&self) -> bool {
        self.config.receipts == Receipts::Always
    }

    /// Whether the window's place is free again at the response already, before the outcome is durable.
    pub fn settles_behind(&self) -> bool {
        self.config.settle == SettleMode::Behind
    }
}
