//! Connections of ESMEs.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use serde::Deserialize;
use serde_json::{Value, json};
use smsc_proto::smpp::pdu::BindKind;
use smsc_store::Holder;

use super::auth::Caller;
use super::error::{ApiError, json_body};
use super::input::Params;
use super::{Node, Shared, audit, time};
use crate::esme::directory::SessionEntry;
use crate::esme::session::Disconnect;
use crate::shutdown::Leave;

/// How long a session may take to leave before its connection is closed.
const LEAVE_WITHIN: Duration = Duration::from_secs(5);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Query {
    account: Option<String>,
}

/// GET sessions
pub(super) async fn list(
    State(api): State<Arc<Shared>>,
    Params(query): Params<Query>,
) -> Result<impl IntoResponse, ApiError> {
    let node = api.node()?;
    let account = query.account.as_deref().map(|system_id| account_of(node, "account", system_id)).transpose()?;
    let sessions: Vec<Value> = node
        .services
        .directory
        .list(account.map(|account| account.name))
        .iter()
        .map(|one| session(node, one))
        .collect();
    Ok(json_body(&json!({ "sessions": sessions })))
}

fn find(node: &Node, id: &str) -> Result<SessionEntry, ApiError> {
    let holder = holder(node, id)?;
    node.services.directory.list(None).into_iter().find(|one| one.holder == holder).ok_or_else(|| gone(id))
}

/// GET sessions/{id}
pub(super) async fn show(
    State(api): State<Arc<Shared>>,
    Path(id): Path<String>,
) -> Result<impl IntoResponse, ApiError> {
    let node = api.node()?;
    let found = find(node, &id)?;
    Ok(json_body(&session(node, &found)))
}

/// POST sessions/{id}/disconnect
pub(super) async fn disconnect(
    State(api): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<impl IntoResponse, ApiError> {
    let node = api.node()?;
    let found = find(node, &id)?;
    let actor = node.services.directory.session(found.holder).ok_or_else(|| gone(&id))?;
    let before = session(node, &found);
    actor.do_send(Disconnect { within: LEAVE_WITHIN, why: Leave::Admin });
    let what = format!("session {id}");
    audit::record(&caller, "session.disconnect", &what, &before, &Value::Null);
    Ok(json_body(&json!({
        "session": before,
        "note": "it is unbound in order, and closed after 5 s whatever its peer does; it may bind again",
    })))
}

pub(super) fn session(node: &Node, entry: &SessionEntry) -> Value {
    let activity = entry.connection.activity.snapshot();
    let account = entry.account.and_then(|name| node.services.live_now().account(name).cloned());
    json!({
        "id": session_id(node, entry.holder),
        "node": node.services.config.node.name,
        "account": entry.account.map(|name| name.as_str()),
        "bind": entry.bound.map(|(kind, _)| bind_name(kind)),
        "peer": entry.connection.peer.to_string(),
        "tls": entry.connection.tls,
        "connected": time(entry.connection.since),
        "bound": entry.bound.map(|(_, since)| time(since)),
        "last_activity": time(activity.last),
        "submitted": activity.submitted,
        "delivered": activity.delivered,
        "window_used": activity.requests_unanswered,
        "window": account.as_ref().map(|account| account.config.window_max),
        "deliver_window_used": activity.deliveries_unanswered,
        "deliver_window": account.map(|account| account.config.deliver_window),
    })
}

/// A kind of bind as JSON has it.
pub(super) const fn bind_name(kind: BindKind) -> &'static str {
    match kind {
        BindKind::Transmitter => "transmitter",
        BindKind::Receiver => "receiver",
        BindKind::Transceiver => "transceiver",
    }
}

/// The account of that name, which a field of the request gave.
pub(super) fn account_of(
    node: &Node,
    field: &str,
    system_id: &str,
) -> Result<Arc<crate::esme::account::Account>, ApiError> {
    node.services.live().account_of(system_id.as_bytes()).cloned().ok_or_else(|| {
        ApiError::field(field, format!("there is no account {system_id:?}: GET /api/v1/accounts lists them"))
    })
}

/// What a session is called: in a cluster with its node's number before it, so that every node knows whose it is.
fn session_id(node: &Node, holder: Holder) -> String {
    match &node.services.cluster {
        Some(cluster) => format!("{}-{}", cluster.identity().number, holder.0),
        None => holder.0.to_string(),
    }
}

fn holder(node: &Node, id: &str) -> Result<Holder, ApiError> {
    let wrong = || ApiError::field("id", "expected the id of a session: GET /api/v1/sessions lists them");
    let (number, holder) = id.split_once('-').map_or((None, id), |(number, holder)| (Some(number), holder));
    let number: Option<u16> = number.map(str::parse).transpose().map_err(|_| wrong())?;
    let holder = holder.parse().map(Holder).map_err(|_| wrong())?;
    match (&node.services.cluster, number) {
        (Some(cluster), Some(number)) if number != cluster.identity().number => Err(gone(id)),
        (None, Some(_)) | (Some(_), None) => Err(gone(id)),
        (Some(_), Some(_)) | (None, None) => Ok(holder),
    }
}

fn gone(id: &str) -> ApiError {
    ApiError::not_found(format!("there is no session {id} (any more): GET /api/v1/sessions lists them"))
}
