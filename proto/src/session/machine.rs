//! The session itself: binding, answering, deadlines, and what it has to say. What frames do to it is in
//! [`incoming`](super::incoming), what we ask in [`outgoing`](super::outgoing), its end in [`unbinding`](super::unbinding).

use std::collections::VecDeque;
use std::time::Instant;

use bytes::{Bytes, BytesMut};

use super::counters::{Count, Counters, Direction};
use super::requests::PeerRequests;
use super::response::Answer;
use super::state::{Role, SessionState, Verdict, verdict};
use super::timers::{Due, Timers};
use super::unbinding::{OurUnbind, PeerUnbind};
use super::window::Window;
use super::{BIND_FAILURES_MAX, CloseReason, Event, SendError, SessionOptions, VERSION_3_4};
use crate::smpp::codec::{encode_header_only, encode_pdu};
use crate::smpp::command_id::CommandId;
use crate::smpp::command_status::CommandStatus;
use crate::smpp::pdu::{Bind, BindKind, BindResp, Pdu};

/// One connection's protocol, for either role. The head of this module's parent says in which order to call it:
/// `handle_*` for what happened, verbs for what we want, then drain `poll_event`, write `output`, arm `poll_timeout`.
///
/// Events and output are bounded by what the owner hands in between two drains: at most one event and one answer per
/// frame or verb, and those of the requests that were held back.
#[derive(Debug)]
pub struct Session<T> {
    pub(super) role: Role,
    pub(super) state: SessionState,
    /// The state before any unbind: what held requests are judged by.
    pub(super) bound_as: SessionState,
    /// Our identity in bind_resp.
    system_id: Vec<u8>,
    pub(super) interface_version: u8,
    pub(super) peer_version: u8,

    pub(super) peer_bind: Option<PeerBind>,
    pub(super) our_bind: Option<OurBind>,
    bind_failures: u32,
    pub(super) peer_unbind: Option<PeerUnbind>,
    pub(super) our_unbind: Option<OurUnbind>,
    /// The sequence_number of our last enquire_link while it is unanswered. It takes no place in the window (S17).
    pub(super) enquire_link: Option<u32>,

    pub(super) window: Window<T>,
    pub(super) requests: PeerRequests,
    pub(super) timers: Timers,
    /// Whether the owner reads the socket, as far as it has told.
    reading: bool,
    pub(super) events: VecDeque<Event<T>>,
    pub(super) output: BytesMut,
    pub(super) counters: Counters,
}

/// A bind of the peer that the owner thinks about.
#[derive(Debug)]
pub(super) struct PeerBind {
    pub(super) sequence_number: u32,
    pub(super) kind: BindKind,
}

/// A bind of ours that is not answered.
#[derive(Debug)]
pub(super) struct OurBind {
    pub(super) sequence_number: u32,
    pub(super) kind: BindKind,
    pub(super) interface_version: u8,
}

impl<T: Clone> Session<T> {
    /// A fresh connection.
    pub fn new(options: SessionOptions, now: Instant) -> Self {
        Self {
            role: options.role,
            state: SessionState::Open,
            bound_as: SessionState::Open,
            interface_version: options.interface_version,
            // Until the peer has said what it speaks, it is taken for the commonest.
            peer_version: VERSION_3_4.min(options.interface_version),
            peer_bind: None,
            our_bind: None,
            bind_failures: 0,
            peer_unbind: None,
            our_unbind: None,
            enquire_link: None,
            window: Window::new(options.window_size_max),
            requests: PeerRequests::new(&options),
            timers: Timers::new(&options, now),
            reading: true,
            events: VecDeque::new(),
            output: BytesMut::new(),
            counters: Counters::default(),
            system_id: options.system_id,
        }
    }

