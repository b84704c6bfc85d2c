//! Traces of an account or a number: begun, ended, shown and read. Each node answers and acts for itself.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::response::IntoResponse;
use serde::Deserialize;
use serde_json::{Value, json};

use super::auth::Caller;
use super::error::{ApiError, json_body};
use super::input::{Body, Params};
use super::{Node, Shared, audit, system_time};
use crate::config::SystemId;
use crate::traces::registry::TIME_MAX;
use crate::traces::{Subject, TraceError};

/// Lines that are told if nobody says how many.
pub(super) const LINES: usize = 100;
/// Lines that are told at most.
const LINES_MAX: usize = 1_000;

/// Whose trace.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Whose {
    account: Option<String>,
    number: Option<String>,
    /// Of lines.
    limit: Option<usize>,
}

/// How one is begun.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Start {
    account: Option<String>,
    number: Option<String>,
    seconds: u64,
}

fn subject(account: Option<String>, number: Option<String>) -> Result<Subject, ApiError> {
    match (account, number) {
        (Some(account), None) if (1..=SystemId::LENGTH_MAX).contains(&account.len()) => Ok(Subject::Account(account)),
        (Some(_), None) => Err(ApiError::field("account", "expected a system_id: 1 to 64 octets")),
        (None, Some(number)) => Subject::number(&number)
            .ok_or_else(|| ApiError::field("number", "expected the digits of a number in international form")),
        (Some(_), Some(_)) | (None, None) => Err(ApiError::bad_request("expected either an account or a number")),
    }
}

/// GET traces
pub(super) async fn list(State(api): State<Arc<Shared>>) -> Result<impl IntoResponse, ApiError> {
    Ok(json_body(&all(api.node()?)))
}

/// POST traces
pub(super) async fn start(
    State(api): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Body(Start { account, number, seconds }): Body<Start>,
) -> Result<impl IntoResponse, ApiError> {
    let node = api.node()?;
    let subject = subject(account, number)?;
    let time = Duration::from_secs(seconds);
    if time.is_zero() || time > TIME_MAX {
        return Err(ApiError::field("seconds", format!("expected 1 to {}: a day", TIME_MAX.as_secs())));
    }
    // That files are made takes its time, and nobody else should wait for it.
    let (services, traced) = (node.services.clone(), subject.clone());
    let started = tokio::task::spawn_blocking(move || services.traces.start(&traced, time)).await;
    started.map_err(|error| ApiError::internal(error.to_string()))?.map_err(|error| match error {
        TraceError::TooMany => ApiError::conflict(error.to_string()),
        TraceError::Io { .. } => ApiError::internal(error.to_string()),
    })?;
    audit::record(&caller, "trace.start", &subject.to_string(), &Value::Null, &json!({ "seconds": seconds }));
    Ok(json_body(&all(node)))
}

/// DELETE traces
pub(super) async fn stop(
    State(api): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Params(Whose { account, number, .. }): Params<Whose>,
) -> Result<impl IntoResponse, ApiError> {
    let node = api.node()?;
    let subject = subject(account, number)?;
    if !node.services.traces.stop(&subject) {
        return Err(none(&subject));
    }
    audit::record(&caller, "trace.stop", &subject.to_string(), &Value::Null, &Value::Null);
    Ok(json_body(&all(node)))
}

/// GET traces/lines
pub(super) async fn lines(
    State(api): State<Arc<Shared>>,
    Params(Whose { account, number, limit }): Params<Whose>,
) -> Result<impl IntoResponse, ApiError> {
    let node = api.node()?;
    let subject = subject(account, number)?;
    let limit = limit.unwrap_or(LINES);
    if limit > LINES_MAX {
        return Err(ApiError::field("limit", format!("expected at most {LINES_MAX}")));
    }
    let (services, traced) = (node.services.clone(), subject.clone());
    let lines = tokio::task::spawn_blocking(move || services.traces.lines(&traced, limit)).await;
    let lines = lines.map_err(|error| ApiError::internal(error.to_string()))?.ok_or_else(|| none(&subject))?;
    let lines = lines.map_err(|error| ApiError::internal(error.to_string()))?;
    let lines: Vec<Value> = lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
    Ok(json_body(&json!({ "lines": lines })))
}

fn none(subject: &Subject) -> ApiError {
    ApiError::not_found(format!("there is no trace of {subject}: GET /api/v1/traces lists them"))
}

fn all(node: &Node) -> Value {
    let traces = node.services.traces.list();
    let traces = traces.into_iter().map(|(subject, status)| {
        let (account, number) = match &subject {
            Subject::Account(account) => (Some(account), None),
            Subject::Number(number) => (None, Some(number)),
        };
        json!({
            "account": account,
            "number": number,
            "node": node.services.config.node.name,
            "started": system_time(status.started),
            "until": system_time(status.until),
            "running": !status.over,
            "lines": status.written,
            "dropped": status.dropped,
        })
    });
    json!({ "traces": traces.collect::<Vec<_>>() })
}
