//! Finding the others: seeds are looked up again and again, and every node tells where it and its neighbours are.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use tokio::task::AbortHandle;

use super::dial::{Target, keep};
use super::handle::ClusterHandle;
use super::tls::PeerTls;
use crate::config::HostPort;

/// How often names are looked up.
const LOOK_UP_EVERY: Duration = Duration::from_secs(2);
/// Addresses that are tried at a time: some fifty nodes under a few names each.
const TARGETS_MAX: usize = 256;
/// A name that a look-up has not found so often is left alone: DNS servers have bad moments.
const MISSED_MAX: u32 = 15;

/// Looks for nodes, and keeps a connection to each, until it is dropped.
pub(super) async fn discover(handle: ClusterHandle, seeds: Vec<HostPort>, tls: Option<PeerTls>) {
    let mut tries: HashMap<Target, Try> = HashMap::new();
    let mut changed = handle.changed();
    loop {
        let names = names(&handle, &seeds);
        let found = look_up(&handle, &names, tls.is_some()).await;
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

/// Seeds, peers, and the neighbours of peers; without ourselves.
fn names(handle: &ClusterHandle, seeds: &[HostPort]) -> BTreeSet<String> {
    let view = handle.view();
    let seeds = seeds.iter().map(HostPort::to_string);
    let peers = view.peers.iter().map(|peer| peer.address.to_string());
    let neighbours = view.counted().flat_map(|peer| peer.facts.standing.neighbours.iter().cloned());
    let own = &handle.identity().advertise;
    seeds.chain(peers).chain(neighbours).filter(|name| name != own).take(TARGETS_MAX).collect()
}

async fn new_name(
    changed: &mut tokio::sync::watch::Receiver<u64>,
    handle: &ClusterHandle,
    seeds: &[HostPort],
    known: &BTreeSet<String>,
) {
    while changed.changed().await.is_ok() {
        if !names(handle, seeds).is_subset(known) {
            return;
        }
    }
    std::future::pending().await
}

/// All addresses of these names. A name that cannot be looked up now may be the next time.
async fn look_up(handle: &ClusterHandle, names: &BTreeSet<String>, by_name: bool) -> HashSet<Target> {
    let mut found = HashSet::new();
    for name in names {
        match tokio::net::lookup_host(name.as_str()).await {
            Ok(addresses) => {
                for address in addresses {
                    // Without certificates to check, one connection per address is enough, whatever its names.
                    let host = match name.rsplit_once(':').filter(|_| by_name) {
                        Some((host, _)) => host.trim_matches(['[', ']']).to_owned(),
                        None => address.ip().to_string(),
                    };
                    found.insert(Target { address, host });
                }
            }
            Err(error) => handle.cannot_look_up(name, &error),
        }
    }
    found
}
