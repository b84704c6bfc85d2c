//! The message centre of a row: a node with account `demo`, and a simulated operator behind it.

use std::time::Duration;

use smsc_tests::command::{Running, start};
use smsc_tests::configuration::Configuration;
use smsc_tests::node::Node;
use smsc_tests::port::Port;

use crate::process;

/// The operator's name.
const OPERATOR: &str = "op-a";
/// No queue is the first to be full.
const WAITING: &str = "waiting_max = 100000000\n";

/// What all nodes here have in common: every number goes to one operator at that port, over so many links of window 100.
pub(crate) fn configuration(operator: &Port, links: u32) -> Configuration {
    with_operator(without_operator(), &operator.address().to_string(), links)
}

/// The same but for the operator.
pub(crate) fn without_operator() -> Configuration {
    Configuration::new()
        .section("telemetry", "log_level = \"warn\"")
        .section("store", "messages_max = 100000000")
        .account_with("demo", &format!("binds_max = 60000\nwindow_max = 100\ndeliver_window = 100\n{WAITING}"))
        .route("", OPERATOR)
}

/// With the operator at that address.
pub(crate) fn with_operator(configuration: Configuration, address: &str, links: u32) -> Configuration {
    configuration.operator_at(OPERATOR, address, &format!("links = {links}\nwindow = 100\n{WAITING}"))
}

/// A simulated operator that returns receipts at once.
pub(crate) struct SimulatedOperator {
    process: Running,
}

impl SimulatedOperator {
    /// Starts one at that port.
    pub(crate) fn start(port: &Port) -> Self {
        let process = start(["simulate-operator", "--receipt-delay", "0ms", "--listen", &port.address().to_string()]);
        process.expect_output("listening");
        Self { process }
    }

    /// Its CPU time so far.
    pub(crate) fn cpu(&self) -> Result<Duration, String> {
        process::cpu(self.process.id())
    }
}

/// A node whose links are all bound to a simulated operator.
pub(crate) struct Centre {
    /// The node.
    pub(crate) node: Node,
    /// The operator.
    pub(crate) operator: SimulatedOperator,
    _port: Port,
}

impl Centre {
    /// Starts both and waits for the links.
    pub(crate) fn start(links: u32) -> Self {
        Self::start_with(links, |configuration| configuration)
    }

    /// The same with more in the node's configuration.
    pub(crate) fn start_with(links: u32, more: impl FnOnce(Configuration) -> Configuration) -> Self {
        let port = Port::take();
        let operator = SimulatedOperator::start(&port);
        let node = more(configuration(&port, links)).start();
        expect_links(&node, links);
        Self { node, operator, _port: port }
    }
}

/// Waits until so many links are bound.
pub(crate) fn expect_links(node: &Node, links: u32) {
    node.expect_metric("smsc_link_sessions", &[("link", OPERATOR)], f64::from(links));
}
