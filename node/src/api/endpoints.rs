//! Every path with its method and the role that it takes.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::header;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, delete, get, post, put};

use super::auth::guard;
use super::error::ApiError;
use super::input::BODY_MAX;
use super::{
    Shared, accounts, audit, cdr, changes, config, events, links, messages, queues, routes, sessions, status, watched,
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
    route: MethodRouter<Arc<Shared>>,
}

fn endpoints() -> Vec<Endpoint> {
    let (viewer, operator, admin) = (Role::Viewer, Role::Operator, Role::Admin);
    let endpoint = |method, path, role, route| Endpoint { method, path, role, route };
    vec![
        endpoint("get", "/api/v1/status", viewer, get(status::status)),
        endpoint("get", "/api/v1/nodes", viewer, get(status::nodes)),
        endpoint("get", "/api/v1/sessions", viewer, get(sessions::list)),
        endpoint("get", "/api/v1/sessions/{id}", viewer, get(sessions::show)),
        endpoint("post", "/api/v1/sessions/{id}/disconnect", operator, post(sessions::disconnect)),
        endpoint("get", "/api/v1/links", viewer, get(links::list)),
        endpoint("post", "/api/v1/links/{id}/{order}", operator, post(links::order)),
        endpoint("get", "/api/v1/accounts", viewer, get(accounts::accounts)),
        endpoint("get", "/api/v1/operators", viewer, get(accounts::operators)),
        endpoint("get", "/api/v1/routes", viewer, get(routes::list)),
        endpoint("get", "/api/v1/routes/test", viewer, get(routes::test)),
        endpoint("get", "/api/v1/overrides", viewer, get(changes::list)),
        endpoint("put", "/api/v1/overrides", operator, put(changes::set)),
        endpoint("delete", "/api/v1/overrides", operator, delete(changes::unset)),
        endpoint("get", "/api/v1/queues", viewer, get(queues::list)),
        endpoint("get", "/api/v1/messages", viewer, get(messages::find)),
        endpoint("get", "/api/v1/messages/{id}", viewer, get(messages::show)),
        endpoint("post", "/api/v1/messages/{id}/cancel", operator, post(messages::cancel)),
        endpoint("get", "/api/v1/cdr", viewer, get(cdr::status)),
        endpoint("post", "/api/v1/cdr/rotate", operator, post(cdr::rotate)),
        endpoint("get", "/api/v1/config", viewer, get(config::show)),
        endpoint("post", "/api/v1/config/reload", admin, post(config::reload)),
        endpoint("post", "/api/v1/drain", admin, post(status::drain)),
        endpoint("get", "/api/v1/whoami", viewer, get(watched::whoami)),
        endpoint("get", "/api/v1/history", viewer, get(watched::history)),
        endpoint("get", "/api/v1/alarms", viewer, get(watched::alarms)),
        endpoint("get", "/api/v1/audit", viewer, get(audit::list)),
        endpoint("get", "/api/v1/events", viewer, get(events::watch)),
        endpoint("get", "/api/v1/openapi.json", viewer, get(openapi)),
    ]
}

/// All of them, each behind its guard.
pub(super) fn router(api: &Arc<Shared>) -> Router {
    let mut router = Router::new();
    for Endpoint { path, role, route, .. } in endpoints() {
        router = router.route(path, route.route_layer(from_fn_with_state((api.clone(), role), guard)));
    }
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
