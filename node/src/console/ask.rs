//! What the page asks of the API: over no socket, and else as everybody, with the caller's token and address. What he may
//! not see the page cannot show.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use tower::ServiceExt;

use crate::api::auth::Peer;

/// The largest answer that is read, in octets.
const ANSWER_MAX: usize = 16 * 1024 * 1024;

/// Somebody's way to the API.
pub struct Asker {
    api: Router,
    headers: HeaderMap,
    peer: Option<Peer>,
}

/// The API said no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// As it was answered.
    pub status: StatusCode,
    /// Why, for people.
    pub reason: String,
}

impl Asker {
    /// For whoever sent these headers from there.
    pub fn new(api: Router, headers: &HeaderMap, peer: Option<Peer>) -> Self {
        let kept = [header::AUTHORIZATION, header::HOST];
        let headers = kept.into_iter().filter_map(|name| Some((name.clone(), headers.get(&name)?.clone()))).collect();
        Self { api, headers, peer }
    }

    /// The same with a token of HTTP Basic, which a browser asks for by itself: the password is the token.
    pub fn with_basic(mut self) -> Self {
        let given = self.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = given.and_then(|value| value.strip_prefix("Basic ")).and_then(password_of);
        if let Some(bearer) = token.and_then(|token| HeaderValue::from_str(&format!("Bearer {token}")).ok()) {
            self.headers.insert(header::AUTHORIZATION, bearer);
        }
        self
    }

    /// The answer to GET `/api/v1/{path}`.
    pub async fn get(&self, path: &str) -> Result<Value, Refused> {
        let unusable = |reason: &str| Refused { status: StatusCode::INTERNAL_SERVER_ERROR, reason: reason.to_owned() };
        let mut request = Request::get(format!("/api/v1/{path}"))
            .body(Body::empty())
            .map_err(|_| unusable("this cannot be asked of the API"))?;
        request.headers_mut().clone_from(&self.headers);
        if let Some(peer) = self.peer {
            request.extensions_mut().insert(peer);
        }
        let Ok(response) = self.api.clone().oneshot(request).await;
        let status = response.status();
        let body = to_bytes(response.into_body(), ANSWER_MAX).await;
        let body = body.map_err(|_| unusable("the answer of the API is too long to be shown"))?;
        let answer: Value = serde_json::from_slice(&body).map_err(|_| unusable("the API answered with no JSON"))?;
        if status.is_success() {
            return Ok(answer);
        }
        Err(Refused { status, reason: answer["reason"].as_str().unwrap_or("refused without a reason").to_owned() })
    }
}

/// The password of `name:password` in Base64.
fn password_of(written: &str) -> Option<String> {
    let text = String::from_utf8(BASE64_STANDARD.decode(written.trim()).ok()?).ok()?;
    text.split_once(':').map(|(_, password)| password.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_of_basic_is_the_token() {
        assert_eq!(password_of("dXNlcjp0b2tlbi10b2tlbg==").as_deref(), Some("token-token"));
        assert_eq!(password_of("Om9ubHk6YQ==").as_deref(), Some("only:a"));
        for wrong in ["", "!", "bm9jb2xvbg==", "/w=="] {
            assert_eq!(password_of(wrong), None, "{wrong}");
        }
    }
}
