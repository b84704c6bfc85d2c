//! Counts of PDUs, as sessions of either side gather them.

use std::cell::RefCell;
use std::collections::HashMap;

use metrics::{Counter, counter};
use smsc_proto::session::{CloseReason, Counted, Session};

use crate::shutdown::Leave;

/// Which edge a session is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// An ESME's.
    Esme,
    /// An operator's.
    Operator,
}

impl Side {
    /// Its name as the label `side`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Esme => "esme",
            Self::Operator => "operator",
        }
    }
}

thread_local! {
    /// Series of this thread's sessions. Bounded: operations times codes, all others count as `other`.
    static KNOWN: RefCell<HashMap<(Side, Counted), Counter>> = RefCell::default();
}

/// Adds what the session has counted since the last call; `see` is shown each count.
pub(super) fn count<T: Clone>(side: Side, session: &mut Session<T>, mut see: impl FnMut(Counted, u64)) {
    KNOWN.with_borrow_mut(|known| {
        for count in session.take_counters() {
            see(count.what, count.count);
            known.entry((side, count.what)).or_insert_with(|| series(side, count.what)).increment(count.count);
        }
    });
}

fn series(side: Side, what: Counted) -> Counter {
    let side = side.name();
    match what {
        Counted::Request { direction, command } => {
            let (direction, command) = (direction.name(), command.name());
            counter!("smsc_pdus_total", "side" => side, "direction" => direction, "command" => command)
        }
        Counted::Response { direction, command, status } => counter!(
            "smsc_pdu_responses_total",
            "side" => side,
            "direction" => direction.name(),
            "command" => command.name(),
            "status" => status.name()
        ),
        Counted::Violation(kind) => counter!("smsc_violations_total", "side" => side, "kind" => kind),
    }
}

/// A session of that side has ended; `leaving`: why we had asked it to go.
pub(super) fn closed(side: Side, reason: CloseReason, leaving: Option<Leave>) {
    let label = match reason {
        CloseReason::UnbindByPeer => "unbind",
        CloseReason::UnbindByUs => leaving.map_or("unbind_by_us", Leave::name),
        CloseReason::PeerClosed => "peer_close",
        CloseReason::SessionInit => "session_init",
        CloseReason::EnquireLink => "enquire_timeout",
        CloseReason::Inactivity => "idle",
        CloseReason::BindFailures | CloseReason::BindFailed => "bind_failed",
        CloseReason::Framing => "protocol_error",
    };
    counter!("smsc_session_closes_total", "side" => side.name(), "reason" => label).increment(1);
    if reason == CloseReason::EnquireLink {
        counter!("smsc_enquire_link_timeouts_total", "side" => side.name()).increment(1);
    }
}