    /// A deadline has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.is_closed() {
            return;
        }
        self.keep_reading_time(now);
        while let Some(frame) = self.requests.take_expired(now) {
            self.refuse_for_now(&frame.header);
        }
        self.go_on_unbinding();
        self.keep_reading_time(now);
        if self.timers.paused_since().is_none() {
            let reading_time = self.timers.reading_time(now);
            while let Some(mark) = self.window.expire(reading_time) {
                self.events.push_back(Event::Unanswered { mark });
            }
        }
        while !self.is_closed() {
            match self.timers.due(now, self.state) {
                None => break,
                Some(Due::SessionInit) => self.close(CloseReason::SessionInit),
                Some(Due::Bind) => self.close(CloseReason::BindFailed),
                Some(Due::Unbind) => self.end_unbind(),
                Some(Due::EnquireLink) => self.ask(now),
                Some(Due::EnquireLinkMissed) => self.close(CloseReason::EnquireLink),
                Some(Due::Inactivity) if self.state.is_bound() => self.begin_unbind(now, CloseReason::Inactivity),
                Some(Due::Inactivity) => self.close(self.unbind_reason().unwrap_or(CloseReason::Inactivity)),
            }
        }
    }

    /// The next thing the owner must know.
    pub fn poll_event(&mut self) -> Option<Event<T>> {
        self.events.pop_front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.is_closed() {
            return None;
        }
        if let Some(since) = self.timers.paused_since()
            && self.is_reading()
        {
            // An answer has made room, and answers carry no time: at once, so that reading time goes on.
            return Some(since);
        }
        let waiting = self.timers.next(self.state, self.window.next_deadline());
        [waiting, self.requests.next_deadline()].into_iter().flatten().min()
    }

    /// Octets to write; the owner takes them off the front as the socket takes them.
    pub fn output(&mut self) -> &mut BytesMut {
        &mut self.output
    }

    /// Where it is.
    pub fn state(&self) -> SessionState {
        self.state
    }

    /// What the peer speaks once it is bound: at most our own version. 0x33 or less: no TLVs (S22).
    pub fn peer_version(&self) -> u8 {
        self.peer_version
    }

    /// Counts since the last call, for metrics. What is not taken is added up.
    pub fn take_counters(&mut self) -> impl Iterator<Item = Count> + '_ {
        self.counters.drain()
    }

    /// PDUs of the peer that moved nothing (enquire_link, violations) since this was asked last. The owner may let a peer
    /// wait that does little else.
    pub fn take_small_talk(&mut self) -> u32 {
        self.counters.take_small_talk()
    }

    /// ESME: asks to be bound.
    pub fn bind(&mut self, now: Instant, kind: BindKind, bind: &Bind) -> Result<(), SendError> {
        let command = kind.command_id();
        if self.our_bind.is_some() || verdict(self.role, self.state, command) != Verdict::Allowed {
            return Err(SendError::WrongState);
        }
        self.keep_reading_time(now);
        let sequence_number = self.window.next_sequence();
        self.our_bind = Some(OurBind { sequence_number, kind, interface_version: bind.interface_version });
        self.timers.binding(now);
        self.counters.pdu(Direction::Out, command, CommandStatus::ESME_ROK);
        encode_pdu(command, CommandStatus::ESME_ROK, sequence_number, &mut self.output, |out| bind.encode(out));
        Ok(())
    }

    /// MC: the bind is good. Without effect when no such bind waits for its answer (the peer has gone, say).
    pub fn accept_bind(&mut self, now: Instant, sequence_number: u32) {
        let Some(bind) = self.peer_bind.take_if(|bind| bind.sequence_number == sequence_number) else { return };
        self.keep_reading_time(now);
        let command = bind.kind.command_id().response();
        let response = BindResp {
            system_id: Bytes::copy_from_slice(&self.system_id),
            // Ours, not the lower of the two: the peer is told what it may use (S21), if it knows TLVs at all (S22).
            sc_interface_version: (self.peer_version >= VERSION_3_4).then_some(self.interface_version),
        };
        self.counters.pdu(Direction::Out, command, CommandStatus::ESME_ROK);
        encode_pdu(command, CommandStatus::ESME_ROK, sequence_number, &mut self.output, |out| response.encode(out));
        self.enter_bound(now, bind.kind);
        self.let_through();
    }

    /// MC: it is not. `close`: the connection ends with it (over-limit, Q25), otherwise the third failure ends it (S13).
    pub fn refuse_bind(&mut self, now: Instant, sequence_number: u32, status: CommandStatus, close: bool) {
        let Some(bind) = self.peer_bind.take_if(|bind| bind.sequence_number == sequence_number) else { return };
        self.keep_reading_time(now);
        self.answer(sequence_number, bind.kind.command_id(), status, b"");
        self.bind_failed(close);
    }

    /// Answers a request of the peer. `message_id` is written where the operation and the version have one (S14). The
    /// answer to a query_sm that was found goes through [`respond_with`](Self::respond_with).
    pub fn respond(&mut self, sequence_number: u32, request: CommandId, status: CommandStatus, message_id: &[u8]) {
        if self.is_closed() {
            return;
        }
        self.answer(sequence_number, request, status, message_id);
        self.requests.answered();
        self.let_through();
    }

    /// Answers a request of the peer with a whole body: query_sm_resp, submit_multi_resp with destinations that failed.
    pub fn respond_with(&mut self, sequence_number: u32, status: CommandStatus, response: &Pdu) {
        if self.is_closed() || !response.command_id().is_response() {
            return;
        }
        let status = status.for_version(self.peer_version);
        self.counters.pdu(Direction::Out, response.command_id(), status);
        response.encode(status, sequence_number, &mut self.output);
        self.requests.answered();
        self.let_through();
    }

    /// Answers a request of the peer with generic_nack: an operation that the owner does not offer (S4).
    pub fn nack(&mut self, sequence_number: u32, status: CommandStatus) {
        if self.is_closed() {
            return;
        }
        self.write_nack(sequence_number, status);
        self.requests.answered();
        self.let_through();
    }

    /// Whether the owner should read the socket: not while too many requests are held back. enquire_link, unbind and
    /// responses behind held requests are still served up to that bound.
    pub fn wants_read(&self) -> bool {
        !self.is_closed() && !self.requests.is_full()
    }

    /// Tells that the owner does not read the socket for a reason of its own (much is unsent), or does again. Meanwhile no
    /// timer runs against the peer (S17). Not needed for what [`wants_read`](Self::wants_read) says.
    pub fn set_reading(&mut self, now: Instant, reading: bool) {
        self.reading = reading;
        self.keep_reading_time(now);
    }

    /// Sets how many requests of the peer may be unanswered, once it is known who it is. 0: no limit.
    pub fn set_requests_max(&mut self, requests_max: usize) {
        self.requests.set_unanswered_max(requests_max);
        self.let_through();
    }

    /// Sets how many of our requests may be outstanding. A smaller window takes effect as responses come.
    pub fn set_window_size_max(&mut self, window_size_max: usize) {
        self.window.set_size_max(window_size_max);
    }

    /// How many more requests the window has room for.
    pub fn window_room(&self) -> usize {
        self.window.room()
    }

    /// Requests of the peer that the owner has not yet answered.
    pub fn unanswered_requests(&self) -> usize {
        self.requests.unanswered()
    }

    /// The marks of all requests that will not be answered any more, oldest first: none before [`Event::Closed`].
    pub fn take_outstanding(&mut self) -> Vec<T> {
        if self.is_closed() { self.window.take_all() } else { Vec::new() }
    }
}

