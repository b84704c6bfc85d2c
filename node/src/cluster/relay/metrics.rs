//! What is counted of relayed traffic. `peer` is a node's number: there are 60.

use metrics::{counter, describe_counter, describe_gauge, gauge};

const UP: &str = "smsc_cluster_relay_up";
const LEASES: &str = "smsc_cluster_relay_leases";
const UNCONFIRMED: &str = "smsc_cluster_relay_unconfirmed";
const MESSAGES: &str = "smsc_cluster_handoff_messages_total";
const RECEIPTS: &str = "smsc_cluster_handoff_receipts_total";

/// Describes all of them.
pub(super) fn describe() {
    describe_gauge!(UP, "1 while there is a relay stream to the peer.");
    describe_gauge!(
        LEASES,
        "Messages and receipts on lease over the relay: side=owner, ours that the peer's links and binds have; \
         side=holder, the peer's that ours have."
    );
    describe_gauge!(UNCONFIRMED, "Outcomes of the peer's messages that it has not confirmed yet.");
    describe_counter!(
        MESSAGES,
        "Messages and receipts given to links and binds of peers (direction=out) or taken from peers for ours \
         (direction=in): result=leased; and of those given, such as came back unsent (returned) or were lost with \
         their links (lost)."
    );
    describe_counter!(
        RECEIPTS,
        "Operators' receipts brought to the partitions of peers, by what came of it: recorded there, unmatched, or \
         unanswered in time."
    );
}

/// The gauges of one peer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Levels {
    pub(super) up: bool,
    pub(super) given: usize,
    pub(super) held: usize,
    pub(super) unconfirmed: usize,
}

/// Sets them.
pub(super) fn record(peer: u16, levels: Levels) {
    let peer = peer.to_string();
    gauge!(UP, "peer" => peer.clone()).set(f64::from(u8::from(levels.up)));
    gauge!(LEASES, "peer" => peer.clone(), "side" => "owner").set(levels.given as f64);
    gauge!(LEASES, "peer" => peer.clone(), "side" => "holder").set(levels.held as f64);
    gauge!(UNCONFIRMED, "peer" => peer).set(levels.unconfirmed as f64);
}

/// What is counted of one peer, handles looked up once.
#[derive(Clone)]
pub(super) struct Counters {
    pub(super) given: metrics::Counter,
    pub(super) returned: metrics::Counter,
    pub(super) lost: metrics::Counter,
    pub(super) taken: metrics::Counter,
    pub(super) recorded: metrics::Counter,
    pub(super) unmatched: metrics::Counter,
    pub(super) unanswered: metrics::Counter,
}

impl Counters {
    pub(super) fn of(peer: u16) -> Self {
        let peer = peer.to_string();
        let messages = |direction: &'static str, result: &'static str| counter!(MESSAGES, "peer" => peer.clone(), "direction" => direction, "result" => result);
        let receipts = |result: &'static str| counter!(RECEIPTS, "peer" => peer.clone(), "result" => result);
        Self {
            given: messages("out", "leased"),
            returned: messages("out", "returned"),
            lost: messages("out", "lost"),
            taken: messages("in", "leased"),
            recorded: receipts("recorded"),
            unmatched: receipts("unmatched"),
            unanswered: receipts("unanswered"),
        }
    }
}
