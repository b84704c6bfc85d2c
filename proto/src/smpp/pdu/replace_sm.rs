//! replace_sm: another text for a message that is still pending (3.4 §4.10, S48).

use bytes::{BufMut, Bytes, BytesMut};

use super::owned_address::OwnedAddress;
use super::sm;
use crate::smpp::field::{
    FieldError, MESSAGE_ID, Reader, SCHEDULE_DELIVERY_TIME, SHORT_MESSAGE_LENGTH_MAX, SOURCE_ADDR, VALIDITY_PERIOD,
    put_text,
};
use crate::smpp::tlv::TlvBytes;

/// The body of replace_sm. Its response is a header only. data_coding and esm_class stay those of the original.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplaceSm {
    /// Which message.
    pub message_id: Bytes,
    /// Its source as it was submitted.
    pub source: OwnedAddress,
    /// Empty: as before.
    pub schedule_delivery_time: Bytes,
    /// Empty: as before.
    pub validity_period: Bytes,
    /// Which receipts are asked for.
    pub registered_delivery: u8,
    /// 0: none.
    pub sm_default_msg_id: u8,
    /// At most 254 octets (3.4), 255 (5.0).
    pub short_message: Bytes,
    /// 5.0 allows a message_payload.
    pub tlvs: TlvBytes,
}

impl ReplaceSm {
    /// Reads the body.
    pub fn decode(body: &Bytes) -> Result<Self, FieldError> {
        let mut reader = Reader::new(body);
        Ok(Self {
            message_id: body.slice_ref(reader.text(&MESSAGE_ID)?),
            source: OwnedAddress::read(&mut reader, body, &SOURCE_ADDR)?,
            schedule_delivery_time: body.slice_ref(reader.text(&SCHEDULE_DELIVERY_TIME)?),
            validity_period: body.slice_ref(reader.text(&VALIDITY_PERIOD)?),
            registered_delivery: reader.u8("registered_delivery")?,
            sm_default_msg_id: reader.u8("sm_default_msg_id")?,
            short_message: body.slice_ref(reader.short_message()?),
            tlvs: TlvBytes::decode(body.slice_ref(reader.rest()))?,
        })
    }

    /// message_payload if it is there and not empty, else short_message (S26).
    pub fn user_data(&self) -> &[u8] {
        sm::user_data(&self.short_message, self.tlvs.tlvs())
    }

    /// Appends the body. A short_message beyond 255 octets is cut off.
    pub fn encode(&self, out: &mut BytesMut) {
        let short_message = &self.short_message[..self.short_message.len().min(SHORT_MESSAGE_LENGTH_MAX)];
        put_text(out, &MESSAGE_ID, &self.message_id);
        self.source.write(out, &SOURCE_ADDR);
        put_text(out, &SCHEDULE_DELIVERY_TIME, &self.schedule_delivery_time);
        put_text(out, &VALIDITY_PERIOD, &self.validity_period);
        out.put_slice(&[self.registered_delivery, self.sm_default_msg_id, short_message.len() as u8]);
        out.put_slice(short_message);
        out.put_slice(self.tlvs.tlvs().0);
    }
}
