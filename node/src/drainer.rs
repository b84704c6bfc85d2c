//! Takes the node out of service and back: for a time, for good, or because the process is to end.
//!
//! ```text
//!               TakeOut
//!   in service ─────────> lb_delay ──> ports closed, sessions unbound at a pace, then links ──> out of service
//!       ^                    │                               │                                       │
//!       └────── PutBack ─────┴───────────────────────────────┴───────────────────────────────────────┘
//! ```
//!
//! What ESMEs submitted is answered first; what operators still have to say is taken last. The store stays open: in a
//! cluster other nodes deliver what it keeps. If this actor stops the node can only be ended.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use smsc_store::partition::PartitionStats;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use crate::config::Journal;
use crate::departure::{Departure, DepartureError, DepartureFile};
use crate::esme::listener::Threads;
use crate::esme::listeners::{CannotListen, Listeners};
use crate::esme::outbind::Outbinder;
use crate::operator::keeper::LinkKeeper;
use crate::services::Services;
use crate::shutdown::{Drain, StopSignals};
use crate::telemetry::health::{NodeState, Phase};

/// How often we look whether the last one has gone.
const LOOK: Duration = Duration::from_millis(20);
/// What the store says of itself is at most so old.
const STATS_AGE_MAX: Duration = Duration::from_secs(1);

/// Out of service, in order: balancers first have the time that they need to notice.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct TakeOut {
    /// Do not wait for balancers, or no longer. Without it a node that is going out already goes on as it does.
    pub hurry: bool,
}

/// Into service again.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Result<(), CannotServe>")]
pub struct PutBack;

/// Out of service for good, as far as it has come: to be said again until nothing is left.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Result<Decommissioning, CannotLeave>")]
pub struct Decommission;

/// Why a node cannot serve again.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum CannotServe {
    #[error("it is decommissioned: start it with an empty data folder")]
    Retired,
    #[error(transparent)]
    Listen(#[from] CannotListen),
    #[error(transparent)]
    Departure(#[from] DepartureError),
}

/// Why a node cannot leave for good.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum CannotLeave {
    #[error("it is in no cluster: there is no other node to deliver what it keeps")]
    Alone,
    #[error(
        "it keeps nothing of its own: with store.journal = \"postgres\" stop it, and the others take its partitions"
    )]
    NothingOfItsOwn,
    #[error(transparent)]
    Departure(#[from] DepartureError),
}

/// How far a node is with leaving for good.
#[derive(Clone, Debug)]
pub struct Decommissioning {
    /// Nothing is left: its process may be ended, and its disk given away.
    pub retired: bool,
    /// What it still keeps.
    pub left: Left,
}

/// What keeps a node from leaving for good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Connections of ESMEs.
    pub sessions: usize,
    /// Links to operators.
    pub links: usize,
    /// Messages and receipts that are not delivered.
    pub held: u64,
    /// Receipts of operators that match nothing yet.
    pub parked: u64,
    /// Call detail records that are not written.
    pub cdrs: u64,
}

impl Left {
    /// Of a node with these sessions and links, and these partitions.
    fn of<'a>(sessions: usize, links: usize, partitions: impl Iterator<Item = &'a PartitionStats>) -> Self {
        partitions.fold(Self { sessions, links, ..Self::default() }, |left, stats| Self {
            held: left.held + stats.held,
            parked: left.parked + stats.parked,
            cdrs: left.cdrs + stats.cdrs_owed,
            ..left
        })
    }

    fn is_nothing(self) -> bool {
        self == Self::default()
    }
}

/// See the module.
pub struct Drainer {
    parts: Parts,
    threads: Arc<Threads>,
    state: NodeState,
    departure: DepartureFile,
    /// The way out, while the node is on it or has gone it.
    way: Option<SpawnHandle>,
    /// Since when nobody is left.
    out: watch::Sender<Option<Instant>>,
}

