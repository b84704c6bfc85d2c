//! What we ask of the peer: submit_sm or deliver_sm on the hot path, and every other request of ours.

use std::time::Instant;

use super::counters::Direction;
use super::machine::Session;
use super::state::{Role, SessionState, Verdict, verdict};
use super::{SendError, VERSION_3_4};
use crate::smpp::command_id::CommandId;
use crate::smpp::command_status::CommandStatus;
use crate::smpp::pdu::{BindKind, Pdu, SmFields};
use crate::smpp::tlv::{Tlv, Tlvs, tag};

impl<T: Clone> Session<T> {
    /// Sends submit_sm (as ESME) or deliver_sm (as MC), written straight into the output.
    ///
    /// A peer without TLVs (S22) gets none: message_payload goes as short_message, and a text that does not fit there is
    /// not sent ([`SendError::WrongState`]).
    pub fn send_sm(&mut self, now: Instant, sm: &SmFields<'_>, more: &[Tlv<'_>], mark: T) -> Result<u32, SendError> {
        let command = match self.role {
            Role::Esme => CommandId::SUBMIT_SM,
            Role::Mc => CommandId::DELIVER_SM,
        };
        self.send_fields(now, command, sm, more, mark)
    }

    /// Sends the same message as data_sm, whose text is always a message_payload. A peer without TLVs cannot be sent one
    /// ([`SendError::WrongState`], S22).
    pub fn send_data_sm(
        &mut self,
        now: Instant,
        sm: &SmFields<'_>,
        more: &[Tlv<'_>],
        mark: T,
    ) -> Result<u32, SendError> {
        let mut tlvs = sm.tlvs.iter().chain(more.iter().copied());
        if sm.short_message.is_empty() || tlvs.any(|tlv| tlv.tag == tag::MESSAGE_PAYLOAD) {
            return self.write_fields(now, CommandId::DATA_SM, sm, more, mark);
        }
        let payload = Tlv { tag: tag::MESSAGE_PAYLOAD, value: sm.short_message };
        self.write_fields(now, CommandId::DATA_SM, sm, &[more, &[payload]].concat(), mark)
    }

    /// Sends any other request of ours, or a PDU without response, whose mark is dropped: see [`tell`](Self::tell).
    /// bind, unbind and enquire_link are the session's own, and are refused here.
    pub fn send(&mut self, now: Instant, pdu: &Pdu, mark: T) -> Result<u32, SendError> {
        let command = pdu.command_id();
        if let Pdu::SubmitSm(sm) | Pdu::DeliverSm(sm) = pdu {
            return self.send_fields(now, command, &sm.fields(), &[], mark);
        }
        if !command.has_response() {
            return self.tell(pdu);
        }
        let sequence_number = self.register(now, command, mark)?;
        self.counters.pdu(Direction::Out, command, CommandStatus::ESME_ROK);
        pdu.encode(CommandStatus::ESME_ROK, sequence_number, &mut self.output);
        Ok(sequence_number)
    }

    /// Sends what has no response: outbind or alert_notification.
    pub fn tell(&mut self, pdu: &Pdu) -> Result<u32, SendError> {
        let command = pdu.command_id();
        if command.has_response() {
            return Err(SendError::WrongState);
        }
        self.may_send(command)?;
        let sequence_number = self.window.next_sequence();
        if command == CommandId::OUTBIND {
            self.state = SessionState::Outbound;
        }
        self.counters.pdu(Direction::Out, command, CommandStatus::ESME_ROK);
        pdu.encode(CommandStatus::ESME_ROK, sequence_number, &mut self.output);
        Ok(sequence_number)
    }

    fn may_send(&self, command: CommandId) -> Result<(), SendError> {
        let own = BindKind::from_command_id(command).is_some()
            || command == CommandId::UNBIND
            || command == CommandId::ENQUIRE_LINK
            || command.is_response();
        let too_new = self.peer_version < VERSION_3_4
            && (command == CommandId::DATA_SM || command == CommandId::ALERT_NOTIFICATION);
        if own || too_new || verdict(self.role, self.state, command) != Verdict::Allowed {
            return Err(SendError::WrongState);
        }
        Ok(())
    }

    /// Makes a request known before it is written (Q4).
    fn register(&mut self, now: Instant, command: CommandId, mark: T) -> Result<u32, SendError> {
        self.may_send(command)?;
        self.keep_reading_time(now);
        let deadline = self.timers.response_deadline(now);
        self.window.insert(command, deadline, mark).ok_or(SendError::WindowFull)
    }

    fn send_fields(
        &mut self,
        now: Instant,
        command: CommandId,
        sm: &SmFields<'_>,
        more: &[Tlv<'_>],
        mark: T,
    ) -> Result<u32, SendError> {
        if self.peer_version >= VERSION_3_4 {
            return self.write_fields(now, command, sm, more, mark);
        }
        match without_tlvs(sm) {
            Some(sm) => self.write_fields(now, command, &sm, &[], mark),
            None => Err(SendError::WrongState),
        }
    }

    fn write_fields(
        &mut self,
        now: Instant,
        command: CommandId,
        sm: &SmFields<'_>,
        more: &[Tlv<'_>],
        mark: T,
    ) -> Result<u32, SendError> {
        let sequence_number = self.register(now, command, mark)?;
        self.counters.pdu(Direction::Out, command, CommandStatus::ESME_ROK);
        sm.encode_pdu(command, CommandStatus::ESME_ROK, sequence_number, more, &mut self.output);
        Ok(sequence_number)
    }
}

/// The message for a peer that knows no TLVs; `None`: its text has no place without them.
fn without_tlvs<'a>(sm: &SmFields<'a>) -> Option<SmFields<'a>> {
    let text = sm.user_data();
    (text.len() <= SmFields::SHORT_MESSAGE_MAX).then_some(SmFields {
        short_message: text,
        tlvs: Tlvs::default(),
        ..*sm
    })
}
