//! Optional parameters: opaque, in order, read in place (Q10, S24).
//!
//! Only the structure is checked here: that each value lies within the body. What a value means is asked by who acts
//! on it, and only then a wrong length is an error (S25).

use bytes::{BufMut, Bytes, BytesMut};

use super::command_status::CommandStatus;
use super::field::FieldError;

pub mod tag;

/// Octets before the value: tag and length.
const TLV_HEADER_LENGTH: usize = 4;

/// One TLV.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tlv<'a> {
    /// Its tag; names in [`tag`].
    pub tag: u16,
    /// Its value, as long as it says.
    pub value: &'a [u8],
}

impl<'a> Tlv<'a> {
    /// A TLV of these parts. `value` is at most 65,535 octets.
    pub const fn new(tag: u16, value: &'a [u8]) -> Self {
        Self { tag, value }
    }

    /// Octets that it takes on the wire.
    pub const fn encoded_length(&self) -> usize {
        TLV_HEADER_LENGTH + self.value.len()
    }

    /// Appends it. What the two length octets cannot count (beyond 65,535) is cut off, so that whatever follows stays
    /// in step.
    pub fn encode(&self, out: &mut BytesMut) {
        let length = u16::try_from(self.value.len()).unwrap_or(u16::MAX);
        out.put_u16(self.tag);
        out.put_u16(length);
        out.put_slice(&self.value[..usize::from(length)]);
    }
}

/// The TLVs at the end of a body, over octets that were checked when the body was decoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tlvs<'a>(pub &'a [u8]);

impl<'a> Tlvs<'a> {
    /// Checks that the octets are whole TLVs. One to three octets at the end, too few for a TLV, are left out (Q8, Q9,
    /// S8); a TLV that runs over the end is ESME_RINVTLVSTREAM, 0xC0 (S25). Unknown tags, empty values, repetitions
    /// and any order are fine (S24).
    pub fn decode(octets: &'a [u8]) -> Result<Self, FieldError> {
        let mut rest = octets;
        while rest.len() >= TLV_HEADER_LENGTH {
            let (_, behind) = split_first_tlv(rest).ok_or(OVERRUN)?;
            rest = behind;
        }
        Ok(Self(&octets[..octets.len() - rest.len()]))
    }

    /// The TLVs in the order in which they came.
    pub const fn iter(&self) -> TlvIter<'a> {
        TlvIter { rest: self.0 }
    }

    /// The value of the first TLV with that tag (S24: the first wins).
    pub fn get(&self, tag: u16) -> Option<&'a [u8]> {
        self.iter().find(|tlv| tlv.tag == tag).map(|tlv| tlv.value)
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of a one-octet TLV that the caller acts on; another length is ESME_RINVTLVLEN (S25).
    pub fn get_u8(&self, tag: u16) -> Result<Option<u8>, FieldError> {
        Ok(self.get_array(tag)?.map(|[octet]| octet))
    }

    /// The value of a two-octet TLV that the caller acts on; another length is ESME_RINVTLVLEN (S25).
    pub fn get_u16(&self, tag: u16) -> Result<Option<u16>, FieldError> {
        Ok(self.get_array(tag)?.map(u16::from_be_bytes))
    }

    /// The value of a four-octet TLV that the caller acts on; another length is ESME_RINVTLVLEN (S25).
    pub fn get_u32(&self, tag: u16) -> Result<Option<u32>, FieldError> {
        Ok(self.get_array(tag)?.map(u32::from_be_bytes))
    }

    fn get_array<const N: usize>(&self, tag: u16) -> Result<Option<[u8; N]>, FieldError> {
        match self.get(tag) {
            None => Ok(None),
            Some(value) => value.try_into().map(Some).map_err(|_| WRONG_LENGTH),
        }
    }
}

impl<'a> IntoIterator for Tlvs<'a> {
    type Item = Tlv<'a>;
    type IntoIter = TlvIter<'a>;

    fn into_iter(self) -> TlvIter<'a> {
        self.iter()
    }
}

/// Iterator of [`Tlvs`]; ends at the first octets that are no whole TLV.
#[derive(Clone, Debug)]
pub struct TlvIter<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for TlvIter<'a> {
    type Item = Tlv<'a>;

    #[inline]
    fn next(&mut self) -> Option<Tlv<'a>> {
        let (tlv, rest) = split_first_tlv(self.rest)?;
        self.rest = rest;
        Some(tlv)
    }
}

/// The TLVs of an owned PDU: a share of its frame, known to be whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlvBytes(Bytes);

impl TlvBytes {
    /// Checks the octets as [`Tlvs::decode`] does, and drops what it leaves out.
    pub fn decode(mut octets: Bytes) -> Result<Self, FieldError> {
        let whole = Tlvs::decode(&octets)?.0.len();
        octets.truncate(whole);
        Ok(Self(octets))
    }

    /// The octets of these TLVs.
    pub fn from_tlvs(tlvs: &[Tlv<'_>]) -> Self {
        let mut octets = BytesMut::with_capacity(tlvs.iter().map(Tlv::encoded_length).sum());
        tlvs.iter().for_each(|tlv| tlv.encode(&mut octets));
        Self(octets.freeze())
    }

    /// To read them.
    pub fn tlvs(&self) -> Tlvs<'_> {
        Tlvs(&self.0)
    }
}

const OVERRUN: FieldError =
    FieldError { field: "tlv", problem: "runs over the end of the body", status: CommandStatus::ESME_RINVTLVSTREAM };

const WRONG_LENGTH: FieldError =
    FieldError { field: "tlv", problem: "has the wrong length", status: CommandStatus::ESME_RINVTLVLEN };

#[inline]
fn split_first_tlv(octets: &[u8]) -> Option<(Tlv<'_>, &[u8])> {
    let (header, behind) = octets.split_first_chunk::<TLV_HEADER_LENGTH>()?;
    let tag = u16::from_be_bytes([header[0], header[1]]);
    let length = u16::from_be_bytes([header[2], header[3]]);
    let (value, rest) = behind.split_at_checked(usize::from(length))?;
    Some((Tlv { tag, value }, rest))
}

#[cfg(test)]
mod tests;
