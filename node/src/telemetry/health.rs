//! The node's state, as probes and people ask for it.
//!
//! ```text
//! Starting ──ready──> Ready <──ready── draining──> Draining ──retired──> Retired
//!     └───────────────────┴────────── failed ──────────┴────────────────────┴──> Failed
//! ```

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use metrics::{Gauge, gauge};
use serde_json::{Value, json};
use smsc_store::StoreHandle;

use crate::cluster::ClusterHandle;

/// A main loop that gave no sign of life for so long is dead (OPERATIONS.md §3.6).
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// Where the node is between start and stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Phase {
    /// Recovering the store, opening ports.
    Starting = 0,
    /// Serving.
    Ready = 1,
    /// Told to stop, or taken out of service: sessions are being unbound, or have been.
    Draining = 2,
    /// Decommissioned: nothing is left here, and nothing will come.
    Retired = 3,
    /// About to exit because something is broken.
    Failed = 4,
}

impl Phase {
    const ALL: [Self; 5] = [Self::Starting, Self::Ready, Self::Draining, Self::Retired, Self::Failed];

    /// Its name, also as the label `state` of `smsc_node_state`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Draining => "draining",
            Self::Retired => "retired",
            Self::Failed => "failed",
        }
    }
}

/// The node's state: one for the process, cheap to copy and to ask.
#[derive(Clone)]
pub struct NodeState(Arc<Shared>);

struct Shared {
    phase: AtomicU8,
    ever_ready: OnceLock<Instant>,
    reason: Mutex<String>,
    store: OnceLock<StoreHandle>,
    cluster: OnceLock<ClusterHandle>,
    started: Instant,
    /// Milliseconds after `started` of the main loop's last sign of life.
    beat: AtomicU64,
    /// How much the process takes of what it may, in per cent.
    load: AtomicU64,
    /// How many messages the store takes.
    messages_max: OnceLock<u64>,
    gauges: [Gauge; 5],
}

impl Default for NodeState {
    fn default() -> Self {
        let gauges = Phase::ALL.map(|phase| gauge!("smsc_node_state", "state" => phase.name()));
        gauges[0].set(1.0);
        Self(Arc::new(Shared {
            phase: AtomicU8::new(Phase::Starting as u8),
            ever_ready: OnceLock::new(),
            reason: Mutex::new("starting".to_owned()),
            store: OnceLock::new(),
            cluster: OnceLock::new(),
            started: Instant::now(),
            beat: AtomicU64::new(0),
            load: AtomicU64::new(0),
            messages_max: OnceLock::new(),
            gauges,
        }))
    }
}

impl NodeState {
    /// The store is open, and takes so many messages: people may see how it is. Probes never depend on it.
    pub fn watch_store(&self, store: StoreHandle, messages_max: u64) {
        // A second one would be a second store in one process.
        let _ = (self.0.store.set(store), self.0.messages_max.set(messages_max));
    }

    /// The node is one of several: people may see whom it sees. Probes never depend on them.
    pub fn watch_cluster(&self, cluster: ClusterHandle) {
        // There is one.
        let _ = self.0.cluster.set(cluster);
    }

    /// Listeners are open and the store has recovered.
    pub fn ready(&self) {
        self.beat();
        self.enter(Phase::Ready, "");
        let _ = self.0.ever_ready.set(Instant::now());
    }

    /// The node is leaving, or out of service: new connections belong elsewhere.
    pub fn draining(&self, why: impl Into<String>) {
        self.enter(Phase::Draining, why);
    }

    /// The node is decommissioned.
    pub fn retired(&self) {
        self.enter(Phase::Retired, "decommissioned");
    }

    /// The node cannot go on.
    pub fn failed(&self, reason: impl Into<String>) {
        self.enter(Phase::Failed, reason);
    }

    /// Where the node is.
    pub fn phase(&self) -> Phase {
        Phase::ALL[usize::from(self.0.phase.load(Ordering::Acquire)) % Phase::ALL.len()]
    }

    /// A sign of life of the main loop.
    pub fn beat(&self) {
        self.0.beat.store(millis(self.0.started.elapsed()), Ordering::Relaxed);
    }

    /// A node that was drained may serve again; one that is retired or has failed never does.
    fn enter(&self, phase: Phase, reason: impl Into<String>) {
        let mut current = self.0.reason.lock().unwrap_or_else(PoisonError::into_inner);
        if self.phase() < Phase::Retired || phase > self.phase() {
            self.0.phase.store(phase as u8, Ordering::Release);
            *current = reason.into();
            for (gauge, of) in self.0.gauges.iter().zip(Phase::ALL) {
                gauge.set(if of == phase { 1.0 } else { 0.0 });
            }
        }
    }

    /// Whether the process is alive. A long recovery is life too, so the beat counts only from then on.
    pub(super) fn liveness(&self) -> Probe {
        let beat = Duration::from_millis(self.0.beat.load(Ordering::Relaxed));
        let silence = self.0.started.elapsed().saturating_sub(beat);
        if self.0.ever_ready.get().is_some() && silence > SILENCE_MAX {
            return Err(format!("the main loop has not moved for {} s", silence.as_secs()));
        }
        Ok(())
    }

