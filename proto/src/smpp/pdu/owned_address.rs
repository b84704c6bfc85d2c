//! An address inside an owned PDU.

use bytes::{Bytes, BytesMut};

use crate::address::Address;
use crate::smpp::field::{self, FieldError, Reader, TextField};

/// TON, NPI and digits, the digits a share of the frame.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct OwnedAddress {
    /// Type of number.
    pub ton: u8,
    /// Numbering plan.
    pub npi: u8,
    /// The octets before the NUL.
    pub digits: Bytes,
}

impl OwnedAddress {
    /// A copy of a borrowed address.
    pub fn copy_of(address: Address<'_>) -> Self {
        Self { ton: address.ton, npi: address.npi, digits: Bytes::copy_from_slice(address.digits) }
    }

    /// To look at it.
    pub fn as_address(&self) -> Address<'_> {
        Address::new(self.ton, self.npi, &self.digits)
    }

    pub(super) fn read(reader: &mut Reader<'_>, body: &Bytes, field: &TextField) -> Result<Self, FieldError> {
        let address = reader.address(field)?;
        Ok(Self { ton: address.ton, npi: address.npi, digits: body.slice_ref(address.digits) })
    }

    pub(super) fn write(&self, out: &mut BytesMut, field: &TextField) {
        field::put_address(out, field, self.as_address());
    }
}
