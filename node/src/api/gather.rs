//! One answer of many nodes: every request that concerns the whole cluster is put to all of them at once, each answers
//! for itself, and who has not answered in time is named in the answer. `?node=NAME` asks one alone.
//!
//! Bounded: a second for each node, so many octets of each, so many such requests at a time.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::Shared;
use super::auth::Caller;
use super::error::{ApiError, json_body};
use super::input::BODY_MAX;
use crate::cluster::questions::{Answered, Asked, ask};
use crate::cluster::{ClusterHandle, Peer};

/// The largest answer of this node: as large as that of a peer.
const OWN_SIZE_MAX: usize = 64 << 20;
/// Requests that are put to all nodes at a time.
pub(super) const GATHERED_MAX: usize = 8;

/// Whom a request is put to.
#[derive(Clone, Copy)]
pub(super) enum Spread {
    /// This node, whatever the query says.
    Here,
    /// This node, or the one that `?node=` names.
    One,
    /// All, and their answers become one. Who does not know what was named says nothing (404); if all do not, that is
    /// the answer.
    All(Merge),
    /// All, until one knows what was named.
    First,
}

/// Makes one answer of many, of which the first is this node's if it has one. There is one at least.
pub(super) type Merge = fn(Vec<Value>, &Asking) -> Value;

/// What was asked, for who merges the answers.
pub(super) struct Asking {
    /// The query, without `node`.
    pub(super) query: String,
    /// Who has not answered, and why.
    pub(super) missing: Vec<(String, String)>,
}

impl Asking {
    /// What the query says under that name, as it is written there.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.query.split('&').filter_map(|field| field.split_once('='));
        fields.find(|(field, _)| *field == name).map(|(_, value)| value)
    }

    /// A number in the query.
    pub(super) fn number(&self, name: &str) -> Option<usize> {
        self.field(name)?.parse().ok()
    }

    /// What a node's own answer lacks, such as a partition that is on its way from node to node: named once, whoever says so.
    fn lacks(&mut self, answer: &Value) {
        for name in answer["missing"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !self.missing.iter().any(|(known, _)| known == name) {
                let why = answer["missing_why"][name].as_str().unwrap_or_default();
                self.missing.push((name.to_owned(), why.to_owned()));
            }
        }
    }
}

/// One node's answer.
struct Said {
    node: String,
    status: StatusCode,
    body: Bytes,
}

/// Puts a request to those that it concerns.
pub(super) async fn spread(
    State((api, spread)): State<(Arc<Shared>, Spread)>,
    request: Request,
    next: Next,
) -> Response {
    match put(&api, spread, request, next).await {
        Ok(response) => response,
        Err(refused) => refused.into_response(),
    }
}

async fn put(api: &Shared, spread: Spread, mut request: Request, next: Next) -> Result<Response, ApiError> {
    let (query, only) = split(request.uri().query().unwrap_or_default());
    let path = request.uri().path().to_owned();
    let uri = if query.is_empty() { path } else { format!("{path}?{query}") };
    *request.uri_mut() = uri.parse::<Uri>().map_err(|error| ApiError::bad_request(error.to_string()))?;
    let node = api.node()?;
    let own = &node.services.config.node.name;
    let (here, mut peers) = chosen(node.services.cluster.as_ref(), own, only.as_deref())?;
    if here && matches!(spread, Spread::One) {
        peers.clear();
    }
    if peers.is_empty() && !matches!(spread, Spread::All(_)) {
        return Ok(next.run(request).await);
    }
    let _place = api.gathered.acquire().await.map_err(|_| ApiError::unavailable("the node is stopping"))?;
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, BODY_MAX).await.map_err(|_| ApiError::too_large("expected a smaller body"))?;
    let asked = Asked {
        method: parts.method.to_string(),
        path: uri.trim_start_matches("/api/v1/").to_owned(),
        body: body.clone(),
        caller: parts.extensions.get::<Caller>().cloned().ok_or_else(|| ApiError::internal("nobody has asked"))?,
    };
    let request = Request::from_parts(parts, Body::from(body));
    let own_answer = async {
        if !here {
            return Ok(None);
        }
        let response = next.run(request).await;
        let status = response.status();
        let body = to_bytes(response.into_body(), OWN_SIZE_MAX).await;
        let body = body.map_err(|_| ApiError::internal("this node's answer is too large"))?;
        Ok::<_, ApiError>(Some(Said { node: own.clone(), status, body }))
    };
    let of_peers = async {
        match &node.services.cluster {
            Some(cluster) => ask_all(cluster, peers, &asked).await,
            None => (Vec::new(), Vec::new()),
        }
    };
    let (said, missing) = match spread {
        // Who knows it is nearly always the first that is asked.
        Spread::First => match own_answer.await? {
            Some(said) if said.status != StatusCode::NOT_FOUND => (vec![said], Vec::new()),
            own_answer => {
                let (said, missing) = of_peers.await;
                (own_answer.into_iter().chain(said).collect(), missing)
            }
        },
        Spread::Here | Spread::One | Spread::All(_) => {
            let (own_answer, (said, missing)) = tokio::join!(own_answer, of_peers);
            (own_answer?.into_iter().chain(said).collect(), missing)
        }
    };
    Ok(answer(spread, said, Asking { query, missing }))
}

