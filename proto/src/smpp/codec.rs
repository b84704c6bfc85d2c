//! Framing: from octets to frames, within a size limit, never allocating by a claimed length (S1, S2).

use bytes::{Bytes, BytesMut};

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

/// One PDU cut out of the stream: header, and exactly the octets that command_length names behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The header.
    pub header: Header,
    /// The body, a share of the read buffer.
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
pub fn next_frame(_buffer: &mut BytesMut, _size_max: usize) -> Result<Option<Frame>, FramingError> {
    todo!()
}
