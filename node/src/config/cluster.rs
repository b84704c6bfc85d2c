//! `[cluster]` and `[drain]`: the other nodes, and how this one leaves them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::value::{HostPort, duration, positive};

/// The cluster that this node belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// Nodes of another name are refused.
    #[serde(default = "name")]
    pub name: String,
    /// Where peers connect.
    #[serde(default = "listen")]
    pub listen: SocketAddr,
    /// How peers reach this node.
    pub advertise: HostPort,
    /// Where peers are found: names (all their addresses) or addresses.
    pub seeds: Vec<HostPort>,
    /// How many nodes there are when all are there. A side that sees half or fewer never raises its limits.
    #[serde(deserialize_with = "positive")]
    pub nodes_expected: u32,
    /// Mutual TLS between nodes; absent: plain.
    pub tls: Option<ClusterTls>,
}

/// Certificates of the traffic between nodes, PEM.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterTls {
    /// This node's certificate chain.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Who must have signed the peers' certificates.
    pub ca: PathBuf,
}

/// How a node that was told to stop lets its sessions go.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Drain {
    /// How long balancers have to notice that the node is not ready before sessions are unbound.
    #[serde(deserialize_with = "duration")]
    pub lb_delay: Duration,
    /// Sessions unbound per second. Raising it sends more ESMEs to the other nodes at once.
    #[serde(deserialize_with = "positive")]
    pub rate: u32,
    /// The whole drain takes no longer; then what is left is closed.
    #[serde(deserialize_with = "duration")]
    pub deadline: Duration,
}

impl Default for Drain {
    fn default() -> Self {
        Self { lb_delay: Duration::from_secs(8), rate: 50, deadline: Duration::from_secs(90) }
    }
}

fn name() -> String {
    "smsc".to_owned()
}

fn listen() -> SocketAddr {
    SocketAddr::from(([0, 0, 0, 0], 7070))
}
