//! The node's metrics: declared here once, with unit and meaning; counted through handles.
//!
//! Names are prefixed `smsc_`, counters end in `_total`, durations are in seconds. A label's value comes from an enum or
//! from the configuration: never a number, a message_id, an address of a peer or the text of an error. Handles look
//! their series up once; on the hot path they are told counts per batch, not single PDUs.

mod labels;
mod link;
mod listener;
mod pdus;
mod session;

use std::sync::OnceLock;

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

pub use self::link::LinkMetrics;
pub use self::listener::ListenerMetrics;
pub use self::pdus::Side;
pub use self::session::SessionMetrics;

/// From one millisecond to ten seconds: how long responses and commits take.
const DURATION_BUCKETS: [f64; 13] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0];
/// From fifty microseconds on: how long the disk takes.
const DISK_BUCKETS: [f64; 12] = [0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0];

/// What a metric is.
enum Kind {
    Counter,
    Gauge,
    Histogram(Unit),
}

/// Name, kind and meaning of every metric of this crate.
const DECLARED: &[(&str, Kind, &str)] = &[
    ("smsc_build_info", Kind::Gauge, "Always 1; the labels say what runs."),
    (
        "smsc_config_last_reload_successful",
        Kind::Gauge,
        "1 if the configuration files could be used when they were read last.",
    ),
    (
        "smsc_config_last_reload_success_timestamp_seconds",
        Kind::Gauge,
        "When the configuration files were read last with success, in seconds since 1970.",
    ),
    ("smsc_config_overrides", Kind::Gauge, "Routes, accounts and operators that were changed on top of the file."),
    ("smsc_api_requests_total", Kind::Counter, "Requests to the API, by endpoint and status."),
    (
        "smsc_load_ratio",
        Kind::Gauge,
        "How much of what the node can take it has: messages, connections or CPU, whichever is fullest.",
    ),
    ("smsc_node_state", Kind::Gauge, "1 for the state that the node is in."),
    ("smsc_connections", Kind::Gauge, "Open connections of ESMEs, bound or not."),
    ("smsc_connections_accepted_total", Kind::Counter, "Connections of ESMEs that were accepted."),
    ("smsc_connections_refused_total", Kind::Counter, "Connections that were closed before the first PDU, by reason."),
    (
        "smsc_tls_certificate_expiry_timestamp_seconds",
        Kind::Gauge,
        "When a listener's certificate runs out, in seconds since 1970.",
    ),
    ("smsc_sessions", Kind::Gauge, "Bound sessions of ESMEs."),
    ("smsc_binds_total", Kind::Counter, "Binds of ESMEs by what they were told."),
    ("smsc_session_closes_total", Kind::Counter, "Sessions that ended, by reason."),
    ("smsc_enquire_link_timeouts_total", Kind::Counter, "Sessions closed because enquire_link was not answered."),
    ("smsc_pdus_total", Kind::Counter, "Requests and PDUs without response, by operation."),
    ("smsc_pdu_responses_total", Kind::Counter, "Responses and generic_nacks by operation and command_status."),
    ("smsc_violations_total", Kind::Counter, "Breaches of the protocol by peers, by kind."),
    (
        "smsc_pdu_response_duration_seconds",
        Kind::Histogram(Unit::Seconds),
        "From a request to its response, one sample per batch.",
    ),
    ("smsc_messages_accepted_total", Kind::Counter, "Messages of ESMEs that are durable and acknowledged."),
    ("smsc_messages_rejected_total", Kind::Counter, "Messages of ESMEs that were refused, by reason."),
    ("smsc_fields_dropped_total", Kind::Counter, "Fields of messages that contradicted others and were left out."),
    ("smsc_throttled_total", Kind::Counter, "Messages over an agreed rate: ESMEs' (account) or ours (link)."),
    ("smsc_delivery_attempts_total", Kind::Counter, "Attempts to hand a message to an operator, by result."),
    ("smsc_receipts_total", Kind::Counter, "Receipts by what became of them."),
    ("smsc_link_bound", Kind::Gauge, "1 while this node has a bound session to the operator."),
    ("smsc_link_sessions", Kind::Gauge, "Bound sessions to the operator."),
    ("smsc_link_reconnects_total", Kind::Counter, "Attempts to connect to the operator anew."),
    ("smsc_window_used", Kind::Gauge, "Messages that the operator has not answered."),
    ("smsc_cdr_records_total", Kind::Counter, "Call detail records written, those that were written again included."),
    (
        "smsc_cdr_errors_total",
        Kind::Counter,
        "Attempts to write call detail records that failed: they are kept and written later.",
    ),
    ("smsc_cdr_files_total", Kind::Counter, "Files of call detail records that were closed."),
    (
        "smsc_otlp_spans_total",
        Kind::Counter,
        "Spans by what became of them: exported, failed (the collector did not take them) or dropped (no room).",
    ),
    ("smsc_window_size", Kind::Gauge, "Messages that may be unanswered, over all bound sessions."),
];

/// Makes this process count, and returns what renders the counts. The first call decides; further ones return the same.
///
/// At most `accounts_max` accounts have labels of their own, in the order in which they first bind; the rest is
/// `_other`.
pub fn install(accounts_max: u32) -> PrometheusHandle {
    static INSTALLED: OnceLock<PrometheusHandle> = OnceLock::new();
    let install = || {
        labels::limit_accounts(accounts_max);
        let durations = Matcher::Suffix("_duration_seconds".to_owned());
        let disk = Matcher::Full("smsc_store_operation_duration_seconds".to_owned());
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(durations, &DURATION_BUCKETS)
            .and_then(|builder| builder.set_buckets_for_metric(disk, &DISK_BUCKETS))
            .expect("the lists of buckets are not empty")
            .build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::error!(event = "metrics.unused", "metrics go elsewhere: this process had a recorder already");
        }
        describe();
        handle
    };
    INSTALLED.get_or_init(install).clone()
}

fn describe() {
    for (name, kind, meaning) in DECLARED {
        match kind {
            Kind::Counter => describe_counter!(*name, *meaning),
            Kind::Gauge => describe_gauge!(*name, *meaning),
            Kind::Histogram(unit) => describe_histogram!(*name, *unit, *meaning),
        }
    }
    let revision = option_env!("SMSC_REVISION").unwrap_or("unknown");
    let labels =
        [("version", env!("CARGO_PKG_VERSION")), ("revision", revision), ("rustc", env!("CARGO_PKG_RUST_VERSION"))];
    gauge!("smsc_build_info", &labels).set(1.0);
}

#[cfg(test)]
mod tests;
