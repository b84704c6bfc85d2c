//! Starts and stops the links of this node, as many to each operator as it is to have, and knows how they are.
//!
//! Without a cluster that is what the configuration says. In a cluster `links` counts over all nodes: placement says how
//! many run here, and an exclusive operator's one link runs here only while a majority leaves it to us. A link that is
//! to move finishes its window first; an exclusive one is cut at once, because another node may soon have it.
//!
//! A change of the configuration starts and ends links, or has them bind anew, one operator at a time: an operator whose
//! configuration is the same keeps its binds.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix::prelude::*;
use smsc_proto::smpp::pdu::BindKind;
use smsc_store::Name;

use super::link::{LinkOrder, OperatorLink, Reprofile};
use super::link_status::{LinkSnapshot, LinkStatus};
use super::profile::Profile;
use crate::cluster::{ClusterHandle, Fact, Key};
use crate::config::{Operator, OperatorBind};
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

#[derive(Default)]
struct State {
    operators: Vec<Kept>,
    /// Links of operators that are not configured any more, told to end.
    gone: Vec<Addr<OperatorLink>>,
    /// The node is out of service: links are neither started nor moved.
    out: bool,
}

/// The links to one operator.
struct Kept {
    profile: Arc<Profile>,
    /// Each of one bind, or of the two of a pair.
    links: Vec<Vec<Link>>,
    /// Told to end, and perhaps not at the end yet.
    leaving: Vec<Addr<OperatorLink>>,
}

struct Link {
    address: Addr<OperatorLink>,
    status: Arc<LinkStatus>,
}

/// One link as people see it.
#[derive(Clone, Debug)]
pub struct LinkEntry {
    /// Of which operator.
    pub operator: Name,
    /// Which of its links here, from 0.
    pub number: usize,
    /// Its window.
    pub window: u32,
    /// How it is.
    pub status: LinkSnapshot,
}

impl LinkKeeper {
    /// Without any link yet.
    pub fn new(services: Arc<Services>, threads: Arc<Threads>) -> Self {
        Self { services, threads, state: Mutex::default() }
    }

    /// From now on these operators, each with its links. Ends those of others in order, and returns them.
    pub fn set(&self, profiles: &[Arc<Profile>]) -> Vec<Addr<OperatorLink>> {
        let mut state = self.state();
        let mut ending = Vec::new();
        let wanted = |name: Name| profiles.iter().any(|profile| profile.name == name);
        for mut kept in state.operators.extract_if(.., |kept| !wanted(kept.profile.name)) {
            ending.extend(kept.links.drain(..).flatten().map(|link| link.address));
            ending.append(&mut kept.leaving);
        }
        ending.iter().for_each(|link| link.do_send(Drain));
        for profile in profiles {
            match state.operators.iter_mut().find(|kept| kept.profile.name == profile.name) {
                None => {
                    // An operator whose links run elsewhere is shown as not bound here, and not as absent.
                    drop(LinkMetrics::new(&profile.config.name));
                    let kept = Kept { profile: profile.clone(), links: Vec::new(), leaving: Vec::new() };
                    state.operators.push(kept);
                }
                Some(kept) if !Arc::ptr_eq(&kept.profile, profile) => kept.change(profile),
                Some(_) => {}
            }
        }
        state.gone.retain(Addr::connected);
        state.gone.extend(ending.iter().cloned());
        self.arrange(&mut state);
        ending
    }