/// What the verbs and the frames are made of.
impl<T: Clone> Session<T> {
    pub(super) fn is_closed(&self) -> bool {
        self.state == SessionState::Closed
    }

    fn is_reading(&self) -> bool {
        self.reading && !self.requests.is_full()
    }

    /// Stops or starts reading time, as of now. Called before and after whatever has a time of its own.
    pub(super) fn keep_reading_time(&mut self, now: Instant) {
        self.timers.set_reading(now, self.is_reading());
    }

    /// Writes a response. Whether it frees a place is the caller's business.
    pub(super) fn answer(
        &mut self,
        sequence_number: u32,
        request: CommandId,
        status: CommandStatus,
        message_id: &[u8],
    ) {
        self.counters.pdu(Direction::Out, request.response(), status.for_version(self.peer_version));
        Answer { request, status, sequence_number, message_id, system_id: &self.system_id }
            .write(self.peer_version, &mut self.output);
    }

    pub(super) fn write_nack(&mut self, sequence_number: u32, status: CommandStatus) {
        self.counters.pdu(Direction::Out, CommandId::GENERIC_NACK, status);
        encode_header_only(CommandId::GENERIC_NACK, status, sequence_number, &mut self.output);
    }

    /// Sends enquire_link. Whoever is asked has been silent: memory that a burst took is given back.
    fn ask(&mut self, now: Instant) {
        let sequence_number = self.window.next_sequence();
        self.enquire_link = Some(sequence_number);
        self.timers.asking(now);
        self.counters.pdu(Direction::Out, CommandId::ENQUIRE_LINK, CommandStatus::ESME_ROK);
        let ok = CommandStatus::ESME_ROK;
        encode_header_only(CommandId::ENQUIRE_LINK, ok, sequence_number, &mut self.output);
        self.requests.shrink();
        self.events.shrink_to_fit();
    }

    pub(super) fn enter_bound(&mut self, now: Instant, kind: BindKind) {
        self.state = SessionState::bound_as(kind);
        self.bound_as = self.state;
        self.timers.bound(now);
    }

    /// A bind of the peer was refused, by the owner or because its body does not decode.
    pub(super) fn bind_failed(&mut self, close: bool) {
        self.bind_failures += 1;
        if close || self.bind_failures >= BIND_FAILURES_MAX {
            self.close(CloseReason::BindFailures);
        } else {
            self.let_through();
        }
    }

    pub(super) fn close(&mut self, reason: CloseReason) {
        if self.is_closed() {
            return;
        }
        self.state = SessionState::Closed;
        self.peer_bind = None;
        self.our_bind = None;
        self.peer_unbind = None;
        self.our_unbind = None;
        self.enquire_link = None;
        self.requests.clear();
        self.events.push_back(Event::Closed(reason));
    }
}
