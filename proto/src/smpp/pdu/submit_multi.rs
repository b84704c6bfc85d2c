//! submit_multi and its response: one message to many destinations (3.4 §4.5, S45).

use bytes::{BufMut, Bytes, BytesMut};

use super::owned_address::OwnedAddress;
use super::sm::{SmBody, SmFields};
use crate::address::Address;
use crate::smpp::command_status::CommandStatus;
use crate::smpp::field::{
    DESTINATION_ADDR, DL_NAME, FieldError, MESSAGE_ID, Reader, SERVICE_TYPE, SOURCE_ADDR, put_address, put_text,
};
use crate::smpp::tlv::TlvBytes;

/// dest_flag of an SME address.
const DEST_FLAG_SME: u8 = 1;
/// dest_flag of a distribution list.
const DEST_FLAG_LIST: u8 = 2;
/// Most destinations that number_of_dests can count; 3.4 allows one fewer.
const DESTINATIONS_MAX: usize = 255;

/// The body of submit_multi.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubmitMulti {
    /// What it would be as a submit_sm, without a destination.
    pub sm: SmBody,
    /// To whom, 1 to 255 of them, as they came: duplicates too.
    pub destinations: Vec<Destination>,
}

/// One destination of a submit_multi.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// dest_flag 1: an address.
    Sme(OwnedAddress),
    /// dest_flag 2: a distribution list by name.
    List(Bytes),
}

impl SubmitMulti {
    /// Reads the body. No destinations earn ESME_RINVNUMDESTS, another dest_flag ESME_RINVDESTFLAG (S45).
    pub fn decode(body: &Bytes) -> Result<Self, FieldError> {
        let mut reader = Reader::new(body);
        let service_type = reader.text(&SERVICE_TYPE)?;
        let source = reader.address(&SOURCE_ADDR)?;
        let destinations = read_destinations(&mut reader, body)?;
        let fields = SmFields { service_type, source, ..SmFields::default() }.read_behind_destination(&mut reader)?;
        Ok(Self { sm: SmBody::from_fields(&fields, &[])?, destinations })
    }

    /// The message as a submit_sm to one destination.
    pub fn fields_for<'a>(&'a self, destination: Address<'a>) -> SmFields<'a> {
        SmFields { destination, ..self.sm.fields() }
    }

    /// Appends the body. Destinations beyond 255 are left out.
    pub fn encode(&self, out: &mut BytesMut) {
        let destinations = &self.destinations[..self.destinations.len().min(DESTINATIONS_MAX)];
        let fields = self.sm.fields();
        put_text(out, &SERVICE_TYPE, fields.service_type);
        put_address(out, &SOURCE_ADDR, fields.source);
        out.put_u8(destinations.len() as u8);
        for destination in destinations {
            destination.write(out);
        }
        fields.encode_behind_destination(&[], out);
    }
}

impl Destination {
    fn read(reader: &mut Reader<'_>, body: &Bytes) -> Result<Self, FieldError> {
        match reader.u8("dest_flag")? {
            DEST_FLAG_SME => Ok(Self::Sme(OwnedAddress::read(reader, body, &DESTINATION_ADDR)?)),
            DEST_FLAG_LIST => Ok(Self::List(body.slice_ref(reader.text(&DL_NAME)?))),
            _ => Err(FieldError {
                field: "dest_flag",
                problem: "is neither an address nor a list",
                status: CommandStatus::ESME_RINVDESTFLAG,
            }),
        }
    }

    fn write(&self, out: &mut BytesMut) {
        match self {
            Self::Sme(address) => {
                out.put_u8(DEST_FLAG_SME);
                address.write(out, &DESTINATION_ADDR);
            }
            Self::List(name) => {
                out.put_u8(DEST_FLAG_LIST);
                put_text(out, &DL_NAME, name);
            }
        }
    }
}

fn read_destinations(reader: &mut Reader<'_>, body: &Bytes) -> Result<Vec<Destination>, FieldError> {
    let count = reader.u8("number_of_dests")?;
    if count == 0 {
        let (field, problem) = ("number_of_dests", "is zero");
        return Err(FieldError { field, problem, status: CommandStatus::ESME_RINVNUMDESTS });
    }
    (0..count).map(|_| Destination::read(reader, body)).collect()
}

/// The body of submit_multi_resp. A partial failure is ESME_ROK with the destinations that failed (S45).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubmitMultiResp {
    /// One id for all destinations; `None`: no body at all (S14).
    pub message_id: Option<Bytes>,
    /// The destinations that were not accepted, at most 255.
    pub unsuccessful: Vec<UnsuccessfulDestination>,
    /// What else it says. Not written without a message_id.
    pub tlvs: TlvBytes,
}

/// A destination that was not accepted, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsuccessfulDestination {
    /// To whom the message will not go.
    pub address: OwnedAddress,
    /// Why.
    pub status: CommandStatus,
}

impl SubmitMultiResp {
    /// Reads the body. An error response may be a message_id and nothing more (S14).
    pub fn decode(body: &Bytes) -> Result<Self, FieldError> {
        if body.is_empty() {
            return Ok(Self::default());
        }
        let mut reader = Reader::new(body);
        let message_id = Some(body.slice_ref(reader.text(&MESSAGE_ID)?));
        if reader.is_empty() {
            return Ok(Self { message_id, ..Self::default() });
        }
        let count = reader.u8("no_unsuccess")?;
        let unsuccessful: Result<Vec<_>, _> = (0..count)
            .map(|_| {
                let address = OwnedAddress::read(&mut reader, body, &DESTINATION_ADDR)?;
                let status = CommandStatus(reader.u32("error_status_code")?);
                Ok(UnsuccessfulDestination { address, status })
            })
            .collect();
        let unsuccessful = unsuccessful?;
        Ok(Self { message_id, unsuccessful, tlvs: TlvBytes::decode(body.slice_ref(reader.rest()))? })
    }

    /// Appends the body. Failures beyond 255 are left out.
    pub fn encode(&self, out: &mut BytesMut) {
        let Some(message_id) = &self.message_id else {
            return;
        };
        let unsuccessful = &self.unsuccessful[..self.unsuccessful.len().min(DESTINATIONS_MAX)];
        put_text(out, &MESSAGE_ID, message_id);
        out.put_u8(unsuccessful.len() as u8);
        for failure in unsuccessful {
            failure.address.write(out, &DESTINATION_ADDR);
            out.put_u32(failure.status.0);
        }
        out.put_slice(self.tlvs.tlvs().0);
    }
}
