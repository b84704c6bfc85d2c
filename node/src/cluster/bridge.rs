//! What the rest of the node is told of the cluster, and tells it, apart from what sessions and links say themselves.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use smsc_proto::ids::PartitionId;
use smsc_router::messages::LinksElsewhere;
use smsc_store::{Name, StoreHandle};

use super::fact::{Fact, Key, Phase};
use super::handle::ClusterHandle;
use crate::services::Services;
use crate::telemetry::health::{self, NodeState};

/// How often we look at what tells nobody when it changes.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How often we look whether there are other operators.
const OPERATORS_EVERY: Duration = Duration::from_secs(1);

/// Publishes the node's standing and its partitions, for as long as it lives.
pub async fn publish_standing(cluster: ClusterHandle, state: NodeState, store: StoreHandle) {
    let mut owned = BTreeSet::new();
    let mut interval = tokio::time::interval(LOOK_EVERY);
    loop {
        interval.tick().await;
        let now: BTreeSet<u16> = store.partitions().map(PartitionId::number).collect();
        cluster.withdraw(owned.difference(&now).map(|partition| Key::Partition(*partition)));
        cluster.publish(now.difference(&owned).map(|partition| Fact::Partition(*partition)));
        owned = now;
        let phase = match state.phase() {
            health::Phase::Starting => Phase::Starting,
            health::Phase::Ready => Phase::Ready,
            // It leaves, for whatever reason.
            health::Phase::Draining | health::Phase::Retired | health::Phase::Failed => Phase::Draining,
        };
        cluster.publish_standing(phase, store.is_writable());
    }
}

/// Tells the router which operators have links on other nodes. Operators may come and go.
pub async fn tell_router(cluster: ClusterHandle, services: Arc<Services>) {
    let mut changed = cluster.changed();
    let mut told: HashMap<Name, u32> = HashMap::new();
    loop {
        let (view, live) = (cluster.view(), services.live_now());
        told.retain(|operator, _| live.profiles.iter().any(|profile| profile.name == *operator));
        for operator in live.profiles.iter().map(|profile| profile.name) {
            let links = view.links_elsewhere(operator);
            if told.insert(operator, links).unwrap_or(0) != links {
                services.router_actor.do_send(LinksElsewhere { operator, links });
            }
        }
        tokio::select! {
            changed = changed.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(OPERATORS_EVERY) => {}
        }
    }
}
