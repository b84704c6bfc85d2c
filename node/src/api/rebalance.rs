//! Sessions spread evenly over the nodes: what would be done, begun, and ended. Each node answers and acts for itself.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::response::IntoResponse;
use serde::Deserialize;
use serde_json::{Value, json};

use super::auth::Caller;
use super::error::{ApiError, json_body};
use super::input::Body;
use super::sessions::session;
use super::{Node, Shared, audit};
use crate::rebalancer::{PlanRebalance, StartRebalance, StopRebalance};

/// Sessions that are named; the others are counted.
const NAMED_MAX: usize = 100;
/// Sessions a second, of each node.
const RATE_MAX: u32 = 100;

/// GET rebalance
pub(super) async fn plan(State(api): State<Arc<Shared>>) -> Result<impl IntoResponse, ApiError> {
    let node = api.node()?;
    Ok(json_body(&json!({ "nodes": [planned(node).await?] })))
}

/// How it is begun.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Start {
    /// Sessions a second that each node asks to leave.
    #[serde(default = "one")]
    rate: u32,
}

const fn one() -> u32 {
    1
}

/// POST rebalance
pub(super) async fn start(
    State(api): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Body(Start { rate }): Body<Start>,
) -> Result<impl IntoResponse, ApiError> {
    let node = api.node()?;
    if !(1..=RATE_MAX).contains(&rate) {
        return Err(ApiError::field("rate", format!("expected 1 to {RATE_MAX} sessions a second")));
    }
    let before = planned(node).await?;
    audit::record(&caller, "rebalance.start", &node.services.config.node.name, &before, &json!({ "rate": rate }));
    node.rebalancer.do_send(StartRebalance { pace: Duration::from_secs(1) / rate });
    Ok(json_body(&json!({ "nodes": [planned(node).await?] })))
}

/// DELETE rebalance
pub(super) async fn stop(
    State(api): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
) -> Result<impl IntoResponse, ApiError> {
    let node = api.node()?;
    audit::record(&caller, "rebalance.stop", &node.services.config.node.name, &planned(node).await?, &Value::Null);
    node.rebalancer.do_send(StopRebalance);
    Ok(json_body(&json!({ "nodes": [planned(node).await?] })))
}

async fn planned(node: &Node) -> Result<Value, ApiError> {
    let plan = node.rebalancer.send(PlanRebalance).await;
    let plan = plan.map_err(|_| ApiError::unavailable("the node is stopping"))?;
    let named: Vec<Value> = plan.leaving.iter().take(NAMED_MAX).map(|entry| session(node, entry)).collect();
    Ok(json!({
        "node": node.services.config.node.name,
        "number": node.services.config.node.number,
        "sessions": plan.share.sessions,
        "share": plan.share.share,
        "surplus": plan.leaving.len(),
        "running": plan.running,
        "asked": plan.asked,
        "leaving": named,
    }))
}
