//! data_sm: the short cut past times and short_message; its text is always a message_payload (3.4 §4.7).

use bytes::{BufMut, Bytes, BytesMut};

use super::sm::{SmBody, SmFields};
use crate::smpp::field::{
    DESTINATION_ADDR_LONG, FieldError, Reader, SERVICE_TYPE, SOURCE_ADDR_LONG, put_address, put_text,
};
use crate::smpp::tlv::{Tlv, Tlvs};

/// The owned body of a data_sm: octets that are known to parse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataSmBody(Bytes);

impl DataSmBody {
    /// Checks the octets once. Up to three octets behind the last TLV are dropped (Q9, S8).
    pub fn decode(mut body: Bytes) -> Result<Self, FieldError> {
        let ignored = {
            let mut reader = Reader::new(&body);
            let fields = SmFields::read_data_sm(&mut reader)?;
            reader.rest().len() - fields.tlvs.0.len()
        };
        body.truncate(body.len() - ignored);
        Ok(Self(body))
    }

    /// The fields, read in place. Those that data_sm does not have are zero or empty: no schedule and no validity, for
    /// which qos_time_to_live stands (S33).
    pub fn fields(&self) -> SmFields<'_> {
        SmFields::decode_data_sm(&self.0).expect("the octets of a DataSmBody were decoded when it was made")
    }

    /// The same message as a submit_sm or deliver_sm. An address may have 64 octets here and only 20 there (S39): one
    /// that does not fit is an error.
    pub fn to_sm_body(&self) -> Result<SmBody, FieldError> {
        SmBody::from_fields(&self.fields(), &[])
    }

    /// The octets.
    pub fn octets(&self) -> &Bytes {
        &self.0
    }
}

impl<'a> SmFields<'a> {
    /// Reads the body of a data_sm in place.
    pub fn decode_data_sm(body: &'a [u8]) -> Result<Self, FieldError> {
        Self::read_data_sm(&mut Reader::new(body))
    }

    fn read_data_sm(reader: &mut Reader<'a>) -> Result<Self, FieldError> {
        Ok(Self {
            service_type: reader.text(&SERVICE_TYPE)?,
            source: reader.address(&SOURCE_ADDR_LONG)?,
            destination: reader.address(&DESTINATION_ADDR_LONG)?,
            esm_class: reader.u8("esm_class")?,
            registered_delivery: reader.u8("registered_delivery")?,
            data_coding: reader.u8("data_coding")?,
            tlvs: Tlvs::decode(reader.rest())?,
            ..Self::default()
        })
    }

    /// Appends the body of a data_sm; `more` goes behind the TLVs. Fields that data_sm does not have are left out,
    /// short_message too: a text must be in a message_payload.
    pub fn encode_data_sm(&self, more: &[Tlv<'_>], out: &mut BytesMut) {
        put_text(out, &SERVICE_TYPE, self.service_type);
        put_address(out, &SOURCE_ADDR_LONG, self.source);
        put_address(out, &DESTINATION_ADDR_LONG, self.destination);
        out.put_slice(&[self.esm_class, self.registered_delivery, self.data_coding]);
        self.encode_tlvs(more, out);
    }
}
