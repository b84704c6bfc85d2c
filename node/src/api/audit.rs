//! Who did what: one line for every write, on the log's target `audit`, whatever the log's level. The last ones are also
//! kept in memory, to be asked for.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::response::IntoResponse;
use serde_json::{Value, json};

use super::auth::Caller;
use super::error::json_body;
use super::system_time;
use crate::telemetry::logging::AUDIT;

/// Entries that are kept; the log has all.
const KEPT_MAX: usize = 500;

/// GET audit: newest first.
pub(super) async fn list() -> impl IntoResponse {
    let entries: Vec<Value> = kept().iter().rev().cloned().collect();
    json_body(&json!({ "entries": entries, "kept_max": KEPT_MAX }))
}

/// Of this process, as the log is.
fn kept() -> MutexGuard<'static, VecDeque<Value>> {
    static KEPT: Mutex<VecDeque<Value>> = Mutex::new(VecDeque::new());
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

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
    let mut kept = kept();
    if kept.len() == KEPT_MAX {
        kept.pop_front();
    }
    kept.push_back(json!({
        "at": system_time(std::time::SystemTime::now()),
        "action": action,
        "what": what,
        "by": caller.name,
        "role": caller.role.name(),
        "from": address,
        "before": before,
        "after": after,
    }));
}
