//! Three nodes that are one message centre, each with one part of a message's way: it is submitted at the first, leaves by
//! the third, and its receipt is read at the second.

use smsc_tests::cluster::Cluster;
use smsc_tests::node::Node;
use smsc_tests::port::Port;

use crate::centre::{SimulatedOperator, expect_links, with_operator, without_operator};

/// Where nobody is: the other nodes have no way to the operator.
const NOBODY: &str = "127.0.0.1:9";

/// The nodes, and the operator behind the last one.
pub(crate) struct Trio {
    cluster: Cluster,
    _operator: SimulatedOperator,
    _port: Port,
}

impl Trio {
    /// Starts all of them, and waits until so many links of the third are bound and all relays are up.
    pub(crate) fn start(links: u32) -> Self {
        let port = Port::take();
        let operator = SimulatedOperator::start(&port);
        let reached = port.address().to_string();
        let cluster = Cluster::start_with(3, &without_operator(), |number, configuration| {
            // They are dealt out evenly.
            with_operator(configuration, if number == 2 { &reached } else { NOBODY }, 3 * links)
        });
        let trio = Self { cluster, _operator: operator, _port: port };
        trio.nodes().for_each(|node| node.expect_metric("smsc_cluster_relay_up", &[], 2.0));
        expect_links(trio.cluster.node(2), links);
        trio
    }

    fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.cluster.nodes().map(|(_, node)| node)
    }

    /// Where `smsc load` submits and reads, and whose CPU time counts: as its arguments.
    pub(crate) fn arguments(&self) -> String {
        let (first, second) = (self.cluster.node(0).address(), self.cluster.node(1).address());
        let pids: String = self.nodes().map(|node| format!(" --node-pid {}", node.process().id())).collect();
        format!("--smsc {first} --receiver {second}{pids}")
    }
}
