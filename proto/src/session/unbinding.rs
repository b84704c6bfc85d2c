//! How a session ends by unbind, whoever says it: first everything that the peer asked before is answered (S16).

use std::time::Instant;

use super::counters::Direction;
use super::machine::Session;
use super::state::SessionState;
use super::{CloseReason, Event};
use crate::smpp::codec::encode_header_only;
use crate::smpp::command_id::CommandId;
use crate::smpp::command_status::CommandStatus;

/// An unbind of the peer that is not answered.
#[derive(Debug)]
pub(super) struct PeerUnbind {
    sequence_number: u32,
    /// Whether the owner knows.
    reported: bool,
}

/// An unbind of ours.
#[derive(Debug)]
pub(super) struct OurUnbind {
    pub(super) sequence_number: u32,
    /// What it is for.
    reason: CloseReason,
    /// Whether the peer is done; then only our own answers are missing.
    answered: bool,
}

impl<T: Clone> Session<T> {
    /// Says unbind; the response, once everything that the peer asked before is answered, or the response time ends the
    /// session. A connection that is not bound closes at once.
    pub fn unbind(&mut self, now: Instant) {
        match self.state {
            SessionState::BoundTx | SessionState::BoundRx | SessionState::BoundTrx => {
                self.keep_reading_time(now);
                self.begin_unbind(now, CloseReason::UnbindByUs);
            }
            SessionState::Open | SessionState::Outbound => self.close(CloseReason::UnbindByUs),
            SessionState::Unbound | SessionState::Closed => {}
        }
    }

    /// Answers the peer's unbind and ends the session. Requests that are still held back are told to come again.
    pub fn confirm_unbind(&mut self) {
        let Some(unbind) = self.peer_unbind.take() else { return };
        self.refuse_held();
        self.answer(unbind.sequence_number, CommandId::UNBIND, CommandStatus::ESME_ROK, b"");
        let crossed = self.our_unbind.as_ref().map(|unbind| unbind.reason);
        self.close(crossed.unwrap_or(CloseReason::UnbindByPeer));
    }

    pub(super) fn begin_unbind(&mut self, now: Instant, reason: CloseReason) {
        let sequence_number = self.window.next_sequence();
        self.our_unbind = Some(OurUnbind { sequence_number, reason, answered: false });
        self.state = SessionState::Unbound;
        self.timers.unbinding(now);
        self.counters.pdu(Direction::Out, CommandId::UNBIND, CommandStatus::ESME_ROK);
        encode_header_only(CommandId::UNBIND, CommandStatus::ESME_ROK, sequence_number, &mut self.output);
    }

    /// The peer says unbind.
    pub(super) fn peer_unbinds(&mut self, sequence_number: u32) {
        self.state = SessionState::Unbound;
        self.peer_unbind = Some(PeerUnbind { sequence_number, reported: false });
        self.go_on_unbinding();
    }

    /// The peer's unbind has crossed ours. It stands for the response to ours, and is answered at the end.
    pub(super) fn unbinds_cross(&mut self, sequence_number: u32) {
        self.peer_unbind = Some(PeerUnbind { sequence_number, reported: true });
        self.our_unbind_answered();
    }

    /// The peer has nothing more to say.
    pub(super) fn our_unbind_answered(&mut self) {
        if let Some(unbind) = &mut self.our_unbind {
            unbind.answered = true;
        }
        self.go_on_unbinding();
    }

    /// Once everything is answered that the peer asked before an unbind: ends the session if it was ours, tells the
    /// owner if it was the peer's (S16).
    pub(super) fn go_on_unbinding(&mut self) {
        if !self.requests.all_answered() {
            return;
        }
        if self.our_unbind.as_ref().is_some_and(|unbind| unbind.answered) {
            self.end_unbind();
        } else if let Some(unbind) = &mut self.peer_unbind
            && !unbind.reported
        {
            unbind.reported = true;
            self.events.push_back(Event::UnbindRequested);
        }
    }

    /// Our unbind has done its work, or has not been answered in its time.
    pub(super) fn end_unbind(&mut self) {
        self.refuse_held();
        if let Some(crossed) = self.peer_unbind.take() {
            self.answer(crossed.sequence_number, CommandId::UNBIND, CommandStatus::ESME_ROK, b"");
        }
        self.close(self.unbind_reason().unwrap_or(CloseReason::UnbindByUs));
    }

    /// Why the session is ending, if one side has said unbind.
    pub(super) fn unbind_reason(&self) -> Option<CloseReason> {
        let ours = self.our_unbind.as_ref().map(|unbind| unbind.reason);
        ours.or(self.peer_unbind.as_ref().map(|_| CloseReason::UnbindByPeer))
    }
}
