//! What is counted of an ESME's session.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, SharedString, counter, gauge, histogram};
use smsc_proto::session::{CloseReason, Session};
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::BindKind;

use super::labels;
use super::pdus::{self, Side};
use crate::console::tally::{self, Tally};
use crate::shutdown::Leave;

/// The metrics of one bound session of an ESME. The session is counted until [`ended`](Self::ended), or its drop.
pub struct SessionMetrics {
    account: SharedString,
    bind_type: &'static str,
    sessions: Gauge,
    accepted: Counter,
    receipts_delivered: Counter,
    throttled: Counter,
    response_duration: Histogram,
    rejected: RefCell<Vec<(&'static str, Counter)>>,
    counted: Cell<bool>,
    tally: Arc<Tally>,
}

impl SessionMetrics {
    /// For a session that the account is about to bind so.
    pub fn esme(account: &str, bind: BindKind) -> Self {
        let tally = tally::of_account(account);
        let account = labels::account(account);
        let bind_type = bind_type(bind);
        Self {
            sessions: gauge!(
                "smsc_sessions",
                "account" => account.clone(),
                "bind_type" => bind_type,
                "side" => Side::Esme.name()
            ),
            accepted: counter!("smsc_messages_accepted_total", "account" => account.clone(), "ingress" => "smpp"),
            receipts_delivered: counter!(
                "smsc_receipts_total",
                "account" => account.clone(),
                "result" => "delivered"
            ),
            throttled: counter!("smsc_throttled_total", "scope" => "account", "account" => account.clone()),
            response_duration: histogram!(
                "smsc_pdu_response_duration_seconds",
                "side" => Side::Esme.name(),
                "command" => "submit_sm"
            ),
            rejected: RefCell::default(),
            counted: Cell::new(false),
            tally,
            account,
            bind_type,
        }
    }

    /// The bind was answered.
    pub fn bound(&self, status: CommandStatus) {
        bind_answered(self.account.clone(), self.bind_type, status);
        if status.is_ok() && !self.counted.replace(true) {
            self.sessions.increment(1.0);
        }
    }

    /// A bind was refused; `None`: no account has that name.
    pub fn bind_refused(account: Option<&str>, bind: BindKind, status: CommandStatus) {
        bind_answered(account.map_or(labels::UNKNOWN, labels::account), bind_type(bind), status);
    }

    /// So many messages are durable and were acknowledged.
    pub fn accepted(&self, count: u64) {
        self.accepted.increment(count);
        self.tally.well(count);
    }

    /// A message was refused with that status, for a reason from a fixed set.
    pub fn rejected(&self, reason: &'static str, status: CommandStatus) {
        self.tally.failed(status.name());
        if reason == "throttled" {
            self.throttled.increment(1);
        }
        let mut known = self.rejected.borrow_mut();
        if let Some((_, counter)) = known.iter().find(|(of, _)| *of == reason) {
            return counter.increment(1);
        }
        let account = self.account.clone();
        let counter = counter!("smsc_messages_rejected_total", "account" => account, "reason" => reason);
        counter.increment(1);
        known.push((reason, counter));
    }

    /// A receipt was taken. Those that nobody takes in time the store counts.
    pub fn receipt_delivered(&self) {
        self.receipts_delivered.increment(1);
    }

    /// One message of a batch was answered so long after it came.
    pub fn answered(&self, took: Duration) {
        self.response_duration.record(took);
        self.tally.took(took);
    }

    /// Adds the PDUs that the session has counted since the last call.
    pub fn count<T: Clone>(&self, session: &mut Session<T>) {
        pdus::count(Side::Esme, session, |_, _| {});
    }

    /// The session is over, for this reason; `leaving`: why we had asked it to go.
    pub fn closed(&self, reason: CloseReason, leaving: Option<Leave>) {
        pdus::closed(Side::Esme, reason, leaving);
    }

    /// The session is not bound any more.
    pub fn ended(&self) {
        if self.counted.replace(false) {
            self.sessions.decrement(1.0);
        }
    }
}

impl Drop for SessionMetrics {
    fn drop(&mut self) {
        self.ended();
    }
}

fn bind_answered(account: SharedString, bind_type: &'static str, status: CommandStatus) {
    counter!("smsc_binds_total", "account" => account, "bind_type" => bind_type, "status" => status.name())
        .increment(1);
}

const fn bind_type(bind: BindKind) -> &'static str {
    match bind {
        BindKind::Transmitter => "tx",
        BindKind::Receiver => "rx",
        BindKind::Transceiver => "trx",
    }
}
