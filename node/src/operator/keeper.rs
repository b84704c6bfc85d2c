//! Starts and stops the links of this node, as many to each operator as it is to have.
//!
//! Without a cluster that is what the configuration says. In a cluster `links` counts over all nodes: placement says how
//! many run here, and an exclusive operator's one link runs here only while a majority leaves it to us. A link that is
//! to move finishes its window first; an exclusive one is cut at once, because another node may soon have it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix::prelude::*;
use smsc_proto::smpp::pdu::BindKind;

use super::link::OperatorLink;
use super::profile::Profile;
use crate::cluster::{ClusterHandle, Fact, Key};
use crate::config::OperatorBind;
use crate::esme::listener::Threads;
use crate::services::Services;
use crate::shutdown::Drain;
use crate::telemetry::metrics::LinkMetrics;

/// How often we look whether a lease has run out. Far below what lies between that and the next holder.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// To a link: end now. What was written and is not answered counts as lost with the link.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Cut;

/// See the module.
pub struct LinkKeeper {
    services: Arc<Services>,
    threads: Arc<Threads>,
    state: Mutex<State>,
}

struct State {
    operators: Vec<Kept>,
    /// The node stops: links are neither started nor moved.
    stopping: bool,
}

/// The links to one operator.
struct Kept {
    profile: Arc<Profile>,
    /// Each of one bind, or of the two of a pair.
    links: Vec<Vec<Addr<OperatorLink>>>,
    /// Told to end, and perhaps not at the end yet.
    leaving: Vec<Addr<OperatorLink>>,
}

impl LinkKeeper {
    /// Without any link yet.
    pub fn new(services: Arc<Services>, threads: Arc<Threads>, profiles: Vec<Arc<Profile>>) -> Self {
        // An operator whose links run elsewhere is shown as not bound here, and not as absent.
        profiles.iter().for_each(|profile| drop(LinkMetrics::new(&profile.config.name)));
        let operators = profiles.into_iter().map(|profile| Kept { profile, links: Vec::new(), leaving: Vec::new() });
        let state = Mutex::new(State { operators: operators.collect(), stopping: false });
        Self { services, threads, state }
    }

    /// Starts all links that the configuration names: this node is alone.
    pub fn start_all(&self) {
        let mut state = self.state();
        for kept in &mut state.operators {
            let links = kept.profile.config.links;
            self.set(kept, links);
        }
    }

    /// Does what the cluster's placement says, for as long as it lives.
    pub async fn follow(self: Arc<Self>, cluster: ClusterHandle) {
        let mut changed = cluster.changed();
        loop {
            self.place(&cluster);
            tokio::select! {
                changed = changed.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Starts and moves no more links. Returns those that there are.
    pub fn stop(&self) -> Vec<Addr<OperatorLink>> {
        let mut state = self.state();
        state.stopping = true;
        let links = |kept: &Kept| kept.links.iter().flatten().chain(&kept.leaving).cloned().collect::<Vec<_>>();
        state.operators.iter().flat_map(links).collect()
    }

    fn place(&self, cluster: &ClusterHandle) {
        let mut state = self.state();
        let stopping = state.stopping;
        for kept in &mut state.operators {
            kept.leaving.retain(Addr::connected);
            let config = &kept.profile.config;
            let (name, links) = (kept.profile.name, config.links);
            if config.exclusive {
                self.place_exclusive(kept, cluster, stopping);
            } else if let Some(wanted) = cluster.links_here(name, links).filter(|_| !stopping) {
                self.set(kept, wanted);
            }
        }
    }

    fn place_exclusive(&self, kept: &mut Kept, cluster: &ClusterHandle, stopping: bool) {
        let name = kept.profile.name;
        let leased = cluster.has_lease(name);
        if !leased && !kept.links.is_empty() {
            tracing::warn!(event = "link.given_up", link = %name, "a majority no longer leaves the exclusive link to this node");
            for link in kept.links.drain(..).flatten() {
                link.do_send(Cut);
                kept.leaving.push(link);
            }
        }
        // One that is still ending is a bind as much as a new one.
        if leased && !stopping && kept.links.is_empty() && kept.leaving.is_empty() {
            cluster.publish([Fact::Holds(name)]);
            self.set(kept, 1);
        }
        kept.links.retain(|link| link.iter().any(Addr::connected));
        if kept.links.is_empty() && kept.leaving.is_empty() {
            cluster.withdraw([Key::Holds(name)]);
        }
    }

    /// Starts links until there are so many, or lets the newest go.
    fn set(&self, kept: &mut Kept, wanted: u32) {
        let wanted = wanted as usize;
        if kept.links.len() != wanted {
            tracing::info!(event = "link.placed", link = %kept.profile.name, from = kept.links.len(), to = wanted, "links of this node");
        }
        while kept.links.len() < wanted {
            let kinds: &[BindKind] = match kept.profile.config.bind {
                OperatorBind::Transceiver => &[BindKind::Transceiver],
                OperatorBind::TransmitterAndReceiver => &[BindKind::Transmitter, BindKind::Receiver],
            };
            kept.links.push(kinds.iter().map(|kind| self.start(&kept.profile, *kind)).collect());
        }
        for link in kept.links.split_off(wanted).into_iter().flatten() {
            link.do_send(Drain);
            kept.leaving.push(link);
        }
    }

    /// Starts a link on the least loaded thread.
    fn start(&self, profile: &Arc<Profile>, kind: BindKind) -> Addr<OperatorLink> {
        let (arbiter, place) = self.threads.least_loaded();
        let (services, profile) = (self.services.clone(), profile.clone());
        OperatorLink::start_in_arbiter(&arbiter, move |_| OperatorLink::new(services, profile, kind, place))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
