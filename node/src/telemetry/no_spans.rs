//! A build without the feature `otlp`: nobody gets spans.

use std::time::{Duration, Instant};

use smsc_proto::ids::MessageId;
use smsc_store::Outbox;

use crate::attempt::{Answer, Attempt};
use crate::config::{Node, Telemetry};

/// There are none.
#[derive(Debug)]
pub enum Spans {}

/// They are wanted all the same.
#[derive(Debug, thiserror::Error)]
#[error(
    "telemetry.otlp_endpoint: this build is without OpenTelemetry, expected one with the feature otlp, or no such key"
)]
pub struct CannotExport;

#[allow(missing_docs)]
impl Spans {
    pub fn start(_: &Node, telemetry: &Telemetry) -> Result<Option<Self>, CannotExport> {
        if telemetry.otlp_endpoint.is_some() { Err(CannotExport) } else { Ok(None) }
    }

    pub fn accepted(&self, _: Outbox, _: Instant, _: impl Iterator<Item = MessageId>) {
        match *self {}
    }

    pub fn attempted(&self, _: Outbox, _: &Attempt, _: Answer, _: bool) {
        match *self {}
    }

    pub async fn flush(&self, _: Duration) {
        match *self {}
    }
}