/// The query without `node`, and that.
fn split(query: &str) -> (String, Option<String>) {
    let mut only = None;
    let rest = query.split('&').filter(|field| match field.strip_prefix("node=") {
        Some(name) => {
            only = Some(unescaped(name));
            false
        }
        None => !field.is_empty(),
    });
    (rest.collect::<Vec<_>>().join("&"), only)
}

/// A name in a query: percent-encoded, as a URL has it.
fn unescaped(text: &str) -> String {
    let mut octets = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, others)) = rest.split_first() {
        let code = others.get(..2).filter(|_| *first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        match code.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(octet) => {
                octets.push(octet);
                rest = &others[2..];
            }
            None => {
                octets.push(if *first == b'+' { b' ' } else { *first });
                rest = others;
            }
        }
    }
    String::from_utf8_lossy(&octets).into_owned()
}

/// Whether this node is asked, and which others.
fn chosen(cluster: Option<&ClusterHandle>, own: &str, only: Option<&str>) -> Result<(bool, Vec<Peer>), ApiError> {
    let mut peers = cluster.map(|cluster| cluster.view().peers.clone()).unwrap_or_default();
    let Some(only) = only else { return Ok((true, peers)) };
    if only == own {
        return Ok((true, Vec::new()));
    }
    peers.retain(|peer| &*peer.name == only);
    if peers.is_empty() {
        let reason = format!("no node {only:?} is known here: GET /api/v1/nodes lists them");
        return Err(ApiError::field("node", reason));
    }
    Ok((false, peers))
}

/// What they answer, and who does not and why.
async fn ask_all(cluster: &ClusterHandle, peers: Vec<Peer>, asked: &Asked) -> (Vec<Said>, Vec<(String, String)>) {
    let mut asking = JoinSet::new();
    for peer in peers {
        let (cluster, asked) = (cluster.clone(), asked.clone());
        asking.spawn(async move { (peer.number, peer.name.to_string(), ask(&cluster, &peer, asked).await) });
    }
    // No task panics.
    let mut all = asking.join_all().await;
    all.sort_by_key(|(number, _, _)| *number);
    let (mut said, mut missing) = (Vec::new(), Vec::new());
    for (_, node, answer) in all {
        match answer {
            Ok(Answered { status, body }) => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                said.push(Said { node, status, body });
            }
            Err(why) => missing.push((node, why.to_string())),
        }
    }
    (said, missing)
}

fn answer(spread: Spread, said: Vec<Said>, mut asking: Asking) -> Response {
    let merge = match spread {
        Spread::All(merge) => merge,
        Spread::Here | Spread::One | Spread::First => {
            let known = said.iter().position(|said| said.status != StatusCode::NOT_FOUND).unwrap_or(0);
            return match said.into_iter().nth(known) {
                Some(said) => not_found_with(said, &asking),
                None => nobody(&asking),
            };
        }
    };
    let mut refused = None;
    let mut answers = Vec::new();
    for said in said {
        match serde_json::from_slice::<Value>(&said.body) {
            Ok(json) if said.status == StatusCode::OK => {
                asking.lacks(&json);
                answers.push(json);
            }
            Ok(json) => {
                // What this node refuses it refuses for all; others may not know what it knows.
                if said.status != StatusCode::NOT_FOUND {
                    let reason = json["reason"].as_str().unwrap_or_default().to_owned();
                    asking.missing.push((said.node.clone(), reason));
                }
                refused.get_or_insert(said);
            }
            Err(_) => asking.missing.push((said.node, "its answer is no JSON".to_owned())),
        }
    }
    match refused {
        Some(said) if answers.is_empty() => not_found_with(said, &asking),
        None if answers.is_empty() => nobody(&asking),
        _ => {
            let mut merged = merge(answers, &asking);
            merged["missing"] = asking.missing.iter().map(|(node, _)| Value::from(node.as_str())).collect();
            merged["missing_why"] =
                Value::Object(asking.missing.into_iter().map(|(node, why)| (node, why.into())).collect());
            json_body(&merged).into_response()
        }
    }
}

