//! Outboxes: what waits, for whom, since when.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::IntoResponse;
use serde_json::{Value, json};
use smsc_proto::timestamp::Timestamp;
use smsc_router::mobile_originated::parked;
use smsc_store::Outbox;

use super::error::{ApiError, json_body};
use super::{Shared, time};
use crate::operator::link_status::LinkState;

#[derive(Default)]
struct Queue {
    ready: u64,
    leased: u64,
    scheduled: u64,
    retry: u64,
    enroute: u64,
    receipts_expired: u64,
    oldest_due: Option<Timestamp>,
}

/// GET queues
pub(super) async fn list(State(api): State<Arc<Shared>>) -> Result<impl IntoResponse, ApiError> {
    let node = api.node()?;
    let mut queues: BTreeMap<Outbox, Queue> = BTreeMap::new();
    for partition in node.services.store.stats() {
        for stats in &partition.stats.outboxes {
            let queue = queues.entry(stats.outbox).or_default();
            queue.ready += stats.ready;
            queue.leased += stats.leased;
            queue.scheduled += stats.scheduled;
            queue.retry += stats.retry;
            queue.enroute += stats.enroute;
            queue.receipts_expired += stats.receipts_expired;
            queue.oldest_due = [queue.oldest_due, stats.oldest_due].into_iter().flatten().min();
        }
    }
    let links = node.links.list();
    let bound = node.services.directory.bound_by_account();
    let mut list: Vec<(Outbox, Queue)> = queues.into_iter().collect();
    // What has waited longest stands first.
    list.sort_by_key(|(_, queue)| (queue.oldest_due.is_none(), queue.oldest_due));
    let queues: Vec<Value> = list
        .into_iter()
        .map(|(outbox, queue)| {
            let (kind, name, takers) = match outbox {
                Outbox::Operator(name) => {
                    let own = links.iter().filter(|link| link.operator == name);
                    ("operator", name, own.filter(|link| link.status.state == LinkState::Bound).count())
                }
                Outbox::Account(name) => ("account", name, bound.get(&name).copied().unwrap_or_default()),
            };
            json!({
                "kind": kind,
                "name": name.as_str(),
                "parked": outbox == parked(),
                "bound": takers,
                "ready": queue.ready,
                "leased": queue.leased,
                "scheduled": queue.scheduled,
                "retry": queue.retry,
                "enroute": queue.enroute,
                "receipts_expired": queue.receipts_expired,
                "oldest_due": queue.oldest_due.map(time),
            })
        })
        .collect();
    Ok(json_body(&json!({ "queues": queues })))
}
