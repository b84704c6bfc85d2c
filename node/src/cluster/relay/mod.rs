//! Messages of one node through the links and binds of another.
//!
//! ```text
//!   session, link ──store handle──> way ──┐                       ┌── stands in as a holder ──> the owner's store
//!     (holder side)                       peer ═══ one stream ═══ peer          (owner side)
//! ```
//!
//! A node with a bound link or receiver registers it at all peers and pulls like a local holder; custody stays with the
//! partition's owner until the outcome is recorded there. Each node is both: owner of its partitions, holder of leases from
//! the others'.
//!
//! | file | holds |
//! |---|---|
//! | [`owner`], [`holder`], [`inquiries`] | the cores: pure values, time passed in |
//! | [`peer`] | the actor of one peer, around them |
//! | [`part`], [`translate`], `new_messages`, [`wire`] | what is said; in the terms of the store, and on the wire |
//! | [`outgoing`] | what waits to be said |
//! | `stream`, `service` | opening streams, reading them; [`error`] why they are ended from here |
//!
//! A broken stream is not a death: both sides keep what they have, and a new stream begins with it.

pub mod error;
pub mod holder;
pub mod inquiries;
mod metrics;
mod new_messages;
pub mod outgoing;
pub mod owner;
pub mod part;
pub mod peer;
mod service;
#[cfg(test)]
mod simulation;
mod stream;
pub mod translate;
pub mod wire;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix::prelude::*;

use self::peer::Peer;
use self::service::Service;
use self::translate::Greeting;
use super::{Cluster, ClusterHandle};
use crate::services::Services;

/// The relays to all peers that were ever met.
pub struct Relays {
    services: Arc<Services>,
    cluster: ClusterHandle,
    arbiter: ArbiterHandle,
    peers: Mutex<HashMap<u16, Addr<Peer>>>,
}

impl Relays {
    /// Relays over the streams of that cluster, which is not started yet. Its actors run on the cluster's thread.
    pub fn start(services: &Arc<Services>, cluster: &mut Cluster) {
        metrics::describe();
        let relays = Arc::new(Self {
            services: services.clone(),
            cluster: cluster.handle(),
            arbiter: cluster.arbiter(),
            peers: Mutex::default(),
        });
        cluster.add_service(Service::new(relays.clone()));
        // It ends with the cluster's runtime.
        drop(cluster.handle().spawn(stream::open_all(relays)));
    }

    /// The actor of that peer, which is started when it is met first.
    fn peer(&self, number: u16) -> Addr<Peer> {
        let mut peers = self.lock();
        let start = || {
            let services = self.services.clone();
            Peer::start_in_arbiter(&self.arbiter, move |_| Peer::new(services, number))
        };
        peers.entry(number).or_insert_with(start).clone()
    }

    fn greeting(&self) -> Greeting {
        let identity = self.cluster.identity();
        Greeting { number: identity.number, incarnation: identity.incarnation, owned: self.services.store.owned() }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u16, Addr<Peer>>> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
