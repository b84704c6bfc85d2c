//! Refused nodes in the log: each reason once a minute, however often the node comes back.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::handshake::Refused;

/// How often the same refusal is logged.
const AGAIN_AFTER: Duration = Duration::from_secs(60);
/// Refusals that are remembered.
const REMEMBERED_MAX: usize = 256;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<HashMap<String, Instant>>);

impl Refusals {
    /// A node called us, and is refused.
    pub(super) fn refused_caller(&self, name: &str, address: &str, reason: &dyn std::fmt::Display) {
        if self.is_due(format!("from {name} {address} {reason}"), Instant::now()) {
            tracing::error!(event = "cluster.refused", peer = name, address, "a node that called is refused: {reason}");
        }
    }

    /// We called a node, and have nothing to do with it.
    pub(super) fn refused_callee(&self, name: &str, address: &str, reason: &Refused) {
        if self.is_due(format!("to {name} {address} {reason}"), Instant::now()) {
            tracing::error!(event = "cluster.refused", peer = name, address, "not connected to this node: {reason}");
        }
    }

    /// A node cannot be reached, or there is no TLS with it.
    pub(super) fn unreachable(&self, address: &str, reason: &str) {
        if self.is_due(format!("at {address} {reason}"), Instant::now()) {
            tracing::warn!(event = "cluster.unreachable", address, "cannot connect to a node: {reason}");
        }
    }

    fn is_due(&self, what: String, now: Instant) -> bool {
        let mut logged = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.get(&what).is_some_and(|at| now.saturating_duration_since(*at) < AGAIN_AFTER) {
            return false;
        }
        logged.retain(|_, at| now.saturating_duration_since(*at) < AGAIN_AFTER);
        if logged.len() < REMEMBERED_MAX {
            logged.insert(what, now);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_reason_is_logged_once_a_minute() {
        let (refusals, now) = (Refusals::default(), Instant::now());
        assert!(refusals.is_due("a".to_owned(), now));
        assert!(!refusals.is_due("a".to_owned(), now + AGAIN_AFTER / 2));
        assert!(refusals.is_due("b".to_owned(), now + AGAIN_AFTER / 2));
        assert!(refusals.is_due("a".to_owned(), now + AGAIN_AFTER));
    }
}
