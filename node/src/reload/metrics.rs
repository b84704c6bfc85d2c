//! Whether the last reload went well: what an alert looks at.

use std::time::SystemTime;

use metrics::gauge;

/// How a reload ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// In force.
    Good,
    /// Nothing has changed.
    Bad,
}

/// A reload is over.
pub(super) fn reloaded(outcome: Outcome) {
    let good = outcome == Outcome::Good;
    gauge!("smsc_config_last_reload_successful").set(if good { 1.0 } else { 0.0 });
    if good {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        gauge!("smsc_config_last_reload_success_timestamp_seconds").set(now.as_secs_f64());
    }
}

/// So many changes lie on top of the file.
pub(super) fn overrides(count: usize) {
    gauge!("smsc_config_overrides").set(count as f64);
}
