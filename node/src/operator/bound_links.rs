//! The links to operators that are bound here and carry MT messages: peers are told of them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use smsc_store::Name;

use crate::cluster::{ClusterHandle, Fact, Key, Links};

/// Bound links by operator. Locked for a moment when one binds or goes.
pub struct BoundLinks {
    by_operator: Mutex<HashMap<Name, Links>>,
    cluster: Option<ClusterHandle>,
}

impl BoundLinks {
    /// None yet, of a node in that cluster, if it is in one.
    pub fn new(cluster: Option<ClusterHandle>) -> Self {
        Self { by_operator: Mutex::default(), cluster }
    }

    /// A link with that window has bound, or is gone.
    pub fn changed(&self, operator: Name, window: u32, bound: bool) {
        let mut by_operator = self.by_operator.lock().unwrap_or_else(PoisonError::into_inner);
        let links = by_operator.entry(operator).or_default();
        *links = match bound {
            true => Links { bound: links.bound + 1, room: links.room.saturating_add(window) },
            false => Links { bound: links.bound.saturating_sub(1), room: links.room.saturating_sub(window) },
        };
        // Still locked: the last word that peers hear is the right one.
        match &self.cluster {
            Some(cluster) if links.bound > 0 => cluster.publish([Fact::Links(operator, *links)]),
            Some(cluster) => cluster.withdraw([Key::Links(operator)]),
            None => {}
        }
    }
}
