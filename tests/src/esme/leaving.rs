//! How an ESME of good manners leaves when it is told to.

use smsc_proto::smpp::codec::encode_header_only;
use smsc_proto::smpp::command_id::CommandId;
use smsc_proto::smpp::command_status::CommandStatus;

use super::Esme;

impl Esme {
    /// The node's unbind, if it has come: its sequence_number. For who [ignores](Self::ignores_unbind) it at first.
    pub fn unbind_so_far(&self) -> Option<u32> {
        let frames = self.connection.take(|frame| frame.header.command_id == CommandId::UNBIND);
        frames.first().map(|frame| frame.header.sequence_number)
    }

    /// Answers the node's unbind.
    pub fn confirm_unbind(&self, sequence_number: u32) {
        let mut octets = bytes::BytesMut::new();
        encode_header_only(CommandId::UNBIND_RESP, CommandStatus::ESME_ROK, sequence_number, &mut octets);
        self.connection.write(octets.freeze());
    }

    /// The answer to that submit if it has come, or `None` when the connection ends before it.
    pub fn answer_or_end(&self, sequence_number: u32) -> Option<super::SubmitAnswer> {
        self.connection.response_or_end(sequence_number).map(|frame| super::submit_answer(&frame))
    }
}
