//! What the peer's octets do to a session: every PDU finds its answer, its request or its way to the owner here.

use std::time::Instant;

use super::counters::Direction;
use super::machine::{OurBind, PeerBind, Session};
use super::state::{Role, SessionState, Verdict, verdict};
use super::violation::Violation;
use super::window::Settled;
use super::{CloseReason, Event, VERSION_3_4, VERSION_5_0};
use crate::smpp::codec::{Frame, FramingError, Header};
use crate::smpp::command_id::CommandId;
use crate::smpp::command_status::CommandStatus;
use crate::smpp::pdu::{BindKind, Pdu};

/// What a peer speaks that sends no sc_interface_version: nothing with TLVs (S21).
const VERSION_WITHOUT_TLVS: u8 = 0x33;

impl<T: Clone> Session<T> {
    /// One PDU from the peer.
    pub fn handle_frame(&mut self, now: Instant, frame: Frame) {
        if self.is_closed() {
            return;
        }
        self.keep_reading_time(now);
        self.timers.received(now);
        self.counters.pdu(Direction::In, frame.header.command_id, frame.header.command_status);
        if frame.header.command_id.is_response() {
            self.handle_response(now, &frame);
        } else {
            self.handle_request(now, frame);
        }
        self.keep_reading_time(now);
    }

    /// The stream cannot be followed: nacks (S1, S2) and closes.
    pub fn handle_framing_error(&mut self, _now: Instant, error: FramingError) {
        if self.is_closed() {
            return;
        }
        // 3.4 §4.3.1: zero where no header could be read.
        let sequence_number = match error {
            FramingError::TooShort(_) => 0,
            FramingError::TooLong { sequence_number, .. } => sequence_number,
        };
        self.counters.violation(Violation::Framing(error));
        self.write_nack(sequence_number, CommandStatus::ESME_RINVCMDLEN);
        self.close(CloseReason::Framing);
    }

    /// The peer has closed, or the socket failed.
    pub fn handle_disconnect(&mut self) {
        let bind_lost = self.our_bind.as_ref().map(|_| CloseReason::BindFailed);
        self.close(self.unbind_reason().or(bind_lost).unwrap_or(CloseReason::PeerClosed));
    }

    fn handle_request(&mut self, now: Instant, frame: Frame) {
        let header = frame.header;
        let command = header.command_id;
        if let Some(bind) = &self.peer_bind
            && let Some(turn) = self.turn_behind_bind(bind.kind, command)
        {
            match turn {
                Turn::AfterBind => self.hold(now, frame),
                Turn::Never => self.violate(&header, Violation::WrongState),
            }
            return;
        }
        if let Some(violation) = Violation::of(verdict(self.role.peer(), self.state, command)) {
            if command == CommandId::UNBIND && self.our_unbind.is_some() {
                self.unbinds_cross(header.sequence_number);
            } else if self.crossed_our_unbind(command) {
                self.refuse_for_now(&header);
            } else {
                self.violate(&header, violation);
            }
            return;
        }
        match command {
            CommandId::ENQUIRE_LINK => self.answer(header.sequence_number, command, CommandStatus::ESME_ROK, b""),
            CommandId::UNBIND => self.peer_unbinds(header.sequence_number),
            CommandId::BIND_TRANSMITTER | CommandId::BIND_RECEIVER | CommandId::BIND_TRANSCEIVER => {
                self.handle_bind(&frame);
            }
            CommandId::OUTBIND => {
                self.state = SessionState::Outbound;
                self.give(&frame);
            }
            CommandId::ALERT_NOTIFICATION => self.give(&frame),
            _ if self.requests.may_pass() => self.give(&frame),
            _ => self.hold(now, frame),
        }
    }

    /// Whether a request was in order when the peer sent it, before it read our unbind: it is to come again on the next
    /// session. RINVBNDSTS would tell the peer that it did wrong, and many then give a receipt up for good.
    fn crossed_our_unbind(&self, command: CommandId) -> bool {
        self.our_unbind.is_some() && verdict(self.role.peer(), self.bound_as, command) == Verdict::Allowed
    }

    /// What becomes of a request that came while the owner thinks about a bind; `None`: the bind is nothing to it.
    ///
    /// A peer may send its bind and the first submit_sm in one segment (Q3). What the bind will allow waits for it.
    fn turn_behind_bind(&self, kind: BindKind, command: CommandId) -> Option<Turn> {
        let peer = self.role.peer();
        if BindKind::from_command_id(command).is_some() {
            return Some(Turn::Never);
        }
        let waits = command != CommandId::UNBIND
            && verdict(peer, self.state, command) != Verdict::Allowed
            && verdict(peer, SessionState::bound_as(kind), command) == Verdict::Allowed;
        waits.then_some(Turn::AfterBind)
    }

    fn handle_bind(&mut self, frame: &Frame) {
        let sequence_number = frame.header.sequence_number;
        match Pdu::decode(frame) {
            Ok(Pdu::Bind(kind, bind)) => {
                self.peer_version = spoken(bind.interface_version, self.interface_version);
                self.peer_bind = Some(PeerBind { sequence_number, kind });
                self.events.push_back(Event::BindRequested { kind, bind, sequence_number });
            }
            // The command_id of a bind decodes to a bind.
            Ok(_) => {}
            Err(error) => {
                self.violate(&frame.header, Violation::Body(error));
                self.bind_failed(false);
            }
        }
    }

