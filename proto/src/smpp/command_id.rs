//! Operations by their number on the wire (3.4 §5.1.2, 5.0 §4.7.5).

use std::fmt;

/// A `command_id`, also one that we do not know. Bit 31 marks a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandId(pub u32);

/// Bit 31: set in responses and in generic_nack.
const RESPONSE: u32 = 0x8000_0000;

impl CommandId {
    /// generic_nack: a response to what could not be understood.
    pub const GENERIC_NACK: Self = Self(0x8000_0000);
    /// bind_receiver
    pub const BIND_RECEIVER: Self = Self(0x0000_0001);
    /// bind_receiver_resp
    pub const BIND_RECEIVER_RESP: Self = Self(0x8000_0001);
    /// bind_transmitter
    pub const BIND_TRANSMITTER: Self = Self(0x0000_0002);
    /// bind_transmitter_resp
    pub const BIND_TRANSMITTER_RESP: Self = Self(0x8000_0002);
    /// query_sm
    pub const QUERY_SM: Self = Self(0x0000_0003);
    /// query_sm_resp
    pub const QUERY_SM_RESP: Self = Self(0x8000_0003);
    /// submit_sm
    pub const SUBMIT_SM: Self = Self(0x0000_0004);
    /// submit_sm_resp
    pub const SUBMIT_SM_RESP: Self = Self(0x8000_0004);
    /// deliver_sm
    pub const DELIVER_SM: Self = Self(0x0000_0005);
    /// deliver_sm_resp
    pub const DELIVER_SM_RESP: Self = Self(0x8000_0005);
    /// unbind
    pub const UNBIND: Self = Self(0x0000_0006);
    /// unbind_resp
    pub const UNBIND_RESP: Self = Self(0x8000_0006);
    /// replace_sm
    pub const REPLACE_SM: Self = Self(0x0000_0007);
    /// replace_sm_resp
    pub const REPLACE_SM_RESP: Self = Self(0x8000_0007);
    /// cancel_sm
    pub const CANCEL_SM: Self = Self(0x0000_0008);
    /// cancel_sm_resp
    pub const CANCEL_SM_RESP: Self = Self(0x8000_0008);
    /// bind_transceiver (3.4 and later)
    pub const BIND_TRANSCEIVER: Self = Self(0x0000_0009);
    /// bind_transceiver_resp
    pub const BIND_TRANSCEIVER_RESP: Self = Self(0x8000_0009);
    /// outbind: has no response (S18).
    pub const OUTBIND: Self = Self(0x0000_000B);
    /// enquire_link
    pub const ENQUIRE_LINK: Self = Self(0x0000_0015);
    /// enquire_link_resp
    pub const ENQUIRE_LINK_RESP: Self = Self(0x8000_0015);
    /// submit_multi
    pub const SUBMIT_MULTI: Self = Self(0x0000_0021);
    /// submit_multi_resp
    pub const SUBMIT_MULTI_RESP: Self = Self(0x8000_0021);
    /// param_retrieve (3.3 only)
    pub const PARAM_RETRIEVE: Self = Self(0x0000_0022);
    /// param_retrieve_resp (3.3 only)
    pub const PARAM_RETRIEVE_RESP: Self = Self(0x8000_0022);
    /// query_last_msgs (3.3 only)
    pub const QUERY_LAST_MSGS: Self = Self(0x0000_0023);
    /// query_last_msgs_resp (3.3 only)
    pub const QUERY_LAST_MSGS_RESP: Self = Self(0x8000_0023);
    /// query_msg_details (3.3 only)
    pub const QUERY_MSG_DETAILS: Self = Self(0x0000_0024);
    /// query_msg_details_resp (3.3 only)
    pub const QUERY_MSG_DETAILS_RESP: Self = Self(0x8000_0024);
    /// alert_notification: has no response (S54).
    pub const ALERT_NOTIFICATION: Self = Self(0x0000_0102);
    /// data_sm (3.4 and later)
    pub const DATA_SM: Self = Self(0x0000_0103);
    /// data_sm_resp
    pub const DATA_SM_RESP: Self = Self(0x8000_0103);
    /// broadcast_sm (5.0)
    pub const BROADCAST_SM: Self = Self(0x0000_0111);
    /// broadcast_sm_resp (5.0)
    pub const BROADCAST_SM_RESP: Self = Self(0x8000_0111);
    /// query_broadcast_sm (5.0)
    pub const QUERY_BROADCAST_SM: Self = Self(0x0000_0112);
    /// query_broadcast_sm_resp (5.0)
    pub const QUERY_BROADCAST_SM_RESP: Self = Self(0x8000_0112);
    /// cancel_broadcast_sm (5.0)
    pub const CANCEL_BROADCAST_SM: Self = Self(0x0000_0113);
    /// cancel_broadcast_sm_resp (5.0)
    pub const CANCEL_BROADCAST_SM_RESP: Self = Self(0x8000_0113);

