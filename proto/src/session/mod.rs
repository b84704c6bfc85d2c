//! The session core: what either side of one SMPP connection may say when, as a value without socket or clock.

use std::time::{Duration, Instant};

use bytes::BytesMut;

use crate::smpp::codec::{Frame, FramingError};
use crate::smpp::command_status::CommandStatus;
use crate::smpp::pdu::{Bind, BindKind, Pdu, SmFields};
use crate::smpp::tlv::Tlv;

/// Which SMPP role we play on this connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The message centre: the peer is an ESME.
    Mc,
    /// The ESME: the peer is an operator.
    Esme,
}

/// Where the connection is (5.0 §2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionState {
    /// Connected, not bound.
    Open,
    /// Bound as transmitter.
    BoundTx,
    /// Bound as receiver.
    BoundRx,
    /// Bound as transceiver.
    BoundTrx,
    /// One side has said unbind.
    Unbound,
    /// Nothing more is to be written or read.
    Closed,
    /// We have sent outbind and wait for the bind.
    Outbound,
}

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
    /// How many requests of the peer may be unanswered (its window); those beyond it are held back (S17).
    pub requests_max: usize,
    /// How many requests are held back before the session asks not to be read any more.
    pub held_max: usize,
    /// How long a request is held back before it is refused with ESME_RMSGQFUL.
    pub held_for: Duration,
    /// The identity in our bind_resp, or empty.
    pub system_id: Vec<u8>,
    /// The version that we speak at most: 0x50.
    pub interface_version: u8,
}

/// What the owner must know. `T` is the owner's mark on a request of ours (a lease, say).
#[derive(Debug)]
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
    /// Our bind was refused.
    BindRefused(CommandStatus),
    /// A request that the owner answers with [`Session::respond`]: submit_sm, deliver_sm, data_sm, query_sm, …
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
    /// The peer has said unbind: answer what it submitted before, then call [`Session::confirm_unbind`] (S16).
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
    /// The state does not allow the operation.
    #[error("not allowed in this state")]
    WrongState,
}

/// One connection's protocol, for either role. See the crate's README section for the order of calls:
/// `handle_*` for what happened, verbs for what we want, then drain `poll_event`, write `output`, arm `poll_timeout`.
#[derive(Debug)]
pub struct Session<T> {
    _mark: std::marker::PhantomData<T>,
}

impl<T: Clone> Session<T> {
    /// A fresh connection.
    pub fn new(_options: SessionOptions, _now: Instant) -> Self {
        todo!()
    }

    /// One PDU from the peer.
    pub fn handle_frame(&mut self, _now: Instant, _frame: Frame) {
        todo!()
    }

    /// The stream cannot be followed: nacks (S1, S2) and closes.
    pub fn handle_framing_error(&mut self, _now: Instant, _error: FramingError) {
        todo!()
    }

    /// The peer has closed, or the socket failed.
    pub fn handle_disconnect(&mut self) {
        todo!()
    }

    /// A deadline has passed.
    pub fn handle_timeout(&mut self, _now: Instant) {
        todo!()
    }

    /// The next thing the owner must know.
    pub fn poll_event(&mut self) -> Option<Event<T>> {
        todo!()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        todo!()
    }

    /// Octets to write; the owner takes them off the front as the socket takes them.
    pub fn output(&mut self) -> &mut BytesMut {
        todo!()
    }

    /// Where it is.
    pub fn state(&self) -> SessionState {
        todo!()
    }

    /// What the peer speaks once it is bound: at most our own version.
    pub fn peer_version(&self) -> u8 {
        todo!()
    }

    /// ESME: asks to be bound.
    pub fn bind(&mut self, _now: Instant, _kind: BindKind, _bind: &Bind) -> Result<(), SendError> {
        todo!()
    }

    /// MC: the bind is good.
    pub fn accept_bind(&mut self, _now: Instant, _sequence_number: u32) {
        todo!()
    }

    /// MC: it is not. `close`: the connection ends with it (over-limit, Q25), otherwise the third failure ends it (S13).
    pub fn refuse_bind(&mut self, _now: Instant, _sequence_number: u32, _status: CommandStatus, _close: bool) {
        todo!()
    }

    /// Answers a request of the peer. `message_id` is written where the operation and the version have one (S14).
    pub fn respond(&mut self, _sequence_number: u32, _request: crate::smpp::command_id::CommandId, _status: CommandStatus, _message_id: &[u8]) {
        todo!()
    }

    /// Sends submit_sm (as ESME) or deliver_sm (as MC), written straight into the output.
    pub fn send_sm(&mut self, _now: Instant, _sm: &SmFields<'_>, _more: &[Tlv<'_>], _mark: T) -> Result<u32, SendError> {
        todo!()
    }

    /// Sends any other request of ours, or a PDU without response.
    pub fn send(&mut self, _now: Instant, _pdu: &Pdu, _mark: T) -> Result<u32, SendError> {
        todo!()
    }

    /// Whether the owner should read the socket: not while too many requests are held back. enquire_link, unbind and
    /// responses behind held requests are still served up to that bound.
    pub fn wants_read(&self) -> bool {
        todo!()
    }

    /// How many more requests the window has room for.
    pub fn window_room(&self) -> usize {
        todo!()
    }

    /// Requests of the peer that the owner has not yet answered.
    pub fn unanswered_requests(&self) -> usize {
        todo!()
    }

    /// Says unbind; the response or the response time ends the session.
    pub fn unbind(&mut self, _now: Instant) {
        todo!()
    }

    /// Answers the peer's unbind and ends the session.
    pub fn confirm_unbind(&mut self) {
        todo!()
    }

    /// The marks of all requests that will not be answered any more, oldest first.
    pub fn take_outstanding(&mut self) -> Vec<T> {
        todo!()
    }
}
