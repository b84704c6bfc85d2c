//! Refusals: what was wrong, why, and what to do.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::reload::SetError;

/// Why a request was not carried out. Nothing has changed then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// The status of the answer.
    pub status: StatusCode,
    /// One word for programs.
    pub error: &'static str,
    /// For people: what is wrong and what to do.
    pub reason: String,
    /// Which field of the request, if it is one.
    pub field: Option<String>,
}

impl ApiError {
    const fn new(status: StatusCode, error: &'static str, reason: String) -> Self {
        Self { status, error, reason, field: None }
    }

    /// A field is wrong.
    pub fn field(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { field: Some(field.into()), ..Self::bad_request(reason) }
    }

    /// The request is wrong.
    pub fn bad_request(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", reason.into())
    }

    /// No token, or a wrong one.
    pub fn unauthorized(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", reason.into())
    }

    /// The token's role does not reach so far.
    pub fn forbidden(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", reason.into())
    }

    /// There is no such thing.
    pub fn not_found(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", reason.into())
    }

    /// It is not possible as things are.
    pub fn conflict(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", reason.into())
    }

    /// The path knows no such method.
    pub fn method_not_allowed() -> Self {
        let reason = "this path has no such method: GET /api/v1/openapi.json lists them".to_owned();
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", reason)
    }

    /// The body is none that is understood here.
    pub fn unsupported(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", reason.into())
    }

    /// The body is too large.
    pub fn too_large(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", reason.into())
    }

    /// Try later.
    pub fn unavailable(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", reason.into())
    }

    /// Our fault.
    pub fn internal(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", reason.into())
    }
}

impl From<SetError> for ApiError {
    fn from(error: SetError) -> Self {
        let reason = error.to_string();
        match error {
            SetError::Invalid(reason) => match reason.split_once(": ") {
                // `operators[0].name: no operator is named …`
                Some((field, why)) if !field.contains(' ') => Self::field(field, why),
                Some(_) | None => Self::bad_request(reason),
            },
            SetError::File(_) => Self::conflict(format!("the configuration file must be mended first: {reason}")),
            SetError::Breaks { .. } | SetError::Full(_) => Self::conflict(reason),
            SetError::NotKept(_) => Self::internal(reason),
            SetError::Stopping => Self::unavailable(reason),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut body = json!({ "error": self.error, "reason": self.reason });
        if let Some(field) = self.field {
            body["field"] = field.into();
        }
        let mut response = (self.status, json_body(&body)).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// A JSON body with its type.
pub fn json_body(value: &serde_json::Value) -> impl IntoResponse + use<> {
    ([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")], format!("{value}\n"))
}