    /// Every operation of 3.3, 3.4 and 5.0, for tables and for tests over all of them.
    pub const ALL: [Self; 39] = [
        Self::GENERIC_NACK,
        Self::BIND_RECEIVER,
        Self::BIND_RECEIVER_RESP,
        Self::BIND_TRANSMITTER,
        Self::BIND_TRANSMITTER_RESP,
        Self::QUERY_SM,
        Self::QUERY_SM_RESP,
        Self::SUBMIT_SM,
        Self::SUBMIT_SM_RESP,
        Self::DELIVER_SM,
        Self::DELIVER_SM_RESP,
        Self::UNBIND,
        Self::UNBIND_RESP,
        Self::REPLACE_SM,
        Self::REPLACE_SM_RESP,
        Self::CANCEL_SM,
        Self::CANCEL_SM_RESP,
        Self::BIND_TRANSCEIVER,
        Self::BIND_TRANSCEIVER_RESP,
        Self::OUTBIND,
        Self::ENQUIRE_LINK,
        Self::ENQUIRE_LINK_RESP,
        Self::SUBMIT_MULTI,
        Self::SUBMIT_MULTI_RESP,
        Self::PARAM_RETRIEVE,
        Self::PARAM_RETRIEVE_RESP,
        Self::QUERY_LAST_MSGS,
        Self::QUERY_LAST_MSGS_RESP,
        Self::QUERY_MSG_DETAILS,
        Self::QUERY_MSG_DETAILS_RESP,
        Self::ALERT_NOTIFICATION,
        Self::DATA_SM,
        Self::DATA_SM_RESP,
        Self::BROADCAST_SM,
        Self::BROADCAST_SM_RESP,
        Self::QUERY_BROADCAST_SM,
        Self::QUERY_BROADCAST_SM_RESP,
        Self::CANCEL_BROADCAST_SM,
        Self::CANCEL_BROADCAST_SM_RESP,
    ];

    /// Whether bit 31 is set: a response or a generic_nack, which is never answered and never nacked (S3).
    pub const fn is_response(self) -> bool {
        self.0 & RESPONSE != 0
    }

    /// The `command_id` that answers this request. outbind and alert_notification have no response; for them, as for
    /// a response, the answer is generic_nack.
    pub const fn response(self) -> Self {
        if self.has_response() { Self(self.0 | RESPONSE) } else { Self::GENERIC_NACK }
    }

    /// Whether the specification knows a response to this operation. True for unknown requests too: their responses
    /// have the same number with bit 31.
    pub const fn has_response(self) -> bool {
        !self.is_response() && self.0 != Self::OUTBIND.0 && self.0 != Self::ALERT_NOTIFICATION.0
    }

    /// Whether 3.3, 3.4 or 5.0 names it. What is not known earns generic_nack with RINVCMDID (S3); so does what is
    /// known and not supported (S4).
    pub fn is_known(self) -> bool {
        self.known_name().is_some()
    }

