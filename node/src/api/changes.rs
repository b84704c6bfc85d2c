//! Routes, accounts and operators changed while the node runs, on top of the file: set, taken out, put back.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::IntoResponse;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::accounts::override_json;
use super::auth::Caller;
use super::error::{ApiError, json_body};
use super::input::{Body, Params};
use super::{Shared, audit};
use crate::config::{EntryKey, Role, without_secrets};
use crate::overrides::{Entry, Setting};

/// Of these an entry has one: a new one takes the place of all.
const CREDENTIALS: [&str; 3] = ["password", "password_file", "password_hash"];

/// GET overrides
pub(super) async fn list(State(api): State<Arc<Shared>>) -> Result<impl IntoResponse, ApiError> {
    let node = api.node()?;
    let origins = node.config.origins().await;
    let entries: Vec<Value> = origins.entries.iter().map(|entry| override_json(&origins, entry)).collect();
    Ok(json_body(&json!({ "overrides": entries })))
}

/// What is to be changed: the key's own fields beside these.
#[derive(Deserialize)]
struct Wanted {
    set: Option<Map<String, Value>>,
    #[serde(default)]
    remove: bool,
    #[serde(default)]
    dry_run: bool,
}

/// PUT overrides
pub(super) async fn set(
    State(api): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Body(mut body): Body<Map<String, Value>>,
) -> Result<impl IntoResponse, ApiError> {
    let node = api.node()?;
    let own: Map<String, Value> =
        ["set", "remove", "dry_run"].iter().filter_map(|name| body.remove_entry(*name)).collect();
    let wanted: Wanted = parse(Value::Object(own))?;
    let key = key_of(body)?;
    check_role(&caller, &key)?;
    let setting = match (wanted.set, wanted.remove) {
        (Some(keys), false) => Setting::Set(on_top(&node.config.origins().await.of(&key).cloned(), &key, keys)?),
        (None, true) => Setting::Removed,
        (Some(_), true) => return Err(ApiError::field("remove", "given beside set: expected one of them")),
        (None, false) => return Err(ApiError::field("set", "expected set with the entry's keys, or remove: true")),
    };
    let before = node.config.set(key.clone(), setting, &caller.name, wanted.dry_run).await?;
    answer(node, &caller, "override.set", &key, before, wanted.dry_run).await
}

/// DELETE overrides: back to what the file says.
pub(super) async fn unset(
    State(api): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Params(query): Params<BTreeMap<String, String>>,
) -> Result<impl IntoResponse, ApiError> {
    let node = api.node()?;
    let key = key_of(query.into_iter().map(|(name, value)| (name, value.into())).collect())?;
    check_role(&caller, &key)?;
    if node.config.origins().await.of(&key).is_none() {
        return Err(ApiError::not_found(format!("{key} was not changed: it is as the file says")));
    }
    let before = node.config.set(key.clone(), Setting::Unset, &caller.name, false).await?;
    answer(node, &caller, "override.unset", &key, before, false).await
}

async fn answer(
    node: &super::Node,
    caller: &Caller,
    action: &'static str,
    key: &EntryKey,
    before: Option<Entry>,
    dry_run: bool,
) -> Result<impl IntoResponse + use<>, ApiError> {
    let origins = node.config.origins().await;
    let before = before.as_ref().map_or(Value::Null, setting_json);
    let after = origins.of(key).map(|entry| override_json(&origins, entry));
    if !dry_run {
        let setting = origins.of(key).map_or(json!("as the file says"), setting_json);
        audit::record(caller, action, &key.to_string(), &before, &setting);
    }
    Ok(json_body(&json!({
        "key": key,
        "before": before,
        "entry": after,
        "in_file": origins.in_file(key),
        "dry_run": dry_run,
    })))
}

fn setting_json(entry: &Entry) -> Value {
    match &entry.setting {
        Setting::Set(keys) => Value::Object(without_secrets(keys)),
        Setting::Removed => json!("removed"),
        Setting::Unset => json!("as the file says"),
    }
}

/// Of accounts and operators the given keys are added to those that were changed before; a route is exchanged whole.
fn on_top(before: &Option<Entry>, key: &EntryKey, keys: Map<String, Value>) -> Result<Map<String, Value>, ApiError> {
    let names = serde_json::to_value(key).unwrap_or_default();
    if let Some(name) = keys.keys().find(|name| names.get(name.as_str()).is_some()) {
        return Err(ApiError::field(format!("set.{name}"), "names the entry: it stands beside set"));
    }
    let patches = matches!(key, EntryKey::Account { .. } | EntryKey::Operator { .. });
    let mut all = match before.as_ref().map(|entry| &entry.setting) {
        Some(Setting::Set(before)) if patches => before.clone(),
        Some(_) | None => Map::new(),
    };
    if keys.keys().any(|name| CREDENTIALS.contains(&name.as_str())) {
        CREDENTIALS.iter().for_each(|name| _ = all.remove(*name));
    }
    all.extend(keys);
    Ok(all)
}

/// Whoever may change who gets in, and whom we trust, is an admin; routes are everyday work.
fn check_role(caller: &Caller, key: &EntryKey) -> Result<(), ApiError> {
    match key {
        EntryKey::Route { .. } | EntryKey::MoRoute { .. } => Ok(()),
        EntryKey::Account { .. } | EntryKey::Operator { .. } if caller.role >= Role::Admin => Ok(()),
        EntryKey::Account { .. } | EntryKey::Operator { .. } => {
            let reason =
                format!("{} is {}: accounts and operators take the role admin", caller.name, caller.role.name());
            Err(ApiError::forbidden(reason))
        }
    }
}

fn key_of(fields: Map<String, Value>) -> Result<EntryKey, ApiError> {
    if !fields.contains_key("kind") {
        return Err(ApiError::field("kind", "missing: expected account, operator, route or mo_route"));
    }
    parse(Value::Object(fields))
}

fn parse<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, ApiError> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let text = error.into_inner().to_string();
        let named =
            ["unknown field `", "missing field `"].iter().find_map(|mark| text.split_once(mark)?.1.split('`').next());
        let field = named.map(str::to_owned).or_else(|| (path != ".").then_some(path));
        ApiError { field, ..ApiError::bad_request(text) }
    })
}
