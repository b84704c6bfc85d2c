//! What is counted of the links to an operator.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, SharedString, counter, gauge, histogram};
use smsc_proto::session::{CloseReason, Counted, Direction, Session};
use smsc_proto::smpp::command_status::CommandStatus;

use super::pdus::{self, Side};

/// The metrics of one link, or of one session of it. What it adds to the gauges it takes back when it is not bound any
/// more, or dropped: all links of an operator share them.
pub struct LinkMetrics {
    shared: Arc<Shared>,
    bound: Cell<bool>,
    used: Cell<u32>,
    size: Cell<u32>,
}

/// The series of one operator.
struct Shared {
    sessions: AtomicU32,
    sessions_gauge: Gauge,
    bound: Gauge,
    reconnects: Counter,
    window_used: Gauge,
    window_size: Gauge,
    throttled: Counter,
    attempts: [(&'static str, Counter); 4],
    response_duration: Histogram,
}

impl LinkMetrics {
    /// For a link to the operator of that name.
    pub fn new(operator: &str) -> Self {
        static OPERATORS: OnceLock<Mutex<HashMap<Box<str>, Arc<Shared>>>> = OnceLock::new();
        let operators = OPERATORS.get_or_init(Mutex::default);
        let mut operators = operators.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = operators.entry(operator.into()).or_insert_with(|| Arc::new(Shared::new(operator))).clone();
        Self { shared, bound: Cell::new(false), used: Cell::new(0), size: Cell::new(0) }
    }

    /// The session is bound, or no longer.
    pub fn bound(&self, bound: bool) {
        if self.bound.replace(bound) == bound {
            return;
        }
        let shared = &self.shared;
        let sessions = if bound {
            shared.sessions.fetch_add(1, Ordering::Relaxed) + 1
        } else {
            self.show_window(0, 0);
            shared.sessions.fetch_sub(1, Ordering::Relaxed) - 1
        };
        shared.sessions_gauge.set(f64::from(sessions));
        shared.bound.set(if sessions > 0 { 1.0 } else { 0.0 });
    }

    /// The link connects anew.
    pub fn reconnecting(&self) {
        self.shared.reconnects.increment(1);
    }

    /// So many attempts ended so: `ok`, `temporary`, `permanent` or `timeout`.
    pub fn attempts(&self, result: &'static str, count: u64) {
        if let Some((_, counter)) = self.shared.attempts.iter().find(|(of, _)| *of == result) {
            counter.increment(count);
        }
    }
    /// One submit_sm of a batch was answered so long after it went.
    pub fn answered(&self, took: Duration) {
        self.shared.response_duration.record(took);
    }

    /// Adds the PDUs that the session has counted since the last call, and shows how full its window is.
    pub fn count<T: Clone>(&self, session: &mut Session<T>, window_used: u32, window_size: u32) {
        pdus::count(Side::Operator, session, |what, count| {
            let Counted::Response { direction: Direction::In, status, .. } = what else { return };
            if matches!(status, CommandStatus::ESME_RTHROTTLED | CommandStatus::ESME_RMSGQFUL) {
                self.shared.throttled.increment(count);
            }
        });
        if self.bound.get() {
            self.show_window(window_used, window_size);
        }
    }

    /// The session is over, for this reason.
    pub fn closed(&self, reason: CloseReason) {
        pdus::closed(Side::Operator, reason, None);
    }

    pub(super) fn show_window(&self, used: u32, size: u32) {
        let show = |gauge: &Gauge, shown: &Cell<u32>, value: u32| {
            let before = shown.replace(value);
            if before != value {
                gauge.increment(f64::from(value) - f64::from(before));
            }
        };
        show(&self.shared.window_used, &self.used, used);
        show(&self.shared.window_size, &self.size, size);
    }
}

impl Drop for LinkMetrics {
    fn drop(&mut self) {
        self.bound(false);
    }
}

impl Shared {
    fn new(operator: &str) -> Self {
        let link = SharedString::from(operator.to_owned());
        let attempts = ["ok", "temporary", "permanent", "timeout"].map(|result| {
            (result, counter!("smsc_delivery_attempts_total", "link" => link.clone(), "result" => result))
        });
        let shared = Self {
            sessions: AtomicU32::new(0),
            sessions_gauge: gauge!("smsc_link_sessions", "link" => link.clone()),
            bound: gauge!("smsc_link_bound", "link" => link.clone()),
            reconnects: counter!("smsc_link_reconnects_total", "link" => link.clone()),
            window_used: gauge!("smsc_window_used", "link" => link.clone()),
            window_size: gauge!("smsc_window_size", "link" => link.clone()),
            throttled: counter!("smsc_throttled_total", "scope" => "link", "link" => link),
            attempts,
            response_duration: histogram!(
                "smsc_pdu_response_duration_seconds",
                "side" => Side::Operator.name(),
                "command" => "submit_sm"
            ),
        };
        // A link that never bound must be seen as down, not as absent.
        shared.bound.set(0.0);
        shared.sessions_gauge.set(0.0);
        shared
    }
}
