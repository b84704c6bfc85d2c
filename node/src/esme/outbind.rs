//! Calls ESMEs that wait to be called: outbind, when something waits for an account and no receiver of it is bound (S18).
//!
//! Looks once a second, because what waits is known twice a second and nobody who is called is in a hurry. A call that
//! comes to nothing is repeated after a wait that doubles. Owns no message: if it stops, who waits is not called.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use smsc_store::Outbox;
use tokio::net::TcpStream;

use super::account::Account;
use super::entrance::Client;
use super::listener::Threads;
use super::session::EsmeSession;
use crate::config::HostPort;
use crate::operator::reconnect::Backoff;
use crate::services::Services;
use crate::shutdown::Drain;
use crate::telemetry::metrics::ListenerMetrics;
use crate::wire::Socket;

/// How often it looks.
const LOOK: Duration = Duration::from_secs(1);
/// How long an ESME may take to answer the telephone.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Calls the accounts that have `outbind`.
pub struct Outbinder {
    services: Arc<Services>,
    threads: Arc<Threads>,
    callees: Vec<Callee>,
    metrics: ListenerMetrics,
}

/// An account that is called.
struct Callee {
    account: Arc<Account>,
    address: HostPort,
    backoff: Backoff,
    not_before: Instant,
}

impl Outbinder {
    /// Starts it on the current thread; `None` if no account waits to be called.
    pub fn start_for(services: &Arc<Services>, threads: &Arc<Threads>) -> Option<Addr<Self>> {
        let callee = |account: &Arc<Account>| {
            let address = account.config.outbind.clone()?;
            Some(Callee { account: account.clone(), address, backoff: Backoff::default(), not_before: Instant::now() })
        };
        let callees: Vec<Callee> = services.accounts().filter_map(callee).collect();
        if callees.is_empty() {
            return None;
        }
        let metrics = ListenerMetrics::new("outbind");
        Some(Self { services: services.clone(), threads: threads.clone(), callees, metrics }.start())
    }

    fn look(&mut self, ctx: &mut Context<Self>) {
        let (now, stats) = (Instant::now(), self.services.store.stats());
        for index in 0..self.callees.len() {
            let callee = &mut self.callees[index];
            if self.services.directory.has_receiver(callee.account.name) {
                (callee.backoff, callee.not_before) = (Backoff::default(), now);
                continue;
            }
            let outbox = Outbox::Account(callee.account.name);
            let outboxes = stats.iter().flat_map(|partition| &partition.stats.outboxes);
            let waits = outboxes.filter(|stats| stats.outbox == outbox).any(|stats| stats.ready > 0);
            if waits && callee.not_before <= now {
                // It has so long to bind before it is called again.
                let session_init = self.services.config.session.session_init;
                let wait = callee.backoff.next(Duration::ZERO, rand::random());
                callee.not_before = now + CONNECT_TIMEOUT.max(session_init) + wait;
                self.call(index, ctx);
            }
        }
    }

    fn call(&self, index: usize, ctx: &mut Context<Self>) {
        let address = self.callees[index].address.clone();
        let connected = async move { connect(&address).await }.into_actor(self).map(move |connected, this, _| {
            let callee = &mut this.callees[index];
            let name = callee.account.name;
            match connected {
                Ok((stream, peer)) => {
                    tracing::info!(event = "session.outbind", account = %name, %peer, "calling an ESME");
                    let account = callee.account.clone();
                    this.hand_over(stream, peer, account);
                }
                Err(error) => {
                    tracing::warn!(event = "session.outbind", account = %name, address = %callee.address, %error, "cannot call an ESME");
                    // Nobody was reached, so nobody is about to bind: the wait alone counts.
                    callee.not_before = Instant::now() + callee.backoff.next(Duration::ZERO, rand::random());
                }
            }
        });
        ctx.spawn(connected);
    }

    fn hand_over(&self, stream: TcpStream, peer: SocketAddr, account: Arc<Account>) {
        let Ok(stream) = stream.into_std() else { return };
        let (arbiter, place) = self.threads.least_loaded();
        let (services, metrics) = (self.services.clone(), self.metrics.clone());
        arbiter.spawn_fn(move || {
            // The stream belongs to the runtime of the thread that serves it.
            let Ok(stream) = TcpStream::from_std(stream) else { return };
            let since = Instant::now();
            let client = Client { socket: Socket::Plain(stream), peer, since, certificate_names: Box::default() };
            EsmeSession::call_on(services, client, place, metrics, account);
        });
    }
}

async fn connect(address: &HostPort) -> io::Result<(TcpStream, SocketAddr)> {
    let connecting = async {
        let stream = TcpStream::connect((address.host(), address.port())).await?;
        stream.set_nodelay(true)?;
        let peer = stream.peer_addr()?;
        Ok((stream, peer))
    };
    let timed_out = |_| Err(io::Error::new(io::ErrorKind::TimedOut, "no connection in time"));
    tokio::time::timeout(CONNECT_TIMEOUT, connecting).await.unwrap_or_else(timed_out)
}

impl Actor for Outbinder {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.run_interval(LOOK, Self::look);
    }
}

impl Handler<Drain> for Outbinder {
    type Result = ();

    fn handle(&mut self, _: Drain, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}
