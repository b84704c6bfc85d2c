//! What is counted of the cluster.

use std::time::Duration;

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use super::view::{ClusterView, PeerState};

const MEMBERS: &str = "smsc_cluster_members";
const PEER_UP: &str = "smsc_cluster_peer_up";
const FORGOTTEN: &str = "smsc_cluster_peers_forgotten_total";
const RPC_DURATION: &str = "smsc_cluster_rpc_duration_seconds";
const RPC_ERRORS: &str = "smsc_cluster_rpc_errors_total";

/// Describes all of them. The node itself counts as alive.
pub(super) fn describe() {
    describe_gauge!(MEMBERS, "Nodes of the cluster that this one knows, itself included, by state.");
    describe_gauge!(PEER_UP, "1 while the peer is heard from.");
    describe_counter!(FORGOTTEN, "Nodes that were gone, and that nothing named any more.");
    describe_histogram!(RPC_DURATION, metrics::Unit::Seconds, "How long peers take to answer.");
    describe_counter!(RPC_ERRORS, "Calls to peers that failed.");
    record(&ClusterView::default());
}

/// Who is there now. `peer` is a node's number: there are 60.
pub(super) fn record(view: &ClusterView) {
    for state in PeerState::ALL {
        let own = usize::from(state == PeerState::Alive);
        let count = view.peers.iter().filter(|peer| peer.state == state).count() + own;
        gauge!(MEMBERS, "state" => state.name()).set(count as f64);
    }
    for peer in &view.peers {
        let up = if peer.state == PeerState::Alive { 1.0 } else { 0.0 };
        gauge!(PEER_UP, "peer" => peer.number.to_string()).set(up);
    }
}

/// A peer is gone for good.
pub(super) fn forgotten(number: u16) {
    counter!(FORGOTTEN).increment(1);
    // A series cannot be taken back: this is neither up nor down, and no alert waits for it.
    gauge!(PEER_UP, "peer" => number.to_string()).set(f64::NAN);
}

/// A call was answered.
pub(super) fn answered(method: &'static str, took: Duration) {
    histogram!(RPC_DURATION, "method" => method).record(took);
}

/// A call failed. `peer`: the number of the node, if that was known.
pub(super) fn failed(peer: Option<u16>, method: &'static str, code: tonic::Code) {
    let peer = peer.map_or_else(|| "unknown".to_owned(), |number| number.to_string());
    counter!(RPC_ERRORS, "peer" => peer, "method" => method, "code" => format!("{code:?}")).increment(1);
}
