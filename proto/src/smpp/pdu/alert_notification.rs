//! alert_notification: a subscriber can be reached again (3.4 §4.12, S54). It has no response.

use bytes::{BufMut, Bytes, BytesMut};

use super::owned_address::OwnedAddress;
use crate::smpp::field::{ESME_ADDR, FieldError, Reader, SOURCE_ADDR_LONG};
use crate::smpp::tlv::TlvBytes;

/// The body of alert_notification.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertNotification {
    /// The subscriber, at most 64 octets.
    pub source: OwnedAddress,
    /// The ESME that asked for it with set_dpf, at most 64 octets.
    pub esme: OwnedAddress,
    /// ms_availability_status, perhaps.
    pub tlvs: TlvBytes,
}

impl AlertNotification {
    /// Reads the body.
    pub fn decode(body: &Bytes) -> Result<Self, FieldError> {
        let mut reader = Reader::new(body);
        Ok(Self {
            source: OwnedAddress::read(&mut reader, body, &SOURCE_ADDR_LONG)?,
            esme: OwnedAddress::read(&mut reader, body, &ESME_ADDR)?,
            tlvs: TlvBytes::decode(body.slice_ref(reader.rest()))?,
        })
    }

    /// Appends the body.
    pub fn encode(&self, out: &mut BytesMut) {
        self.source.write(out, &SOURCE_ADDR_LONG);
        self.esme.write(out, &ESME_ADDR);
        out.put_slice(self.tlvs.tlvs().0);
    }
}
