//! Whoever uses a node's HTTP API: requests as they stand in its document, answers as JSON.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

use crate::PATIENCE;
use crate::node::Node;

/// A client of one node's API.
#[derive(Clone, Debug)]
pub struct Api {
    address: SocketAddr,
    token: Option<String>,
    host: String,
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body.
    pub json: Value,
}

impl Node {
    /// A client without a token.
    pub fn api(&self) -> Api {
        let address = self.place().http();
        Api { address, token: None, host: address.to_string() }
    }
}

impl Api {
    /// The same client with a token.
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// The same client, which calls the node by another name.
    pub fn calling_it(&self, host: &str) -> Self {
        Self { host: host.to_owned(), ..self.clone() }
    }

    /// GETs what must be there. The path is below `/api/v1/`.
    pub fn get(&self, path: &str) -> Value {
        self.ask("GET", path, None).expect_ok()
    }

    /// POSTs, which must be done.
    pub fn post(&self, path: &str) -> Value {
        self.ask("POST", path, None).expect_ok()
    }

    /// PUTs a change, which must be made.
    pub fn set(&self, change: Value) -> Value {
        self.ask("PUT", "overrides", Some(change)).expect_ok()
    }

    /// Puts an entry back to what the file says.
    pub fn unset(&self, key: &str) -> Value {
        self.ask("DELETE", &format!("overrides?{key}"), None).expect_ok()
    }

    /// Asks anything.
    pub fn ask(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let text = body.map(|body| body.to_string()).unwrap_or_default();
        self.ask_with(method, path, "application/json", text.as_bytes())
    }

    /// Asks anything, with any body.
    pub fn ask_with(&self, method: &str, path: &str, content_type: &str, body: &[u8]) -> Answer {
        let mut stream = self.send(method, &format!("/api/v1/{path}"), content_type, body);
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("the node answers");
        let (head, body) = text.split_once("\r\n\r\n").expect("an answer of HTTP");
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
        let json = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}"));
        Answer { status, json }
    }

    /// GETs a page of the console: status, head, body.
    pub fn page(&self, path: &str) -> (u16, String, String) {
        let mut text = String::new();
        self.send("GET", path, "text/html", b"").read_to_string(&mut text).expect("the node answers");
        let (head, body) = text.split_once("\r\n\r\n").expect("an answer of HTTP");
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
        (status, head.to_owned(), body.to_owned())
    }

    /// Watches events whose names begin so. When this returns, what happens is seen.
    pub fn watch(&self, prefix: &str) -> Events {
        let stream = self.send("GET", &format!("/api/v1/events?prefix={prefix}"), "application/json", b"");
        let mut lines = BufReader::new(stream);
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            assert!(lines.read_line(&mut line).expect("the node answers") > 0, "the head of an answer");
        }
        Events { lines }
    }

    fn send(&self, method: &str, path: &str, content_type: &str, body: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect_timeout(&self.address, PATIENCE).expect("the node listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        let token = self.token.as_ref().map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        let head = format!(
            "{method} {path} HTTP/1.0\r\nHost: {}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n{token}\r\n",
            self.host,
            body.len()
        );
        // It may have said no before it has read all.
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
        stream
    }
}

impl Answer {
    /// The body of an answer that must be 200.
    pub fn expect_ok(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.json);
        self.json
    }

    /// Status, error and field of a refusal, which must have a reason.
    pub fn refusal(&self) -> (u16, &str, Option<&str>) {
        let reason = self.json["reason"].as_str().unwrap_or_default();
        assert!(!reason.is_empty(), "a refusal has a reason: {}", self.json);
        (self.status, self.json["error"].as_str().unwrap_or_default(), self.json["field"].as_str())
    }

    /// The reason of a refusal.
    pub fn reason(&self) -> &str {
        self.json["reason"].as_str().unwrap_or_default()
    }
}

/// Events as they come.
#[derive(Debug)]
pub struct Events {
    lines: BufReader<TcpStream>,
}

impl Events {
    /// The next one.
    pub fn expect_event(&mut self) -> Value {
        let mut line = String::new();
        loop {
            line.clear();
            assert!(self.lines.read_line(&mut line).expect("the node writes") > 0, "the stream has ended");
            if let Some(data) = line.strip_prefix("data:") {
                return serde_json::from_str(data.trim()).expect("an event is JSON");
            }
        }
    }

    /// Waits for the end of the stream.
    pub fn expect_end(mut self) {
        let mut rest = Vec::new();
        self.lines.read_to_end(&mut rest).expect("the node closes in order");
    }
}
