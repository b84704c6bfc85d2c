//! PDUs to test with.

use bytes::{Bytes, BytesMut};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::Union;
use smsc_proto::address::Address;
use smsc_proto::smpp::codec::{Frame, next_frame};
use smsc_proto::smpp::command_id::CommandId;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::*;
use smsc_proto::smpp::tlv::{Tlv, TlvBytes, tag};

/// More than any PDU of these tests.
pub(crate) const SIZE_MAX: usize = 80 * 1024;

/// What a strategy may put into a PDU.
#[derive(Clone, Copy)]
pub(crate) enum Content {
    /// All that we take: any octet but NUL in texts, long credentials, any TLV.
    Any,
    /// What the oracles take too: ASCII, the specification's maxima, times of 0 or 16 octets, TLVs that they know.
    Plain,
}

impl Content {
    fn text(self, length_max: usize) -> BoxedStrategy<Bytes> {
        match self {
            Content::Any => vec(1u8..=255, 0..=length_max).prop_map(Bytes::from).boxed(),
            Content::Plain => vec(0x20u8..0x7F, 0..=length_max).prop_map(Bytes::from).boxed(),
        }
    }

    /// 15 octets of system_id or 8 of password by the specification (S39), 64 by practice (Q28).
    fn credential(self, specified: usize) -> BoxedStrategy<Bytes> {
        match self {
            Content::Any => self.text(64),
            Content::Plain => self.text(specified),
        }
    }

    fn time(self) -> BoxedStrategy<Bytes> {
        match self {
            Content::Any => self.text(16),
            Content::Plain => prop_oneof![Just(Bytes::new()), vec(b'0'..=b'9', 16).prop_map(Bytes::from)].boxed(),
        }
    }

    fn address(self, length_max: usize) -> BoxedStrategy<OwnedAddress> {
        let digits = self.text(length_max);
        (any::<u8>(), any::<u8>(), digits).prop_map(|(ton, npi, digits)| OwnedAddress { ton, npi, digits }).boxed()
    }

    /// The TLVs of a request.
    fn tlvs(self) -> BoxedStrategy<TlvBytes> {
        match self {
            Content::Any => {
                let tlv = (any::<u16>(), vec(any::<u8>(), 0..20));
                vec(tlv, 0..4).prop_map(|tlvs| tlv_bytes(&tlvs)).boxed()
            }
            Content::Plain => {
                let reference = proptest::option::of(any::<u16>());
                // Not empty: rusmpp takes an empty value at the end for none.
                let payload = proptest::option::of(vec(any::<u8>(), 1..300));
                (reference, payload)
                    .prop_map(|(reference, payload)| {
                        let mut tlvs = Vec::new();
                        tlvs.extend(reference.map(|value| (tag::USER_MESSAGE_REFERENCE, value.to_be_bytes().to_vec())));
                        tlvs.extend(payload.map(|value| (tag::MESSAGE_PAYLOAD, value)));
                        tlv_bytes(&tlvs)
                    })
                    .boxed()
            }
        }
    }

    /// The TLVs of a response.
    fn response_tlvs(self) -> BoxedStrategy<TlvBytes> {
        match self {
            Content::Any => self.tlvs(),
            Content::Plain => Just(TlvBytes::default()).boxed(),
        }
    }

    fn short_message(self) -> BoxedStrategy<Vec<u8>> {
        match self {
            Content::Any => vec(any::<u8>(), 0..=255).boxed(),
            Content::Plain => vec(any::<u8>(), 0..=254).boxed(),
        }
    }

    pub(crate) fn sm(self) -> BoxedStrategy<SmBody> {
        let addresses = (self.text(5), self.address(20), self.address(20));
        let octets = any::<[u8; 7]>();
        let times = (self.time(), self.time());
        (addresses, octets, times, self.short_message(), self.tlvs())
            .prop_map(|((service_type, source, destination), octets, times, short_message, tlvs)| {
                let fields = SmFields {
                    service_type: &service_type,
                    source: source.as_address(),
                    destination: destination.as_address(),
                    esm_class: octets[0],
                    protocol_id: octets[1],
                    priority_flag: octets[2],
                    schedule_delivery_time: &times.0,
                    validity_period: &times.1,
                    registered_delivery: octets[3],
                    replace_if_present: octets[4],
                    data_coding: octets[5],
                    sm_default_msg_id: octets[6],
                    short_message: &short_message,
                    tlvs: tlvs.tlvs(),
                };
                SmBody::from_fields(&fields, &[]).unwrap()
            })
            .boxed()
    }

