//! Framing: from octets to frames, within a size limit, never allocating by a claimed length (S1, S2).
//!
//! A frame is cut out first and parsed afterwards, within its own octets: whatever a body holds, the stream stays in
//! step, and every error has its header.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::command_id::CommandId;
use super::command_status::CommandStatus;

/// Octets of a header.
pub const HEADER_LENGTH: usize = 16;

/// The sixteen octets that every PDU begins with (3.4 §3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Length of the whole PDU in octets, these four included.
    pub command_length: u32,
    /// Which operation, also ones that we do not know.
    pub command_id: CommandId,
    /// Zero in requests.
    pub command_status: CommandStatus,
    /// Binds a response to its request.
    pub sequence_number: u32,
}

impl Header {
    /// Reads it. Nothing is checked here.
    #[inline]
    pub const fn decode(octets: &[u8; HEADER_LENGTH]) -> Self {
        let [l0, l1, l2, l3, i0, i1, i2, i3, s0, s1, s2, s3, n0, n1, n2, n3] = *octets;
        Self {
            command_length: u32::from_be_bytes([l0, l1, l2, l3]),
            command_id: CommandId(u32::from_be_bytes([i0, i1, i2, i3])),
            command_status: CommandStatus(u32::from_be_bytes([s0, s1, s2, s3])),
            sequence_number: u32::from_be_bytes([n0, n1, n2, n3]),
        }
    }

    /// Its octets.
    #[inline]
    pub fn encode(&self) -> [u8; HEADER_LENGTH] {
        let mut octets = [0; HEADER_LENGTH];
        octets[..4].copy_from_slice(&self.command_length.to_be_bytes());
        octets[4..8].copy_from_slice(&self.command_id.0.to_be_bytes());
        octets[8..12].copy_from_slice(&self.command_status.0.to_be_bytes());
        octets[12..].copy_from_slice(&self.sequence_number.to_be_bytes());
        octets
    }
}

/// One PDU cut out of the stream: header, and exactly the octets that command_length names behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The header.
    pub header: Header,
    /// The body, a share of the read buffer: what is kept for long is to be copied, or it pins that buffer.
    pub body: Bytes,
}

/// A command_length after which the stream cannot be followed any more: nack, half-close, drain, close (S1, S2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FramingError {
    /// Less than a header.
    #[error("command_length {0} is shorter than a header")]
    TooShort(u32),
    /// More than we take; the header's sequence_number is known.
    #[error("command_length {command_length} is over the limit")]
    TooLong {
        /// The length it claimed.
        command_length: u32,
        /// For the generic_nack.
        sequence_number: u32,
    },
}

/// Cuts the next whole frame off `buffer`; `Ok(None)` when it is not there yet. `size_max` counts the whole PDU.
///
/// A wrong length is told as soon as it can be seen: one that is too short after its four octets, one that is too long
/// when the sequence_number of its header is there too, without waiting for the body (S1, S2). After an error `buffer`
/// is as it was.
pub fn next_frame(buffer: &mut BytesMut, size_max: usize) -> Result<Option<Frame>, FramingError> {
    let Some(length) = buffer.first_chunk() else {
        return Ok(None);
    };
    let command_length = u32::from_be_bytes(*length);
    if (command_length as usize) < HEADER_LENGTH {
        return Err(FramingError::TooShort(command_length));
    }
    let Some(header) = buffer.first_chunk() else {
        return Ok(None);
    };
    let header = Header::decode(header);
    if command_length as usize > size_max {
        return Err(FramingError::TooLong { command_length, sequence_number: header.sequence_number });
    }
    if buffer.len() < command_length as usize {
        return Ok(None);
    }
    let mut body = buffer.split_to(command_length as usize).freeze();
    body.advance(HEADER_LENGTH);
    Ok(Some(Frame { header, body }))
}

/// Appends a PDU that is only a header: enquire_link, unbind, generic_nack, their responses, error responses (S14).
#[inline]
pub fn encode_header_only(
    command_id: CommandId,
    command_status: CommandStatus,
    sequence_number: u32,
    out: &mut BytesMut,
) {
    let header = Header { command_length: HEADER_LENGTH as u32, command_id, command_status, sequence_number };
    out.put_slice(&header.encode());
}

/// Appends a PDU whose body `write_body` appends; command_length is filled in behind it.
#[inline]
pub fn encode_pdu(
    command_id: CommandId,
    command_status: CommandStatus,
    sequence_number: u32,
    out: &mut BytesMut,
    write_body: impl FnOnce(&mut BytesMut),
) {
    let start = out.len();
    encode_header_only(command_id, command_status, sequence_number, out);
    write_body(out);
    // A PDU of 4 GiB cannot come about: its parts are bounded by their own length octets.
    let command_length = (out.len() - start) as u32;
    out[start..start + 4].copy_from_slice(&command_length.to_be_bytes());
}

#[cfg(test)]
mod tests;
