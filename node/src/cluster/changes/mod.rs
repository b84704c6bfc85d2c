//! Changes of routes, accounts and operators, shared by all nodes.
//!
//! ```text
//!   LiveConfig ──version──> service ══ stream of batches ══> follow ──merge──> LiveConfig     of another node
//! ```
//!
//! Every node tells every peer all that it holds, whoever wrote it: a change reaches nodes that do not see its writer,
//! and one that was away is told what it has missed. What was told before changes nothing. Nothing is queued for
//! anybody: who is slow is told later, and only the last word on every key.
//!
//! | file | holds |
//! |---|---|
//! | `service` | telling peers |
//! | `follow` | hearing them |

mod follow;
mod service;

use std::sync::Arc;

use tokio::sync::watch;

use self::service::Service;
use super::{Cluster, ClusterHandle};
use crate::reload::LiveConfig;

/// The changes of this node, as its peers reach them. Peers are answered from the moment at which its configuration is
/// there.
#[derive(Clone)]
pub struct Changes(watch::Sender<Option<Arc<LiveConfig>>>);

impl Changes {
    /// A service of that cluster, which is not started yet.
    pub fn add_to(cluster: &mut Cluster) -> Self {
        let changes = Self(watch::Sender::new(None));
        cluster.add_service(Service::new(cluster.handle(), changes.0.subscribe()));
        changes
    }

    /// Tells and hears peers from now on.
    pub fn share(&self, config: &Arc<LiveConfig>, cluster: &ClusterHandle) {
        self.0.send_replace(Some(config.clone()));
        // It ends with the cluster's runtime.
        drop(cluster.spawn(follow::all(cluster.clone(), config.clone())));
    }
}
