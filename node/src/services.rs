//! What every session and link of this node is given.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix::Addr;
use smsc_proto::smpp::pdu::AlertNotification;
use smsc_proto::timestamp::Timestamp;
use smsc_router::messages::LinkChanged;
use smsc_router::retry::RetrySchedule;
use smsc_router::{Router, RouterHandle};
use smsc_store::clock::Clock;
use smsc_store::{Holder, Name, Rest, StoreHandle};

use crate::alerts::{Alerts, subscriber};
use crate::cluster::ClusterHandle;
use crate::config::Config;
use crate::esme::account::Account;
use crate::esme::bind::HashChecks;
use crate::esme::bind_backoff::BindBackoff;
use crate::esme::directory::Directory;
use crate::esme::session::Alert;
use crate::operator::bound_links::BoundLinks;

/// Handles and tables shared by all edges of the node.
pub struct Services {
    /// The configuration, checked.
    pub config: Config,
    /// The way into the store.
    pub store: StoreHandle,
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
    /// When a receipt or MO message that an ESME would not take is offered again.
    pub offer_again: RetrySchedule,
    accounts_by_system_id: HashMap<Box<[u8]>, Arc<Account>>,
    accounts_by_name: HashMap<Name, Arc<Account>>,
    clock: Mutex<Clock>,
    holders: AtomicU64,
}

impl Services {
    /// The services of a node with that configuration.
    pub fn new(
        config: Config,
        store: StoreHandle,
        router: RouterHandle,
        router_actor: Addr<Router>,
        cluster: Option<ClusterHandle>,
    ) -> Self {
        let accounts: Vec<Arc<Account>> =
            config.account.iter().map(|account| Arc::new(Account::new(account.clone(), &config.operator))).collect();
        Self {
            store,
            router,
            router_actor,
            directory: Directory::new(cluster.clone()),
            bound_links: BoundLinks::new(cluster.clone()),
            cluster,
            hash_checks: HashChecks::new(&config),
            bind_backoff: Mutex::default(),
            alerts: Alerts::default(),
            offer_again: RetrySchedule::new([1, 5, 30, 120, 600].map(Duration::from_secs).to_vec())
                .expect("it holds five waits"),
            accounts_by_system_id: accounts
                .iter()
                .map(|account| (account.config.system_id.as_bytes().into(), account.clone()))
                .collect(),
            accounts_by_name: accounts.into_iter().map(|account| (account.name, account)).collect(),
            clock: Mutex::new(Clock::starting_at(Timestamp::default())),
            holders: AtomicU64::new(1),
            config,
        }
    }

    /// The account that binds with this system_id.
    pub fn account_of(&self, system_id: &[u8]) -> Option<&Arc<Account>> {
        self.accounts_by_system_id.get(system_id)
    }

    /// A link that carries MT messages has bound, or is gone: the router and the peers are told.
    pub fn link_changed(&self, operator: Name, window: u32, bound: bool) {
        self.router_actor.do_send(LinkChanged { operator, bound });
        self.bound_links.changed(operator, window, bound);
    }

    /// All accounts, in no order.
    pub fn accounts(&self) -> impl Iterator<Item = &Arc<Account>> {
        self.accounts_by_name.values()
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

    /// The account of that name.
    pub fn account(&self, name: Name) -> Option<&Arc<Account>> {
        self.accounts_by_name.get(&name)
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
