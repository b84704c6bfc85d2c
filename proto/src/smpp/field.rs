//! Octet strings and integers: read in place and within bounds, written with their maxima.
//!
//! A body is read with a [`Reader`], which never goes past the frame and never allocates. Every error names the field
//! and the `command_status` that it earns (S8).

use bytes::{BufMut, BytesMut};

use super::command_status::CommandStatus;
use crate::address::Address;

/// Why a body did not decode. The session answers with the matching response and `status` (S8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct FieldError {
    /// The field, by its name in the specification.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
    /// The code that the peer earns.
    pub status: CommandStatus,
}

/// A C-octet string of the specification: its name, how long it may be, and the code for one that is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextField {
    /// Its name in the specification.
    pub name: &'static str,
    /// Most octets before the NUL; the specification's maximum counts the NUL too.
    pub length_max: usize,
    /// What an unterminated or oversize one earns.
    pub status: CommandStatus,
}

impl TextField {
    const fn new(name: &'static str, size_max: usize, status: CommandStatus) -> Self {
        Self { name, length_max: size_max - 1, status }
    }

    /// Checks octets that are to be written: no NUL in them, not too long.
    pub fn check(&self, octets: &[u8]) -> Result<(), FieldError> {
        if octets.len() > self.length_max {
            return Err(self.error("is too long"));
        }
        if octets.contains(&0) {
            return Err(self.error("has a NUL in it"));
        }
        Ok(())
    }

    const fn error(&self, problem: &'static str) -> FieldError {
        FieldError { field: self.name, problem, status: self.status }
    }
}

/// system_id. The specification says 16 with the NUL; real ones are longer (Q28).
pub const SYSTEM_ID: TextField = TextField::new("system_id", 65, CommandStatus::ESME_RINVSYSID);
/// password. The specification says 9 with the NUL; real ones are longer (Q28).
pub const PASSWORD: TextField = TextField::new("password", 65, CommandStatus::ESME_RINVPASWD);
/// system_type
pub const SYSTEM_TYPE: TextField = TextField::new("system_type", 13, CommandStatus::ESME_RINVSYSTYP);
/// address_range: no code of its own.
pub const ADDRESS_RANGE: TextField = TextField::new("address_range", 41, CommandStatus::ESME_RBINDFAIL);
/// service_type
pub const SERVICE_TYPE: TextField = TextField::new("service_type", 6, CommandStatus::ESME_RINVSERTYP);
/// source_addr
pub const SOURCE_ADDR: TextField = TextField::new("source_addr", 21, CommandStatus::ESME_RINVSRCADR);
/// destination_addr
pub const DESTINATION_ADDR: TextField = TextField::new("destination_addr", 21, CommandStatus::ESME_RINVDSTADR);
/// source_addr of data_sm and alert_notification
pub const SOURCE_ADDR_LONG: TextField = TextField::new("source_addr", 65, CommandStatus::ESME_RINVSRCADR);
/// destination_addr of data_sm
pub const DESTINATION_ADDR_LONG: TextField = TextField::new("destination_addr", 65, CommandStatus::ESME_RINVDSTADR);
/// esme_addr of alert_notification
pub const ESME_ADDR: TextField = TextField::new("esme_addr", 65, CommandStatus::ESME_RINVDSTADR);
/// dl_name of submit_multi
pub const DL_NAME: TextField = TextField::new("dl_name", 21, CommandStatus::ESME_RINVDLNAME);
/// message_id
pub const MESSAGE_ID: TextField = TextField::new("message_id", 65, CommandStatus::ESME_RINVMSGID);
/// schedule_delivery_time: 16 octets and the NUL; what is in them is read elsewhere (S30).
pub const SCHEDULE_DELIVERY_TIME: TextField =
    TextField::new("schedule_delivery_time", 17, CommandStatus::ESME_RINVSCHED);
/// validity_period: 16 octets and the NUL; what is in them is read elsewhere (S30).
pub const VALIDITY_PERIOD: TextField = TextField::new("validity_period", 17, CommandStatus::ESME_RINVEXPIRY);
/// final_date of query_sm_resp (S34)
pub const FINAL_DATE: TextField = TextField::new("final_date", 17, CommandStatus::ESME_RQUERYFAIL);

/// Most octets that sm_length can count (S38).
pub const SHORT_MESSAGE_LENGTH_MAX: usize = 255;