    /// Its name in the specification, or `"other"`: a fixed set, fit for a metric's label.
    pub fn name(self) -> &'static str {
        self.known_name().unwrap_or("other")
    }

    fn known_name(self) -> Option<&'static str> {
        Some(match self {
            Self::GENERIC_NACK => "generic_nack",
            Self::BIND_RECEIVER => "bind_receiver",
            Self::BIND_RECEIVER_RESP => "bind_receiver_resp",
            Self::BIND_TRANSMITTER => "bind_transmitter",
            Self::BIND_TRANSMITTER_RESP => "bind_transmitter_resp",
            Self::QUERY_SM => "query_sm",
            Self::QUERY_SM_RESP => "query_sm_resp",
            Self::SUBMIT_SM => "submit_sm",
            Self::SUBMIT_SM_RESP => "submit_sm_resp",
            Self::DELIVER_SM => "deliver_sm",
            Self::DELIVER_SM_RESP => "deliver_sm_resp",
            Self::UNBIND => "unbind",
            Self::UNBIND_RESP => "unbind_resp",
            Self::REPLACE_SM => "replace_sm",
            Self::REPLACE_SM_RESP => "replace_sm_resp",
            Self::CANCEL_SM => "cancel_sm",
            Self::CANCEL_SM_RESP => "cancel_sm_resp",
            Self::BIND_TRANSCEIVER => "bind_transceiver",
            Self::BIND_TRANSCEIVER_RESP => "bind_transceiver_resp",
            Self::OUTBIND => "outbind",
            Self::ENQUIRE_LINK => "enquire_link",
            Self::ENQUIRE_LINK_RESP => "enquire_link_resp",
            Self::SUBMIT_MULTI => "submit_multi",
            Self::SUBMIT_MULTI_RESP => "submit_multi_resp",
            Self::PARAM_RETRIEVE => "param_retrieve",
            Self::PARAM_RETRIEVE_RESP => "param_retrieve_resp",
            Self::QUERY_LAST_MSGS => "query_last_msgs",
            Self::QUERY_LAST_MSGS_RESP => "query_last_msgs_resp",
            Self::QUERY_MSG_DETAILS => "query_msg_details",
            Self::QUERY_MSG_DETAILS_RESP => "query_msg_details_resp",
            Self::ALERT_NOTIFICATION => "alert_notification",
            Self::DATA_SM => "data_sm",
            Self::DATA_SM_RESP => "data_sm_resp",
            Self::BROADCAST_SM => "broadcast_sm",
            Self::BROADCAST_SM_RESP => "broadcast_sm_resp",
            Self::QUERY_BROADCAST_SM => "query_broadcast_sm",
            Self::QUERY_BROADCAST_SM_RESP => "query_broadcast_sm_resp",
            Self::CANCEL_BROADCAST_SM => "cancel_broadcast_sm",
            Self::CANCEL_BROADCAST_SM_RESP => "cancel_broadcast_sm_resp",
            _ => return None,
        })
    }
}

impl fmt::Display for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.known_name() {
            Some(name) => f.write_str(name),
            None => write!(f, "0x{:08X}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_named_operation_is_known_and_no_number_is_named_twice() {
        let mut names: Vec<_> = CommandId::ALL.iter().map(|id| id.name()).collect();
        assert!(CommandId::ALL.iter().all(|id| id.is_known()));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), CommandId::ALL.len());
    }

    #[test]
    fn a_response_has_the_number_of_its_request_with_bit_31() {
        for request in CommandId::ALL.into_iter().filter(|id| id.has_response()) {
            let response = request.response();
            assert!(response.is_response() && response.is_known());
            assert_eq!(response.name(), format!("{}_resp", request.name()));
        }
    }

    #[test]
    fn outbind_alert_notification_and_responses_have_no_response() {
        for id in [CommandId::OUTBIND, CommandId::ALERT_NOTIFICATION, CommandId::SUBMIT_SM_RESP] {
            assert!(!id.has_response());
            assert_eq!(id.response(), CommandId::GENERIC_NACK);
        }
    }

    #[test]
    fn an_unknown_number_is_shown_in_hex_and_counted_as_other() {
        let id = CommandId(0x0001_0203);
        assert!(!id.is_known());
        assert_eq!(id.name(), "other");
        assert_eq!(id.to_string(), "0x00010203");
        assert_eq!(CommandId::SUBMIT_SM.to_string(), "submit_sm");
    }
}
