//! query_sm and its response: what became of a message (3.4 §4.8, S46).

use bytes::{BufMut, Bytes, BytesMut};

use super::owned_address::OwnedAddress;
use crate::smpp::field::{FINAL_DATE, FieldError, MESSAGE_ID, Reader, SOURCE_ADDR, put_text};
use crate::smpp::tlv::TlvBytes;

/// The body of query_sm.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuerySm {
    /// Which message.
    pub message_id: Bytes,
    /// Its source as it was submitted.
    pub source: OwnedAddress,
}

impl QuerySm {
    /// Reads the body.
    pub fn decode(body: &Bytes) -> Result<Self, FieldError> {
        let mut reader = Reader::new(body);
        Ok(Self {
            message_id: body.slice_ref(reader.text(&MESSAGE_ID)?),
            source: OwnedAddress::read(&mut reader, body, &SOURCE_ADDR)?,
        })
    }

    /// Appends the body.
    pub fn encode(&self, out: &mut BytesMut) {
        put_text(out, &MESSAGE_ID, &self.message_id);
        self.source.write(out, &SOURCE_ADDR);
    }
}

/// The body of query_sm_resp.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuerySmResp {
    /// Which message.
    pub message_id: Bytes,
    /// When it reached its final state; empty before (S34).
    pub final_date: Bytes,
    /// Its state by number (S46).
    pub message_state: u8,
    /// The network's error, 0 if none.
    pub error_code: u8,
    /// What else it says.
    pub tlvs: TlvBytes,
}

impl QuerySmResp {
    /// Reads the body; `None` when there is none, as in error responses.
    pub fn decode(body: &Bytes) -> Result<Option<Self>, FieldError> {
        if body.is_empty() {
            return Ok(None);
        }
        let mut reader = Reader::new(body);
        Ok(Some(Self {
            message_id: body.slice_ref(reader.text(&MESSAGE_ID)?),
            final_date: body.slice_ref(reader.text(&FINAL_DATE)?),
            message_state: reader.u8("message_state")?,
            error_code: reader.u8("error_code")?,
            tlvs: TlvBytes::decode(body.slice_ref(reader.rest()))?,
        }))
    }

    /// Appends the body.
    pub fn encode(&self, out: &mut BytesMut) {
        put_text(out, &MESSAGE_ID, &self.message_id);
        put_text(out, &FINAL_DATE, &self.final_date);
        out.put_slice(&[self.message_state, self.error_code]);
        out.put_slice(self.tlvs.tlvs().0);
    }
}
