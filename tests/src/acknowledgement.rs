//! Answers that promise something, found in a node's system calls, and what the disk had of it when they left.

use std::collections::HashMap;

use bytes::BytesMut;
use smsc_proto::smpp::codec::{Frame, next_frame};
use smsc_proto::smpp::command_id::CommandId;
use smsc_proto::smpp::command_status::CommandStatus;

use crate::message::Message;
use crate::system_call::SystemCall;

/// The largest PDU in a trace.
const PDU_SIZE_MAX: usize = 1 << 20;

/// The bit of esm_class that says: a receipt.
const RECEIPT: u8 = 0x04;

/// ESME_ROK to a submit_sm of an ESME or to a deliver_sm of an operator. Places are lines of the trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledgement {
    /// The request's command_id.
    pub request: CommandId,
    /// The request's text.
    pub text: String,
    /// Where its record had been written into the journal; `None` if that was not before the answer.
    pub recorded: Option<usize>,
    /// Where a sync had returned that began after that; `None` if that was not before the answer.
    pub durable: Option<usize>,
    /// Where the answer began to leave.
    pub answered: usize,
}

/// A request that waits for its answer.
struct Request {
    text: Vec<u8>,
    is_receipt: bool,
    came: usize,
}

/// Finds all acknowledgements. Both directions of each connection are put together from what was read and written.
///
/// The record of a message is told by its text, which stands in it as it came, so texts must be unique. A receipt's text
/// does not stand in its record: any record that was written after it came is taken for it.
pub fn acknowledgements(calls: &[SystemCall]) -> Vec<Acknowledgement> {
    let mut found = Vec::new();
    let mut streams = HashMap::<(&str, bool), BytesMut>::new();
    let mut requests = HashMap::<(&str, CommandId, u32), Request>::new();
    let mut in_order = calls.iter().filter(|call| call.sends() || call.receives()).collect::<Vec<_>>();
    // What was sent has left at the earliest when the call began; what was read was known at the earliest when it ended.
    in_order.sort_by_key(|call| if call.sends() { call.began } else { call.ended });
    for call in in_order {
        let stream = streams.entry((&call.on, call.sends())).or_default();
        stream.extend_from_slice(&call.octets);
        while let Some(frame) = next_frame(stream, PDU_SIZE_MAX).expect("the trace holds whole streams of PDUs") {
            let command_id = frame.header.command_id;
            let key = |request| (call.on.as_str(), request, frame.header.sequence_number);
            match (call.sends(), command_id) {
                (false, CommandId::SUBMIT_SM | CommandId::DELIVER_SM) => {
                    requests.insert(key(command_id), Request::of(&frame, call.ended));
                }
                (true, CommandId::SUBMIT_SM_RESP | CommandId::DELIVER_SM_RESP) => {
                    let request_id = match command_id {
                        CommandId::SUBMIT_SM_RESP => CommandId::SUBMIT_SM,
                        _ => CommandId::DELIVER_SM,
                    };
                    let request = requests.remove(&key(request_id)).expect("every answer in the trace has its request");
                    if frame.header.command_status == CommandStatus::ESME_ROK {
                        found.push(request.acknowledged(request_id, call.began, calls));
                    }
                }
                _ => {}
            }
        }
    }
    found
}

impl Request {
    fn of(frame: &Frame, came: usize) -> Self {
        let message = Message::of(frame);
        let is_receipt = frame.header.command_id == CommandId::DELIVER_SM && message.esm_class & RECEIPT != 0;
        Self { text: message.user_data().to_vec(), is_receipt, came }
    }

    fn acknowledged(self, request: CommandId, answered: usize, calls: &[SystemCall]) -> Acknowledgement {
        let holds =
            |octets: &[u8]| self.is_receipt || octets.windows(self.text.len()).any(|window| window == self.text);
        let since = calls.partition_point(|call| call.began <= self.came);
        let meanwhile = calls[since..].iter().take_while(|call| call.began < answered);
        let mut meanwhile = meanwhile.filter(|call| call.ended < answered);
        let recorded =
            meanwhile.clone().find(|call| call.writes_journal() && holds(&call.octets)).map(|call| call.ended);
        let durable =
            recorded.and_then(|recorded| meanwhile.find(|call| call.syncs_journal() && call.began > recorded));
        let text = String::from_utf8_lossy(&self.text).into_owned();
        Acknowledgement { request, text, recorded, durable: durable.map(|call| call.ended), answered }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::answer_header;

    /// A trace in the making: each call begins on the line after the one before.
    #[derive(Default)]
    struct Trace(Vec<SystemCall>);

    impl Trace {
        fn call(mut self, name: &str, on: &str, octets: &[u8], result: i64) -> Self {
            let line = self.0.len();
            let (name, on) = (name.to_owned(), on.to_owned());
            self.0.push(SystemCall {
                name,
                on,
                octets: octets.to_vec(),
                result: Some(result),
                began: line,
                ended: line,
            });
            self
        }

        fn submitted(self) -> Self {
            self.call("recvfrom", "TCP:[a->b]", &submit(), 1)
        }

        fn recorded(self) -> Self {
            self.call("pwrite64", "/data/db", b"..unique..", 1)
        }

        fn synced(self) -> Self {
            self.call("fdatasync", "/data/db", b"", 0)
        }

        fn answered(self, status: CommandStatus) -> Self {
            let mut submit = BytesMut::from(&submit()[..]);
            let frame = next_frame(&mut submit, PDU_SIZE_MAX).expect("it is whole").expect("it is whole");
            let mut answer = BytesMut::new();
            answer_header(&frame, status, &mut answer);
            self.call("sendto", "TCP:[a->b]", &answer, 1)
        }

        /// Whether each acknowledgement was recorded and durable.
        fn read(self) -> Vec<(bool, bool)> {
            let found = acknowledgements(&self.0);
            found.into_iter().map(|one| (one.recorded.is_some(), one.durable.is_some())).collect()
        }
    }

    fn submit() -> Vec<u8> {
        Message::to("46701234567").text("unique").submit_sm(7).to_vec()
    }

    const OK: CommandStatus = CommandStatus::ESME_ROK;

    #[test]
    fn an_answer_after_record_and_sync_is_in_order() {
        assert_eq!(Trace::default().submitted().recorded().synced().answered(OK).read(), [(true, true)]);
    }

    #[test]
    fn an_answer_before_the_sync_or_before_the_record_is_not() {
        assert_eq!(Trace::default().submitted().recorded().answered(OK).synced().read(), [(true, false)]);
        assert_eq!(Trace::default().submitted().answered(OK).recorded().synced().read(), [(false, false)]);
    }

    #[test]
    fn a_sync_that_began_before_the_record_was_written_covers_nothing() {
        assert_eq!(Trace::default().submitted().synced().recorded().answered(OK).read(), [(true, false)]);
        let mut trace = Trace::default().submitted().recorded().synced();
        (trace.0[1].began, trace.0[1].ended) = (1, 2);
        (trace.0[2].began, trace.0[2].ended) = (1, 2);
        assert_eq!(trace.answered(OK).read(), [(true, false)]);
    }

    #[test]
    fn another_messages_record_does_not_count() {
        let trace = Trace::default().submitted().call("pwrite64", "/data/db", b"..another..", 1);
        assert_eq!(trace.synced().answered(OK).read(), [(false, false)]);
    }

    #[test]
    fn a_refusal_promises_nothing() {
        assert_eq!(Trace::default().submitted().answered(CommandStatus::ESME_RMSGQFUL).read(), []);
    }
}
