//! Requests of the API that one node passes on to another, which answers for itself alone.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request as HttpRequest, header};
use bytes::Bytes;
use tokio::time::Instant;
use tonic::codegen::Service as _;
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status};
use uuid::Uuid;

use super::wire::questions_client::QuestionsClient;
use super::wire::questions_server::{Questions, QuestionsServer};
use super::wire::{Question, Reply};
use super::{Cluster, ClusterHandle, Peer, PeerState, translate};
use crate::api::auth::Caller;
use crate::config::Role;

/// How long a peer may take for an answer: people wait for it.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(1);
/// The largest answer of one node: sessions of some 15,000 ESMEs.
const REPLY_SIZE_MAX: usize = 8 << 20;
/// What a message has beside its body.
const ENVELOPE: usize = 1 << 10;

/// A request, as a node passes it on.
#[derive(Clone, Debug)]
pub struct Asked {
    /// GET, POST, PUT or DELETE.
    pub method: String,
    /// Below `/api/v1/`, with the query.
    pub path: String,
    /// JSON, or nothing.
    pub body: Bytes,
    /// Who asks.
    pub caller: Caller,
}

/// What a node has answered.
#[derive(Clone, Debug)]
pub struct Answered {
    /// The status.
    pub status: u16,
    /// JSON.
    pub body: Bytes,
}

/// Why a peer's answer is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    /// It is not connected.
    #[error("it is out of reach")]
    OutOfReach,
    /// Three heartbeats and more are missed, or it said that it stops.
    #[error("it is gone: stopped, or silent for seconds")]
    Gone,
    /// It is there, and slow.
    #[error("no answer within {} s", ANSWER_WITHIN.as_secs())]
    TooSlow,
    /// It is of the release before.
    #[error("it is of an earlier release and does not know the question")]
    Unknown,
    /// It has too much to say.
    #[error("its answer is larger than {} MiB: ask it alone, over its own http.address", REPLY_SIZE_MAX >> 20)]
    TooLarge,
    /// It says no.
    #[error("it does not answer: {0:?}")]
    Refused(Code),
}

/// Asks one peer.
pub async fn ask(cluster: &ClusterHandle, peer: &Peer, asked: Asked) -> Result<Answered, Missing> {
    let channel = match (&peer.channel, peer.state) {
        (_, PeerState::Gone) => return Err(Missing::Gone),
        (Some(channel), _) => channel.clone(),
        (None, PeerState::Suspected) => return Err(Missing::OutOfReach),
        // It has called us: we are about to call it.
        (None, PeerState::Alive) => connection(cluster, peer.incarnation).await.ok_or(Missing::OutOfReach)?,
    };
    let mut client = QuestionsClient::new(channel).max_decoding_message_size(REPLY_SIZE_MAX + ENVELOPE);
    let question = Question {
        incarnation: cluster.identity().incarnation.as_bytes().to_vec().into(),
        method: asked.method,
        path: asked.path,
        body: asked.body,
        caller: asked.caller.name,
        role: asked.caller.role.name().to_owned(),
        address: asked.caller.address.map(|address| address.to_string()).unwrap_or_default(),
    };
    match tokio::time::timeout(ANSWER_WITHIN, client.ask(question)).await {
        Ok(Ok(reply)) => {
            let Reply { status, body } = reply.into_inner();
            Ok(Answered { status: u16::try_from(status).unwrap_or(500), body })
        }
        Ok(Err(status)) => Err(match status.code() {
            Code::Unimplemented => Missing::Unknown,
            Code::OutOfRange | Code::ResourceExhausted => Missing::TooLarge,
            code => Missing::Refused(code),
        }),
        Err(_) => Err(Missing::TooSlow),
    }
}

/// Waits for a connection to a peer that has just come.
async fn connection(cluster: &ClusterHandle, incarnation: Uuid) -> Option<Channel> {
    let mut changed = cluster.changed();
    let until = Instant::now() + ANSWER_WITHIN;
    loop {
        let view = cluster.view();
        let channel = view.peers.iter().find(|peer| peer.incarnation == incarnation)?.channel.clone();
        if channel.is_some() {
            return channel;
        }
        tokio::time::timeout_at(until, changed.changed()).await.ok()?.ok()?;
    }
}

/// Answers peers over the API of this node alone.
pub struct Service {
    cluster: ClusterHandle,
    routes: Router,
}

impl Service {
    /// A service of that cluster, which is not started yet.
    pub fn add_to(cluster: &mut Cluster, routes: Router) {
        let service = Self { cluster: cluster.handle(), routes };
        cluster.add_service(QuestionsServer::new(service));
    }
}

#[tonic::async_trait]
impl Questions for Service {
    async fn ask(&self, request: Request<Question>) -> Result<Response<Reply>, Status> {
        let question = request.into_inner();
        if !translate::incarnation(&question.incarnation).is_some_and(|asker| self.cluster.knows(asker)) {
            return Err(Status::failed_precondition("no handshake came before"));
        }
        let role = Role::of(&question.role).ok_or_else(|| Status::invalid_argument("no such role"))?;
        let caller = Caller { name: question.caller, role, address: question.address.parse().ok() };
        let request = HttpRequest::builder()
            .method(question.method.as_str())
            .uri(format!("/api/v1/{}", question.path))
            .header(header::CONTENT_TYPE, "application/json")
            .extension(caller)
            .body(Body::from(question.body))
            .map_err(|error| Status::invalid_argument(error.to_string()))?;
        let Ok(response) = self.routes.clone().call(request).await;
        let status = response.status().as_u16().into();
        let body = to_bytes(response.into_body(), REPLY_SIZE_MAX).await;
        let body = body.map_err(|_| Status::resource_exhausted("the answer is too large"))?;
        Ok(Response::new(Reply { status, body }))
    }
}