/// Reads a body from its front.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// From the first octet of `body`.
    pub const fn new(body: &'a [u8]) -> Self {
        Self { rest: body }
    }

    /// What has not been read.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether all has been read.
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// One octet; ESME_RINVCMDLEN when the body ends before it.
    #[inline]
    pub const fn u8(&mut self, field: &'static str) -> Result<u8, FieldError> {
        let Some((octet, rest)) = self.rest.split_first() else {
            return Err(ends_early(field));
        };
        self.rest = rest;
        Ok(*octet)
    }

    /// One-octet fields that follow each other, `field` the first of them; ESME_RINVCMDLEN when the body ends before
    /// the last.
    #[inline]
    pub const fn octets<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], FieldError> {
        let Some((octets, rest)) = self.rest.split_first_chunk() else {
            return Err(ends_early(field));
        };
        self.rest = rest;
        Ok(*octets)
    }

    /// Four octets, most significant first; ESME_RINVCMDLEN when the body ends before them.
    pub fn u32(&mut self, field: &'static str) -> Result<u32, FieldError> {
        self.octets(field).map(u32::from_be_bytes)
    }

    /// The octets before a NUL, any octets: Latin-1 and GSM senders are taken as they are (Q32). ESME_RINVCMDLEN when
    /// the body ends before the field; the field's own code when no NUL ends it within its maximum (S8).
    #[inline(always)]
    pub fn text(&mut self, field: &TextField) -> Result<&'a [u8], FieldError> {
        let window = &self.rest[..self.rest.len().min(field.length_max + 1)];
        let Some(length) = position_of_nul(window) else {
            return Err(text_error(field, self.rest));
        };
        let text = &self.rest[..length];
        self.rest = &self.rest[length + 1..];
        Ok(text)
    }

    /// TON, NPI and the octets before the NUL.
    #[inline(always)]
    pub fn address(&mut self, field: &TextField) -> Result<Address<'a>, FieldError> {
        let [ton, npi] = self.octets(field.name)?;
        Ok(Address::new(ton, npi, self.text(field)?))
    }

    /// sm_length and that many octets; ESME_RINVMSGLEN when the body has fewer.
    #[inline]
    pub fn short_message(&mut self) -> Result<&'a [u8], FieldError> {
        let length = self.u8("sm_length")?;
        let Some((message, rest)) = self.rest.split_at_checked(usize::from(length)) else {
            return Err(SHORT_MESSAGE_OVERRUN);
        };
        self.rest = rest;
        Ok(message)
    }
}

const SHORT_MESSAGE_OVERRUN: FieldError = FieldError {
    field: "sm_length",
    problem: "counts more octets than there are",
    status: CommandStatus::ESME_RINVMSGLEN,
};

/// Appends the octets and their NUL. The octets hold no NUL (what was decoded holds none; what comes from elsewhere is
/// checked with [`TextField::check`]); those over the maximum are cut off.
#[inline]
pub fn put_text(out: &mut BytesMut, field: &TextField, octets: &[u8]) {
    out.put_slice(&octets[..octets.len().min(field.length_max)]);
    out.put_u8(0);
}

/// Appends TON, NPI, the octets and their NUL, as [`put_text`] does.
#[inline]
pub fn put_address(out: &mut BytesMut, field: &TextField, address: Address<'_>) {
    out.put_slice(&[address.ton, address.npi]);
    put_text(out, field, address.digits);
}

/// Where the first NUL is. Eight octets at a step: fields are short, and a call into a search of long texts costs more
/// than it saves.
#[inline]
fn position_of_nul(octets: &[u8]) -> Option<usize> {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let (words, tail) = octets.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let nuls = word.wrapping_sub(LOW) & !word & HIGH;
        if nuls != 0 {
            // The lowest mark is exact; only marks above it can be false.
            return Some(index * 8 + nuls.trailing_zeros() as usize / 8);
        }
    }
    tail.iter().position(|octet| *octet == 0).map(|index| words.len() * 8 + index)
}

#[cold]
const fn ends_early(field: &'static str) -> FieldError {
    FieldError { field, problem: "the body ends before it", status: CommandStatus::ESME_RINVCMDLEN }
}

#[cold]
fn text_error(field: &TextField, rest: &[u8]) -> FieldError {
    match rest.len() {
        0 => ends_early(field.name),
        length if length <= field.length_max => field.error("is not terminated"),
        _ => field.error("is too long"),
    }
}

#[cfg(test)]
mod tests;
