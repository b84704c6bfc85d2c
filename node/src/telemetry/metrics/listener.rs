//! What is counted of a listener.

use metrics::{Counter, Gauge, SharedString, counter, gauge};

/// The metrics of one listener; copies count together.
#[derive(Clone)]
pub struct ListenerMetrics {
    listener: SharedString,
    connections: Gauge,
    accepted: Counter,
}

impl ListenerMetrics {
    /// For the listener at that address of the configuration.
    pub fn new(listener: &str) -> Self {
        let listener = SharedString::from(listener.to_owned());
        let metrics = Self {
            connections: gauge!("smsc_connections", "listener" => listener.clone()),
            accepted: counter!("smsc_connections_accepted_total", "listener" => listener.clone()),
            listener,
        };
        metrics.connections.set(0.0);
        metrics
    }

    /// A connection was accepted.
    pub fn accepted(&self) {
        self.accepted.increment(1);
    }

    /// A connection was closed before its first PDU: `limit`, `acl`, `proxy_header`, `tls` or `draining`.
    pub fn refused(&self, reason: &'static str) {
        let listener = self.listener.clone();
        counter!("smsc_connections_refused_total", "listener" => listener, "reason" => reason).increment(1);
    }

    /// A session begins on a connection.
    pub fn opened(&self) {
        self.connections.increment(1.0);
    }

    /// The connection of a session is closed.
    pub fn closed(&self) {
        self.connections.decrement(1.0);
    }
}
