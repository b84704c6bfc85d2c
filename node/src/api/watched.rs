//! How the node was in the last minutes, and who asks.

use std::sync::Arc;
use std::time::SystemTime;

use axum::Extension;
use axum::extract::State;
use axum::response::IntoResponse;
use serde::Deserialize;
use serde_json::{Value, json};
use smsc_proto::message_state::MessageState;
use smsc_proto::timestamp::Timestamp;

use super::auth::Caller;
use super::error::{ApiError, json_body};
use super::input::Params;
use super::links::link_id;
use super::{Api, Node, Shared, status, system_time, time};
use crate::console::history::Totals;
use crate::console::tally::{self, Failed};
use crate::console::watch::{Alarm, LOOK_EVERY, Lately, Look};

impl Api {
    /// Looks at the node once a second, for as long as it lives.
    pub async fn keep_watch(self) {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            if let Ok(node) = self.0.node() {
                node.watch.see(look(&self.0, node));
            }
        }
    }
}

fn look(api: &Shared, node: &Node) -> Look {
    let partitions = node.services.store.stats();
    let mut totals = Totals::default();
    for partition in &partitions {
        let counters = &partition.stats.counters;
        totals.accepted += counters.accepted;
        for state in MessageState::ALL.into_iter().filter(|state| state.is_final()) {
            let count = counters.finals[state as usize];
            *if state == MessageState::Delivered { &mut totals.delivered } else { &mut totals.failed } += count;
        }
        let waiting = |outbox: &smsc_store::partition::OutboxStats| outbox.ready + outbox.leased + outbox.retry;
        totals.waiting += partition.stats.outboxes.iter().map(waiting).sum::<u64>();
    }
    let live = node.services.live_now();
    let accounts: Vec<(String, tally::Totals)> = live
        .accounts()
        .map(|account| (account.name.as_str().to_owned(), tally::of_account(account.name.as_str()).totals()))
        .collect();
    totals.refused = accounts.iter().map(|(_, totals)| totals.failed).sum();
    let links = node.links.list();
    let alarms = status::alarms(api, node, &partitions);
    let text = |alarm: &Value, key: &str| alarm[key].as_str().unwrap_or_default().to_owned();
    // The counts are some moments old: a second is one between two of their times, else it would seem to stutter.
    let taken = partitions.iter().map(|partition| partition.taken.as_millis()).max().filter(|taken| *taken > 0);
    Look {
        at: now_millis(),
        counted: taken.unwrap_or_else(now_millis),
        totals,
        links: links.into_iter().map(|link| (link_id(&link), link.status.totals)).collect(),
        accounts,
        alarms: alarms
            .iter()
            // A link that is about to bind for the first time is not broken.
            .filter(|alarm| !text(alarm, "reason").ends_with(": no error yet"))
            .map(|alarm| Alarm {
                severity: text(alarm, "severity"),
                what: text(alarm, "what"),
                reason: text(alarm, "reason"),
            })
            .collect(),
    }
}

/// GET whoami
pub(super) async fn whoami(State(api): State<Arc<Shared>>, Extension(caller): Extension<Caller>) -> impl IntoResponse {
    json_body(&json!({ "name": caller.name, "role": caller.role.name(), "token_needed": !api.open }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Since {
    /// Only what came after, in milliseconds since 1970.
    #[serde(default)]
    since: u64,
}

/// GET history: columns, oldest first.
pub(super) async fn history(
    State(api): State<Arc<Shared>>,
    Params(Since { since }): Params<Since>,
) -> Result<impl IntoResponse, ApiError> {
    let node = api.node()?;
    let points = node.watch.points_after(since);
    let rate = |of: fn(&Totals) -> u64| -> Vec<f64> {
        points.iter().map(|point| tenths(of(&point.added) as f64 / point.seconds)).collect()
    };
    Ok(json_body(&json!({
        "nodes": [node.services.config.node.name],
        "at": points.iter().map(|point| point.at).collect::<Vec<_>>(),
        "accepted": rate(|added| added.accepted),
        "refused": rate(|added| added.refused),
        "delivered": rate(|added| added.delivered),
        "failed": rate(|added| added.failed),
        "waiting": points.iter().map(|point| point.added.waiting).collect::<Vec<_>>(),
    })))
}

/// GET alarms: those of now and of before.
pub(super) async fn alarms(State(api): State<Arc<Shared>>) -> Result<impl IntoResponse, ApiError> {
    let node = api.node()?;
    let at = |millis| time(Timestamp::from_millis(millis));
    let alarms: Vec<Value> = node
        .watch
        .alarms()
        .into_iter()
        .map(|past| {
            json!({
                "severity": past.alarm.severity,
                "what": past.alarm.what,
                "reason": past.alarm.reason,
                "began": at(past.began),
                "ended": past.ended.map(at),
                "node": node.services.config.node.name,
            })
        })
        .collect();
    Ok(json_body(&json!({ "alarms": alarms })))
}

/// The last minutes of a link or an account as JSON.
pub(super) fn lately(recent: &Lately, totals: &tally::Totals) -> Value {
    let kinds: Vec<Value> = totals
        .kinds
        .iter()
        .map(|(status, Failed { count, last })| json!({ "status": status, "count": count, "last": system_time(*last) }))
        .collect();
    let last = totals.kinds.iter().max_by_key(|(_, failed)| failed.last);
    json!({
        "rate": tenths(recent.rate),
        "well_5m": recent.well,
        "failed_5m": recent.failed,
        "p99_ms": recent.p99_ms,
        "last_failure": last.map(|(status, failed)| json!({ "status": status, "at": system_time(failed.last) })),
        "failures": kinds,
    })
}

/// With one digit behind the point.
pub(super) fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

pub(super) fn now_millis() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
