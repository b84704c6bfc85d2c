//! Links to operators.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use serde_json::{Value, json};

use super::auth::Caller;
use super::error::{ApiError, json_body};
use super::sessions::bind_name;
use super::watched::{lately, now_millis};
use super::{Node, Shared, audit, system_time};
use crate::operator::keeper::LinkEntry;
use crate::operator::link::LinkOrder;
use crate::operator::link_status::LinkState;

/// GET links
pub(super) async fn list(State(api): State<Arc<Shared>>) -> Result<impl IntoResponse, ApiError> {
    let node = api.node()?;
    let mut entries = node.links.list();
    // What is broken stands first.
    entries.sort_by_key(|entry| rank(entry.status.state));
    let links: Vec<Value> = entries.iter().map(|entry| link(node, entry)).collect();
    Ok(json_body(&json!({ "links": links })))
}

/// POST links/{id}/{order}: one link, or all of an operator.
pub(super) async fn order(
    State(api): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Path((id, order)): Path<(String, String)>,
) -> Result<impl IntoResponse, ApiError> {
    let node = api.node()?;
    let (what, action, note) = match order.as_str() {
        "reconnect" => (LinkOrder::Reconnect, "link.reconnect", "finishes what is under way, unbinds and binds again"),
        "drop" => {
            (LinkOrder::Drop, "link.drop", "the connection is closed as it is: what was not answered may go twice")
        }
        "pause" => {
            (LinkOrder::Pause, "link.pause", "finishes what is under way, unbinds, and stays away until resumed")
        }
        "resume" => (LinkOrder::Resume, "link.resume", "binds again"),
        _ => return Err(ApiError::field("order", "expected reconnect, drop, pause or resume")),
    };
    let chosen = chosen(&node.links.list(), &id);
    if chosen.is_empty() {
        return Err(ApiError::not_found(format!("there is no link or operator {id:?}: GET /api/v1/links lists them")));
    }
    let before: Vec<Value> = chosen.iter().map(|entry| link(node, entry)).collect();
    for entry in &chosen {
        node.links.order(entry.operator.as_str(), Some(entry.number), what);
    }
    audit::record(&caller, action, &id, &Value::from(before.clone()), &Value::Null);
    Ok(json_body(&json!({ "links": before, "note": note })))
}

/// `north:0`, or `north` for all of its links.
fn chosen(all: &[LinkEntry], id: &str) -> Vec<LinkEntry> {
    let of = |entry: &&LinkEntry| entry.operator.as_str() == id || link_id(entry) == id;
    all.iter().filter(of).cloned().collect()
}

/// What a link is called.
pub(super) fn link_id(entry: &LinkEntry) -> String {
    format!("{}:{}", entry.operator, entry.number)
}

fn link(node: &Node, entry: &LinkEntry) -> Value {
    let status = &entry.status;
    let id = link_id(entry);
    let recent = node.watch.link(&id, now_millis(), &status.totals);
    json!({
        "id": id,
        "operator": entry.operator.as_str(),
        "node": node.services.config.node.name,
        "bind": bind_name(status.kind),
        "state": status.state.name(),
        "since": system_time(status.since),
        "address": status.address,
        "window_used": status.window_used,
        "window": entry.window,
        "reconnects": status.reconnects,
        "passed_over": !node.services.router.snapshot().is_available(entry.operator),
        "throughput_max": node.services.live().profiles.iter().find(|one| one.name == entry.operator).map(|one| one.config.throughput_max),
        "lately": lately(&recent, &status.totals),
        "last_error": status.error.as_ref().map(|(at, error)| json!({ "at": system_time(*at), "reason": error })),
    })
}

const fn rank(state: LinkState) -> u8 {
    match state {
        LinkState::BackingOff => 0,
        LinkState::Connecting => 1,
        LinkState::Paused => 2,
        LinkState::Draining => 3,
        LinkState::Bound => 4,
    }
}
