//! Accounts and operators: how they are configured, by whom, and how they fare.

use std::sync::Arc;

use axum::extract::State;
use axum::response::IntoResponse;
use serde_json::{Value, json};
use smsc_store::partition::OutboxStats;
use smsc_store::{Name, Outbox};

use super::error::{ApiError, json_body};
use super::watched::{lately, now_millis};
use super::{Node, Shared, system_time, time};
use crate::config::EntryKey;
use crate::console::tally;
use crate::operator::link_status::LinkState;
use crate::overrides::{Entry, Setting};
use crate::reload::Origins;

/// GET accounts
pub(super) async fn accounts(State(api): State<Arc<Shared>>) -> Result<impl IntoResponse, ApiError> {
    let node = api.node()?;
    let origins = node.config.origins().await;
    let bound = node.services.directory.bound_by_account();
    let live = node.services.live_now();
    let mut list: Vec<_> = live.accounts().collect();
    list.sort_by_key(|account| account.name.as_str());
    let shown = origins.shown();
    let accounts: Vec<Value> = list
        .into_iter()
        .map(|account| {
            let key = EntryKey::Account { system_id: account.name.as_str().to_owned() };
            let waiting = waiting(node, Outbox::Account(account.name));
            let totals = tally::of_account(account.name.as_str()).totals();
            let recent = node.watch.account(account.name.as_str(), now_millis(), &totals);
            json!({
                "system_id": account.name.as_str(),
                "bound": bound.get(&account.name).copied().unwrap_or_default(),
                "binds_max": account.config.binds_max,
                "window_max": account.config.window_max,
                "throughput_max": account.config.throughput_max,
                "waiting": waiting,
                "lately": lately(&recent, &totals),
                "last_submit": totals.last.map(system_time),
                "config": configured(&shown, &key),
                "origin": origin(&origins, &key),
            })
        })
        .collect();
    Ok(json_body(&json!({ "accounts": accounts, "changed": changed(&origins, "account") })))
}

/// GET operators
pub(super) async fn operators(State(api): State<Arc<Shared>>) -> Result<impl IntoResponse, ApiError> {
    let node = api.node()?;
    let origins = node.config.origins().await;
    let links = node.links.list();
    let live = node.services.live_now();
    let shown = origins.shown();
    let operators: Vec<Value> = live
        .profiles
        .iter()
        .map(|profile| {
            let key = EntryKey::Operator { name: profile.config.name.clone() };
            let own = links.iter().filter(|link| link.operator == profile.name);
            let bound = own.clone().filter(|link| link.status.state == LinkState::Bound).count();
            json!({
                "name": profile.config.name,
                "links": own.count(),
                "bound": bound,
                "available": node.services.router.snapshot().is_available(profile.name),
                "throughput_max": profile.config.throughput_max,
                "waiting": waiting(node, Outbox::Operator(profile.name)),
                "config": configured(&shown, &key),
                "origin": origin(&origins, &key),
            })
        })
        .collect();
    Ok(json_body(&json!({ "operators": operators, "changed": changed(&origins, "operator") })))
}

/// What waits in an outbox, over all partitions.
pub(super) fn waiting(node: &Node, outbox: Outbox) -> u64 {
    let stats = node.services.store.stats();
    let own = stats.iter().flat_map(|partition| &partition.stats.outboxes).filter(|stats| stats.outbox == outbox);
    own.map(|OutboxStats { ready, leased, scheduled, retry, .. }| ready + leased + scheduled + retry).sum()
}

/// How an entry is configured, without secrets.
pub(super) fn configured(shown: &Value, key: &EntryKey) -> Value {
    let wanted = serde_json::to_value(key).unwrap_or_default();
    let names = wanted.as_object().into_iter().flatten().filter(|(name, _)| *name != "kind");
    let names: Vec<_> = names.collect();
    let elements = shown[key.list()].as_array().into_iter().flatten();
    let mut own = elements.filter(|element| names.iter().all(|(name, value)| element[name.as_str()] == **value));
    own.next().cloned().unwrap_or_default()
}

/// Where an entry comes from.
pub(super) fn origin(origins: &Origins, key: &EntryKey) -> Value {
    match origins.of(key) {
        None => json!({ "from": "file" }),
        Some(entry) => written_by(origins, entry),
    }
}

/// Who has changed an entry, and whether it counts.
pub(super) fn written_by(origins: &Origins, entry: &Entry) -> Value {
    let left_out = origins.left_out(&entry.key);
    json!({
        "from": "override",
        "by": entry.by,
        "node": entry.on,
        "at": time(smsc_proto::timestamp::Timestamp::from_millis(entry.at)),
        "in_force": left_out.is_none(),
        "reason": left_out,
        "also_in_file": origins.in_file(&entry.key),
    })
}

/// All changes of one kind, so that what was removed is seen too.
pub(super) fn changed(origins: &Origins, list: &str) -> Vec<Value> {
    origins.entries.iter().filter(|entry| entry.key.list() == list).map(|entry| override_json(origins, entry)).collect()
}

/// A change as JSON: the key's fields, what it does, and whose it is.
pub(super) fn override_json(origins: &Origins, entry: &Entry) -> Value {
    let mut json = serde_json::to_value(&entry.key).unwrap_or_default();
    match &entry.setting {
        Setting::Set(keys) => json["set"] = Value::Object(crate::config::without_secrets(keys)),
        Setting::Removed => json["removed"] = true.into(),
        Setting::Unset => {}
    }
    json["origin"] = written_by(origins, entry);
    json
}

/// An account or operator of that name, if this process knows it: names are never made of what a caller says.
pub(super) fn operator_named(node: &Node, name: &str) -> Option<Name> {
    node.services.live().profiles.iter().find(|profile| profile.config.name == name).map(|profile| profile.name)
}