/// What is taken out of service.
#[derive(Clone)]
struct Parts {
    services: Arc<Services>,
    listeners: Arc<Listeners>,
    links: Arc<LinkKeeper>,
    outbinder: Addr<Outbinder>,
}

impl Drainer {
    /// Starts it on the node's main thread, for a node that does not serve yet. Since when the node is out of service is
    /// told over the channel.
    pub fn start_for(
        services: &Arc<Services>,
        listeners: Listeners,
        links: &Arc<LinkKeeper>,
        threads: &Arc<Threads>,
        state: &NodeState,
    ) -> (Addr<Self>, watch::Receiver<Option<Instant>>) {
        let (out, is_out) = watch::channel(None);
        let drainer = Self {
            parts: Parts {
                services: services.clone(),
                listeners: Arc::new(listeners),
                links: links.clone(),
                outbinder: Outbinder::start_for(services, threads),
            },
            threads: threads.clone(),
            state: state.clone(),
            departure: DepartureFile::in_folder(&services.config.node.data_dir),
            way: None,
            out,
        };
        (drainer.start(), is_out)
    }

    fn take_out(&mut self, hurry: bool, ctx: &mut Context<Self>) {
        match self.way.take() {
            Some(way) if !hurry => self.way = Some(way),
            before => {
                before.into_iter().for_each(|way| _ = ctx.cancel_future(way));
                let drain = &self.parts.services.config.drain;
                let deadline = Instant::now() + drain.deadline;
                let lb_delay = if hurry { Duration::ZERO } else { drain.lb_delay };
                let way = drain_parts(self.parts.clone(), lb_delay, deadline).into_actor(self);
                self.way = Some(ctx.spawn(way.map(|(), this, _| {
                    tracing::info!(event = "drain.out", "out of service: no session and no link is left");
                    _ = this.out.send_if_modified(|out| out.replace(Instant::now()).is_none());
                })));
            }
        }
    }

    fn left(&self) -> Left {
        let partitions = self.parts.services.store.stats();
        let links = self.parts.links.list().len();
        Left::of(self.parts.services.directory.len(), links, partitions.iter().map(|partition| &partition.stats))
    }
}

/// Everybody leaves, each in order.
async fn drain_parts(parts: Parts, lb_delay: Duration, deadline: Instant) {
    let Parts { services, listeners, links, outbinder } = parts;
    sleep(lb_delay).await;
    listeners.close();
    outbinder.do_send(Drain);
    let mut told = HashSet::new();
    // Links want some of the time too.
    let patience = Instant::now() + deadline.saturating_duration_since(Instant::now()) * 3 / 4;
    while !services.directory.is_empty() && Instant::now() < patience {
        // Who was just let in is new here.
        let mut news = services.directory.sessions();
        news.retain(|(holder, _)| !told.contains(holder));
        let pace = pace(services.config.drain.rate, news.len(), patience.saturating_duration_since(Instant::now()));
        for (holder, session) in news {
            session.do_send(Drain);
            told.insert(holder);
            sleep(pace).await;
        }
        sleep(LOOK).await;
    }
    let links = links.drain();
    while links.iter().any(Addr::connected) && Instant::now() < deadline {
        sleep(LOOK).await;
    }
    if !services.directory.is_empty() || links.iter().any(Addr::connected) {
        tracing::warn!(event = "drain.slow", sessions = services.directory.len(), "some do not leave");
    }
    while !services.directory.is_empty() || links.iter().any(Addr::connected) {
        sleep(LOOK).await;
    }
}

/// How long after one session the next is told: so many a second, and all of them in half of the time at the latest.
fn pace(rate: u32, sessions: usize, time: Duration) -> Duration {
    let sessions = u32::try_from(sessions).unwrap_or(u32::MAX).max(1);
    (Duration::from_secs(1) / rate.max(1)).min(time / 2 / sessions)
}

