//! Every path with its method and the role that it takes.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::header;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, delete, get, post, put};

use super::auth::{guard, guard_of_peers};
use super::error::ApiError;
use super::gather::{Spread, spread};
use super::input::BODY_MAX;
use super::{
    Shared, accounts, audit, cdr, changes, config, events, links, merge, messages, nodes, queues, rebalance, routes,
    sessions, status, sweep, traces, upgrade, watched,
};
use crate::config::Role;

/// The description for programs.
const OPENAPI: &str = include_str!("openapi.json");

struct Endpoint {
    // The route knows it too, and does not tell: the test of the document asks.
    #[cfg_attr(not(test), allow(dead_code))]
    method: &'static str,
    path: &'static str,
    role: Role,
    spread: Spread,
    route: MethodRouter<Arc<Shared>>,
}

fn endpoints() -> Vec<Endpoint> {
    let (viewer, operator, admin) = (Role::Viewer, Role::Operator, Role::Admin);
    let (one, first, all) = (Spread::One, Spread::First, Spread::All);
    let endpoint = |method, path, role, spread, route| Endpoint { method, path, role, spread, route };
    vec![
        endpoint("get", "/api/v1/status", viewer, all(merge::status), get(status::status)),
        endpoint("get", "/api/v1/nodes", viewer, all(merge::nodes), get(nodes::list)),
        endpoint("post", "/api/v1/nodes/{name}/{order}", admin, first, post(nodes::order)),
        endpoint("get", "/api/v1/rebalance", viewer, all(merge::nodes), get(rebalance::plan)),
        endpoint("post", "/api/v1/rebalance", operator, all(merge::nodes), post(rebalance::start)),
        endpoint("delete", "/api/v1/rebalance", operator, all(merge::nodes), delete(rebalance::stop)),
        endpoint("get", "/api/v1/upgrade", viewer, all(merge::nodes), get(upgrade::status)),
        endpoint("post", "/api/v1/upgrade/finish", admin, all(merge::nodes), post(upgrade::finish)),
        endpoint("get", "/api/v1/sessions", viewer, all(merge::sessions), get(sessions::list)),
        endpoint("get", "/api/v1/sessions/{id}", viewer, first, get(sessions::show)),
        endpoint("post", "/api/v1/sessions/{id}/disconnect", operator, first, post(sessions::disconnect)),
        endpoint("get", "/api/v1/links", viewer, all(merge::links), get(links::list)),
        endpoint("post", "/api/v1/links/{id}/{order}", operator, all(merge::orders), post(links::order)),
        endpoint("get", "/api/v1/accounts", viewer, all(merge::accounts), get(accounts::accounts)),
        endpoint("get", "/api/v1/operators", viewer, all(merge::operators), get(accounts::operators)),
        endpoint("get", "/api/v1/routes", viewer, one, get(routes::list)),
        endpoint("get", "/api/v1/routes/test", viewer, one, get(routes::test)),
        endpoint("get", "/api/v1/overrides", viewer, one, get(changes::list)),
        endpoint("put", "/api/v1/overrides", operator, one, put(changes::set)),
        endpoint("delete", "/api/v1/overrides", operator, one, delete(changes::unset)),
        endpoint("get", "/api/v1/queues", viewer, all(merge::queues), get(queues::list)),
        endpoint("post", "/api/v1/queues/{operator}/purge", admin, all(merge::swept), post(sweep::purge)),
        endpoint("post", "/api/v1/queues/{operator}/move", operator, all(merge::swept), post(sweep::relocate)),
        endpoint("get", "/api/v1/messages", viewer, all(merge::messages), get(messages::find)),
        endpoint("get", "/api/v1/messages/{id}", viewer, all(merge::message), get(messages::show)),
        endpoint("post", "/api/v1/messages/{id}/cancel", operator, first, post(messages::cancel)),
        endpoint("post", "/api/v1/messages/{id}/retry", operator, first, post(messages::retry)),
        endpoint("get", "/api/v1/traces", viewer, all(merge::traces), get(traces::list)),
        endpoint("post", "/api/v1/traces", operator, all(merge::traces), post(traces::start)),
        endpoint("delete", "/api/v1/traces", operator, all(merge::traces), delete(traces::stop)),
        endpoint("get", "/api/v1/traces/lines", operator, all(merge::trace_lines), get(traces::lines)),
        endpoint("get", "/api/v1/cdr", viewer, all(merge::cdr), get(cdr::status)),
        endpoint("post", "/api/v1/cdr/rotate", operator, all(merge::cdr), post(cdr::rotate)),
        endpoint("get", "/api/v1/config", viewer, one, get(config::show)),
        endpoint("get", "/api/v1/config/differences", viewer, all(merge::differences), get(config::differences)),
        endpoint("post", "/api/v1/config/reload", admin, one, post(config::reload)),
        endpoint("post", "/api/v1/drain", admin, one, post(nodes::stop)),
        endpoint("get", "/api/v1/whoami", viewer, Spread::Here, get(watched::whoami)),
        endpoint("get", "/api/v1/history", viewer, all(merge::past::history), get(watched::history)),
        endpoint("get", "/api/v1/alarms", viewer, all(merge::past::alarms), get(watched::alarms)),
        endpoint("get", "/api/v1/audit", viewer, all(merge::past::audit), get(audit::list)),
        endpoint("get", "/api/v1/events", viewer, Spread::Here, get(events::watch)),
        endpoint("get", "/api/v1/openapi.json", viewer, Spread::Here, get(openapi)),
    ]
}

