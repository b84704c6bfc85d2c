//! The way to one address: connect, shake hands, watch; and again, at a pace, for as long as the address is looked for.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use uuid::Uuid;

use super::handle::ClusterHandle;
use super::handshake::{Refused, Stranger};
use super::metrics;
use super::peers::{GONE_AFTER, Unusable};
use super::tls::PeerTls;
use super::view::Peer;
use super::wire::WatchRequest;
use super::wire::cluster_client::ClusterClient;
use crate::operator::reconnect::Backoff;

/// How long a connection, or the answer to a Hello, may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// How often we try again who is refused, or is ourselves.
const REFUSED_AGAIN_AFTER: Duration = Duration::from_secs(5);
/// The longest wait between attempts to connect: a node that comes back is to be found soon.
const WAIT_MAX: Duration = Duration::from_secs(3);
/// The largest update: a snapshot of hundreds of thousands of facts.
const UPDATE_SIZE_MAX: usize = 64 << 20;

/// An address that a node may be found at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Target {
    /// Where to connect.
    pub address: SocketAddr,
    /// The name that it was looked up by: the peer's certificate must bear it.
    pub host: String,
}

/// Why a connection came to nothing, or ended.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("{0}")]
    Unreachable(String),
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error("it is connected by another address")]
    Connected(Uuid),
    #[error("{}", reason_of(.0))]
    Failed(Box<Status>),
    #[error("silent for too long")]
    Silent,
    #[error(transparent)]
    Unusable(#[from] Unusable),
}

/// Keeps a connection to the node at that address, until it is aborted.
pub(super) async fn keep(handle: ClusterHandle, target: Target, tls: Option<PeerTls>) {
    let mut backoff = Backoff::default();
    loop {
        let started = Instant::now();
        let (stranger, ended) = connect_and_watch(&handle, &target, tls.as_ref()).await;
        let wait = match &ended {
            Ended::Refused(_) => REFUSED_AGAIN_AFTER,
            Ended::Connected(incarnation) => {
                until_disconnected(&handle, *incarnation).await;
                continue;
            }
            Ended::Unreachable(reason) => {
                metrics::failed(None, "Handshake", Code::Unavailable);
                handle.unreachable(&target, reason);
                backoff.next(Duration::ZERO, rand::random()).min(WAIT_MAX)
            }
            Ended::Failed(_) | Ended::Silent | Ended::Unusable(_) => {
                if let Some(stranger) = &stranger {
                    tracing::info!(
                        event = "cluster.disconnected",
                        peer = stranger.name,
                        number = stranger.number,
                        "the stream has ended: {ended}"
                    );
                }
                backoff.next(started.elapsed(), rand::random()).min(WAIT_MAX)
            }
        };
        let known = incarnations(&handle);
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            // A node has called us that was not there before: perhaps it is the one that we look for.
            () = until_called(&handle, &known) => {}
        }
    }
}

async fn connect_and_watch(
    handle: &ClusterHandle,
    target: &Target,
    tls: Option<&PeerTls>,
) -> (Option<Stranger>, Ended) {
    let channel = match connect(target, tls).await {
        Ok(channel) => channel,
        Err(reason) => return (None, Ended::Unreachable(reason)),
    };
    let mut client = ClusterClient::new(channel.clone()).max_decoding_message_size(UPDATE_SIZE_MAX);
    let started = Instant::now();
    let answer = match tokio::time::timeout(ANSWER_WITHIN, client.handshake(handle.identity().hello())).await {
        Ok(Ok(answer)) => answer.into_inner(),
        Ok(Err(status)) => return (None, Ended::Unreachable(reason_of(&status))),
        Err(_) => return (None, Ended::Unreachable("no answer to our Hello".to_owned())),
    };
    metrics::answered("Handshake", started.elapsed());
    let stranger = match handle.greeted(&target.to_string(), &answer) {
        Ok(stranger) => stranger,
        Err(refused) => return (None, refused.into()),
    };
    let incarnation = stranger.incarnation;
    if !handle.connected(incarnation, channel) {
        return (Some(stranger), Ended::Connected(incarnation));
    }
    // However this ends, also when it is aborted: the connection is taken back.
    let _connection = Connection { handle, incarnation };
    let ended = watch(handle, &mut client, incarnation).await;
    if let Ended::Failed(status) = &ended {
        metrics::failed(Some(stranger.number), "Watch", status.code());
    }
    (Some(stranger), ended)
}

