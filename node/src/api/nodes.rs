//! The nodes of the cluster: how they are; out of service and back, away for good, at an end.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use serde::Deserialize;
use serde_json::{Value, json};
use smsc_store::{Outbox, PartitionSnapshot};

use super::auth::Caller;
use super::error::{ApiError, json_body};
use super::input::Body;
use super::{Node, Shared, audit, system_time};
use crate::drainer::{CannotLeave, CannotServe, Decommission, Left, PutBack, TakeOut};
use crate::operator::link_status::LinkState;

/// GET nodes
pub(super) async fn list(State(api): State<Arc<Shared>>) -> Result<impl IntoResponse, ApiError> {
    let node = api.node()?;
    let partitions = node.services.store.stats();
    let mut own = node_json(&api, node);
    own["links"] = node.links.list().iter().filter(|link| link.status.state == LinkState::Bound).count().into();
    own["writable"] = node.services.store.is_writable().into();
    let disk = partitions.iter().find_map(|partition| partition.disk);
    own["disk_free_octets"] = disk.map(|disk| disk.free).into();
    own["disk_octets"] = disk.map(|disk| disk.capacity).into();
    own["sessions"] = node.services.directory.len().into();
    own["held"] = held(&partitions).into();
    Ok(json_body(&json!({ "nodes": [own], "missing": [] })))
}

/// What an order to a node may say.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Order {
    /// Only say what would happen.
    #[serde(default)]
    dry_run: bool,
}

/// POST nodes/{name}/{order}
pub(super) async fn order(
    State(api): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Path((name, order)): Path<(String, String)>,
    Body(Order { dry_run }): Body<Order>,
) -> Result<impl IntoResponse, ApiError> {
    let node = api.node()?;
    let own = &node.services.config.node.name;
    if name != *own {
        return Err(ApiError::not_found(format!("there is no node {name:?}: GET /api/v1/nodes lists them")));
    }
    let stopping = |_| ApiError::unavailable("the node is stopping");
    let before = node_json(&api, node);
    let mut retired = None;
    let (action, note) = match order.as_str() {
        "drain" => (
            "node.drain",
            "new connections go elsewhere, sessions and links are unbound in order; the process stays, and other nodes \
             deliver what it keeps; undrain has it serve again",
        ),
        "undrain" => {
            ("node.undrain", "its ports are open, and links are bound here again; ESMEs come as they bind anew")
        }
        "decommission" => (
            "node.decommission",
            "it is drained and stays so after a restart; say it again until it is retired: then nothing is left in it, \
             and it may be taken away",
        ),
        _ => return Err(ApiError::field("order", "expected drain, undrain or decommission")),
    };
    if !dry_run {
        audit::record(&caller, action, own, &before, &Value::Null);
        match order.as_str() {
            "drain" => node.drainer.send(TakeOut { hurry: false }).await.map_err(stopping)?,
            "undrain" => node.drainer.send(PutBack).await.map_err(stopping)??,
            _ => retired = Some(node.drainer.send(Decommission).await.map_err(stopping)??),
        }
    }
    let mut answer = json!({
        "node": own,
        "order": order,
        "dry_run": dry_run,
        "state": api.state.phase().name(),
        "sessions": node.services.directory.len(),
        "links": node.links.list().len(),
        "held": held(&node.services.store.stats()),
        "note": note,
    });
    if let Some(decommissioning) = retired {
        answer["retired"] = decommissioning.retired.into();
        answer["left"] = left(node, decommissioning.left);
    }
    Ok(json_body(&answer))
}

/// What a node that leaves still keeps, and for whom.
fn left(node: &Node, left: Left) -> Value {
    let partitions = node.services.store.stats();
    let outboxes = partitions.iter().flat_map(|partition| &partition.stats.outboxes);
    let waiting = outboxes.filter(|outbox| outbox.waiting + outbox.enroute + outbox.leased > 0);
    let waiting: Vec<Value> = waiting
        .map(|outbox| {
            let (kind, name) = match outbox.outbox {
                Outbox::Operator(name) => ("operator", name),
                Outbox::Account(name) => ("account", name),
            };
            json!({
                "for": format!("{kind} {name}"),
                "waiting": outbox.waiting,
                "leased": outbox.leased,
                "enroute": outbox.enroute,
            })
        })
        .collect();
    json!({
        "sessions": left.sessions,
        "links": left.links,
        "held": left.held,
        "receipts_parked": left.parked,
        "cdrs": left.cdrs,
        "outboxes": waiting,
    })
}

impl From<CannotServe> for ApiError {
    fn from(error: CannotServe) -> Self {
        let reason = error.to_string();
        match error {
            CannotServe::Retired | CannotServe::Listen(_) => Self::conflict(reason),
            CannotServe::Departure(_) => Self::internal(reason),
        }
    }
}

impl From<CannotLeave> for ApiError {
    fn from(error: CannotLeave) -> Self {
        let reason = error.to_string();
        match error {
            CannotLeave::Alone | CannotLeave::NothingOfItsOwn => Self::conflict(reason),
            CannotLeave::Departure(_) => Self::internal(reason),
        }
    }
}

/// What a stop is told.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stop {
    /// The node's name: so that nobody stops another one by mistake.
    node: String,
    /// Only say what would happen.
    #[serde(default)]
    dry_run: bool,
}

/// POST drain
pub(super) async fn stop(
    State(api): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Body(stop): Body<Stop>,
) -> Result<impl IntoResponse, ApiError> {
    let node = api.node()?;
    let name = &node.services.config.node.name;
    if stop.node != *name {
        let reason = format!("this is {name}, not {:?}: nothing was done", stop.node);
        return Err(ApiError::field("node", reason));
    }
    let sessions = node.services.directory.len();
    let held = held(&node.services.store.stats());
    let deadline = node.services.config.drain.deadline;
    if !stop.dry_run {
        audit::record(&caller, "drain", name, &Value::Null, &json!({ "sessions": sessions }));
        // A second one changes nothing.
        let _ = node.stop.try_send(());
    }
    Ok(json_body(&json!({
        "node": name,
        "dry_run": stop.dry_run,
        "sessions": sessions,
        "held": held,
        "deadline_seconds": deadline.as_secs(),
        "note": "sessions and links are unbound in order, then the process ends; what waits stays in its journal and goes on with the next start",
    })))
}

pub(super) fn node_json(api: &Shared, node: &Node) -> Value {
    let config = &node.services.config.node;
    json!({
        "name": config.name,
        "number": config.number,
        "state": api.state.phase().name(),
        "version": env!("CARGO_PKG_VERSION"),
        "started": system_time(node.started),
        "uptime_seconds": node.started.elapsed().unwrap_or_default().as_secs(),
        "http": api.address.to_string(),
    })
}

pub(super) fn held(partitions: &[Arc<PartitionSnapshot>]) -> u64 {
    partitions.iter().map(|partition| partition.stats.held).sum()
}
