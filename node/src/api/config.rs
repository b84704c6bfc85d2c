//! The configuration in force, and reading it again.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::IntoResponse;
use serde_json::{Value, json};

use super::auth::Caller;
use super::error::{ApiError, json_body};
use super::{Node, Shared, audit, system_time};
use crate::config::keys;
use crate::reload::Report;

/// GET config
pub(super) async fn show(State(api): State<Arc<Shared>>) -> Result<impl IntoResponse, ApiError> {
    let node = api.node()?;
    let origins = node.config.origins().await;
    let mut json = report_json(node, &node.config.last_report());
    json["values"] = origins.shown();
    json["dangers"] = node
        .services
        .config
        .dangers()
        .into_iter()
        .map(|danger| json!({ "key": danger.key, "note": danger.note }))
        .collect();
    Ok(json_body(&json))
}

/// Keys that are a node's own.
const OWN: [&str; 3] = ["node.", "cluster.advertise", "cluster.listen"];

/// GET config/differences
pub(super) async fn differences(State(api): State<Arc<Shared>>) -> Result<impl IntoResponse, ApiError> {
    let node = api.node()?;
    let mut said = keys(&node.config.origins().await.shown());
    said.retain(|key, _| !OWN.iter().any(|own| key.starts_with(own)));
    let waits = node.config.waiting().await.into_iter();
    let waits = waits.map(|(key, in_force, file)| json!({ "key": key, "in_force": in_force, "file": file }));
    Ok(json_body(&json!({
        "node": node.services.config.node.name,
        "waits": waits.collect::<Vec<_>>(),
        "keys": said,
    })))
}

/// POST config/reload
pub(super) async fn reload(
    State(api): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
) -> Result<impl IntoResponse, ApiError> {
    let node = api.node()?;
    let result = node.config.reload().await;
    let after = result.as_ref().map_or_else(ToString::to_string, |_| "in force".to_owned());
    audit::record(&caller, "config.reload", "the configuration file", &Value::Null, &after.into());
    let report =
        result.map_err(|error| ApiError { error: "bad_configuration", ..ApiError::conflict(error.to_string()) })?;
    Ok(json_body(&report_json(node, &report)))
}

fn report_json(node: &Node, report: &Report) -> Value {
    let left_out: Vec<Value> =
        report.left_out.iter().map(|(key, reason)| json!({ "key": key, "reason": reason })).collect();
    json!({
        "file": node.config.source().path(),
        "loaded": system_time(report.loaded),
        "error": report.error.as_ref().map(|(at, reason)| json!({ "at": system_time(*at), "reason": reason })),
        "left_out": left_out,
        "waits_for_restart": report.waits_for_restart,
    })
}
