//! All links of this node: which operators have how many, and what people tell them to do.
//!
//! A change of the configuration starts and ends links, or has them bind anew, one operator at a time: an operator whose
//! configuration is the same keeps its binds.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix::prelude::*;
use smsc_proto::smpp::pdu::BindKind;
use smsc_store::Name;

use super::link::{LinkOrder, OperatorLink, Reprofile};
use super::link_status::{LinkSnapshot, LinkStatus};
use super::profile::Profile;
use crate::config::{Operator, OperatorBind};
use crate::esme::listener::Threads;
use crate::services::Services;
use crate::shutdown::Drain;

/// The links of this node. Cheap to share.
pub struct Links {
    services: Arc<Services>,
    threads: Arc<Threads>,
    operators: Mutex<BTreeMap<&'static str, OperatorLinks>>,
}

struct OperatorLinks {
    profile: Arc<Profile>,
    links: Vec<Link>,
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
    /// Which of its links, from 0.
    pub number: usize,
    /// Its window.
    pub window: u32,
    /// How it is.
    pub status: LinkSnapshot,
}

impl Links {
    /// None yet.
    pub fn new(services: Arc<Services>, threads: Arc<Threads>) -> Self {
        Self { services, threads, operators: Mutex::default() }
    }

    /// From now on these operators, each with its links. Ends those of others in order, and returns them.
    pub fn set(&self, profiles: &[Arc<Profile>]) -> Vec<Addr<OperatorLink>> {
        let mut operators = self.operators();
        let mut ending = Vec::new();
        let kept = |name: &str| profiles.iter().any(|profile| profile.name.as_str() == name);
        operators.retain(|name, gone| {
            if !kept(name) {
                gone.links.iter().for_each(|link| link.address.do_send(Drain));
                ending.extend(gone.links.drain(..).map(|link| link.address));
            }
            kept(name)
        });
        for profile in profiles {
            match operators.get_mut(profile.name.as_str()) {
                None => {
                    let links = kinds(&profile.config).map(|kind| self.start(profile, kind)).collect();
                    operators.insert(profile.name.as_str(), OperatorLinks { profile: profile.clone(), links });
                }
                Some(operator) if !Arc::ptr_eq(&operator.profile, profile) => self.change(operator, profile),
                Some(_) => {}
            }
        }
        ending
    }

    fn change(&self, operator: &mut OperatorLinks, profile: &Arc<Profile>) {
        let before = std::mem::replace(&mut operator.profile, profile.clone());
        let wanted: Vec<BindKind> = kinds(&profile.config).collect();
        if before.config.bind != profile.config.bind {
            operator.links.drain(..).for_each(|link| link.address.do_send(Drain));
        }
        for link in operator.links.drain(wanted.len().min(operator.links.len())..) {
            link.address.do_send(Drain);
        }
        let rebind = wants_new_bind(&before.config, &profile.config);
        for link in &operator.links {
            link.address.do_send(Reprofile { profile: profile.clone(), rebind });
        }
        for kind in wanted.into_iter().skip(operator.links.len()) {
            operator.links.push(self.start(profile, kind));
        }
    }

    fn start(&self, profile: &Arc<Profile>, kind: BindKind) -> Link {
        let (arbiter, place) = self.threads.least_loaded();
        let status = Arc::new(LinkStatus::new(kind));
        let (services, profile, shown) = (self.services.clone(), profile.clone(), status.clone());
        let address =
            OperatorLink::start_in_arbiter(&arbiter, move |_| OperatorLink::new(services, profile, kind, shown, place));
        Link { address, status }
    }

    /// The actors of all links, to drain them.
    pub fn actors(&self) -> Vec<Addr<OperatorLink>> {
        self.operators().values().flat_map(|operator| &operator.links).map(|link| link.address.clone()).collect()
    }

    /// All links, by operator.
    pub fn list(&self) -> Vec<LinkEntry> {
        let mut list = Vec::new();
        for operator in self.operators().values() {
            list.extend(operator.links.iter().enumerate().map(|(number, link)| LinkEntry {
                operator: operator.profile.name,
                number,
                window: operator.profile.config.window,
                status: link.status.snapshot(),
            }));
        }
        list
    }

    /// Tells one link, or all of the operator, to do that. Returns how many were told.
    pub fn order(&self, operator: &str, number: Option<usize>, order: LinkOrder) -> usize {
        let operators = self.operators();
        let Some(operator) = operators.get(operator) else { return 0 };
        let chosen =
            operator.links.iter().enumerate().filter(|(index, _)| number.is_none_or(|number| number == *index));
        chosen.map(|(_, link)| link.address.do_send(order)).count()
    }

    fn operators(&self) -> MutexGuard<'_, BTreeMap<&'static str, OperatorLinks>> {
        self.operators.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As what its links bind, one after the other.
fn kinds(operator: &Operator) -> impl Iterator<Item = BindKind> + use<> {
    let kinds: &[BindKind] = match operator.bind {
        OperatorBind::Transceiver => &[BindKind::Transceiver],
        OperatorBind::TransmitterAndReceiver => &[BindKind::Transmitter, BindKind::Receiver],
    };
    (0..operator.links).flat_map(move |_| kinds).copied()
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