/// A refusal as it came; that a thing is not known is told with who was not heard.
fn not_found_with(said: Said, asking: &Asking) -> Response {
    let json = serde_json::from_slice::<Value>(&said.body).unwrap_or_default();
    if said.status == StatusCode::NOT_FOUND && !asking.missing.is_empty() {
        let reason = format!("{}; {}", json["reason"].as_str().unwrap_or_default(), told(asking));
        return (said.status, json_body(&json!({ "error": "not_found", "reason": reason }))).into_response();
    }
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (said.status, headers, said.body).into_response()
}

fn nobody(asking: &Asking) -> Response {
    ApiError::unavailable(told(asking)).into_response()
}

fn told(asking: &Asking) -> String {
    let missing: Vec<String> = asking.missing.iter().map(|(node, why)| format!("{node}: {why}")).collect();
    format!("no answer from {}", missing.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_node_that_is_named_is_no_part_of_the_question() {
        assert_eq!(split("number=46&node=smsc-1&limit=3"), ("number=46&limit=3".to_owned(), Some("smsc-1".to_owned())));
        assert_eq!(split("node=a%20b%2"), (String::new(), Some("a b%2".to_owned())));
        assert_eq!(split(""), (String::new(), None));
        assert_eq!(split("account=node"), ("account=node".to_owned(), None));
    }

    fn said(node: &str, status: u16, json: &Value) -> Said {
        let status = StatusCode::from_u16(status).expect("a status");
        Said { node: node.to_owned(), status, body: json.to_string().into() }
    }

    async fn merged(said: Vec<Said>, missing: &[(&str, &str)]) -> (u16, Value) {
        let missing = missing.iter().map(|(node, why)| ((*node).to_owned(), (*why).to_owned())).collect();
        let count: Merge = |answers, _| json!({ "count": answers.len() });
        let response = answer(Spread::All(count), said, Asking { query: String::new(), missing });
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), 1 << 20).await.expect("a body");
        (status, serde_json::from_slice(&body).expect("JSON"))
    }

    #[tokio::test]
    async fn who_has_not_answered_is_named() {
        let (ok, no) = (json!({}), json!({ "error": "unavailable", "reason": "starting" }));
        let answers = vec![said("a", 200, &ok), said("b", 503, &no)];
        let (status, json) = merged(answers, &[("c", "too slow")]).await;
        assert_eq!((status, &json["count"]), (200, &json!(1)));
        assert_eq!(json["missing"], json!(["c", "b"]));
        assert_eq!(json["missing_why"], json!({ "b": "starting", "c": "too slow" }));
    }

    #[tokio::test]
    async fn what_an_answer_lacks_is_named_once() {
        let why = "it is on its way to another node";
        let part = json!({ "missing": ["partition 3"], "missing_why": { "partition 3": why } });
        let (_, json) = merged(vec![said("a", 200, &part), said("b", 200, &part)], &[("c", "too slow")]).await;
        assert_eq!((&json["count"], &json["missing"]), (&json!(2), &json!(["c", "partition 3"])));
        assert_eq!(json["missing_why"]["partition 3"], why);
    }

    #[tokio::test]
    async fn what_nobody_knows_is_not_found_and_who_was_not_heard_is_named() {
        let no = json!({ "error": "not_found", "reason": "there is none" });
        let (status, json) = merged(vec![said("a", 404, &no), said("b", 404, &no)], &[("c", "too slow")]).await;
        assert_eq!((status, &json["reason"]), (404, &json!("there is none; no answer from c: too slow")));
        let (status, _) = merged(vec![said("a", 404, &no), said("b", 200, &json!({}))], &[]).await;
        assert_eq!(status, 200, "one knows it");
    }

    #[tokio::test]
    async fn what_is_wrong_with_the_question_is_told_as_it_is() {
        let wrong = json!({ "error": "bad_request", "reason": "no account", "field": "account" });
        let (status, json) = merged(vec![said("a", 400, &wrong)], &[]).await;
        assert_eq!((status, json), (400, wrong));
    }
}
