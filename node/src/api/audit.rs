//! Who did what: one line for every write, on the log's target `audit`, whatever the log's level. The last ones are also
//! kept in memory, to be asked for.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::State;
use axum::response::IntoResponse;
use serde_json::{Value, json};

use super::auth::Caller;
use super::error::{ApiError, json_body};
use super::{Shared, system_time};
use crate::telemetry::logging::AUDIT;

/// Entries that are kept; the log has all.
pub(super) const KEPT_MAX: usize = 500;

/// GET audit: newest first.
pub(super) async fn list(State(api): State<Arc<Shared>>) -> Result<impl IntoResponse, ApiError> {
    let name = &api.node()?.services.config.node.name;
    let mut entries: Vec<Value> = kept().iter().rev().cloned().collect();
    entries.iter_mut().for_each(|entry| entry["node"] = name.as_str().into());
    Ok(json_body(&json!({ "entries": entries, "kept_max": KEPT_MAX })))
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
