//! What an ESME asks beyond submit_sm: many destinations at once, data_sm, and what became of its messages.

use bytes::{Bytes, BytesMut};
use smsc_proto::smpp::command_id::CommandId;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::{
    CancelSm, Destination, OwnedAddress, Pdu, QuerySm, QuerySmResp, ReplaceSm, SmBody, SmFields, SubmitMulti,
    SubmitMultiResp,
};

use super::{Esme, SubmitAnswer};
use crate::message::{Message, international};

/// What a query_sm was answered: what is known, or the code of the refusal.
pub type QueryAnswer = Result<QuerySmResp, CommandStatus>;

/// The sender that messages of the cast have unless they say otherwise.
pub fn usual_source() -> OwnedAddress {
    international("46700000000")
}

impl Esme {
    /// Asks for a message from that sender.
    pub fn query_from(&self, message_id: &str, source: &OwnedAddress) -> QueryAnswer {
        let query = QuerySm { message_id: Bytes::copy_from_slice(message_id.as_bytes()), source: source.clone() };
        let (status, pdu) = self.ask(&Pdu::QuerySm(query));
        match (status, pdu) {
            (CommandStatus::ESME_ROK, Pdu::QuerySmResp(Some(answer))) => Ok(answer),
            (refused, Pdu::QuerySmResp(None)) => Err(refused),
            other => panic!("a query_sm was answered by {other:?}"),
        }
    }

    /// Asks for a message from the usual sender.
    pub fn query(&self, message_id: &str) -> QueryAnswer {
        self.query_from(message_id, &usual_source())
    }

    /// Waits until a message from the usual sender is in that state.
    pub fn expect_state(&self, message_id: &str, state: smsc_proto::message_state::MessageState) {
        let deadline = std::time::Instant::now() + crate::PATIENCE;
        loop {
            let answer = self.query(message_id);
            if answer.as_ref().is_ok_and(|answer| answer.message_state == state as u8) {
                return;
            }
            assert!(std::time::Instant::now() < deadline, "{message_id} should become {state:?}, and is {answer:?}");
        }
    }

    /// Cancels as that says.
    pub fn cancel_with(&self, cancel: CancelSm) -> CommandStatus {
        self.ask_for_header(&Pdu::CancelSm(cancel), CommandId::CANCEL_SM_RESP)
    }

    /// Cancels one message from the usual sender.
    pub fn cancel(&self, message_id: &str) -> CommandStatus {
        let message_id = Bytes::copy_from_slice(message_id.as_bytes());
        self.cancel_with(CancelSm { message_id, source: usual_source(), ..CancelSm::default() })
    }

    /// Cancels all from the usual sender to that number.
    pub fn cancel_all_to(&self, number: &str) -> CommandStatus {
        let destination = international(number);
        self.cancel_with(CancelSm { source: usual_source(), destination, ..CancelSm::default() })
    }

    /// Replaces as that says.
    pub fn replace_with(&self, replace: ReplaceSm) -> CommandStatus {
        self.ask_for_header(&Pdu::ReplaceSm(replace), CommandId::REPLACE_SM_RESP)
    }

    /// Gives a message from the usual sender another text.
    pub fn replace(&self, message_id: &str, text: &str) -> CommandStatus {
        self.replace_with(new_text(message_id, text))
    }

    /// Submits to all of them at once.
    pub fn submit_multi(&self, message: &Message, numbers: &[&str]) -> Result<SubmitMultiResp, CommandStatus> {
        let destinations = numbers.iter().map(|number| Destination::Sme(international(number))).collect();
        self.submit_multi_to(message, destinations)
    }

    /// The same to destinations of any kind.
    pub fn submit_multi_to(
        &self,
        message: &Message,
        destinations: Vec<Destination>,
    ) -> Result<SubmitMultiResp, CommandStatus> {
        let message = message.clone().with(|message| message.destination = OwnedAddress::default());
        let mut body = BytesMut::new();
        message.encode_body(&mut body);
        let fields = SmFields::decode(&body).expect("it was written a moment ago");
        let sm = SmBody::from_fields(&fields, &[]).expect("a body that can be read");
        let (status, pdu) = self.ask(&Pdu::SubmitMulti(SubmitMulti { sm, destinations }));
        match (status, pdu) {
            (CommandStatus::ESME_ROK, Pdu::SubmitMultiResp(answer)) => Ok(answer),
            (refused, Pdu::SubmitMultiResp(_)) => Err(refused),
            other => panic!("a submit_multi was answered by {other:?}"),
        }
    }

    /// Submits by data_sm, and waits for the answer.
    pub fn submit_data(&self, message: &Message) -> SubmitAnswer {
        let sequence_number = self.connection().next_sequence_number();
        let mut octets = BytesMut::new();
        message.encode(CommandId::DATA_SM, sequence_number, &mut octets);
        self.connection().write(octets.freeze());
        let frame = self.connection().expect_response(sequence_number);
        match Pdu::decode(&frame).expect("the node writes PDUs that can be read") {
            Pdu::DataSmResp(body) if frame.header.command_status == CommandStatus::ESME_ROK => {
                let message_id = body.message_id.expect("an accepted message has an id");
                Ok(String::from_utf8(message_id.to_vec()).expect("our ids are ASCII"))
            }
            Pdu::DataSmResp(_) => Err(frame.header.command_status),
            other => panic!("a data_sm was answered by {other:?}"),
        }
    }

    fn ask(&self, pdu: &Pdu) -> (CommandStatus, Pdu) {
        let frame = self.connection().expect_response(self.connection().request(pdu));
        let answer = Pdu::decode(&frame).expect("the node writes PDUs that can be read");
        (frame.header.command_status, answer)
    }

    fn ask_for_header(&self, pdu: &Pdu, answer: CommandId) -> CommandStatus {
        let frame = self.connection().expect_response(self.connection().request(pdu));
        assert_eq!(frame.header.command_id, answer, "{pdu:?} was answered by {frame:?}");
        assert!(frame.body.is_empty(), "it has no body");
        frame.header.command_status
    }
}

/// A replace_sm with another text for a message from the usual sender, and nothing else changed.
pub fn new_text(message_id: &str, text: &str) -> ReplaceSm {
    ReplaceSm {
        message_id: Bytes::copy_from_slice(message_id.as_bytes()),
        source: usual_source(),
        registered_delivery: 1,
        short_message: Bytes::copy_from_slice(text.as_bytes()),
        ..ReplaceSm::default()
    }
}
