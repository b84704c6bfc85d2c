//! Finding the others: seeds are looked up again and again, and every node tells where it and its neighbours are. So it is
//! also known here whom nothing names any more.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::AbortHandle;

use super::dial::{Target, keep};
use super::handle::ClusterHandle;
use super::tls::PeerTls;
use super::view::ClusterView;
use crate::config::HostPort;

/// How often names are looked up.
const LOOK_UP_EVERY: Duration = Duration::from_secs(2);
/// Addresses that are tried at a time: some fifty nodes under a few names each.
const TARGETS_MAX: usize = 256;
/// A name that a look-up has not found so often is left alone: DNS servers have bad moments.
const MISSED_MAX: u32 = 15;

/// Looks for nodes, and keeps a connection to each, until it is dropped.
pub(super) async fn discover(handle: ClusterHandle, seeds: Vec<HostPort>, tls: Option<PeerTls>) {
    let own = &handle.identity().advertise;
    let seeds: Vec<String> = seeds.iter().map(HostPort::to_string).filter(|seed| seed != own).collect();
    let mut tries: HashMap<Target, Try> = HashMap::new();
    let mut changed = handle.changed();
    loop {
        let names = names(&handle, &seeds);
        let addresses = look_up(&handle, &names).await;
        let found = targets(&addresses, tls.is_some());
        handle.named(&Named::new(&seeds, neighbours(&handle.view()), addresses));
        for (target, tried) in &mut tries {
            tried.missed = if found.contains(target) { 0 } else { tried.missed + 1 };
        }
        tries.retain(|_, tried| {
            let stays = tried.missed <= MISSED_MAX;
            if !stays {
                tried.task.abort();
            }
            stays
        });
        for target in found {
            if tries.len() < TARGETS_MAX && !tries.contains_key(&target) {
                let task = handle.spawn(keep(handle.clone(), target.clone(), tls.clone())).abort_handle();
                tries.insert(target, Try { task, missed: 0 });
            }
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_UP_EVERY) => {}
            // A peer that called us is to be called back at once.
            () = new_name(&mut changed, &handle, &seeds, &names) => {}
        }
    }
}

struct Try {
    task: AbortHandle,
    // Look-ups in a row that have not found it.
    missed: u32,
}

/// What names nodes at one moment: seeds, and the peers that are connected to them.
#[derive(Debug, Default)]
pub(super) struct Named {
    names: HashSet<String>,
    /// What seeds lead to.
    addresses: HashSet<SocketAddr>,
    /// What the nodes' own names lead to.
    looked_up: Addresses,
    /// A seed cannot be looked up: it may lead to anybody.
    unsure: bool,
}

impl Named {
    fn new(seeds: &[String], neighbours: impl Iterator<Item = String>, looked_up: Addresses) -> Self {
        let led_to = seeds.iter().filter_map(|seed| looked_up.get(seed)).flatten();
        Self {
            unsure: seeds.iter().any(|seed| !looked_up.contains_key(seed)),
            addresses: led_to.copied().collect(),
            names: seeds.iter().cloned().chain(neighbours).collect(),
            looked_up,
        }
    }

    /// Whether the node that says it is reached there is among them.
    pub(super) fn names(&self, advertised: &str) -> bool {
        let own = self.looked_up.get(advertised).into_iter().flatten();
        self.unsure || self.names.contains(advertised) || own.into_iter().any(|own| self.addresses.contains(own))
    }
}

/// Seeds, peers, and the neighbours of peers; without ourselves.
fn names(handle: &ClusterHandle, seeds: &[String]) -> BTreeSet<String> {
    let view = handle.view();
    let seeds = seeds.iter().cloned();
    let peers = view.peers.iter().map(|peer| peer.address.to_string());
    let own = &handle.identity().advertise;
    seeds.chain(peers).chain(neighbours(&view)).filter(|name| name != own).take(TARGETS_MAX).collect()
}

/// Whom peers are connected to.
fn neighbours(view: &ClusterView) -> impl Iterator<Item = String> + '_ {
    view.counted().flat_map(|peer| peer.facts.standing.neighbours.iter().cloned())
}

async fn new_name(
    changed: &mut tokio::sync::watch::Receiver<u64>,
    handle: &ClusterHandle,
    seeds: &[String],
    known: &BTreeSet<String>,
) {
    while changed.changed().await.is_ok() {
        if !names(handle, seeds).is_subset(known) {
            return;
        }
    }
    std::future::pending().await
}

/// The addresses of names; those that cannot be looked up are not among them.
type Addresses = HashMap<String, Vec<SocketAddr>>;

/// All addresses of these names. A name that cannot be looked up now may be the next time.
async fn look_up(handle: &ClusterHandle, names: &BTreeSet<String>) -> Addresses {
    let mut found = Addresses::new();
    for name in names {
        match tokio::net::lookup_host(name.as_str()).await {
            Ok(addresses) => _ = found.insert(name.clone(), addresses.collect()),
            Err(error) => handle.cannot_look_up(name, &error),
        }
    }
    found
}

/// Where to connect. Without certificates to check, one connection per address is enough, whatever its names.
fn targets(found: &Addresses, by_name: bool) -> HashSet<Target> {
    let host = |name: &str, address: &SocketAddr| match name.rsplit_once(':').filter(|_| by_name) {
        Some((host, _)) => host.trim_matches(['[', ']']).to_owned(),
        None => address.ip().to_string(),
    };
    let all = found.iter().flat_map(|(name, addresses)| addresses.iter().map(move |address| (name, address)));
    all.map(|(name, address)| Target { address: *address, host: host(name, address) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looked_up(names: &[(&str, &str)]) -> Addresses {
        let of = |address: &str| vec![address.parse().expect("an address")];
        names.iter().map(|(name, address)| ((*name).to_owned(), of(address))).collect()
    }

    fn named(seeds: &[&str], addresses: &[(&str, &str)]) -> Named {
        let seeds: Vec<String> = seeds.iter().map(|seed| (*seed).to_owned()).collect();
        Named::new(&seeds, std::iter::empty(), looked_up(addresses))
    }

    #[test]
    fn a_node_is_named_by_the_list_or_by_a_name_that_leads_to_it() {
        let headless = ("smsc.svc:7070", "10.0.0.1:7070");
        let named_by = |addresses: &[(&str, &str)]| named(&["smsc.svc:7070"], addresses).names("smsc-1.svc:7070");
        assert!(named(&["smsc-1.svc:7070"], &[("smsc-1.svc:7070", "10.0.0.1:7070")]).names("smsc-1.svc:7070"));
        assert!(named_by(&[headless, ("smsc-1.svc:7070", "10.0.0.1:7070")]));
        assert!(!named_by(&[headless, ("smsc-1.svc:7070", "10.0.0.2:7070")]), "the name leads to others");
        assert!(!named_by(&[headless]), "its own name is gone too");
    }

    #[test]
    fn while_a_seed_cannot_be_looked_up_it_may_lead_to_anybody() {
        assert!(named(&["smsc.svc:7070"], &[]).names("smsc-1.svc:7070"));
    }
}
