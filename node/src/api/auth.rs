//! Who calls, and what he may do. Tokens are compared in a time that does not depend on them.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use metrics::counter;

use super::Shared;
use super::error::ApiError;
use super::input::check_type;
use crate::config::Role;

/// How long an answer may take, the body of the request included.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Over which connection a request came; put there by the server.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// As the audit log names him.
    pub name: String,
    /// What he may do.
    pub role: Role,
    /// Where he calls from.
    pub address: Option<IpAddr>,
}

/// Lets a request pass to an endpoint that takes this role.
pub async fn guard(State((api, role)): State<(Arc<Shared>, Role)>, request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str).to_owned();
    let response = match pass(&api, role, request) {
        Ok(request) => match tokio::time::timeout(ANSWER_WITHIN, next.run(request)).await {
            Ok(response) => response,
            Err(_) => ApiError::unavailable("this took longer than 30 s: try again, or ask for less").into_response(),
        },
        Err(refused) => refused.into_response(),
    };
    let status = response.status();
    counter!("smsc_api_requests_total", "endpoint" => path, "status" => status.as_str().to_owned()).increment(1);
    response
}

/// The same for what another node asks, which has looked at the caller's token.
pub async fn guard_of_peers(State(role): State<Role>, request: Request, next: Next) -> Response {
    match request.extensions().get::<Caller>() {
        Some(caller) if caller.role >= role => next.run(request).await,
        Some(_) | None => ApiError::forbidden("this takes another role").into_response(),
    }
}

fn pass(api: &Shared, role: Role, mut request: Request) -> Result<Request, ApiError> {
    let address = request.extensions().get::<Peer>().map(|peer| peer.0.ip());
    let caller = match caller(api, request.headers(), address) {
        Ok(caller) => caller,
        Err(refused) => {
            if request.headers().contains_key(header::AUTHORIZATION) {
                tracing::warn!(event = "api.refused", peer = ?address, path = request.uri().path(), "a wrong token");
            }
            return Err(refused);
        }
    };
    if caller.role < role {
        let (own, needed) = (caller.role.name(), role.name());
        let reason = format!("{} is {own}, and this takes the role {needed}: use a token with that role", caller.name);
        return Err(ApiError::forbidden(reason));
    }
    check_type(&request)?;
    let draining = api.state.phase() == crate::telemetry::health::Phase::Failed;
    if draining && *request.method() != Method::GET {
        return Err(ApiError {
            status: StatusCode::SERVICE_UNAVAILABLE,
            ..ApiError::unavailable("the node is about to end")
        });
    }
    request.extensions_mut().insert(caller);
    Ok(request)
}

fn caller(api: &Shared, headers: &HeaderMap, address: Option<IpAddr>) -> Result<Caller, ApiError> {
    if api.open {
        // A page from elsewhere can have its name point to this machine: then it asks for that name.
        if !headers.get(header::HOST).and_then(|host| host.to_str().ok()).is_none_or(is_this_machine) {
            return Err(ApiError::forbidden(
                "without http.token_file only requests to localhost or 127.0.0.1 are answered: check the Host header",
            ));
        }
        return Ok(Caller { name: "local".to_owned(), role: Role::Admin, address });
    }
    let how = "send the header `Authorization: Bearer TOKEN` with a token of http.token_file";
    let Some(given) = headers.get(header::AUTHORIZATION) else {
        return Err(ApiError::unauthorized(format!("no token: {how}")));
    };
    let given = given.to_str().ok().and_then(|text| text.strip_prefix("Bearer ")).map(str::trim);
    let Some(given) = given else { return Err(ApiError::unauthorized(format!("no bearer token: {how}"))) };
    let tokens = api.tokens.load();
    // All are compared, so that the time does not tell which was nearly right.
    let matching = tokens.iter().fold(None, |found, token| match same(token.secret.expose(), given) {
        true => Some(token),
        false => found,
    });
    match matching {
        Some(token) => Ok(Caller { name: token.name.clone(), role: token.role, address }),
        None => Err(ApiError::unauthorized(format!("this token is not known here: {how}"))),
    }
}

fn same(expected: &str, given: &str) -> bool {
    let (expected, given) = (expected.as_bytes(), given.as_bytes());
    expected.len() == given.len() && expected.iter().zip(given).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

/// Whether a Host header names this machine by an address or name that nobody else can give away.
fn is_this_machine(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_its_own() {
        for host in ["localhost", "localhost:8080", "127.0.0.1:8080", "127.0.0.2", "[::1]:8080"] {
            assert!(is_this_machine(host), "{host}");
        }
        for host in ["evil.example", "evil.example:8080", "192.0.2.1:8080", "127.0.0.1.evil.example", ""] {
            assert!(!is_this_machine(host), "{host}");
        }
    }

    #[test]
    fn each_role_may_do_what_the_one_before_may() {
        assert!(Role::Viewer < Role::Operator && Role::Operator < Role::Admin);
    }

    #[test]
    fn tokens_are_the_same_only_whole() {
        assert!(same("0123456789abcdef", "0123456789abcdef"));
        assert!(!same("0123456789abcdef", "0123456789abcde") && !same("0123456789abcdef", "0123456789abcdeF"));
    }
}