    /// Does what the cluster's placement says, for as long as it lives.
    pub async fn follow(self: Arc<Self>, cluster: ClusterHandle) {
        let mut changed = cluster.changed();
        loop {
            self.arrange(&mut self.state());
            tokio::select! {
                changed = changed.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Starts and moves no more links, and ends those that there are, in order. Returns them.
    pub fn drain(&self) -> Vec<Addr<OperatorLink>> {
        let mut state = self.state();
        state.out = true;
        let links = state.operators.iter().flat_map(|kept| {
            let running = kept.links.iter().flatten().map(|link| &link.address);
            running.chain(&kept.leaving)
        });
        let links: Vec<_> = links.chain(&state.gone).cloned().collect();
        links.iter().for_each(|link| link.do_send(Drain));
        links
    }

    /// Starts links again after a [`drain`](Self::drain); those of before finish and end.
    pub fn resume(&self) {
        let mut state = self.state();
        if std::mem::take(&mut state.out) {
            state.operators.iter_mut().for_each(|kept| kept.let_go(0));
            self.arrange(&mut state);
        }
    }

    /// All links, by operator.
    pub fn list(&self) -> Vec<LinkEntry> {
        let mut list = Vec::new();
        for kept in &self.state().operators {
            // One that has ended is gone before the operator's others are.
            let links = kept.links.iter().flatten().enumerate().filter(|(_, link)| link.address.connected());
            list.extend(links.map(|(number, link)| LinkEntry {
                operator: kept.profile.name,
                number,
                window: kept.profile.config.window,
                status: link.status.snapshot(),
            }));
        }
        list
    }

    /// Tells one link, or all of the operator, to do that. Returns how many were told.
    pub fn order(&self, operator: &str, number: Option<usize>, order: LinkOrder) -> usize {
        let state = self.state();
        let Some(kept) = state.operators.iter().find(|kept| kept.profile.name.as_str() == operator) else { return 0 };
        let all = kept.links.iter().flatten().enumerate();
        let chosen = all.filter(|(index, _)| number.is_none_or(|number| number == *index));
        chosen.map(|(_, link)| link.address.do_send(order)).count()
    }

    /// As many links of each operator as are to run here.
    fn arrange(&self, state: &mut State) {
        let out = state.out;
        for kept in &mut state.operators {
            kept.leaving.retain(Addr::connected);
            let config = &kept.profile.config;
            let (name, links) = (kept.profile.name, config.links);
            match &self.services.cluster {
                Some(cluster) if config.exclusive => self.place_exclusive(kept, cluster, out),
                Some(cluster) => {
                    if let Some(wanted) = cluster.links_here(name, links).filter(|_| !out) {
                        self.keep(kept, wanted);
                    }
                }
                None if !out => self.keep(kept, links),
                None => {}
            }
        }
    }

    fn place_exclusive(&self, kept: &mut Kept, cluster: &ClusterHandle, out: bool) {
        let name = kept.profile.name;
        let leased = cluster.has_lease(name);
        if !leased && !kept.links.is_empty() {
            tracing::warn!(event = "link.given_up", link = %name, "a majority no longer leaves the exclusive link to this node");
            for link in kept.links.drain(..).flatten() {
                link.address.do_send(Cut);
                kept.leaving.push(link.address);
            }
        }
        // One that is still ending is a bind as much as a new one.
        if leased && !out && kept.links.is_empty() && kept.leaving.is_empty() {
            cluster.publish([Fact::Holds(name)]);
            self.keep(kept, 1);
        }
        kept.links.retain(|link| link.iter().any(|link| link.address.connected()));
        if kept.links.is_empty() && kept.leaving.is_empty() {
            cluster.withdraw([Key::Holds(name)]);
        }
    }

    /// Starts links until there are so many, or lets the newest go.
    fn keep(&self, kept: &mut Kept, wanted: u32) {
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
        kept.let_go(wanted);
    }

    /// Starts a link on the least loaded thread.
    fn start(&self, profile: &Arc<Profile>, kind: BindKind) -> Link {
        let (arbiter, place) = self.threads.least_loaded();
        let status = Arc::new(LinkStatus::new(kind));
        let (services, profile, shown) = (self.services.clone(), profile.clone(), status.clone());
        let address =
            OperatorLink::start_in_arbiter(&arbiter, move |_| OperatorLink::new(services, profile, kind, shown, place));
        Link { address, status }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// The operator is configured otherwise from now on.
    fn change(&mut self, profile: &Arc<Profile>) {
        let before = std::mem::replace(&mut self.profile, profile.clone());
        if before.config.bind != profile.config.bind {
            self.let_go(0);
        }
        let rebind = wants_new_bind(&before.config, &profile.config);
        for link in self.links.iter().flatten() {
            link.address.do_send(Reprofile { profile: profile.clone(), rebind });
        }
    }

    /// All but so many finish and end.
    fn let_go(&mut self, kept: usize) {
        for link in self.links.drain(kept.min(self.links.len())..).flatten() {
            link.address.do_send(Drain);
            self.leaving.push(link.address);
        }
    }
}

/// Whether the change is one that an open bind cannot follow: where and as whom we bind, and what a session is built
/// with.
fn wants_new_bind(before: &Operator, after: &Operator) -> bool {
    let bind = |operator: &Operator| {
        (
            operator.addresses.clone(),
            operator.system_id.clone(),
            operator.password.clone(),
            operator.window,
            operator.mo_long_messages,
            operator.tls.clone(),
            (operator.system_type.clone(), operator.address_range.clone(), operator.settle),
        )
    };
    bind(before) != bind(after)
}