/// A connection that the others see in the view.
struct Connection<'a> {
    handle: &'a ClusterHandle,
    incarnation: Uuid,
}

impl Drop for Connection<'_> {
    fn drop(&mut self) {
        self.handle.disconnected(self.incarnation);
    }
}

/// Hears a peer until its stream ends or it is silent.
async fn watch(handle: &ClusterHandle, client: &mut ClusterClient<Channel>, incarnation: Uuid) -> Ended {
    let request = WatchRequest {
        number: handle.identity().number.into(),
        incarnation: handle.identity().incarnation.as_bytes().to_vec().into(),
        from_incarnation: incarnation.as_bytes().to_vec().into(),
        from_version: handle.has(incarnation),
    };
    let mut updates = match tokio::time::timeout(ANSWER_WITHIN, client.watch(request)).await {
        Ok(Ok(updates)) => updates.into_inner(),
        Ok(Err(status)) => return Ended::Failed(Box::new(status)),
        Err(_) => return Ended::Silent,
    };
    loop {
        match tokio::time::timeout(GONE_AFTER, updates.message()).await {
            Ok(Ok(Some(update))) => {
                if let Err(unusable) = handle.hear(update) {
                    return unusable.into();
                }
            }
            Ok(Ok(None)) => return Ended::Failed(Box::new(Status::unavailable("it has ended the stream"))),
            Ok(Err(status)) => return Ended::Failed(Box::new(status)),
            // The connection may be dead without a word: a new one shows whether the node is.
            Err(_) => return Ended::Silent,
        }
    }
}

/// The incarnations that are known, with a connection or without.
fn incarnations(handle: &ClusterHandle) -> HashSet<Uuid> {
    handle.view().peers.iter().map(|peer| peer.incarnation).collect()
}

/// Waits until somebody else is known to whom there is no connection.
async fn until_called(handle: &ClusterHandle, known: &HashSet<Uuid>) {
    let mut changed = handle.changed();
    let is_new = |peer: &Peer| peer.channel.is_none() && !known.contains(&peer.incarnation);
    while !handle.view().peers.iter().any(is_new) {
        if changed.changed().await.is_err() {
            return std::future::pending().await;
        }
    }
}

/// Waits until there is no connection to that incarnation any more.
async fn until_disconnected(handle: &ClusterHandle, incarnation: Uuid) {
    let mut changed = handle.changed();
    let connected = |handle: &ClusterHandle| {
        let view = handle.view();
        view.peers.iter().any(|peer| peer.incarnation == incarnation && peer.channel.is_some())
    };
    while connected(handle) {
        if changed.changed().await.is_err() {
            return;
        }
    }
}

async fn connect(target: &Target, tls: Option<&PeerTls>) -> Result<Channel, String> {
    let scheme = if tls.is_some() { "https" } else { "http" };
    let endpoint = Endpoint::from_shared(format!("{scheme}://{}", target.address)).map_err(|error| chain(&error))?;
    let mut endpoint = endpoint
        .connect_timeout(ANSWER_WITHIN)
        .tcp_nodelay(true)
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(4 << 20);
    if let Some(tls) = tls {
        endpoint = endpoint.tls_config(tls.towards(&target.host)).map_err(|error| chain(&error))?;
    }
    match tokio::time::timeout(ANSWER_WITHIN, endpoint.connect()).await {
        Ok(connected) => connected.map_err(|error| chain(&error)),
        Err(_) => Err(format!("no connection within {} s", ANSWER_WITHIN.as_secs())),
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.address.ip().to_string() == self.host {
            write!(f, "{}", self.address)
        } else {
            write!(f, "{} ({})", self.host, self.address)
        }
    }
}

/// An error with all that is behind it: tonic's own text is "transport error".
fn chain(error: &dyn std::error::Error) -> String {
    let mut texts = vec![error.to_string()];
    let mut source = error.source();
    while let Some(error) = source {
        let text = error.to_string();
        // Many repeat what is behind them.
        if texts.last().is_none_or(|last| *last != text) {
            texts.push(text);
        }
        source = error.source();
    }
    texts.join(": ")
}

fn reason_of(status: &Status) -> String {
    let behind = std::error::Error::source(status).map(chain);
    behind.unwrap_or_else(|| format!("{:?}: {}", status.code(), status.message()))
}
