//! Speaks HTTP to a node.

use std::fmt;
use std::fs;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::http::{Request as HttpRequest, Response, header};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use super::request::{Request, get};
use crate::commands::terminal::harmless;

/// How long a node may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(35);
/// The largest answer that is read: far more than any list has.
const ANSWER_MAX: usize = 64 << 20;

/// Why a verb was not carried out.
#[derive(Debug, thiserror::Error)]
pub(super) enum CtlError {
    /// It makes no sense.
    #[error("{0}")]
    Usage(String),
    /// There is nobody at that address.
    #[error("{node}: cannot be reached: {reason}; is it running, and is that its http.address? (--node, SMSC_NODE)")]
    Unreachable {
        /// Which node.
        node: NodeAddress,
        /// What the system says.
        reason: String,
    },
    /// It took too long.
    #[error("{node}: no answer within 35 s")]
    TimedOut {
        /// Which node.
        node: NodeAddress,
    },
    /// The node says no.
    #[error("{reason}{}", field.as_ref().map_or(String::new(), |field| format!(" ({field})")))]
    Refused {
        /// The status.
        status: u16,
        /// What it says.
        reason: String,
        /// About which field.
        field: Option<String>,
    },
    /// It was done, and more is to happen before it is reached.
    #[error("not yet: say it again, or once with --wait")]
    NotYet,
    /// Whoever read our output has gone.
    #[error("nobody reads the output")]
    NobodyReads,
}

impl CtlError {
    /// Whether the command line is wrong, not the state of things.
    pub(super) const fn is_usage(&self) -> bool {
        matches!(self, Self::Usage(_) | Self::Refused { status: 400, .. })
    }
}

/// `http://host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NodeAddress(String);

impl fmt::Display for NodeAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", self.0)
    }
}

impl FromStr for NodeAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with("https://") {
            return Err("a node speaks plain HTTP: go to its own port, or through a tunnel".to_owned());
        }
        let rest = text.strip_prefix("http://").unwrap_or(text).trim_end_matches('/');
        let port = rest.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
        match port {
            Some((host, 1..)) if !host.is_empty() && !rest.contains('/') => Ok(Self(rest.to_owned())),
            _ => Err("expected http://host:port, such as http://127.0.0.1:8080".to_owned()),
        }
    }
}

/// A node, and what it wants to see of us.
pub(super) struct Server {
    node: NodeAddress,
    token: Option<String>,
}

impl Server {
    /// The node at that address, with the token of that file or of the variable SMSC_TOKEN.
    pub(super) fn new(node: NodeAddress, token_file: Option<&Path>) -> Result<Self, CtlError> {
        let token = match token_file {
            Some(file) => Some(token_in(file)?),
            None => std::env::var("SMSC_TOKEN").ok().filter(|token| !token.is_empty()),
        };
        Ok(Self { node, token })
    }

    /// GETs that path.
    pub(super) async fn get(&self, path: &str) -> Result<Value, CtlError> {
        self.ask(&get(path)).await
    }

    /// Sends a request and reads its answer.
    pub(super) async fn ask(&self, request: &Request) -> Result<Value, CtlError> {
        let asking = async {
            let response = self.send(request).await?;
            let status = response.status().as_u16();
            let body = to_bytes(Body::new(response.into_body()), ANSWER_MAX).await;
            let body = body.map_err(|error| self.unreachable(error))?;
            answer(status, &body)
        };
        let timed_out = |_| Err(CtlError::TimedOut { node: self.node.clone() });
        tokio::time::timeout(ANSWER_WITHIN, asking).await.unwrap_or_else(timed_out)
    }

