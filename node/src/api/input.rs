//! Queries and bodies of requests, read strictly: what is not known is refused by name.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{Method, header};
use serde::de::DeserializeOwned;
use smsc_proto::timestamp::Timestamp;

use super::error::ApiError;

/// The longest body, in octets.
pub const BODY_MAX: usize = 64 * 1024;

/// The query of a URL.
pub struct Params<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(params)) => Ok(Self(params)),
            Err(rejection) => Err(of_text(&rejection.body_text())),
        }
    }
}

/// A JSON body.
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let octets =
            Bytes::from_request(request, state).await.map_err(|rejection| match rejection.status().as_u16() {
                413 => ApiError::too_large(format!("expected at most {BODY_MAX} octets")),
                _ => ApiError::bad_request(rejection.body_text()),
            })?;
        let mut json = serde_json::Deserializer::from_slice(&octets);
        serde_path_to_error::deserialize(&mut json).map(Self).map_err(|error| {
            let path = error.path().to_string();
            let error = of_text(&error.into_inner().to_string());
            match path.as_str() {
                "." => error,
                _ => ApiError { field: Some(path), ..error },
            }
        })
    }
}

/// A refusal of serde's, with the field that it names.
fn of_text(text: &str) -> ApiError {
    let named = ["unknown field `", "missing field `"].iter().find_map(|mark| {
        let rest = text.split_once(mark)?.1;
        Some(rest.split('`').next().unwrap_or_default().to_owned())
    });
    let text = text.trim_start_matches("Failed to deserialize query string: ");
    match named {
        Some(field) => ApiError::field(field, text),
        None => ApiError::bad_request(text),
    }
}

/// Writes come as JSON, also those without a body: a page of another site cannot send that without asking first.
pub fn check_type(request: &Request) -> Result<(), ApiError> {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return Ok(());
    }
    let written = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match written.split(';').next().map(str::trim) {
        Some("application/json") => Ok(()),
        _ => Err(ApiError::unsupported("expected the header Content-Type: application/json")),
    }
}

/// A moment in a query: RFC 3339, or how long ago, such as `2h`.
pub fn moment(field: &str, text: &str, now: Timestamp) -> Result<Timestamp, ApiError> {
    if let Ok(ago) = humantime::parse_duration(text) {
        let ago = u64::try_from(ago.as_millis()).unwrap_or(u64::MAX);
        return Ok(Timestamp::from_millis(now.as_millis().saturating_sub(ago)));
    }
    let parsed: Result<jiff::Timestamp, _> = text.parse();
    match parsed.ok().and_then(|time| u64::try_from(time.as_millisecond()).ok()) {
        Some(millis) => Ok(Timestamp::from_millis(millis)),
        None => Err(ApiError::field(
            field,
            format!("{text:?} is no time, expected 2026-01-31T12:00:00Z, or 2h for two hours ago"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_absolute_or_ago() {
        let now = Timestamp::from_millis(1_764_000_000_000);
        assert_eq!(moment("from", "1s", now), Ok(Timestamp::from_millis(1_763_999_999_000)));
        assert_eq!(moment("from", "2025-01-01T00:00:00Z", now), Ok(Timestamp::from_millis(1_735_689_600_000)));
        let refused = moment("from", "yesterday", now).expect_err("no time");
        assert_eq!((refused.field.as_deref(), refused.error), (Some("from"), "bad_request"));
    }

    #[test]
    fn serde_says_which_field() {
        assert_eq!(of_text("unknown field `nmuber`, expected `number`").field.as_deref(), Some("nmuber"));
        assert_eq!(of_text("missing field `number`").field.as_deref(), Some("number"));
    }
}
