//! Serves `/metrics`, the health of the node, and what else is given to it: the API.
//!
//! On a thread and a runtime of its own: a scrape never takes time from sessions, and a probe is answered while they
//! are busy. Who opens connections and says nothing, or reads nothing, is dropped: the places are soon free again.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio_io_timeout::TimeoutStream;

use super::agent_check::AgentCheck;
use super::health::{NodeState, Probe};
use super::load::{LOOK_EVERY, Load};
use crate::api::auth::Peer;

/// How often histograms are drained: what they took in the meantime lies in memory.
const UPKEEP_EVERY: Duration = Duration::from_secs(1);
/// How often the main loop shows that it moves.
const BEAT_EVERY: Duration = Duration::from_secs(2);
/// Connections at a time; further ones wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 128;
/// How long the head of a request may take, also the next one of a connection that stays open.
const HEAD_WITHIN: Duration = Duration::from_secs(5);
/// How long a client may take nothing of an answer.
const STALL_MAX: Duration = Duration::from_secs(5);
/// How long we wait when the process has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long open requests may take after the stop.
const STOP_WITHIN: Duration = Duration::from_secs(2);

/// Why HTTP is not served: the fault is in the configuration or on this machine.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The port is taken or the address is not ours.
    #[error("{key} {address}: cannot listen: {error}")]
    Listen {
        /// Which key of the configuration says so.
        key: &'static str,
        /// Where.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// No thread or no runtime.
    #[error("http: the server cannot be started: {0}")]
    Start(io::Error),
}

/// The running server. Dropping it stops it too, without waiting.
pub struct HttpServer {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: mpsc::Receiver<()>,
    thread: JoinHandle<()>,
}

impl HttpServer {
    /// Listens and serves, beside it the agent check. Called on a runtime, it also watches that this runtime moves.
    pub fn start(
        address: SocketAddr,
        metrics: PrometheusHandle,
        state: NodeState,
        more: Router,
        agent_check: Option<AgentCheck>,
    ) -> Result<Self, HttpError> {
        let listen = |error| HttpError::Listen { key: "http.address", address, error };
        let listener = TcpListener::bind(address).map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        listener.set_nonblocking(true).map_err(listen)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(HttpError::Start)?;
        watch_this_runtime(&state);
        let (stop, stopped) = oneshot::channel();
        let (end, ended) = mpsc::channel();
        let serve = move || {
            let load = Load::new(state.clone());
            let routes = routes(metrics.clone(), state).merge(more);
            if let Some(agent_check) = agent_check {
                runtime.spawn(agent_check.serve());
            }
            runtime.block_on(serve(listener, metrics, load, routes, stopped));
            // Whoever waits has given up if this cannot be sent.
            let _ = end.send(());
        };
        let thread = std::thread::Builder::new().name("http".to_owned()).spawn(serve).map_err(HttpError::Start)?;
        Ok(Self { address, stop, ended, thread })
    }

    /// Where it listens: the port that was given when the configuration said 0.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more requests, finishes the open ones, and returns when the port is free or time is up.
    pub fn stop(self) {
        // It has ended by itself if nobody hears this.
        let _ = self.stop.send(());
        if self.ended.recv_timeout(STOP_WITHIN).is_ok() && self.thread.join().is_err() {
            tracing::error!(event = "http.failed", "the HTTP thread has panicked");
        }
    }
}

async fn serve(
    listener: TcpListener,
    metrics: PrometheusHandle,
    mut load: Load,
    routes: Router,
    stopped: oneshot::Receiver<()>,
) {
    tokio::spawn(async move {
        let mut interval = tokio::time::interval(LOOK_EVERY);
        loop {
            load.look(interval.tick().await.into_std());
        }
    });
    tokio::spawn(async move {
        let mut interval = tokio::time::interval(UPKEEP_EVERY);
        loop {
            interval.tick().await;
            metrics.run_upkeep();
        }
    });
    match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => serve_connections(listener, routes, stopped).await,
        Err(error) => {
            tracing::error!(event = "http.failed", %error, "metrics and health are not served");
        }
    }
}

/// Serves until it is told to stop, and finishes what is open.
async fn serve_connections(listener: tokio::net::TcpListener, routes: Router, mut stopped: oneshot::Receiver<()>) {
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN);
    let open = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let (stream, peer, place) = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            _ = &mut stopped => break,
        };
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(STALL_MAX));
        let service = TowerToHyperService::new(routes.clone().layer(Extension(Peer(peer))));
        let connection = open.watch(http.serve_connection(TokioIo::new(Box::pin(stream)), service));
        tokio::spawn(async move {
            let _place = place;
            // Whatever ended it is the client's affair.
            let _ = connection.await;
        });
    }
    drop(listener);
    open.shutdown().await;
}