    /// Hands on events until the node ends them.
    pub(super) async fn follow(
        &self,
        prefix: &str,
        mut take: impl FnMut(&Value) -> Result<(), CtlError>,
    ) -> Result<(), CtlError> {
        let response = self.send(&get(&format!("events?prefix={prefix}"))).await?;
        let status = response.status().as_u16();
        let mut body = Box::pin(Body::new(response.into_body()));
        let mut text = Vec::new();
        loop {
            let frame = std::future::poll_fn(|cx| body.as_mut().poll_frame(cx)).await;
            let Some(frame) = frame else { break };
            let frame = frame.map_err(|error| self.unreachable(error))?;
            text.extend_from_slice(frame.data_ref().map_or(&[][..], Bytes::as_ref));
            if status != 200 {
                continue;
            }
            while let Some(end) = text.iter().position(|octet| *octet == b'\n') {
                let line: Vec<u8> = text.drain(..=end).collect();
                let data = line.strip_prefix(b"data: ").or_else(|| line.strip_prefix(b"data:"));
                if let Some(event) = data.and_then(|data| serde_json::from_slice(data).ok()) {
                    take(&event)?;
                }
            }
        }
        if status == 200 { Ok(()) } else { answer(status, &text).map(drop) }
    }

    async fn send(&self, request: &Request) -> Result<Response<Incoming>, CtlError> {
        let stream = TcpStream::connect(&self.node.0).await.map_err(|error| self.unreachable(error))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| self.unreachable(error))?;
        // It ends with the answer; what goes wrong on it, the answer tells.
        tokio::spawn(connection);
        let mut http = HttpRequest::builder()
            .method(request.method)
            .uri(format!("/api/v1/{}", request.path))
            .header(header::HOST, &self.node.0)
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(token) = &self.token {
            http = http.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let body = request.body.as_ref().map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let http = http.body(body).map_err(|error| CtlError::Usage(format!("this cannot be sent: {error}")))?;
        sender.send_request(http).await.map_err(|error| self.unreachable(error))
    }

    fn unreachable(&self, error: impl fmt::Display) -> CtlError {
        CtlError::Unreachable { node: self.node.clone(), reason: error.to_string() }
    }
}

fn token_in(file: &Path) -> Result<String, CtlError> {
    let text = fs::read_to_string(file)
        .map_err(|error| CtlError::Usage(format!("--token-file {}: cannot be read: {error}", file.display())))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let token = lines.filter_map(|line| line.split_whitespace().last()).next();
    token
        .map(str::to_owned)
        .ok_or_else(|| CtlError::Usage(format!("--token-file {}: there is no token in it", file.display())))
}

fn answer(status: u16, body: &[u8]) -> Result<Value, CtlError> {
    let json: Option<Value> = serde_json::from_slice(body).ok();
    match (status, json) {
        (200..=299, Some(json)) => Ok(json),
        (_, Some(json)) if json["reason"].is_string() => Err(CtlError::Refused {
            status,
            reason: harmless(json["reason"].as_str().unwrap_or_default()),
            field: json["field"].as_str().map(harmless),
        }),
        (_, _) => Err(CtlError::Refused {
            status,
            reason: format!("HTTP {status} without a word of JSON: this may be no node of ours"),
            field: None,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_named_by_host_and_port() {
        for text in ["http://127.0.0.1:8080", "http://smsc-0:8080/", "localhost:8080", "http://[::1]:8080"] {
            assert!(text.parse::<NodeAddress>().is_ok(), "{text}");
        }
        for text in ["", "http://", "http://smsc-0", "http://smsc-0:0", "https://smsc-0:8080", "http://a:1/b"] {
            assert!(text.parse::<NodeAddress>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_a_node_refuses_is_said_with_its_reason() {
        let refused = answer(400, br#"{"error":"bad_request","reason":"no such account","field":"account"}"#);
        let error = refused.expect_err("400");
        assert_eq!((error.to_string().as_str(), error.is_usage()), ("no such account (account)", true));
        assert!(!answer(503, b"busy").expect_err("503").is_usage());
    }

    #[test]
    fn a_token_stands_alone_or_at_the_end_of_its_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("token");
        for (text, token) in [("abc\n", "abc"), ("# mine\nadmin alice abc\n", "abc")] {
            fs::write(&file, text).expect("a file");
            assert_eq!(token_in(&file).ok().as_deref(), Some(token));
        }
        fs::write(&file, "\n").expect("a file");
        assert!(token_in(&file).is_err() && token_in(&folder.path().join("none")).is_err());
    }
}
