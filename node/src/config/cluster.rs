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
    /// How peers reach this node: "host:port". With TLS its certificate must bear the host, and that of the seeds by
    /// which it is found.
    pub advertise: HostPort,
    /// Where peers are found, "host:port" each: names (all their addresses count, looked up every 2 s) or addresses. One
    /// live node is enough to find the others; this node's own address may be among them.
    pub seeds: Vec<HostPort>,
    /// How many nodes there are when all are there, 1 to 60: the same on all of them. A side that sees half or fewer
    /// never raises its shares of limits, and gives up links of exclusive operators. Raise it before nodes are added.
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