    fn data_sm(self) -> BoxedStrategy<DataSmBody> {
        let length_max = match self {
            Content::Any => 64,
            Content::Plain => 20,
        };
        let addresses = (self.text(5), self.address(length_max), self.address(length_max));
        (addresses, any::<[u8; 3]>(), self.tlvs())
            .prop_map(|((service_type, source, destination), octets, tlvs)| {
                let fields = SmFields {
                    service_type: &service_type,
                    source: source.as_address(),
                    destination: destination.as_address(),
                    esm_class: octets[0],
                    registered_delivery: octets[1],
                    data_coding: octets[2],
                    tlvs: tlvs.tlvs(),
                    ..SmFields::default()
                };
                let mut octets = BytesMut::new();
                fields.encode_data_sm(&[], &mut octets);
                DataSmBody::decode(octets.freeze()).unwrap()
            })
            .boxed()
    }

    fn bind(self) -> BoxedStrategy<Pdu> {
        let texts = (self.credential(15), self.credential(8), self.text(12), self.text(40));
        (kind(), texts, any::<[u8; 3]>())
            .prop_map(|(kind, (system_id, password, system_type, address_range), octets)| {
                let [interface_version, addr_ton, addr_npi] = octets;
                let bind =
                    Bind { system_id, password, system_type, interface_version, addr_ton, addr_npi, address_range };
                Pdu::Bind(kind, bind)
            })
            .boxed()
    }

    fn bind_resp(self) -> BoxedStrategy<Pdu> {
        (kind(), self.credential(15), any::<Option<u8>>())
            .prop_map(|(kind, system_id, sc_interface_version)| {
                Pdu::BindResp(kind, BindResp { system_id, sc_interface_version })
            })
            .boxed()
    }

    fn message_id(self) -> BoxedStrategy<MessageIdBody> {
        let with_body = (self.text(64), self.response_tlvs());
        proptest::option::of(with_body)
            .prop_map(|body| match body {
                None => MessageIdBody::default(),
                Some((message_id, tlvs)) => MessageIdBody { message_id: Some(message_id), tlvs },
            })
            .boxed()
    }

    fn submit_multi(self) -> BoxedStrategy<Pdu> {
        let destination =
            prop_oneof![self.address(20).prop_map(Destination::Sme), self.text(20).prop_map(Destination::List)];
        (self.sm(), vec(destination, 1..=6))
            .prop_map(|(sm, destinations)| {
                let fields = SmFields { destination: Address::default(), ..sm.fields() };
                let sm = SmBody::from_fields(&fields, &[]).unwrap();
                Pdu::SubmitMulti(SubmitMulti { sm, destinations })
            })
            .boxed()
    }

    fn submit_multi_resp(self) -> BoxedStrategy<Pdu> {
        let failure = (self.address(20), 0usize..CommandStatus::ALL.len());
        let failures = vec(failure, 0..6);
        (self.text(64), failures, self.response_tlvs())
            .prop_map(|(message_id, failures, tlvs)| {
                let failure = |(address, index): (_, usize)| UnsuccessfulDestination {
                    address,
                    status: CommandStatus::ALL[index].0,
                };
                let unsuccessful = failures.into_iter().map(failure).collect();
                Pdu::SubmitMultiResp(SubmitMultiResp { message_id: Some(message_id), unsuccessful, tlvs })
            })
            .boxed()
    }

    fn query_sm_resp(self) -> BoxedStrategy<Pdu> {
        let body = (self.text(64), self.time(), any::<u8>(), any::<u8>(), self.response_tlvs());
        proptest::option::of(body)
            .prop_map(|body| {
                Pdu::QuerySmResp(body.map(|(message_id, final_date, message_state, error_code, tlvs)| QuerySmResp {
                    message_id,
                    final_date,
                    message_state,
                    error_code,
                    tlvs,
                }))
            })
            .boxed()
    }

    fn replace_sm(self) -> BoxedStrategy<Pdu> {
        let tlvs = self.response_tlvs();
        (self.text(64), self.address(20), (self.time(), self.time()), any::<[u8; 2]>(), self.short_message(), tlvs)
            .prop_map(|(message_id, source, times, octets, short_message, tlvs)| {
                Pdu::ReplaceSm(ReplaceSm {
                    message_id,
                    source,
                    schedule_delivery_time: times.0,
                    validity_period: times.1,
                    registered_delivery: octets[0],
                    sm_default_msg_id: octets[1],
                    short_message: short_message.into(),
                    tlvs,
                })
            })
            .boxed()
    }

