//! bind_transmitter, bind_receiver, bind_transceiver and their responses (3.4 §4.1).

use bytes::{BufMut, Bytes, BytesMut};

use crate::smpp::command_id::CommandId;
use crate::smpp::field::{ADDRESS_RANGE, FieldError, PASSWORD, Reader, SYSTEM_ID, SYSTEM_TYPE, put_text};
use crate::smpp::tlv::{Tlv, Tlvs, tag};

/// Which way a bind goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BindKind {
    /// Submits only.
    Transmitter,
    /// Is delivered to only.
    Receiver,
    /// Both.
    Transceiver,
}

impl BindKind {
    /// The operation that asks for it.
    pub const fn command_id(self) -> CommandId {
        match self {
            Self::Transmitter => CommandId::BIND_TRANSMITTER,
            Self::Receiver => CommandId::BIND_RECEIVER,
            Self::Transceiver => CommandId::BIND_TRANSCEIVER,
        }
    }

    /// The kind that this bind or its response is about.
    pub const fn from_command_id(command_id: CommandId) -> Option<Self> {
        match command_id {
            CommandId::BIND_TRANSMITTER | CommandId::BIND_TRANSMITTER_RESP => Some(Self::Transmitter),
            CommandId::BIND_RECEIVER | CommandId::BIND_RECEIVER_RESP => Some(Self::Receiver),
            CommandId::BIND_TRANSCEIVER | CommandId::BIND_TRANSCEIVER_RESP => Some(Self::Transceiver),
            _ => None,
        }
    }
}

/// The body of bind_* (3.4 §4.1). Text fields are the octets before the NUL.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Bind {
    /// Who binds: at most 15 octets by the specification, up to 64 are taken (Q28).
    pub system_id: Bytes,
    /// Its password: at most 8 octets by the specification, up to 64 are taken (Q28).
    pub password: Bytes,
    /// Kind of ESME, often empty.
    pub system_type: Bytes,
    /// 0x33 or less: 3.3; 0x34; 0x50 (S21).
    pub interface_version: u8,
    /// Type of number of the address range.
    pub addr_ton: u8,
    /// Numbering plan of the address range.
    pub addr_npi: u8,
    /// Addresses that the ESME serves.
    pub address_range: Bytes,
}

impl Bind {
    /// Reads the body.
    pub fn decode(body: &Bytes) -> Result<Self, FieldError> {
        let mut reader = Reader::new(body);
        Ok(Self {
            system_id: body.slice_ref(reader.text(&SYSTEM_ID)?),
            password: body.slice_ref(reader.text(&PASSWORD)?),
            system_type: body.slice_ref(reader.text(&SYSTEM_TYPE)?),
            interface_version: reader.u8("interface_version")?,
            addr_ton: reader.u8("addr_ton")?,
            addr_npi: reader.u8("addr_npi")?,
            address_range: body.slice_ref(reader.text(&ADDRESS_RANGE)?),
        })
    }

    /// Appends the body.
    pub fn encode(&self, out: &mut BytesMut) {
        put_text(out, &SYSTEM_ID, &self.system_id);
        put_text(out, &PASSWORD, &self.password);
        put_text(out, &SYSTEM_TYPE, &self.system_type);
        out.put_slice(&[self.interface_version, self.addr_ton, self.addr_npi]);
        put_text(out, &ADDRESS_RANGE, &self.address_range);
    }
}

/// Everything but the password: binds are logged.
impl std::fmt::Debug for Bind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bind")
            .field("system_id", &self.system_id)
            .field("system_type", &self.system_type)
            .field("interface_version", &self.interface_version)
            .field("addr_ton", &self.addr_ton)
            .field("addr_npi", &self.addr_npi)
            .field("address_range", &self.address_range)
            .finish_non_exhaustive()
    }
}

/// The body of bind_*_resp (3.4 §4.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BindResp {
    /// Who answers. Its NUL is written in error responses too (S14), and need not be there in a peer's.
    pub system_id: Bytes,
    /// The sc_interface_version TLV; absent from peers without TLVs, and towards them (S21, S22).
    pub sc_interface_version: Option<u8>,
}

impl BindResp {
    /// Reads the body. No body at all is an error response of 3.4 (S14); one to three octets behind the system_id, such
    /// as a lone version octet (Q8), are ignored, and so is an sc_interface_version that is not one octet.
    pub fn decode(body: &Bytes) -> Result<Self, FieldError> {
        if body.is_empty() {
            return Ok(Self::default());
        }
        let mut reader = Reader::new(body);
        let system_id = body.slice_ref(reader.text(&SYSTEM_ID)?);
        let tlvs = Tlvs::decode(reader.rest())?;
        Ok(Self { system_id, sc_interface_version: tlvs.get_u8(tag::SC_INTERFACE_VERSION).ok().flatten() })
    }

    /// Appends the body.
    pub fn encode(&self, out: &mut BytesMut) {
        put_text(out, &SYSTEM_ID, &self.system_id);
        if let Some(version) = self.sc_interface_version {
            Tlv::new(tag::SC_INTERFACE_VERSION, &[version]).encode(out);
        }
    }
}
