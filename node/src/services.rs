//! What every session and link of this node is given.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix::Addr;
use arc_swap::{ArcSwap, Guard};
use smsc_proto::smpp::pdu::AlertNotification;
use smsc_proto::timestamp::Timestamp;
use smsc_router::messages::LinkChanged;
use smsc_router::retry::RetrySchedule;
use smsc_router::{Router, RouterHandle};
use smsc_store::clock::Clock;
use smsc_store::{Holder, Name, Outbox, Rest, StoreHandle, Upgrade};

use crate::alerts::{Alerts, subscriber};
use crate::attempt::{Answer, Attempt};
use crate::cluster::ClusterHandle;
use crate::config::Config;
use crate::console::failures::{FailedAttempt, Failures};
use crate::esme::bind::HashChecks;
use crate::esme::bind_backoff::BindBackoff;
use crate::esme::directory::Directory;
use crate::esme::session::Alert;
use crate::live::Live;
use crate::operator::bound_links::BoundLinks;
use crate::telemetry::spans::Spans;
use crate::traces::Traces;

/// Handles and tables shared by all edges of the node.
pub struct Services {
    /// The configuration that the node was started with: for what cannot change while it runs.
    pub config: Config,
    /// The way into the store.
    pub store: StoreHandle,
    /// Which records are written to it.
    pub upgrade: Upgrade,
    /// The way to the routing snapshot.
    pub router: RouterHandle,
    /// The router's actor: told of links that bind and go.
    pub router_actor: Addr<Router>,
    /// The other nodes; `None`: a single node.
    pub cluster: Option<ClusterHandle>,
    /// Who is connected and bound.
    pub directory: Directory,
    /// The links to operators that are bound.
    pub bound_links: BoundLinks,
    /// Passwords that are being compared with hashes, off these threads.
    pub hash_checks: HashChecks,
    /// Who failed to bind of late, and has to wait.
    pub bind_backoff: Mutex<BindBackoff>,
    /// Who asked to be told when a subscriber can be reached again.
    pub alerts: Alerts,
    /// Every PDU of some, for a limited time.
    pub traces: Traces,
    /// Attempts to deliver that came to nothing, for who asks.
    pub failures: Failures,
    /// Steps of messages, for OpenTelemetry; `None`: nobody wants them.
    pub spans: Option<Spans>,
    /// When a receipt or MO message that an ESME would not take is offered again.
    pub offer_again: RetrySchedule,
    live: ArcSwap<Live>,
    clock: Mutex<Clock>,
    holders: AtomicU64,
}

impl Services {
    /// The services of a node that was started with that configuration, and begins with `live`.
    pub fn new(
        config: Config,
        live: Live,
        (store, upgrade): (StoreHandle, Upgrade),
        router: RouterHandle,
        router_actor: Addr<Router>,
        cluster: Option<ClusterHandle>,
        spans: Option<Spans>,
    ) -> Self {
        Self {
            store,
            upgrade,
            router,
            router_actor,
            directory: Directory::new(cluster.clone()),
            bound_links: BoundLinks::new(cluster.clone()),
            cluster,
            hash_checks: HashChecks::default(),
            bind_backoff: Mutex::default(),
            alerts: Alerts::default(),
            traces: Traces::new(&config.node.name, &config.node.data_dir),
            failures: Failures::default(),
            spans,
            offer_again: RetrySchedule::new([1, 5, 30, 120, 600].map(Duration::from_secs).to_vec())
                .expect("it holds five waits"),
            live: ArcSwap::from_pointee(live),
            clock: Mutex::new(Clock::starting_at(Timestamp::default())),
            holders: AtomicU64::new(1),
            config,
        }
    }

    /// Accounts and operators of this moment. Taken once per batch, and not kept.
    pub fn live(&self) -> Guard<Arc<Live>> {
        self.live.load()
    }

    /// The same, to keep.
    pub fn live_now(&self) -> Arc<Live> {
        self.live.load_full()
    }

    /// Others from now on: for binds and messages that come.
    pub fn set_live(&self, live: Arc<Live>) {
        self.live.store(live);
    }

    /// A link that carries MT messages has bound, or is gone: the router and the peers are told.
    pub fn link_changed(&self, operator: Name, window: u32, bound: bool) {
        self.router_actor.do_send(LinkChanged { operator, bound });
        self.bound_links.changed(operator, window, bound);
    }

    /// An attempt to hand over a message has ended; if it came to nothing, whoever asks for the message is told why.
    /// `taken`: what the answer means, which of some operators an error can.
    pub fn attempted(&self, towards: Outbox, attempt: &Attempt, answer: Answer, taken: bool, at: Timestamp) {
        if let Some(spans) = &self.spans {
            spans.attempted(towards, attempt, answer, taken);
        }
        if !taken {
            let Attempt { message_id, number, .. } = *attempt;
            let (Outbox::Operator(towards) | Outbox::Account(towards)) = towards;
            self.failures.add(FailedAttempt { message_id, at, towards, number, answer });
        }
    }

    /// An operator's alert_notification goes to the account that asked for it, on one of its binds that can be sent it;
    /// to nobody if nobody asked, or none is there (S54).
    pub fn forward_alert(&self, operator: Name, alert: &AlertNotification) {
        let Some(wish) = self.alerts.grant(operator, subscriber(&alert.source.as_address())) else { return };
        let alert = AlertNotification { esme: wish.esme, ..alert.clone() };
        let receivers = self.directory.receivers(wish.account);
        if let Some((first, others)) = receivers.split_first() {
            first.do_send(Alert { alert, others: others.to_vec() });
        }
    }

    /// How full the store is, in percent: the congestion_state that we report (S28). About half a second old.
    pub fn congestion(&self) -> u8 {
        let held = self.store.stats().iter().map(|partition| partition.stats.held).sum::<u64>();
        let percent = held.saturating_mul(100) / self.config.store.messages_max.max(1);
        u8::try_from(percent.min(100)).unwrap_or(100)
    }

    /// UTC that never goes back: taken once per turn of a session, not per message.
    pub fn now(&self) -> Timestamp {
        self.clock.lock().unwrap_or_else(PoisonError::into_inner).now()
    }

    /// What becomes of a holder's room for which nothing is due: it may stand where there is one partition.
    pub fn rest(&self) -> Rest {
        if self.store.only_partition().is_some() { Rest::Stands } else { Rest::Returns }
    }

    /// A holder of leases that nobody else is.
    pub fn new_holder(&self) -> Holder {
        Holder(self.holders.fetch_add(1, Ordering::Relaxed))
    }
}