    fn cancel_sm(self) -> BoxedStrategy<Pdu> {
        (self.text(5), self.text(64), self.address(20), self.address(20))
            .prop_map(|(service_type, message_id, source, destination)| {
                Pdu::CancelSm(CancelSm { service_type, message_id, source, destination })
            })
            .boxed()
    }

    fn alert_notification(self) -> BoxedStrategy<Pdu> {
        (self.address(64), self.address(64), self.response_tlvs())
            .prop_map(|(source, esme, tlvs)| Pdu::AlertNotification(AlertNotification { source, esme, tlvs }))
            .boxed()
    }

    /// Any PDU that has a body of its own, or none by the specification.
    pub(crate) fn pdu(self) -> BoxedStrategy<Pdu> {
        let empty = vec![
            Pdu::Unbind,
            Pdu::UnbindResp,
            Pdu::EnquireLink,
            Pdu::EnquireLinkResp,
            Pdu::GenericNack,
            Pdu::CancelSmResp,
            Pdu::ReplaceSmResp,
        ];
        let outbind = (self.credential(15), self.credential(8));
        let query_sm = (self.text(64), self.address(20));
        Union::new([
            self.bind(),
            self.bind_resp(),
            outbind.prop_map(|(system_id, password)| Pdu::Outbind(Outbind { system_id, password })).boxed(),
            proptest::sample::select(empty).boxed(),
            self.sm().prop_map(Pdu::SubmitSm).boxed(),
            self.message_id().prop_map(Pdu::SubmitSmResp).boxed(),
            self.sm().prop_map(Pdu::DeliverSm).boxed(),
            self.message_id().prop_map(Pdu::DeliverSmResp).boxed(),
            self.data_sm().prop_map(Pdu::DataSm).boxed(),
            self.message_id().prop_map(Pdu::DataSmResp).boxed(),
            self.submit_multi(),
            self.submit_multi_resp(),
            query_sm.prop_map(|(message_id, source)| Pdu::QuerySm(QuerySm { message_id, source })).boxed(),
            self.query_sm_resp(),
            self.cancel_sm(),
            self.replace_sm(),
            self.alert_notification(),
        ])
        .boxed()
    }
}

/// A PDU that is carried as it came: the broadcast family, 3.3, unknown operations.
pub(crate) fn unsupported() -> impl Strategy<Value = Pdu> {
    let ids = [
        CommandId::BROADCAST_SM,
        CommandId::BROADCAST_SM_RESP,
        CommandId::QUERY_BROADCAST_SM,
        CommandId::QUERY_BROADCAST_SM_RESP,
        CommandId::CANCEL_BROADCAST_SM,
        CommandId::CANCEL_BROADCAST_SM_RESP,
        CommandId::PARAM_RETRIEVE,
        CommandId(0x0000_0999),
        CommandId(0x8000_0999),
    ];
    (proptest::sample::select(ids.to_vec()), vec(any::<u8>(), 0..100))
        .prop_map(|(command_id, body)| Pdu::Unsupported(command_id, body.into()))
}

fn kind() -> impl Strategy<Value = BindKind> {
    proptest::sample::select(vec![BindKind::Transmitter, BindKind::Receiver, BindKind::Transceiver])
}

fn tlv_bytes(tlvs: &[(u16, Vec<u8>)]) -> TlvBytes {
    TlvBytes::from_tlvs(&tlvs.iter().map(|(tag, value)| Tlv::new(*tag, value)).collect::<Vec<_>>())
}

/// The octets of a PDU.
pub(crate) fn encoded(pdu: &Pdu, status: CommandStatus, sequence_number: u32) -> BytesMut {
    let mut octets = BytesMut::new();
    pdu.encode(status, sequence_number, &mut octets);
    octets
}

/// The only frame in these octets.
pub(crate) fn only_frame(octets: &[u8]) -> Frame {
    let mut buffer = BytesMut::from(octets);
    let frame = next_frame(&mut buffer, SIZE_MAX).unwrap().unwrap();
    assert!(buffer.is_empty(), "octets are left behind the frame");
    frame
}
