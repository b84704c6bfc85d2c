//! The router's metrics: names, units, and the functions that update them.
//!
//! `link` is the operator's name, which comes from the configuration; no label holds a number or a message_id.

use metrics::{counter, describe_counter, describe_gauge, gauge};
use smsc_store::Name;

const LINK_BOUND: &str = "smsc_link_bound";
const LINK_SESSIONS: &str = "smsc_link_sessions";
const LINK_PASSED_OVER: &str = "smsc_link_passed_over";
const MESSAGES_REROUTED: &str = "smsc_messages_rerouted_total";

/// Describes all of them.
pub(crate) fn describe() {
    describe_gauge!(LINK_BOUND, "1 while this node has a bound link to the operator.");
    describe_gauge!(LINK_SESSIONS, "Bound links of this node to the operator.");
    describe_gauge!(
        LINK_PASSED_OVER,
        "1 while new messages pass the operator over: it had no link for failover_after."
    );
    describe_counter!(MESSAGES_REROUTED, "Waiting messages that were moved from the operator to another.");
}

/// How many links the operator has bound.
pub(crate) fn record_links(operator: Name, links: usize) {
    gauge!(LINK_BOUND, "link" => operator.as_str()).set(if links > 0 { 1.0 } else { 0.0 });
    gauge!(LINK_SESSIONS, "link" => operator.as_str()).set(links as f64);
}

/// Whether the operator is passed over.
pub(crate) fn record_passed_over(operator: Name, passed_over: bool) {
    gauge!(LINK_PASSED_OVER, "link" => operator.as_str()).set(if passed_over { 1.0 } else { 0.0 });
}

/// Messages that waited for `from` have moved.
pub(crate) fn record_rerouted(from: Name, moved: u32) {
    counter!(MESSAGES_REROUTED, "link" => from.as_str()).increment(u64::from(moved));
}
