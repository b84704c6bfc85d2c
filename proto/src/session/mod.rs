//! The session core: what either side of one SMPP connection may say when, as a value without socket or clock.
//!
//! # States (5.0 §2.2)
//!
//! ```text
//!              outbind                      bind_transmitter, accepted
//!     Open ──────────────> Outbound      ┌──────────────────────────────> BoundTx ──┐
//!      │ │                     │         │  bind_receiver, accepted                 │
//!      │ └─────────────────────┴─────────┼──────────────────────────────> BoundRx ──┤ unbind, from
//!      │   (a refused bind leaves        │  bind_transceiver, accepted              │ either side
//!      │    the state as it is, S13)     └──────────────────────────────> BoundTrx ─┤
//!      │                                                                            v
//!      │ session_init, third refused bind,          unbind_resp, its time,       Unbound
//!      └──────────────────────────────────> Closed <────────────────────────────────┘
//!             from every state: disconnect, framing error, enquire_link unanswered
//! ```
//!
//! # How to drive a [`Session`]
//!
//! 1. Cut frames off what was read and give them to [`Session::handle_frame`] while [`Session::wants_read`] says so;
//!    tell it of framing errors, disconnects and deadlines with the other `handle_*`.
//! 2. Take every event with [`Session::poll_event`] and act on it with the verbs (`accept_bind`, `respond`, `send_sm`,
//!    `unbind`, …). A verb may cause further events (a freed place lets a held request through): drain until `None`.
//! 3. Write [`Session::output`].
//! 4. Arm one timer for [`Session::poll_timeout`]; it calls [`Session::handle_timeout`]. A deadline in the past means
//!    at once.
//!
//! After [`Event::Closed`] nothing more is emitted. What is still in the output is to be written (a last generic_nack,
//! an unbind_resp), and [`Session::take_outstanding`] hands back the marks that nobody will answer.
//!
//! # Who owns what
//!
//! | module | owns |
//! |---|---|
//! | `state` | the states, and the table of who may send which operation when |
//! | `machine` | the session itself: binding, answering, deadlines |
//! | `incoming` | what a frame of the peer does |
//! | `outgoing` | what we ask of the peer |
//! | `unbinding` | the end by unbind, whoever says it |
//! | `window` | our outstanding requests and their sequence numbers |
//! | `requests` | the peer's unanswered requests, and those that are held back (S17) |
//! | `timers` | session_init, enquire_link, inactivity, bind, unbind; the time during which we read |
//! | `response` | what an answer looks like, by operation and version (S14) |
//! | `violation` | how a peer breaks the protocol, and what that earns it |
//! | `counters` | PDUs and violations since the owner last asked |

mod counters;
mod incoming;
mod machine;
mod outgoing;
mod requests;
mod response;
mod state;
#[cfg(test)]
mod tests;
mod timers;
mod unbinding;
mod violation;
mod window;

use std::time::Duration;

pub use counters::{Count, Counted, Direction};
pub use machine::Session;
pub use state::{Role, SessionState, Verdict, verdict};
pub use violation::Violation;

use crate::smpp::command_status::CommandStatus;
use crate::smpp::pdu::{Bind, BindKind, Pdu};

/// From this interface_version on a peer may be sent TLVs, data_sm and alert_notification (S22).
pub const VERSION_3_4: u8 = 0x34;
/// The highest version that we speak.
pub const VERSION_5_0: u8 = 0x50;

/// Refused binds after which a connection is closed (S13).
const BIND_FAILURES_MAX: u32 = 3;

/// What one session is held to. Times of zero switch a timer off.
#[derive(Clone, Debug)]
pub struct SessionOptions {
    /// Our role.
    pub role: Role,
    /// How long a connection may stay unbound.
    pub session_init: Duration,
    /// Silence after which we send enquire_link.
    pub enquire_link: Duration,
    /// Unanswered enquire_links after which we close.
    pub enquire_link_misses: u32,
    /// Silence of the peer after which we unbind (S20).
    pub inactivity: Duration,
    /// How long we wait for a response.
    pub response: Duration,
    /// How many of our requests may be outstanding.
    pub window_size_max: usize,
    /// How many requests of the peer may be unanswered (its window); those beyond it are held back (S17). 0: no limit.
    pub requests_max: usize,
    /// How many requests are held back before the session asks not to be read any more. 0: none is held back, those
    /// beyond the peer's window are refused at once.
    pub held_max: usize,
    /// How long a request is held back before it is refused with ESME_RMSGQFUL (by an ESME: ESME_RX_T_APPN).
    pub held_for: Duration,
    /// The identity in our bind_resp, or empty.
    pub system_id: Vec<u8>,
    /// The version that we speak at most: 0x50.
    pub interface_version: u8,
}

/// What the owner must know. `T` is the owner's mark on a request of ours (a lease, say).
#[derive(Debug, PartialEq)]
pub enum Event<T> {
    /// The peer wants to bind: answer with [`Session::accept_bind`] or [`Session::refuse_bind`].
    BindRequested {
        /// As what.
        kind: BindKind,
        /// Who, with which password.
        bind: Bind,
        /// Of the request.
        sequence_number: u32,
    },
    /// Our bind was accepted.
    Bound {
        /// What the peer speaks; `None`: it told nothing.
        interface_version: Option<u8>,
    },
    /// Our bind was refused. [`Event::Closed`] follows.
    BindRefused(CommandStatus),
    /// A request that the owner answers with [`Session::respond`], [`Session::respond_with`] or [`Session::nack`]:
    /// submit_sm, deliver_sm, data_sm, query_sm, … Only outbind and alert_notification are not answered.
    Request {
        /// Of the request.
        sequence_number: u32,
        /// The request itself.
        pdu: Pdu,
    },
    /// The answer to a request of ours; a generic_nack counts (S3).
    Response {
        /// The owner's mark.
        mark: T,
        /// What it says.
        status: CommandStatus,
        /// Its body; `None` for a generic_nack or a body that did not decode.
        pdu: Option<Pdu>,
    },
    /// No answer within the response time. The window's slot is free again.
    Unanswered {
        /// The owner's mark.
        mark: T,
    },
    /// An answer to a request that was reported unanswered. The core keeps a bounded memory of such requests.
    LateResponse {
        /// The owner's mark, cloned when the time ran out.
        mark: T,
        /// What it says.
        status: CommandStatus,
        /// Its body.
        pdu: Option<Pdu>,
    },
    /// The peer has said unbind, and everything that it asked before is answered: call [`Session::confirm_unbind`]
    /// (S16).
    UnbindRequested,
    /// The session is over for this reason; what was outstanding is to be taken with [`Session::take_outstanding`].
    Closed(CloseReason),
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// The peer said unbind.
    UnbindByPeer,
    /// We said unbind, and it was answered or not in time.
    UnbindByUs,
    /// The peer closed the connection without unbind (Q2: normal).
    PeerClosed,
    /// No bind in time.
    SessionInit,
    /// enquire_link was not answered.
    EnquireLink,
    /// Nothing from the peer for too long.
    Inactivity,
    /// Too many refused binds.
    BindFailures,
    /// Octets that cannot be followed.
    Framing,
    /// Our bind was not answered or refused.
    BindFailed,
}

/// Why a request of ours did not go out. Nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The window is full.
    #[error("the window is full")]
    WindowFull,
    /// The state, or the version that the peer speaks (S22), does not allow the operation.
    #[error("not allowed in this state")]
    WrongState,
}
