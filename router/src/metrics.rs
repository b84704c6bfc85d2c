//! The router's metrics: names, units, and the functions that update them.
//!
//! `link` is the operator's name, which comes from the configuration; no label holds a number or a message_id.
//! How many links are bound is counted where they are bound, by the owner of the links.

use metrics::{counter, describe_counter, describe_gauge, gauge};
use smsc_store::Name;

const LINK_PASSED_OVER: &str = "smsc_link_passed_over";
const MESSAGES_REROUTED: &str = "smsc_messages_rerouted_total";

/// Describes all of them.
pub(crate) fn describe() {
    describe_gauge!(
        LINK_PASSED_OVER,
        "1 while new messages pass the operator over: it had no link for failover_after."
    );
    describe_counter!(MESSAGES_REROUTED, "Waiting messages that were moved from the operator to another.");
}

/// Whether the operator is passed over.
pub(crate) fn record_passed_over(operator: Name, passed_over: bool) {
    gauge!(LINK_PASSED_OVER, "link" => operator.as_str()).set(if passed_over { 1.0 } else { 0.0 });
}

/// Messages that waited for `from` have moved.
pub(crate) fn record_rerouted(from: Name, moved: u32) {
    counter!(MESSAGES_REROUTED, "link" => from.as_str()).increment(u64::from(moved));
}
