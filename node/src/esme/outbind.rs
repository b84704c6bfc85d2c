//! Calls ESMEs that wait to be called: outbind, when something waits for an account and no receiver of it is bound (S18).
//!
//! Looks once a second, because what waits is known twice a second and nobody who is called is in a hurry. A call that
//! comes to nothing is repeated after a wait that doubles. Owns no message: if it stops, who waits is not called.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use smsc_store::{Name, Outbox};
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

/// Calls the accounts that have `outbind`, by the configuration of the moment.
pub struct Outbinder {
    services: Arc<Services>,
    threads: Arc<Threads>,
    callees: BTreeMap<Name, Callee>,
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
    /// Starts it on the current thread.
    pub fn start_for(services: &Arc<Services>, threads: &Arc<Threads>) -> Addr<Self> {
        let metrics = ListenerMetrics::new("outbind");
        let (services, threads) = (services.clone(), threads.clone());
        Self { services, threads, callees: BTreeMap::new(), metrics }.start()
    }

    /// Who is to be called by now. Whoever was before keeps his wait.
    fn follow_configuration(&mut self) {
        let live = self.services.live();
        self.callees.retain(|name, _| live.account(*name).is_some_and(|account| account.config.outbind.is_some()));
        for account in live.accounts() {
            let Some(address) = account.config.outbind.clone() else { continue };
            let callee = self.callees.entry(account.name).or_insert_with(|| Callee {
                account: account.clone(),
                address: address.clone(),
                backoff: Backoff::default(),
                not_before: Instant::now(),
            });
            (callee.account, callee.address) = (account.clone(), address);
        }
    }

    fn look(&mut self, ctx: &mut Context<Self>) {
        self.follow_configuration();
        if self.callees.is_empty() {
            return;
        }
        let (now, stats) = (Instant::now(), self.services.store.stats());
        let mut due = Vec::new();
        for callee in self.callees.values_mut() {
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
                due.push((callee.account.name, callee.address.clone()));
            }
        }
        for (name, address) in due {
            self.call(name, address, ctx);
        }
    }

    fn call(&self, name: Name, address: HostPort, ctx: &mut Context<Self>) {
        let connected = async move { connect(&address).await }.into_actor(self).map(move |connected, this, _| {
            // He may not want to be called any more.
            let Some(callee) = this.callees.get_mut(&name) else { return };
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