    /// Gives a request to the owner.
    fn give(&mut self, frame: &Frame) {
        let sequence_number = frame.header.sequence_number;
        match Pdu::decode(frame) {
            Ok(pdu) => {
                if frame.header.command_id.has_response() {
                    self.requests.given();
                }
                self.events.push_back(Event::Request { sequence_number, pdu });
            }
            Err(error) => self.violate(&frame.header, Violation::Body(error)),
        }
    }

    fn hold(&mut self, now: Instant, frame: Frame) {
        if let Err(frame) = self.requests.hold(now, frame) {
            self.refuse_for_now(&frame.header);
        }
    }

    /// Gives on what was held back, as far as there are places, and then the unbind that came behind it.
    pub(super) fn let_through(&mut self) {
        if self.is_closed() {
            return;
        }
        while self.peer_bind.is_none() && self.requests.has_place() {
            let Some(frame) = self.requests.take_oldest() else { break };
            // By the state in which it came: an unbind behind it does not forbid it. If the bind was refused that it
            // waited for, this is still Open.
            match Violation::of(verdict(self.role.peer(), self.bound_as, frame.header.command_id)) {
                None => self.give(&frame),
                Some(violation) => self.violate(&frame.header, violation),
            }
        }
        self.go_on_unbinding();
    }

    /// Refuses everything that is held back.
    pub(super) fn refuse_held(&mut self) {
        while let Some(frame) = self.requests.take_oldest() {
            self.refuse_for_now(&frame.header);
        }
    }

    /// There is no place for it: it shall come again later (Q26, S43, S53).
    pub(super) fn refuse_for_now(&mut self, header: &Header) {
        let status = match self.role {
            Role::Mc => CommandStatus::ESME_RMSGQFUL,
            Role::Esme => CommandStatus::ESME_RX_T_APPN,
        };
        self.answer(header.sequence_number, header.command_id, status, b"");
    }

    /// Answers a request that broke the protocol. The session goes on.
    fn violate(&mut self, header: &Header, violation: Violation) {
        self.counters.violation(violation);
        let Some(status) = violation.status() else { return };
        if violation == Violation::UnknownCommand {
            self.write_nack(header.sequence_number, status);
        } else {
            self.answer(header.sequence_number, header.command_id, status, b"");
        }
    }

    fn handle_response(&mut self, now: Instant, frame: &Frame) {
        let Header { command_id, sequence_number, .. } = frame.header;
        let answers = |request: CommandId, number: u32| {
            number == sequence_number && (command_id == request.response() || command_id == CommandId::GENERIC_NACK)
        };
        if self.enquire_link.is_some_and(|number| answers(CommandId::ENQUIRE_LINK, number)) {
            self.enquire_link = None;
        } else if self.our_unbind.as_ref().is_some_and(|unbind| answers(CommandId::UNBIND, unbind.sequence_number)) {
            self.our_unbind_answered();
        } else if let Some(bind) = self.our_bind.take_if(|bind| answers(bind.kind.command_id(), bind.sequence_number)) {
            self.handle_bind_response(now, &bind, frame);
        } else if let Some(settled) = self.window.settle(sequence_number, command_id) {
            let status = outcome(&frame.header);
            let pdu = self.response_body(frame);
            self.events.push_back(match settled {
                Settled::InTime(mark) => Event::Response { mark, status, pdu },
                Settled::Late(mark) => Event::LateResponse { mark, status, pdu },
            });
        } else {
            // Never answered, and no reason to close (S3, Q34).
            self.counters.violation(Violation::UnmatchedResponse);
        }
    }

    /// `None` for a generic_nack, and for a body that does not decode: the header says enough to settle the request.
    fn response_body(&mut self, frame: &Frame) -> Option<Pdu> {
        if frame.header.command_id == CommandId::GENERIC_NACK {
            return None;
        }
        match Pdu::decode(frame) {
            Ok(pdu) => Some(pdu),
            Err(error) => {
                self.counters.violation(Violation::Body(error));
                None
            }
        }
    }

    fn handle_bind_response(&mut self, now: Instant, bind: &OurBind, frame: &Frame) {
        let status = outcome(&frame.header);
        if !status.is_ok() {
            self.events.push_back(Event::BindRefused(status));
            self.close(CloseReason::BindFailed);
            return;
        }
        let interface_version = match self.response_body(frame) {
            Some(Pdu::BindResp(_, response)) => response.sc_interface_version,
            _ => None,
        };
        let ours = self.interface_version.min(bind.interface_version);
        self.peer_version = spoken(interface_version.unwrap_or(VERSION_WITHOUT_TLVS), ours);
        self.enter_bound(now, bind.kind);
        self.events.push_back(Event::Bound { interface_version });
    }
}

/// When a request is served that came behind a bind.
enum Turn {
    AfterBind,
    Never,
}

/// The version to use with a peer that claims this one: 3.3 and older as they are, else the highest of 3.4 and 5.0 that
/// both sides speak (S21).
fn spoken(claimed: u8, ours: u8) -> u8 {
    let known = match claimed {
        VERSION_5_0.. => VERSION_5_0,
        VERSION_3_4.. => VERSION_3_4,
        older => older,
    };
    known.min(ours)
}

/// What a response says about its request. A generic_nack never says that all is well, even if its status is zero.
fn outcome(header: &Header) -> CommandStatus {
    if header.command_id == CommandId::GENERIC_NACK && header.command_status.is_ok() {
        CommandStatus::ESME_RINVCMDID
    } else {
        header.command_status
    }
}
