//! Routes, where they come from, and which one a number takes.

use std::sync::Arc;

use axum::extract::State;
use axum::response::IntoResponse;
use serde::Deserialize;
use serde_json::{Value, json};
use smsc_router::number::normalise;

use super::accounts::{changed, operator_named, origin};
use super::error::{ApiError, json_body};
use super::explain::explain;
use super::input::Params;
use super::sessions::account_of;
use super::{Node, Shared};
use crate::config::{EntryKey, MoRoute, Route};
use smsc_proto::address::Address;
use smsc_router::route::MoDestination;

/// GET routes
pub(super) async fn list(State(api): State<Arc<Shared>>) -> Result<impl IntoResponse, ApiError> {
    let node = api.node()?;
    let origins = node.config.origins().await;
    let live = node.services.live_now();
    let mut routes: Vec<&Route> = live.config.route.iter().collect();
    routes.sort_by_key(|route| (route.prefix.clone(), route.account.clone(), route.source.clone()));
    let mt: Vec<Value> = routes
        .into_iter()
        .map(|route| {
            let operators: Vec<Value> = route
                .operators
                .iter()
                .map(|one| json!({ "name": one.name, "weight": one.weight, "available": available(node, &one.name) }))
                .collect();
            json!({
                "prefix": route.prefix,
                "account": route.account.as_deref(),
                "source": route.source,
                "operators": operators,
                "failover": route.failover,
                "origin": origin(&origins, &key_of(route)),
            })
        })
        .collect();
    let mo = live.config.mo_route.iter().map(|route| {
        let key = mo_key_of(route);
        let mut json = serde_json::to_value(&key).unwrap_or_default();
        if let Some(object) = json.as_object_mut() {
            object.remove("kind");
        }
        json["account"] = (*route.account).into();
        json["origin"] = origin(&origins, &key);
        json
    });
    let mo: Vec<Value> = mo.collect();
    let mut changes = changed(&origins, "route");
    changes.extend(changed(&origins, "mo_route"));
    Ok(json_body(&json!({ "routes": mt, "mo_routes": mo, "changed": changes })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Question {
    number: String,
    account: String,
    #[serde(default)]
    source: String,
}

/// GET routes/test
pub(super) async fn test(
    State(api): State<Arc<Shared>>,
    Params(question): Params<Question>,
) -> Result<impl IntoResponse, ApiError> {
    let node = api.node()?;
    let account = account_of(node, "account", &question.account)?;
    let number = normalise(&Address::new(0, 0, question.number.as_bytes()), None).ok_or_else(|| {
        ApiError::field(
            "number",
            format!("{:?} is no number: expected up to 20 digits, perhaps with +", question.number),
        )
    })?;
    let origins = node.config.origins().await;
    Ok(json_body(&explain(node, &origins, &account, &number, &question.source)))
}

/// What a route of the configuration is known by.
pub(super) fn key_of(route: &Route) -> EntryKey {
    EntryKey::Route {
        prefix: route.prefix.clone(),
        account: route.account.as_ref().map(ToString::to_string),
        source: route.source.clone(),
    }
}

fn mo_key_of(route: &MoRoute) -> EntryKey {
    let destination = match &route.destination {
        MoDestination::Exact(number) => number.clone(),
        MoDestination::Prefix(prefix) => format!("{prefix}*"),
    };
    EntryKey::MoRoute { destination, keyword: route.keyword.clone(), operator: route.operator.clone() }.normalised()
}

fn available(node: &Node, operator: &str) -> bool {
    operator_named(node, operator).is_some_and(|name| node.services.router.snapshot().is_available(name))
}
