//! How the node is, and what needs somebody.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::extract::State;
use axum::response::IntoResponse;
use serde_json::{Value, json};
use smsc_proto::message_state::MessageState;
use smsc_proto::timestamp::Timestamp;
use smsc_store::PartitionSnapshot;

use super::error::{ApiError, json_body};
use super::nodes::{held, node_json};
use super::{Node, Shared, system_time, time};
use crate::console::history::percent;
use crate::operator::link_status::LinkState;
use crate::telemetry::health::Phase;

/// Something that is due for so long is an alarm.
const DUE_MAX: Duration = Duration::from_secs(300);
/// Over how long a rate is taken.
const RATE_OVER: Duration = Duration::from_secs(5);
/// Over how long it is told how many messages arrived.
const SUCCESS_OVER: Duration = Duration::from_secs(900);

/// GET status
pub(super) async fn status(State(api): State<Arc<Shared>>) -> Result<impl IntoResponse, ApiError> {
    let node = api.node()?;
    let partitions = node.services.store.stats();
    let links = node.links.list();
    let bound = links.iter().filter(|link| link.status.state == LinkState::Bound).count();
    let report = node.config.last_report();
    Ok(json_body(&json!({
        "node": node_json(&api, node),
        "time": system_time(SystemTime::now()),
        "alarms": alarms(&api, node, &partitions),
        "sessions": {
            "connected": node.services.directory.len(),
            "bound": node.services.directory.bound_by_account().values().sum::<usize>(),
        },
        "links": { "configured": links.len(), "bound": bound },
        "store": store(node, &partitions),
        "counters": counters(&partitions),
        "rates": rates(node),
        "config": {
            "file": node.config.source().path(),
            "loaded": system_time(report.loaded),
            "error": report.error.map(|(at, reason)| json!({ "at": system_time(at), "reason": reason })),
            "waits_for_restart": report.waits_for_restart,
        },
    })))
}

fn sum(partitions: &[Arc<PartitionSnapshot>], of: impl Fn(&PartitionSnapshot) -> u64) -> u64 {
    partitions.iter().map(|partition| of(partition)).sum()
}

fn store(node: &Node, partitions: &[Arc<PartitionSnapshot>]) -> Value {
    let oldest = oldest_due(partitions);
    let lag = partitions.iter().map(|partition| partition.due_lag).max().unwrap_or_default();
    json!({
        "writable": node.services.store.is_writable(),
        "partitions": partitions.len(),
        "held": held(partitions),
        "held_max": node.services.config.store.messages_max,
        "ready": outboxes(partitions, |outbox| outbox.ready),
        "leased": outboxes(partitions, |outbox| outbox.leased),
        "retry": outboxes(partitions, |outbox| outbox.retry),
        "scheduled": outboxes(partitions, |outbox| outbox.scheduled),
        "enroute": sum(partitions, |partition| partition.stats.enroute),
        "receipts_parked": sum(partitions, |partition| partition.stats.parked),
        "retained": sum(partitions, |partition| partition.stats.retained),
        "oldest_due": oldest.map(time),
        "due_lag_seconds": lag.as_secs_f64(),
        "journal_octets": sum(partitions, |partition| partition.journal_size),
        "body_octets": sum(partitions, |partition| partition.stats.body_octets),
    })
}

fn outboxes(partitions: &[Arc<PartitionSnapshot>], of: impl Fn(&smsc_store::partition::OutboxStats) -> u64) -> u64 {
    partitions.iter().flat_map(|partition| &partition.stats.outboxes).map(of).sum()
}

fn oldest_due(partitions: &[Arc<PartitionSnapshot>]) -> Option<Timestamp> {
    partitions.iter().flat_map(|partition| &partition.stats.outboxes).filter_map(|outbox| outbox.oldest_due).min()
}

/// Since the start of the process.
fn counters(partitions: &[Arc<PartitionSnapshot>]) -> Value {
    let of = |count: fn(&smsc_store::partition::Counters) -> u64| sum(partitions, |one| count(&one.stats.counters));
    let finals: BTreeMap<&str, u64> = MessageState::ALL
        .into_iter()
        .filter(|state| state.is_final())
        .map(|state| (state.receipt_word(), sum(partitions, |one| one.stats.counters.finals[state as usize])))
        .collect();
    json!({
        "accepted": of(|one| one.accepted),
        "refused": of(|one| one.refused),
        "final": finals,
        "receipts_matched": of(|one| one.receipts_matched),
        "receipts_delivered": of(|one| one.receipts_delivered),
        "receipts_expired": of(|one| one.receipts_expired),
        "receipts_given_up": of(|one| one.receipts_given_up),
        "possible_duplicates": of(|one| one.possible_duplicates),
    })
}

