//! What an answer looks like: which body goes with which operation, outcome and version (S14).

use bytes::{BufMut, BytesMut};

use super::{VERSION_3_4, VERSION_5_0};
use crate::smpp::codec::encode_pdu;
use crate::smpp::command_id::CommandId;
use crate::smpp::command_status::CommandStatus;

/// The answer to one request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer<'a> {
    pub(super) request: CommandId,
    pub(super) status: CommandStatus,
    pub(super) sequence_number: u32,
    /// Goes where the operation has one.
    pub(super) message_id: &'a [u8],
    /// Goes into a bind_resp.
    pub(super) system_id: &'a [u8],
}

/// The bodies that answers without TLVs have.
enum Body {
    /// Header only.
    None,
    /// The NUL of an empty C-octet string.
    Nul,
    MessageId,
    /// message_id, and an empty list of destinations that failed (S45).
    MessageIdAndNoFailures,
    SystemId,
}

impl Body {
    fn of(request: CommandId, status: CommandStatus, peer_version: u8) -> Self {
        match (request, status.is_ok()) {
            // Real clients crash without it, whatever the outcome.
            (CommandId::BIND_RECEIVER | CommandId::BIND_TRANSMITTER | CommandId::BIND_TRANSCEIVER, _) => Self::SystemId,
            // 3.4 §4.6.2: the field is unused and there, set to NULL.
            (CommandId::DELIVER_SM, _) => Self::Nul,
            (CommandId::SUBMIT_MULTI, true) => Self::MessageIdAndNoFailures,
            (CommandId::SUBMIT_SM | CommandId::DATA_SM | CommandId::BROADCAST_SM, true) => Self::MessageId,
            // 3.4 §4.4.2: no body if the status is not zero. 3.3 and 5.0 know no such exception.
            (CommandId::SUBMIT_SM | CommandId::SUBMIT_MULTI | CommandId::DATA_SM | CommandId::BROADCAST_SM, false) => {
                if (VERSION_3_4..VERSION_5_0).contains(&peer_version) {
                    Self::None
                } else {
                    Self::Nul
                }
            }
            _ => Self::None,
        }
    }
}

impl Answer<'_> {
    /// Appends the answer. A request that has no response is answered with generic_nack. Codes that only 5.0 knows are
    /// mapped down for older peers.
    pub(super) fn write(&self, peer_version: u8, out: &mut BytesMut) {
        let status = self.status.for_version(peer_version);
        let body = Body::of(self.request, self.status, peer_version);
        encode_pdu(self.request.response(), status, self.sequence_number, out, |out| match body {
            Body::None => {}
            Body::Nul => out.put_u8(0),
            Body::MessageId => put_c_string(out, self.message_id),
            Body::MessageIdAndNoFailures => {
                put_c_string(out, self.message_id);
                out.put_u8(0);
            }
            Body::SystemId => put_c_string(out, self.system_id),
        });
    }
}

fn put_c_string(out: &mut BytesMut, octets: &[u8]) {
    out.put_slice(octets);
    out.put_u8(0);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn body(request: CommandId, status: CommandStatus, peer_version: u8) -> Vec<u8> {
        let mut out = BytesMut::from(&b"before"[..]);
        Answer { request, status, sequence_number: 9, message_id: b"42", system_id: b"smsc" }
            .write(peer_version, &mut out);
        let pdu = &out[6..];
        assert_eq!(pdu[..4], u32::try_from(pdu.len()).unwrap().to_be_bytes());
        assert_eq!(pdu[4..8], request.response().0.to_be_bytes());
        assert_eq!(pdu[12..16], [0, 0, 0, 9]);
        pdu[16..].to_vec()
    }

    #[test]
    fn an_error_has_the_body_that_the_version_expects() {
        let full = CommandStatus::ESME_RMSGQFUL;
        for request in [CommandId::SUBMIT_SM, CommandId::DATA_SM, CommandId::SUBMIT_MULTI] {
            assert_eq!(body(request, full, 0x33), b"\0");
            assert_eq!(body(request, full, 0x34), b"");
            assert_eq!(body(request, full, 0x50), b"\0");
        }
    }

    #[test]
    fn a_refused_bind_carries_system_id_at_every_version() {
        for version in [0x00, 0x33, 0x34, 0x50] {
            assert_eq!(body(CommandId::BIND_RECEIVER, CommandStatus::ESME_RINVPASWD, version), b"smsc\0");
        }
    }

    #[test]
    fn success_carries_the_message_id_where_there_is_one() {
        let ok = CommandStatus::ESME_ROK;
        assert_eq!(body(CommandId::SUBMIT_SM, ok, 0x34), b"42\0");
        assert_eq!(body(CommandId::DATA_SM, ok, 0x34), b"42\0");
        assert_eq!(body(CommandId::SUBMIT_MULTI, ok, 0x34), b"42\0\0");
        assert_eq!(body(CommandId::DELIVER_SM, ok, 0x34), b"\0");
        assert_eq!(body(CommandId::CANCEL_SM, ok, 0x34), b"");
        assert_eq!(body(CommandId::ENQUIRE_LINK, ok, 0x34), b"");
    }

    #[test]
    fn a_code_of_5_0_is_told_to_5_0_only() {
        let status = |version| {
            let mut out = BytesMut::new();
            let request = CommandId::SUBMIT_SM;
            let status = CommandStatus::ESME_RPROHIBITED;
            Answer { request, status, sequence_number: 1, message_id: b"", system_id: b"" }.write(version, &mut out);
            out[8..12].to_vec()
        };
        assert_eq!(status(0x50), CommandStatus::ESME_RPROHIBITED.0.to_be_bytes());
        assert_eq!(status(0x34), CommandStatus::ESME_RSUBMITFAIL.0.to_be_bytes());
    }
}
