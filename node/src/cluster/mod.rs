//! The other nodes: who is there, and what each of them has.
//!
//! ```text
//!   discovery ──addresses──> dial ──handshake, watch──> peers        what we hear
//!   the node ──facts──> handle ──> publication <──watch── service    what we say
//! ```
//!
//! | file | holds |
//! |---|---|
//! | [`fact`] | what a node says of itself; one owner per key, so nothing is merged |
//! | [`publication`], [`peers`], [`handshake`], [`membership`] | the core: pure values, time passed in |
//! | [`placement`], [`exclusive`] | which node runs which links to operators (pure) |
//! | [`limits`], [`shares`] | a node's share of a rate that holds for the whole cluster: how much (pure), and keeping it |
//! | [`handle`], [`view`] | the way to the cluster for the rest of the node |
//! | [`bridge`] | what the router and the node's state have to do with it |
//! | `service`, `accept` | what peers ask of us; `dial`, `discovery` what we ask of them |
//! | [`changes`] | routes, accounts and operators that are changed at run time |
//! | [`questions`] | what people ask of all nodes |
//! | [`relay`] | messages of one node through the links and binds of another |
//! | `tls` | certificates; `refusals`, `metrics` what people see |
//! | [`wire`], [`translate`] | generated code of `proto/cluster.proto`, and what its messages mean |
//!
//! All of it runs on a thread of its own, and nothing that a session calls waits for a peer.

mod accept;
pub mod bridge;
pub mod changes;
mod dial;
mod discovery;
pub mod exclusive;
pub mod fact;
pub mod handle;
pub mod handshake;
pub mod limits;
pub mod membership;
mod metrics;
pub mod peers;
pub mod placement;
pub mod publication;
pub mod questions;
pub mod rebalance;
mod refusals;
pub mod relay;
mod service;
pub mod shares;
#[cfg(test)]
mod simulation;
mod tls;
pub mod translate;
pub mod view;
pub mod wire;

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix::{Arbiter, ArbiterHandle};
use smsc_store::Name;
use tokio::sync::oneshot;
use tokio_stream::Stream;
use tonic::body::Body;
use tonic::codegen::{Service as GrpcService, http};
use tonic::server::NamedService;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::Connected;
use uuid::Uuid;

pub use self::fact::{Binds, Demanded, Fact, Facts, Key, Links, Phase, Standing};
pub use self::handle::ClusterHandle;
pub use self::tls::CalledTls;
pub use self::view::{ClusterView, Peer, PeerState};

use self::handshake::Identity;
use self::service::Service;
use self::tls::PeerTls;
use crate::config::{self, ClusterTls, Config, Journal};
use crate::tls::TlsError;

/// How often a connection is tried that says nothing, and how long the answer may take.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// How often silence is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long a last word to the peers may take.
const STOP_WITHIN: Duration = Duration::from_secs(1);

/// Why the node cannot be part of its cluster: the fault is in the configuration or on this machine.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The port is taken or the address is not ours.
    #[error("cluster.listen {address}: cannot listen: {error}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// A certificate, key or authority.
    #[error("cluster.tls: {0}")]
    Tls(#[from] TlsError),
    /// No threads.
    #[error("cluster: cannot be started: {0}")]
    Start(io::Error),
}

/// The cluster's port is open, and nobody is answered yet: services can be added.
pub struct Cluster {
    thread: Thread,
    handle: ClusterHandle,
    listener: TcpListener,
    routes: Routes,
    config: config::Cluster,
    tls: Option<(CalledTls, PeerTls)>,
}

impl Cluster {
    /// Opens the port of a node that has a `[cluster]`; `None` for one that has none.
    pub fn open(config: &Config) -> Result<Option<Self>, ClusterError> {
        let Some(cluster) = &config.cluster else { return Ok(None) };
        let load = |files: &ClusterTls| Ok::<_, TlsError>((CalledTls::load(files)?, PeerTls::new(files.clone())));
        let tls = cluster.tls.as_ref().map(load).transpose()?;
        let listen = |error| ClusterError::Listen { address: cluster.listen, error };
        let listener = TcpListener::bind(cluster.listen).map_err(listen)?;
        listener.set_nonblocking(true).map_err(listen)?;
        let thread = Thread::start().map_err(ClusterError::Start)?;
        let identity = Identity {
            cluster: cluster.name.clone(),
            number: config.node.number,
            name: config.node.name.clone(),
            incarnation: Uuid::new_v4(),
            advertise: cluster.advertise.to_string(),
            journal: match config.store.journal {
                Journal::Sled => "sled",
                Journal::Postgres => "postgres",
                Journal::Nothing => "nothing",
            },
        };
        metrics::describe();
        let exclusive = exclusive_operators(config);
        let handle = ClusterHandle::new(identity, exclusive, cluster.nodes_expected, thread.runtime.clone());
        let routes = Routes::new(Service::new(handle.clone()));
        Ok(Some(Self { thread, handle, listener, routes, config: cluster.clone(), tls }))
    }

