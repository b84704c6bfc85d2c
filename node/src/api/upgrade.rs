//! Upgrades: whether the release before can still take over, and the end of that. Each node answers for itself.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::IntoResponse;
use serde::Deserialize;
use serde_json::{Value, json};
use smsc_store::upgrade::RECORDS_KNOWN;

use super::auth::Caller;
use super::error::{ApiError, json_body};
use super::input::Body;
use super::{Node, Shared, audit};
use crate::cluster::PeerState;
use crate::cluster::handshake::{PROTOCOL_MAX, PROTOCOL_MIN};

/// GET upgrade
pub(super) async fn status(State(api): State<Arc<Shared>>) -> Result<impl IntoResponse, ApiError> {
    let node = api.node()?;
    Ok(json_body(&json!({ "nodes": [of(node)] })))
}

/// How it is finished.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Finish {
    /// Only say whether it could be done.
    #[serde(default)]
    dry_run: bool,
}

/// POST upgrade/finish
pub(super) async fn finish(
    State(api): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Body(Finish { dry_run }): Body<Finish>,
) -> Result<impl IntoResponse, ApiError> {
    let node = api.node()?;
    let waits_for = waits_for(node);
    if !waits_for.is_empty() {
        return Err(ApiError::conflict(format!("not yet: {}", waits_for.join("; "))));
    }
    if !dry_run && !node.services.upgrade.is_finished() {
        audit::record(&caller, "upgrade.finish", &node.services.config.node.name, &of(node), &Value::Null);
        let finished = node.services.upgrade.finish();
        finished.map_err(|error| ApiError::internal(error.to_string()))?;
        tracing::info!(
            event = "upgrade.finish",
            records = RECORDS_KNOWN,
            "the release before cannot take over any more"
        );
    }
    Ok(json_body(&json!({ "nodes": [of(node)] })))
}

fn of(node: &Node) -> Value {
    json!({
        "node": node.services.config.node.name,
        "number": node.services.config.node.number,
        "version": env!("CARGO_PKG_VERSION"),
        "protocol_min": PROTOCOL_MIN,
        "protocol_max": PROTOCOL_MAX,
        "records_written": node.services.upgrade.records(),
        "records_known": RECORDS_KNOWN,
        "finished": node.services.upgrade.is_finished(),
        "waits_for": waits_for(node),
    })
}

/// The nodes that are not there, or do not know the records that are to be written: with PostgreSQL they may have to read
/// them, and whoever goes back goes back with all.
fn waits_for(node: &Node) -> Vec<String> {
    let (Some(cluster), Some(config)) = (&node.services.cluster, &node.services.config.cluster) else {
        return Vec::new();
    };
    let view = cluster.view();
    let mut waits = Vec::new();
    for peer in &view.peers {
        if peer.state != PeerState::Alive {
            waits.push(format!("{} is {}", peer.name, peer.state.name()));
        } else if peer.records < u32::from(RECORDS_KNOWN) {
            waits.push(format!("{} is of an earlier release", peer.name));
        }
    }
    let (seen, expected) = (view.peers.len() + 1, config.nodes_expected as usize);
    if seen < expected {
        waits.push(format!("{seen} of {expected} nodes (cluster.nodes_expected) were met"));
    }
    waits
}