/// The next connection, and its place.
async fn accept(
    listener: &tokio::net::TcpListener,
    places: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return std::future::pending().await };
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, place),
            Err(error) => {
                tracing::warn!(event = "http.accept", %error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Beats as long as the caller's runtime runs; without a runtime there is nothing to watch.
fn watch_this_runtime(state: &NodeState) {
    let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
    let state = state.clone();
    runtime.spawn(async move {
        let mut interval = tokio::time::interval(BEAT_EVERY);
        loop {
            interval.tick().await;
            state.beat();
        }
    });
}

fn routes(metrics: PrometheusHandle, state: NodeState) -> Router {
    Router::new()
        .route("/livez", get(|State(state): State<NodeState>| async move { probe(state.liveness()) }))
        .route("/startupz", get(|State(state): State<NodeState>| async move { probe(state.startup()) }))
        .route("/readyz", get(|State(state): State<NodeState>| async move { probe(state.readiness()) }))
        .route("/healthz", get(healthz))
        .route("/metrics", get(move || async move { exposition(metrics.render()) }))
        .with_state(state)
}

/// 200, or 503 with the reason.
fn probe(probe: Probe) -> Response {
    match probe {
        Ok(()) => (StatusCode::OK, "ok\n").into_response(),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    }
}

/// Like `/readyz`; with `?verbose` every check as JSON.
async fn healthz(State(state): State<NodeState>, RawQuery(query): RawQuery) -> Response {
    let readiness = state.readiness();
    let verbose = query.is_some_and(|query| query.split('&').any(|part| part.split('=').next() == Some("verbose")));
    if !verbose {
        return probe(readiness);
    }
    let status = if readiness.is_ok() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [(header::CONTENT_TYPE, "application/json")], format!("{:#}\n", state.report())).into_response()
}

fn exposition(text: String) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    // The blocking one, not the server's.
    use std::net::TcpStream;

    use super::super::metrics;
    use super::*;

    fn start() -> (HttpServer, NodeState) {
        let recorder = metrics::install(1_000);
        let state = NodeState::default();
        let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = HttpServer::start(anywhere, recorder, state.clone(), Router::new(), None).expect("a free port");
        (server, state)
    }

    fn get(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).expect("it listens");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        answer
    }

    fn status(address: SocketAddr, path: &str) -> String {
        get(address, path).split(' ').nth(1).expect("a status line").to_owned()
    }

    #[test]
    fn probes_follow_the_nodes_state() {
        let (server, state) = start();
        let all = |server: &HttpServer| ["/livez", "/startupz", "/readyz"].map(|path| status(server.address(), path));
        assert_eq!(all(&server), ["200", "503", "503"]);
        state.ready();
        assert_eq!(all(&server), ["200", "200", "200"]);
        state.draining("draining");
        assert_eq!(all(&server), ["200", "200", "503"]);
        server.stop();
    }

    #[test]
    fn people_are_told_every_check_and_its_reason() {
        let (server, state) = start();
        state.failed("the store has failed");
        let answer = get(server.address(), "/healthz?verbose");
        assert!(answer.contains("\"reason\": \"the store has failed\""), "{answer}");
        server.stop();
    }

    #[test]
    fn metrics_are_served_with_their_descriptions() {
        let (server, _state) = start();
        let answer = get(server.address(), "/metrics");
        assert!(answer.contains("content-type: text/plain; version=0.0.4"), "{answer}");
        assert!(answer.contains("# TYPE smsc_node_state gauge"), "{answer}");
        assert!(answer.contains("smsc_build_info{"), "{answer}");
        server.stop();
    }

    #[test]
    fn a_port_that_is_taken_is_an_error_that_names_it() {
        let (server, state) = start();
        let second = HttpServer::start(server.address(), metrics::install(1_000), state, Router::new(), None);
        let error = second.err().expect("the port is taken");
        assert!(error.to_string().starts_with(&format!("http.address {}: cannot listen", server.address())), "{error}");
        server.stop();
    }

    /// Waits until the server has closed.
    fn expect_end(mut stream: TcpStream) {
        stream.set_read_timeout(Some(4 * HEAD_WITHIN)).expect("a socket");
        // The end, clean or not, perhaps behind an answer.
        let ended = stream.read_to_end(&mut Vec::new());
        assert!(
            ended.as_ref().map_or_else(|error| error.kind() == io::ErrorKind::ConnectionReset, |_| true),
            "{ended:?}"
        );
    }

    #[test]
    fn clients_that_say_nothing_or_half_of_it_take_nobodys_place() {
        let (server, state) = start();
        state.ready();
        let silent: Vec<_> = (0..CONNECTIONS_MAX)
            .map(|number| {
                let mut stream = TcpStream::connect(server.address()).expect("it listens");
                if number % 2 == 0 {
                    write!(stream, "GET /metrics HTTP/1.1\r\nHost:").expect("it reads");
                }
                stream
            })
            .collect();
        assert_eq!(status(server.address(), "/readyz"), "200");
        silent.into_iter().for_each(expect_end);
        server.stop();
    }

    #[test]
    fn a_client_that_asks_for_nothing_more_is_closed() {
        let (server, _state) = start();
        let mut stream = TcpStream::connect(server.address()).expect("it listens");
        write!(stream, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").expect("it reads");
        expect_end(stream);
        server.stop();
    }

    #[test]
    fn a_client_that_reads_nothing_is_dropped() {
        let (server, _state) = start();
        let mut stream = TcpStream::connect(server.address()).expect("it listens");
        // More answers than both sockets' buffers hold: the server stops reading, then gives up.
        let requests = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n".repeat(1_000);
        stream.set_write_timeout(Some(4 * STALL_MAX)).expect("a socket");
        let ended = std::iter::repeat_with(|| stream.write_all(requests.as_bytes())).take(1_000).find_map(Result::err);
        let kind = ended.expect("it does not read for ever").kind();
        assert!(matches!(kind, io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe), "{kind:?}");
        server.stop();
    }

    #[test]
    fn after_the_stop_the_port_is_free() {
        let (server, _state) = start();
        let address = server.address();
        server.stop();
        assert!(TcpStream::connect(address).is_err());
    }
}