    /// The way to it.
    pub fn handle(&self) -> ClusterHandle {
        self.handle.clone()
    }

    /// Where actors are to run that talk with peers much.
    pub fn arbiter(&self) -> ArbiterHandle {
        self.thread.arbiter.handle()
    }

    /// One more gRPC service that peers may call.
    pub fn add_service<S>(&mut self, service: S)
    where
        S: GrpcService<http::Request<Body>, Error = Infallible> + NamedService + Clone + Send + Sync + 'static,
        S::Response: axum::response::IntoResponse,
        S::Future: Send + 'static,
    {
        self.routes = std::mem::take(&mut self.routes).add_service(service);
    }

    /// Answers peers, and looks for them.
    pub fn start(self) -> RunningCluster {
        let Self { thread, handle, listener, routes, config, tls } = self;
        let (stop, stopped) = oneshot::channel();
        let (called, calling) = tls.unzip();
        if let Some(called) = &called {
            handle.spawn(called.clone().follow());
        }
        let serving = handle.clone();
        let served = handle.spawn(async move {
            if let Err(error) = serve(listener, called, routes, serving, stopped).await {
                tracing::error!(event = "cluster.failed", %error, "peers are not answered any more");
            }
        });
        handle.spawn(discovery::discover(handle.clone(), config.seeds, calling));
        let looking = handle.clone();
        handle.spawn(async move {
            let mut interval = tokio::time::interval(LOOK_EVERY);
            loop {
                interval.tick().await;
                looking.handle_timeout();
            }
        });
        RunningCluster { handle, stop, served, _thread: thread }
    }
}

/// The operators of a configuration that tolerate one bind only.
pub fn exclusive_operators(config: &Config) -> impl Iterator<Item = Name> {
    config.operator.iter().filter(|operator| operator.exclusive).map(|operator| Name::intern(&operator.name))
}

/// This node is part of its cluster. Dropping it ends that without a word.
pub struct RunningCluster {
    handle: ClusterHandle,
    stop: oneshot::Sender<()>,
    served: tokio::task::JoinHandle<()>,
    _thread: Thread,
}

impl RunningCluster {
    /// Says to the peers that this node leaves, and ends all calls.
    pub async fn stop(self) {
        self.handle.publish_standing(Phase::Left, false);
        // Watchers are told within a moment; who is not will miss our heartbeats.
        tokio::time::sleep(LOOK_EVERY).await;
        // It has ended by itself if nobody hears this.
        let _ = self.stop.send(());
        let _ = tokio::time::timeout(STOP_WITHIN, self.served).await;
    }
}

/// The cluster's own thread. Connections to peers, what they say, and the actors that hear it are all on it: a thread that
/// is woken costs more than what a message has to do here.
struct Thread {
    arbiter: Arbiter,
    runtime: tokio::runtime::Handle,
}

impl Thread {
    fn start() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let arbiter = Arbiter::try_with_tokio_rt(move || Ok(runtime))?;
        Ok(Self { arbiter, runtime: handle })
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        // It has ended already if nobody hears this.
        self.arbiter.stop();
    }
}

async fn serve(
    listener: TcpListener,
    tls: Option<CalledTls>,
    routes: Routes,
    handle: ClusterHandle,
    stopped: oneshot::Receiver<()>,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_serving::<wire::cluster_server::ClusterServer<Service>>().await;
    let routes = routes.add_service(health);
    let listener = tokio::net::TcpListener::from_std(listener)?;
    match tls {
        None => serve_connections(accept::plain(listener), routes, stopped).await?,
        Some(tls) => serve_connections(accept::with_tls(listener, tls, handle), routes, stopped).await?,
    }
    Ok(())
}

async fn serve_connections<IO>(
    connections: impl Stream<Item = io::Result<IO>>,
    routes: Routes,
    stopped: oneshot::Receiver<()>,
) -> Result<(), tonic::transport::Error>
where
    IO: tokio::io::AsyncRead + tokio::io::AsyncWrite + Connected + Unpin + Send + 'static,
{
    Server::builder()
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(4 << 20)
        // A peer that is gone without a word leaves streams behind.
        .http2_keepalive_interval(Some(KEEP_ALIVE))
        .http2_keepalive_timeout(Some(KEEP_ALIVE))
        .add_routes(routes)
        .serve_with_incoming_shutdown(connections, async {
            // Also when whoever could stop us has gone.
            let _ = stopped.await;
        })
        .await
}