/// Waits until the node is out of service, or the deadline. A further signal takes the delay for balancers away, and one
/// more all patience.
pub async fn wait_until_out(
    drainer: &Addr<Drainer>,
    mut is_out: watch::Receiver<Option<Instant>>,
    deadline: Instant,
    mut hurried: bool,
    signals: &mut StopSignals,
) {
    loop {
        tokio::select! {
            _ = is_out.wait_for(Option::is_some) => return,
            () = sleep_until(deadline) => return,
            _ = signals.next() => {
                if std::mem::replace(&mut hurried, true) {
                    return;
                }
                drainer.do_send(TakeOut { hurry: true });
            }
        }
    }
}

impl Actor for Drainer {
    type Context = Context<Self>;
}

impl Handler<TakeOut> for Drainer {
    type Result = ();

    fn handle(&mut self, TakeOut { hurry }: TakeOut, ctx: &mut Context<Self>) {
        if self.way.is_none() {
            tracing::info!(event = "drain.start", "going out of service");
            self.state.draining("draining");
        }
        self.take_out(hurry, ctx);
    }
}

impl Handler<PutBack> for Drainer {
    type Result = Result<(), CannotServe>;

    fn handle(&mut self, _: PutBack, ctx: &mut Context<Self>) -> Self::Result {
        if self.state.phase() == Phase::Retired {
            return Err(CannotServe::Retired);
        }
        self.parts.listeners.open()?;
        self.departure.remove()?;
        if let Some(way) = self.way.take() {
            ctx.cancel_future(way);
            self.out.send_replace(None);
            if !self.parts.outbinder.connected() {
                self.parts.outbinder = Outbinder::start_for(&self.parts.services, &self.threads);
            }
            self.parts.links.resume();
            tracing::info!(event = "drain.undone", "in service again");
        }
        self.state.ready();
        Ok(())
    }
}

impl Handler<Decommission> for Drainer {
    type Result = Result<Decommissioning, CannotLeave>;

    fn handle(&mut self, _: Decommission, ctx: &mut Context<Self>) -> Self::Result {
        let config = &self.parts.services.config;
        if config.store.journal == Journal::Postgres {
            return Err(CannotLeave::NothingOfItsOwn);
        }
        if config.cluster.is_none() {
            return Err(CannotLeave::Alone);
        }
        if self.state.phase() == Phase::Retired {
            return Ok(Decommissioning { retired: true, left: self.left() });
        }
        self.departure.write(Departure::Leaving)?;
        self.state.draining("decommissioning");
        self.take_out(false, ctx);
        let left = self.left();
        let out_for = self.out.borrow().map(|out| out.elapsed());
        // Before that the store may still speak of the time when messages came.
        let retired = left.is_nothing() && out_for.is_some_and(|out_for| out_for > STATS_AGE_MAX);
        if retired {
            self.departure.write(Departure::Retired)?;
            self.state.retired();
            tracing::info!(event = "drain.retired", "decommissioned: nothing is left");
        }
        Ok(Decommissioning { retired, left })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_leave_at_their_rate_and_all_in_time() {
        let seconds = Duration::from_secs;
        assert_eq!(pace(50, 100, seconds(60)), Duration::from_millis(20));
        assert_eq!(pace(50, 10_000, seconds(60)), Duration::from_millis(3), "200 s would be too long");
        assert_eq!(pace(50, 0, seconds(0)), Duration::ZERO);
    }

    #[test]
    fn whatever_is_kept_is_left() {
        let stats = |held, parked, cdrs_owed| PartitionStats { held, parked, cdrs_owed, ..PartitionStats::default() };
        assert!(Left::of(0, 0, [stats(0, 0, 0)].iter()).is_nothing());
        for kept in [stats(1, 0, 0), stats(0, 1, 0), stats(0, 0, 1)] {
            assert!(!Left::of(0, 0, [kept].iter()).is_nothing());
        }
        assert!(!Left::of(1, 0, [].iter()).is_nothing());
        assert!(!Left::of(0, 1, [].iter()).is_nothing());
    }
}
