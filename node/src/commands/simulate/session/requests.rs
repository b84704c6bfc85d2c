//! What the peer of a simulated operator asks for: binds and messages.

use std::time::Instant;

use bytes::Bytes;
use smsc_proto::message_state::MessageState;
use smsc_proto::smpp::codec::{Frame, encode_header_only};
use smsc_proto::smpp::command_id::CommandId;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::{Bind, BindKind, BindResp, Pdu, SmFields};

use super::{Answer, Bound, Ended, Now, Outstanding, Session, count, write_answer};
use crate::commands::client::connection::FrameRef;
use crate::commands::simulate::deliver::Report;
use crate::commands::simulate::faults::Fate;
use crate::commands::simulate::options::{Announce, Receipts};
use crate::commands::terminal;

impl Session {
    /// One PDU.
    pub(super) fn handle(&mut self, now: Now, frame: FrameRef<'_>) -> Result<(), Ended> {
        let (header, sequence_number) = (frame.header, frame.header.sequence_number);
        match header.command_id {
            CommandId::SUBMIT_SM => return self.handle_submit(now, frame),
            CommandId::DELIVER_SM_RESP | CommandId::GENERIC_NACK => {
                self.handle_delivered(now.instant, sequence_number, header.command_status);
            }
            CommandId::BIND_TRANSMITTER | CommandId::BIND_RECEIVER | CommandId::BIND_TRANSCEIVER => {
                return self.handle_bind(frame);
            }
            CommandId::ENQUIRE_LINK => self.say(CommandId::ENQUIRE_LINK_RESP, CommandStatus::ESME_ROK, sequence_number),
            CommandId::UNBIND => {
                self.say(CommandId::UNBIND_RESP, CommandStatus::ESME_ROK, sequence_number);
                self.closing = true;
            }
            response if response.is_response() => {}
            _ => self.say(CommandId::GENERIC_NACK, CommandStatus::ESME_RINVCMDID, sequence_number),
        }
        Ok(())
    }

    /// Says something that is only a header.
    pub(super) fn say(&mut self, command_id: CommandId, status: CommandStatus, sequence_number: u32) {
        encode_header_only(command_id, status, sequence_number, &mut self.connection.output);
    }

    fn handle_bind(&mut self, frame: FrameRef<'_>) -> Result<(), Ended> {
        let header = frame.header;
        let frame = Frame { header, body: Bytes::copy_from_slice(frame.body) };
        let (kind, bind) = match Pdu::decode(&frame) {
            Ok(Pdu::Bind(kind, bind)) => (kind, bind),
            Ok(_) => return Err("a bind that is none".to_owned()),
            Err(error) => {
                self.say(header.command_id.response(), error.status, header.sequence_number);
                return Ok(());
            }
        };
        let status = self.admit(kind, &bind);
        let version = if bind.interface_version >= 0x34 { Some(0x34) } else { None };
        let resp = BindResp {
            system_id: Bytes::from_static(b"simulator"),
            sc_interface_version: version.filter(|_| status.is_ok()),
        };
        Pdu::BindResp(kind, resp).encode(status, header.sequence_number, &mut self.connection.output);
        if self.operator.options.announce == Announce::Binds {
            let system_id = terminal::harmless(&String::from_utf8_lossy(&bind.system_id));
            let (time, peer) = (terminal::time_of_day(), self.peer);
            match status.is_ok() {
                true => println!("{time}  {system_id} from {peer} bound as {}", kind_name(kind)),
                false => println!("{time}  {system_id} from {peer} refused: {status}"),
            }
        }
        Ok(())
    }

    fn admit(&mut self, kind: BindKind, bind: &Bind) -> CommandStatus {
        let options = &self.operator.options;
        if self.bound.is_some() {
            return CommandStatus::ESME_RALYBND;
        }
        if options.system_id.as_ref().is_some_and(|expected| expected.as_bytes() != bind.system_id) {
            return CommandStatus::ESME_RINVSYSID;
        }
        if options.password.as_ref().is_some_and(|expected| expected.as_bytes() != bind.password) {
            return CommandStatus::ESME_RINVPASWD;
        }
        let Some(account) = self.operator.account(&bind.system_id) else { return CommandStatus::ESME_RBINDFAIL };
        let system_id = String::from_utf8_lossy(&bind.system_id).into_owned();
        let bound = Bound { system_id, kind, account, tlvs: bind.interface_version >= 0x34 };
        if bound.receives() {
            bound.account.receiver_came();
        }
        self.bound = Some(bound);
        CommandStatus::ESME_ROK
    }

