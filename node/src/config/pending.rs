//! Keys that are read and have no effect yet: `smsc check` and the start of the node say so.
//!
//! This is the only list of them. Whoever gives a key its effect takes it off.

use super::Config;

/// A key that was given and does nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Such as `account[0].tlv`.
    pub key: String,
    /// What to expect of it.
    pub note: &'static str,
}

const LATER: &str = "takes effect in a later release";

impl Config {
    /// The keys of this configuration that differ from their defaults and have no effect in this release.
    pub fn without_effect(&self) -> Vec<Pending> {
        let mut keys = Vec::new();
        let mut add = |given: bool, key: String| {
            if given {
                keys.push(Pending { key, note: LATER });
            }
        };
        add(self.telemetry.otlp_endpoint.is_some(), "telemetry.otlp_endpoint".to_owned());
        keys
    }
}
