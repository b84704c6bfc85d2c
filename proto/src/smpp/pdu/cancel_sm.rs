//! cancel_sm: withdraws one message, or all that are pending between two addresses (3.4 §4.9, S47).

use bytes::{Bytes, BytesMut};

use super::owned_address::OwnedAddress;
use crate::smpp::field::{DESTINATION_ADDR, FieldError, MESSAGE_ID, Reader, SERVICE_TYPE, SOURCE_ADDR, put_text};

/// The body of cancel_sm. Its response is a header only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CancelSm {
    /// Narrows a cancellation without message_id.
    pub service_type: Bytes,
    /// Which message; empty: all with these addresses.
    pub message_id: Bytes,
    /// Source as it was submitted.
    pub source: OwnedAddress,
    /// Destination; may be empty when there is a message_id.
    pub destination: OwnedAddress,
}

impl CancelSm {
    /// Reads the body.
    pub fn decode(body: &Bytes) -> Result<Self, FieldError> {
        let mut reader = Reader::new(body);
        Ok(Self {
            service_type: body.slice_ref(reader.text(&SERVICE_TYPE)?),
            message_id: body.slice_ref(reader.text(&MESSAGE_ID)?),
            source: OwnedAddress::read(&mut reader, body, &SOURCE_ADDR)?,
            destination: OwnedAddress::read(&mut reader, body, &DESTINATION_ADDR)?,
        })
    }

    /// Appends the body.
    pub fn encode(&self, out: &mut BytesMut) {
        put_text(out, &SERVICE_TYPE, &self.service_type);
        put_text(out, &MESSAGE_ID, &self.message_id);
        self.source.write(out, &SOURCE_ADDR);
        self.destination.write(out, &DESTINATION_ADDR);
    }
}
