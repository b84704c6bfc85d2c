//! What the node says about itself.
//!
//! | file | does |
//! |---|---|
//! | [`logging`] | one line per event, numbers masked |
//! | [`live_events`] | the same events for who watches the node over the API |
//! | [`metrics`] | declares the node's metrics; handles that count per batch |
//! | [`health`] | the node's state, for probes and people |
//! | [`http`] | serves metrics and health on a thread of its own |
//! | [`spans`] | steps of messages, for OpenTelemetry; `no_spans` stands in for it in a build without |
//! | `load` | what the process takes of its machine; from which balancers get weights |
//! | [`agent_check`] | answers HAProxy's agent check on the same thread |

pub mod agent_check;
pub mod health;
pub mod http;
pub mod live_events;
mod load;
pub mod logging;
pub mod metrics;
#[cfg(feature = "otlp")]
pub mod spans;
#[cfg(not(feature = "otlp"))]
#[path = "no_spans.rs"]
pub mod spans;
