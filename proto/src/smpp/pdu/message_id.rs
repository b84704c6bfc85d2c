//! submit_sm_resp, deliver_sm_resp, data_sm_resp: a message_id, or not even that.

use bytes::{BufMut, Bytes, BytesMut};

use crate::smpp::codec::{HEADER_LENGTH, Header, encode_header_only};
use crate::smpp::command_id::CommandId;
use crate::smpp::command_status::CommandStatus;
use crate::smpp::field::{FieldError, MESSAGE_ID, Reader, put_text};
use crate::smpp::tlv::TlvBytes;

/// submit_sm_resp, deliver_sm_resp, data_sm_resp: a message_id, empty or absent in some of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessageIdBody {
    /// `None`: no body at all (header only, Q6, Q7, S14).
    pub message_id: Option<Bytes>,
    /// What else it says: delivery_failure_reason, network_error_code, congestion_state. Not written without a
    /// message_id.
    pub tlvs: TlvBytes,
}

impl MessageIdBody {
    /// A body of this id and no TLVs.
    pub fn new(message_id: Bytes) -> Self {
        Self { message_id: Some(message_id), tlvs: TlvBytes::default() }
    }

    /// Reads the body.
    pub fn decode(body: &Bytes) -> Result<Self, FieldError> {
        if body.is_empty() {
            return Ok(Self::default());
        }
        let mut reader = Reader::new(body);
        Ok(Self {
            message_id: Some(body.slice_ref(reader.text(&MESSAGE_ID)?)),
            tlvs: TlvBytes::decode(body.slice_ref(reader.rest()))?,
        })
    }

    /// Appends the body.
    pub fn encode(&self, out: &mut BytesMut) {
        if let Some(message_id) = &self.message_id {
            put_text(out, &MESSAGE_ID, message_id);
            out.put_slice(self.tlvs.tlvs().0);
        }
    }
}

/// Appends a submit_sm_resp, deliver_sm_resp or data_sm_resp in one go: header, then `message_id` (at most 64 octets,
/// the rest is cut off) if there is one; `None` writes the header only (S14).
pub fn encode_message_id_resp(
    command_id: CommandId,
    command_status: CommandStatus,
    sequence_number: u32,
    message_id: Option<&[u8]>,
    out: &mut BytesMut,
) {
    let Some(message_id) = message_id else {
        encode_header_only(command_id, command_status, sequence_number, out);
        return;
    };
    let id_length = message_id.len().min(MESSAGE_ID.length_max);
    let command_length = (HEADER_LENGTH + id_length + 1) as u32;
    out.reserve(command_length as usize);
    out.put_slice(&Header { command_length, command_id, command_status, sequence_number }.encode());
    put_text(out, &MESSAGE_ID, message_id);
}
