//! Partitions of other nodes, reached through the same handle as those of this one.
//!
//! Whoever knows the way to a node gives it here, and keeps it up; the store only hands commands over. A node that is out
//! of reach stays known: its partitions are its own, and what is sent for them is kept or answered by its way.
//!
//! Partitions in PostgreSQL change their owners, and a node that was stopped may say that it has one which another node
//! has adopted since: the newest life of a partition is where it is.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use rustc_hash::FxHashMap;
use smsc_proto::ids::PartitionId;

use crate::messages::{Holder, Outcome, Register, Release, Settlement};
use crate::partition::Command;

/// A partition, and in which life its owner has it: its epoch, which rises with every adoption. 0 for one that is never
/// adopted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owned {
    /// Which.
    pub partition: PartitionId,
    /// Its life.
    pub life: u64,
}

/// The way to the partitions of one other node.
pub trait RemoteStore: Send + Sync {
    /// Hands a command over for that partition, or, if none is named, for all of the node's: registrations and releases.
    /// Never waits. Every command is answered, also while the node is out of reach: a pull with nothing, an outcome as
    /// soon as it is kept in the partition's stead, receipts as [`StrayReceipts`](crate::StrayReceipts), a question as one
    /// about a message that is not known, new messages as refused.
    ///
    /// New messages, and receipts that are to be parked, are handed over by a node that has no partition itself. Re-routing
    /// never is.
    fn send(&self, partition: Option<PartitionId>, command: Command);

    /// Whether the node is in reach just now.
    fn is_up(&self) -> bool;

    /// That partition is elsewhere, in that life: what is kept for its owner is to be settled there. May be said again.
    fn superseded(&self, owned: Owned);
}

/// Outcomes that are kept for a partition that nobody has, at most: beyond that messages are sent again.
const WAITING_MAX: usize = 10_000;

/// One other node.
#[derive(Clone)]
struct Remote {
    node: u16,
    owned: Arc<[Owned]>,
    way: Arc<dyn RemoteStore>,
}

/// The other nodes, and who is to be rung by them.
#[derive(Default)]
pub(crate) struct Elsewhere {
    /// Whether there are any: all that a node alone ever asks.
    known: AtomicBool,
    nodes: ArcSwap<Vec<Remote>>,
    registered: Mutex<FxHashMap<Holder, Register>>,
    /// Late outcomes for partitions between two owners.
    waiting: Mutex<Vec<(PartitionId, Holder, Settlement)>>,
}

impl Elsewhere {
    pub(crate) fn is_known(&self) -> bool {
        self.known.load(Ordering::Relaxed)
    }

    /// The way to a node, new or another one than before, or to other partitions; all holders are registered there. `here`:
    /// the life of a partition of this node.
    pub(crate) fn set(
        &self,
        node: u16,
        owned: &[Owned],
        way: Arc<dyn RemoteStore>,
        here: impl Fn(PartitionId) -> Option<u64>,
    ) {
        // Under the lock: a holder that registers meanwhile is registered there by one of the two.
        let registered = self.lock();
        let mut nodes: Vec<Remote> = self.nodes.load().iter().filter(|known| known.node != node).cloned().collect();
        let is_new = nodes.len() == self.nodes.load().len();
        nodes.push(Remote { node, owned: owned.into(), way: way.clone() });
        nodes.sort_unstable_by_key(|remote| remote.node);
        self.nodes.store(Arc::new(nodes));
        self.known.store(true, Ordering::Relaxed);
        for register in registered.values().filter(|_| is_new) {
            way.send(None, Command::Register(register.clone()));
        }
        for Owned { partition, .. } in owned {
            match (here(*partition), self.newest(*partition)) {
                (Some(life), _) => self.superseded_by(None, Owned { partition: *partition, life }),
                (None, Some((node, newest))) => self.superseded_by(Some(node), newest),
                (None, None) => {}
            }
        }
    }

    /// A partition has come to this node.
    pub(crate) fn came_here(&self, owned: Owned) {
        self.superseded_by(None, owned);
    }

    /// Tells all nodes but its owner.
    fn superseded_by(&self, owner: Option<u16>, owned: Owned) {
        for remote in self.nodes.load().iter().filter(|remote| Some(remote.node) != owner) {
            remote.way.superseded(owned);
        }
    }

    /// Which node has a partition in its newest life.
    fn newest(&self, partition: PartitionId) -> Option<(u16, Owned)> {
        let nodes = self.nodes.load();
        let all = nodes.iter().flat_map(|remote| remote.owned.iter().map(|owned| (remote.node, *owned)));
        all.filter(|(_, owned)| owned.partition == partition).max_by_key(|(_, owned)| owned.life)
    }

    /// Where a partition is, if it is another node's.
    pub(crate) fn way_to(&self, partition: PartitionId) -> Option<Arc<dyn RemoteStore>> {
        let (node, _) = self.newest(partition)?;
        self.nodes.load().iter().find(|remote| remote.node == node).map(|remote| remote.way.clone())
    }

    /// All of them, each once.
    pub(crate) fn partitions(&self) -> Vec<PartitionId> {
        let nodes = self.nodes.load();
        let mut all: Vec<_> =
            nodes.iter().flat_map(|remote| remote.owned.iter().map(|owned| owned.partition)).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Keeps outcomes for whoever has that partition next, as late ones: only the word that a message was sent counts then.
    pub(crate) fn keep(&self, partition: PartitionId, holder: Holder, items: Vec<Settlement>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = items.into_iter().filter(|item| matches!(item.outcome, Outcome::Sent { .. }));
        waiting.extend(sent.map(|item| (partition, holder, Settlement { late: true, ..item })));
        let beyond = waiting.len().saturating_sub(WAITING_MAX);
        if beyond > 0 {
            tracing::warn!(beyond, "outcomes for partitions that nobody owns are dropped");
            waiting.truncate(WAITING_MAX);
        }
    }

    /// Takes out what was kept for partitions that somebody has now.
    pub(crate) fn take_kept(&self, has: impl Fn(PartitionId) -> bool) -> Vec<(PartitionId, Holder, Settlement)> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.extract_if(.., |(partition, _, _)| has(*partition)).collect()
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