    /// Whether the node has ever been ready.
    pub(super) fn startup(&self) -> Probe {
        if self.0.ever_ready.get().is_some() { Ok(()) } else { Err(self.reason()) }
    }

    /// Whether new connections should come here: started, not draining, not failed, and in a cluster owning a partition
    /// or seeing a node that does; never disk, journal, queues or other nodes. With an embedded journal a node owns its
    /// partitions from start to end.
    pub(super) fn readiness(&self) -> Probe {
        if self.phase() != Phase::Ready {
            return Err(self.reason());
        }
        match (self.0.store.get(), self.0.cluster.get()) {
            (Some(store), Some(cluster)) if store.partitions().next().is_none() && !cluster.view().has_owner() => {
                Err("no partition is here, and no node is seen that has one".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// Which part of the store is free; nothing when it takes no messages.
    pub(super) fn store_room(&self) -> f64 {
        let Some(store) = self.0.store.get().filter(|store| store.is_writable()) else { return 0.0 };
        let held: u64 = store.stats().iter().map(|partition| partition.stats.held).sum();
        let max = self.0.messages_max.get().copied().unwrap_or(u64::MAX).max(1);
        1.0 - (held as f64 / max as f64).min(1.0)
    }

    /// How much the process takes of what it may, as it was seen last.
    pub(super) fn set_process_load(&self, ratio: f64) {
        self.0.load.store((ratio * 100.0) as u64, Ordering::Relaxed);
    }

    /// The room that a balancer is told of, in per cent: what the store has left now, and the process had a moment ago. In
    /// tens, so that weights are not changed for nothing.
    pub(super) fn room(&self) -> u64 {
        let store = (self.store_room() * 100.0) as u64;
        let process = 100_u64.saturating_sub(self.0.load.load(Ordering::Relaxed));
        store.min(process).div_ceil(10) * 10
    }

    /// Every check, for people.
    pub(super) fn report(&self) -> Value {
        let check = |probe: Probe| match probe {
            Ok(()) => json!({ "ok": true }),
            Err(reason) => json!({ "ok": false, "reason": reason }),
        };
        let store = match self.0.store.get() {
            None => json!({ "ok": false, "reason": "not open yet" }),
            Some(store) if store.is_writable() => json!({ "ok": true }),
            Some(_) => {
                json!({ "ok": false, "reason": "new messages are refused: the disk is low, or the journal failed" })
            }
        };
        let mut checks = json!({
            "live": check(self.liveness()),
            "started": check(self.startup()),
            "ready": check(self.readiness()),
            "store_writable": store,
        });
        if let Some(cluster) = self.0.cluster.get() {
            checks["cluster"] = cluster_check(cluster);
        }
        json!({
            "state": self.phase().name(),
            "version": env!("CARGO_PKG_VERSION"),
            "uptime_seconds": self.0.started.elapsed().as_secs(),
            "checks": checks,
        })
    }

    fn reason(&self) -> String {
        self.0.reason.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Whether this node sees more than half of its cluster, and whom it sees in what state.
fn cluster_check(cluster: &ClusterHandle) -> Value {
    let view = cluster.view();
    let peers = view.peers.iter().map(|peer| (peer.name.to_string(), json!(peer.state.name())));
    let peers: serde_json::Map<String, Value> = peers.collect();
    match cluster.sees_majority() {
        true => json!({ "ok": true, "peers": peers }),
        false => json!({
            "ok": false,
            "reason": "half of the nodes or fewer are seen: exclusive links are given up, limits are not raised",
            "peers": peers,
        }),
    }
}

/// The answer of a check: fine, or why not.
pub(super) type Probe = Result<(), String>;

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_starting_node_is_alive_and_not_ready() {
        let state = NodeState::default();
        assert_eq!(state.liveness(), Ok(()));
        assert_eq!(state.startup(), Err("starting".to_owned()));
        assert_eq!(state.readiness(), Err("starting".to_owned()));
    }

    #[test]
    fn a_draining_node_has_started_and_is_not_ready() {
        let state = NodeState::default();
        state.ready();
        assert_eq!((state.startup(), state.readiness()), (Ok(()), Ok(())));
        state.draining("draining");
        assert_eq!((state.startup(), state.readiness()), (Ok(()), Err("draining".to_owned())));
    }

    #[test]
    fn a_drained_node_may_serve_again_and_a_retired_one_never() {
        let state = NodeState::default();
        state.draining("draining");
        state.ready();
        assert_eq!(state.readiness(), Ok(()));
        state.retired();
        state.ready();
        assert_eq!(state.readiness(), Err("decommissioned".to_owned()));
    }

    #[test]
    fn a_failed_node_never_becomes_ready_again_and_says_why() {
        let state = NodeState::default();
        state.failed("the store has failed");
        state.ready();
        state.draining("draining");
        state.retired();
        assert_eq!(state.phase(), Phase::Failed);
        assert_eq!(state.readiness(), Err("the store has failed".to_owned()));
    }

    #[test]
    fn the_report_names_every_check() {
        let state = NodeState::default();
        state.ready();
        let report = state.report();
        assert_eq!(report["state"], "ready");
        assert_eq!(report["checks"]["ready"]["ok"], true);
        assert_eq!(report["checks"]["store_writable"]["reason"], "not open yet");
    }
}
