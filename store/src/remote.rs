//! Partitions of other nodes, reached through the same handle as those of this one.
//!
//! Whoever knows the way to a node gives it here, and keeps it up; the store only hands commands over. A node that is out
//! of reach stays known: its partitions are its own, and what is sent for them is kept or answered by its way.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use rustc_hash::FxHashMap;
use smsc_proto::ids::PartitionId;

use crate::messages::{Holder, Register, Release};
use crate::partition::Command;

/// The way to the partitions of one other node.
pub trait RemoteStore: Send + Sync {
    /// Hands a command over for that partition, or, if none is named, for all of the node's: registrations and releases.
    /// Never waits. Every command is answered, also while the node is out of reach: a pull with nothing, an outcome as
    /// soon as it is kept in the partition's stead, receipts as [`StrayReceipts`](crate::StrayReceipts), a question as one
    /// about a message that is not known.
    ///
    /// New messages and re-routing stay where they are: such commands are never handed over.
    fn send(&self, partition: Option<PartitionId>, command: Command);
}

/// One other node.
#[derive(Clone)]
struct Remote {
    node: u16,
    partitions: Arc<[PartitionId]>,
    way: Arc<dyn RemoteStore>,
}

/// The other nodes, and who is to be rung by them.
#[derive(Default)]
pub(crate) struct Elsewhere {
    /// Whether there are any: all that a node alone ever asks.
    known: AtomicBool,
    nodes: ArcSwap<Vec<Remote>>,
    registered: Mutex<FxHashMap<Holder, Register>>,
}

impl Elsewhere {
    pub(crate) fn is_known(&self) -> bool {
        self.known.load(Ordering::Relaxed)
    }

    /// The way to a node, new or another one than before, or to other partitions; all holders are registered there.
    pub(crate) fn set(&self, node: u16, partitions: &[PartitionId], way: Arc<dyn RemoteStore>) {
        // Under the lock: a holder that registers meanwhile is registered there by one of the two.
        let registered = self.lock();
        let mut nodes: Vec<Remote> = self.nodes.load().iter().filter(|known| known.node != node).cloned().collect();
        nodes.push(Remote { node, partitions: partitions.into(), way: way.clone() });
        nodes.sort_unstable_by_key(|remote| remote.node);
        self.nodes.store(Arc::new(nodes));
        self.known.store(true, Ordering::Relaxed);
        for register in registered.values() {
            way.send(None, Command::Register(register.clone()));
        }
    }

    /// Where a partition is, if it is another node's.
    pub(crate) fn way_to(&self, partition: PartitionId) -> Option<Arc<dyn RemoteStore>> {
        let nodes = self.nodes.load();
        nodes.iter().find(|remote| remote.partitions.contains(&partition)).map(|remote| remote.way.clone())
    }

    /// All of them.
    pub(crate) fn partitions(&self) -> Vec<PartitionId> {
        self.nodes.load().iter().flat_map(|remote| remote.partitions.iter().copied()).collect()
    }

    pub(crate) fn register(&self, register: Register) {
        let mut registered = self.lock();
        for remote in self.nodes.load().iter() {
            remote.way.send(None, Command::Register(register.clone()));
        }
        registered.insert(register.holder, register);
    }

    pub(crate) fn release(&self, release: Release) {
        let mut registered = self.lock();
        registered.remove(&release.holder);
        for remote in self.nodes.load().iter() {
            remote.way.send(None, Command::Release(release));
        }
    }

    fn lock(&self) -> MutexGuard<'_, FxHashMap<Holder, Register>> {
        self.registered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
