//! Accepts connections of ESMEs and hands each to the least loaded thread.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix::{Arbiter, ArbiterHandle};
use socket2::{Domain, Socket as RawSocket, Type};
use tokio::net::{TcpListener, TcpStream};

use super::entrance::Entrance;
use super::session::EsmeSession;
use crate::services::Services;
use crate::telemetry::metrics::ListenerMetrics;

/// Connections that the kernel keeps for us while we are busy.
const BACKLOG: i32 = 4_096;
/// How long we wait when the process has no file descriptor left: connections must end first.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The threads that sessions and links live on.
pub struct Threads {
    threads: Vec<Thread>,
}

struct Thread {
    arbiter: Arbiter,
    load: Arc<AtomicUsize>,
}

/// One session's place on a thread; gives it back when dropped.
pub struct Place {
    load: Arc<AtomicUsize>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.load.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Threads {
    /// One thread per core.
    pub fn start() -> Self {
        let count = std::thread::available_parallelism().map_or(1, usize::from);
        let thread = |_| Thread { arbiter: Arbiter::new(), load: Arc::default() };
        Self { threads: (0..count).map(thread).collect() }
    }

    /// The thread that carries least, and a place on it.
    pub fn least_loaded(&self) -> (ArbiterHandle, Place) {
        let thread = self
            .threads
            .iter()
            .min_by_key(|thread| thread.load.load(Ordering::Relaxed))
            .expect("there is at least one core");
        thread.load.fetch_add(1, Ordering::Relaxed);
        (thread.arbiter.handle(), Place { load: thread.load.clone() })
    }
}

/// A port that is bound, before anybody is let in.
pub struct BoundListener {
    listener: TcpListener,
    address: SocketAddr,
    entrance: Arc<Entrance>,
}

impl BoundListener {
    /// Binds the port. Must be called inside a tokio runtime.
    pub fn bind(address: SocketAddr, entrance: Arc<Entrance>) -> io::Result<Self> {
        let socket = RawSocket::new(Domain::for_address(address), Type::STREAM, None)?;
        // A restart must not wait for connections of its predecessor to time out.
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok(Self { listener: TcpListener::from_std(socket.into())?, address, entrance })
    }

    /// Lets ESMEs in until the task is ended.
    pub async fn accept(self, services: Arc<Services>, threads: Arc<Threads>) {
        let metrics = ListenerMetrics::new(&self.address.to_string());
        loop {
            match self.listener.accept().await {
                Ok((_, peer)) if !self.entrance.admits(peer.ip()) => {
                    tracing::warn!(event = "listener.proxy_header", %peer, "not one of trusted_proxies");
                    metrics.refused("proxy_header");
                }
                Ok((stream, peer)) => {
                    metrics.accepted();
                    self.hand_over(stream, peer, &services, &threads, &metrics);
                }
                Err(error) => {
                    tracing::warn!(event = "listener.accept", listener = %self.address, %error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn hand_over(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        services: &Arc<Services>,
        threads: &Threads,
        metrics: &ListenerMetrics,
    ) {
        let (arbiter, place) = threads.least_loaded();
        let (services, entrance, metrics) = (services.clone(), self.entrance.clone(), metrics.clone());
        let Ok(stream) = stream.set_nodelay(true).and_then(|()| stream.into_std()) else { return };
        arbiter.spawn_fn(move || {
            // The stream belongs to the runtime of the thread that serves it.
            let Ok(stream) = TcpStream::from_std(stream) else { return };
            actix::spawn(async move {
                let Some(client) = entrance.open(stream, peer, &metrics).await else { return };
                EsmeSession::start_on(services, client, place, metrics);
            });
        });
    }
}