/// All of them, each behind its guard, and put to all nodes that it concerns.
pub(super) fn router(api: &Arc<Shared>) -> Router {
    let mut router = Router::new();
    for Endpoint { path, role, spread: how, route, .. } in endpoints() {
        let route = match how {
            Spread::Here => route,
            Spread::One | Spread::First | Spread::All(_) => {
                route.route_layer(from_fn_with_state((api.clone(), how), spread))
            }
        };
        router = router.route(path, route.route_layer(from_fn_with_state((api.clone(), role), guard)));
    }
    finished(router, api)
}

/// What other nodes ask of this one alone, on behalf of a caller whom they have looked at.
pub(super) fn router_for_peers(api: &Arc<Shared>) -> Router {
    let mut router = Router::new();
    for Endpoint { path, role, spread: how, route, .. } in endpoints() {
        if !matches!(how, Spread::Here) {
            router = router.route(path, route.route_layer(from_fn_with_state(role, guard_of_peers)));
        }
    }
    finished(router, api)
}

fn finished(router: Router<Arc<Shared>>, api: &Arc<Shared>) -> Router {
    router
        .route("/api/{*rest}", axum::routing::any(unknown))
        .method_not_allowed_fallback(|| async { ApiError::method_not_allowed() })
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .with_state(api.clone())
}

async fn unknown() -> ApiError {
    ApiError::not_found("there is no such path: GET /api/v1/openapi.json lists them")
}

async fn openapi() -> impl axum::response::IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    #[test]
    fn the_document_lists_every_endpoint_with_its_role_and_no_other() {
        let document: Value = serde_json::from_str(OPENAPI).expect("JSON");
        let mut described = BTreeSet::new();
        for (path, item) in document["paths"].as_object().expect("paths") {
            for (method, operation) in item.as_object().expect("methods") {
                let role = operation["x-role"].as_str().unwrap_or_default();
                described.insert(format!("{method} {path} {role}"));
            }
        }
        let served: BTreeSet<String> =
            endpoints().iter().map(|one| format!("{} {} {}", one.method, one.path, one.role.name())).collect();
        assert_eq!(described, served);
    }

    #[test]
    fn every_operation_of_the_document_has_an_id_of_its_own() {
        let document: Value = serde_json::from_str(OPENAPI).expect("JSON");
        let items = document["paths"].as_object().expect("paths").values();
        let operations = items.flat_map(|item| item.as_object().expect("methods").values());
        let ids: Vec<&str> = operations.map(|operation| operation["operationId"].as_str().expect("an id")).collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    }
}
