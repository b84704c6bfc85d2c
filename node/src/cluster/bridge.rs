//! What the rest of the node is told of the cluster, and tells it, apart from what sessions and links say themselves.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use actix::Addr;
use smsc_proto::ids::PartitionId;
use smsc_router::Router;
use smsc_router::messages::LinksElsewhere;
use smsc_store::{Name, StoreHandle};

use super::fact::{Fact, Key, Phase};
use super::handle::ClusterHandle;
use crate::telemetry::health::{self, NodeState};

/// How often we look at what tells nobody when it changes.
const LOOK_EVERY: Duration = Duration::from_millis(100);

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
            health::Phase::Draining | health::Phase::Failed => Phase::Draining,
        };
        cluster.publish_standing(phase, store.is_writable());
    }
}

/// Tells the router which operators have links on other nodes.
pub async fn tell_router(cluster: ClusterHandle, router: Addr<Router>, operators: Vec<Name>) {
    let mut changed = cluster.changed();
    let mut told: HashMap<Name, u32> = HashMap::new();
    loop {
        let view = cluster.view();
        for operator in &operators {
            let links = view.links_elsewhere(*operator);
            if told.insert(*operator, links).unwrap_or(0) != links {
                router.do_send(LinksElsewhere { operator: *operator, links });
            }
        }
        if changed.changed().await.is_err() {
            return;
        }
    }
}
