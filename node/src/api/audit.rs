//! Who did what: one line for every write, on the log's target `audit`, whatever the log's level.

use serde_json::Value;

use super::auth::Caller;
use crate::telemetry::logging::AUDIT;

/// Something was done. `before` and `after` are without secrets; null where there is nothing to say.
pub(super) fn record(caller: &Caller, action: &'static str, what: &str, before: &Value, after: &Value) {
    let address = caller.address.map(|address| address.to_string()).unwrap_or_default();
    tracing::info!(
        target: AUDIT,
        event = "audit",
        action,
        what,
        by = caller.name,
        role = caller.role.name(),
        from = address,
        %before,
        %after,
    );
}