    fn handle_submit(&mut self, now: Now, frame: FrameRef<'_>) -> Result<(), Ended> {
        let sequence_number = frame.header.sequence_number;
        let Some(bound) = self.bound.as_ref().filter(|bound| bound.kind != BindKind::Receiver) else {
            self.say(CommandId::SUBMIT_SM_RESP, CommandStatus::ESME_RINVBNDSTS, sequence_number);
            return Ok(());
        };
        let message = match SmFields::decode(frame.body) {
            Ok(message) => message,
            Err(error) => {
                self.answer(now.instant, sequence_number, Answer::Refused(error.status));
                return Ok(());
            }
        };
        let options = &self.operator.options;
        if bound.account.kept() >= options.waiting_max {
            self.answer(now.instant, sequence_number, Answer::Refused(CommandStatus::ESME_RMSGQFUL));
            return Ok(());
        }
        let fate = self.faults.decide(options, || bound.account.admits(options.throttle_above, now.instant));
        match fate {
            Fate::Accept { delivered } => {
                self.operator.write_ids(&mut self.ids);
                self.prepare(now, &message, delivered);
                let id = Bytes::copy_from_slice(self.ids.response.as_bytes());
                self.answer(now.instant, sequence_number, Answer::Accepted(id));
            }
            Fate::Refuse(status) => self.answer(now.instant, sequence_number, Answer::Refused(status)),
            Fate::Lose => count(&self.operator.counters.lost),
            Fate::Drop => return Err("dropped on purpose".to_owned()),
        }
        Ok(())
    }

    /// Writes receipt and MO of an accepted message, to be sent when they are due.
    fn prepare(&mut self, now: Now, message: &SmFields<'_>, delivered: bool) {
        let Some(bound) = &self.bound else { return };
        let options = &self.operator.options;
        let due = now.instant + options.receipt_delay;
        let done = now.utc.plus(options.receipt_delay);
        let mut produced = 0;
        let receipts = self.faults.receipts(options);
        if receipts != Receipts::Never && wants_receipt(message.registered_delivery, delivered) {
            let state = if delivered { MessageState::Delivered } else { MessageState::Undeliverable };
            let report = Report { message_id: self.ids.in_receipt(), state, submitted: now.utc, done };
            let receipt = self.writer.receipt(message, report, bound.tlvs);
            match receipts {
                Receipts::Early if bound.receives() && self.outstanding.room() > 0 => {
                    let outstanding = Outstanding { delivery: receipt.clone(), sent: now.instant };
                    receipt.send(self.outstanding.push(outstanding), &mut self.connection.output);
                }
                Receipts::Early => self.produced.push(now.instant, receipt),
                Receipts::Late => {
                    bound.account.waiting().push_late(due + options.late_by, receipt);
                    // Whoever receives must know when it is due.
                    bound.account.bell.notify_one();
                }
                Receipts::Twice => {
                    self.produced.push(due, receipt.clone());
                    self.produced.push(due, receipt);
                    produced += 1;
                }
                Receipts::Always | Receipts::Never => self.produced.push(due, receipt),
            }
            produced += 1;
        }
        if options.loopback.iter().any(|prefix| message.destination.digits.starts_with(prefix.as_bytes())) {
            let mo = self.writer.looped(message, bound.tlvs);
            self.produced.push(due, mo);
            produced += 1;
        }
        bound.account.keep(produced);
    }

    fn answer(&mut self, now: Instant, sequence_number: u32, answer: Answer) {
        match &answer {
            Answer::Accepted(_) => count(&self.operator.counters.accepted),
            Answer::Refused(_) => count(&self.operator.counters.refused),
        }
        let delay = self.operator.options.response_delay;
        if delay.is_zero() {
            write_answer(sequence_number, &answer, &mut self.connection.output);
        } else {
            self.responses.push_back((now + delay, sequence_number, answer));
        }
    }
}

/// Whether a message with that registered_delivery asks for this receipt (S36).
fn wants_receipt(registered_delivery: u8, delivered: bool) -> bool {
    match registered_delivery & 0x03 {
        0 => false,
        1 => true,
        2 => !delivered,
        _ => delivered,
    }
}

fn kind_name(kind: BindKind) -> &'static str {
    match kind {
        BindKind::Transmitter => "transmitter",
        BindKind::Receiver => "receiver",
        BindKind::Transceiver => "transceiver",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_is_written_only_where_it_was_asked_for() {
        let cases = [(0, false, false), (1, true, true), (2, false, true), (3, true, false), (0x11, true, true)];
        for (registered_delivery, delivered, undelivered) in cases {
            assert_eq!(wants_receipt(registered_delivery, true), delivered, "{registered_delivery}");
            assert_eq!(wants_receipt(registered_delivery, false), undelivered, "{registered_delivery}");
        }
    }
}