/// Per second over the last 5 s, and how well it goes.
fn rates(node: &Node) -> Value {
    let now = node.watch.last(RATE_OVER);
    let long = node.watch.last(SUCCESS_OVER).added;
    json!({
        "accepted": now.rate(now.added.accepted),
        "refused": now.rate(now.added.refused),
        "delivered": now.rate(now.added.delivered),
        "failed": now.rate(now.added.failed),
        "refused_percent": percent(now.added.refused, now.added.accepted),
        "delivered_percent_15m": percent(long.delivered, long.failed),
    })
}

/// What needs somebody, worst first, each with what to do.
pub(super) fn alarms(api: &Shared, node: &Node, partitions: &[Arc<PartitionSnapshot>]) -> Vec<Value> {
    let mut alarms = Vec::new();
    let mut add = |severity: &str, what: &str, reason: String, do_: &str| {
        alarms.push(json!({ "severity": severity, "what": what, "reason": reason, "do": do_ }));
    };
    if !node.services.store.is_writable() {
        let reason = "new messages are refused: the disk is low, or the journal failed".to_owned();
        add("critical", "store", reason, "free room in the data folder; GET /healthz?verbose");
    }
    if let Some((severity, reason, do_)) = super::cdr::alarm(node) {
        add(severity, "cdr", reason, do_);
    }
    let links = node.links.list();
    let mut operators: Vec<_> = links.iter().map(|link| link.operator).collect();
    operators.dedup();
    for operator in operators {
        let mut own = links.iter().filter(|link| link.operator == operator);
        if own.clone().any(|link| link.status.state == LinkState::Bound) {
            continue;
        }
        let paused = own.clone().all(|link| link.status.state == LinkState::Paused);
        let last = own.find_map(|link| link.status.error.clone()).map_or("no error yet".to_owned(), |(_, error)| error);
        match paused {
            true => add("warning", "link", format!("{operator}: all links are paused"), "smsc ctl links resume"),
            false => add("critical", "link", format!("{operator}: no link is bound: {last}"), "smsc ctl links"),
        }
    }
    let now = Timestamp::from_millis(
        u64::try_from(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis())
            .unwrap_or(u64::MAX),
    );
    if let Some(oldest) = oldest_due(partitions).filter(|oldest| now.since(*oldest) > DUE_MAX) {
        let minutes = now.since(oldest).as_secs() / 60;
        let reason = format!("the oldest message or receipt that could leave waits for {minutes} minutes");
        add("warning", "queue", reason, "smsc ctl queues: which outbox, and has it a link or bind?");
    }
    let report = node.config.last_report();
    if let Some((_, error)) = report.error {
        add("warning", "config", error, "mend the file: the node goes on with what it had");
    }
    for (key, reason) in report.left_out {
        add("warning", "config", format!("{key} is not in force: {reason}"), "smsc ctl config: set or unset it");
    }
    if !report.waits_for_restart.is_empty() {
        let reason = format!("changed in the file, not in force: {}", report.waits_for_restart.join(", "));
        add("info", "config", reason, "restart the node when it suits");
    }
    let cdr_waits = node.services.config.cdr.is_some() && node.cdr.is_none();
    match (node.services.upgrade.is_finished(), cdr_waits) {
        (false, true) => {
            let reason = "no CDRs are written: the release before could not read what is owed for them".to_owned();
            add("warning", "upgrade", reason, "smsc ctl upgrade finish, then start the node anew");
        }
        (false, false) => {
            let reason = "the upgrade is not finished: the release before can still take over".to_owned();
            add("info", "upgrade", reason, "smsc ctl upgrade finish, once nobody wants to go back");
        }
        (true, true) => {
            let reason = "no CDRs are written: the upgrade was finished after this node was started".to_owned();
            add("warning", "upgrade", reason, "start the node anew");
        }
        (true, false) => {}
    }
    match api.state.phase() {
        Phase::Draining => {
            let reason = "the node goes out of service, or is out of it".to_owned();
            add("info", "node", reason, "nothing if it is to end; smsc ctl nodes undrain NODE if it is to serve");
        }
        Phase::Retired => {
            let reason = "the node is decommissioned: nothing is left in it".to_owned();
            add("info", "node", reason, "end its process and take it out of the cluster");
        }
        Phase::Starting | Phase::Ready | Phase::Failed => {}
    }
    alarms
}
