//! The paths of the console: the page, its parts for the script, and its files.
//!
//! The page itself is for everybody, what stands in it for who may see it: on loopback without a token file at once, else
//! when the script has a token, or on `/console/tables`, for which a browser asks by itself.

use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Extension, Router};
use serde::Deserialize;

use super::ask::{Asker, Refused};
use super::assets::{asset, html};
use super::page::{self, Part, View};
use crate::api::auth::Peer;

/// The longest text that is looked for.
const SEARCH_MAX: usize = 64;

/// Nothing from elsewhere, nothing written into the page that could run, and no frame around it.
const POLICY: &str =
    "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self'; frame-ancestors 'none'";

/// The console, and the API that it asks.
pub fn routes(api: Router) -> Router {
    Router::new()
        .route("/", get(whole))
        .route("/console", get(async || Redirect::permanent("/")))
        .route("/console/tables", get(tables))
        .route("/console/parts", get(parts))
        .route("/console/assets/{name}", get(asset))
        .with_state(api.clone())
        .merge(api)
        .layer(map_response(protected))
}

/// Headers of every answer.
async fn protected(mut response: Response) -> Response {
    const HEADERS: [(HeaderName, &str); 5] = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// GET /
async fn whole(
    State(api): State<Router>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    Query(view): Query<View>,
) -> Response {
    let asker = Asker::new(api, &headers, peer.map(|Extension(peer)| peer));
    let (status, text) = page::whole(&asker, &checked(view)).await;
    html(&headers, status, text)
}

/// GET console/tables: the same without JavaScript where there are tokens. It reads only, so that a page from elsewhere
/// can do nothing with what the browser keeps.
async fn tables(
    State(api): State<Router>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    Query(view): Query<View>,
) -> Response {
    let asker = Asker::new(api, &headers, peer.map(|Extension(peer)| peer)).with_basic();
    let (status, text) = page::whole(&asker, &checked(view)).await;
    let mut response = html(&headers, status, text);
    if asker.get("whoami").await.is_err_and(|refused| refused.status == StatusCode::UNAUTHORIZED) {
        let how =
            HeaderValue::from_static("Basic realm=\"smsc: any name, and a token as the password\", charset=\"UTF-8\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, how);
        *response.status_mut() = StatusCode::UNAUTHORIZED;
    }
    response
}

#[derive(Deserialize)]
struct Wanted {
    /// Which parts, separated by commas.
    #[serde(default)]
    parts: String,
    #[serde(flatten)]
    view: View,
}

/// GET console/parts: what the script puts in the place of what it has.
async fn parts(
    State(api): State<Router>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    Query(wanted): Query<Wanted>,
) -> Response {
    let asker = Asker::new(api, &headers, peer.map(|Extension(peer)| peer));
    let names: Vec<Part> = wanted.parts.split(',').filter_map(Part::of).collect();
    match page::parts(&asker, &names, &checked(wanted.view)).await {
        Ok(text) => html(&headers, StatusCode::OK, text),
        Err(Refused { status, reason }) => (status, [(header::CACHE_CONTROL, "no-store")], reason).into_response(),
    }
}

/// What is looked for is told to be too long, and not looked for.
fn checked(mut view: View) -> View {
    if view.q.chars().count() > SEARCH_MAX {
        view.q = String::new();
        view.refusal = Some(format!(
            "that is too long: a message id, an operator's id or a number has at most {SEARCH_MAX} characters"
        ));
    }
    view
}
