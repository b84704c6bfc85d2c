//! rusmpp as an oracle: for every PDU it writes what we write, and each reads the other.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use rusmpp::decode::DecodeWithLength;
use rusmpp::encode::{Encode, Length};
use rusmpp::pdus as theirs;
use rusmpp::tlvs::{MessageDeliveryRequestTlvValue, MessageSubmissionRequestTlvValue};
use rusmpp::types::{AnyOctetString, COctetString, EmptyOrFullCOctetString, OctetString};
use rusmpp::values::{
    DestAddress, DistributionListName, MessagePayload, ServiceType, SmeAddress, UnsuccessSme, UserMessageReference,
};
use rusmpp::{Command, CommandStatus as TheirStatus, Pdu as TheirPdu};
use smsc_proto::smpp::command_id::CommandId;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::*;
use smsc_proto::smpp::tlv::{Tlv, Tlvs, tag};

use crate::arbitrary::{Content, encoded, only_frame};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn rusmpp_writes_and_reads_every_pdu_as_we_do(pdu in Content::Plain.pdu(), sequence_number in 1u32..0x8000_0000) {
        let Some(theirs) = their_pdu(&pdu) else {
            return Ok(());
        };
        let ours = encoded(&pdu, CommandStatus::ESME_ROK, sequence_number);
        let command = Command::new(TheirStatus::EsmeRok, sequence_number, theirs);

        prop_assert_eq!(&their_octets(&command)[..], &ours[..]);
        let body_and_rest = &mut BytesMut::from(&ours[4..]);
        let (read, _) = Command::decode(body_and_rest, ours.len() - 4).unwrap();
        prop_assert_eq!(read, command);
        prop_assert_eq!(Pdu::decode(&only_frame(&ours)).unwrap(), pdu);
    }
}

/// S4: enough of the broadcast family is read to refuse it: its operation, and its octets as they came.
#[test]
fn a_broadcast_sm_of_rusmpp_is_carried_as_it_came() {
    let broadcast = theirs::BroadcastSm::builder().message_id(text(b"42")).build();
    let octets = their_octets(&Command::new(TheirStatus::EsmeRok, 9, broadcast));
    let frame = only_frame(&octets);
    let pdu = Pdu::decode(&frame).unwrap();
    assert_eq!(pdu, Pdu::Unsupported(CommandId::BROADCAST_SM, frame.body));
    assert_eq!(encoded(&pdu, CommandStatus::ESME_ROK, 9), octets);
}

#[test]
fn every_command_status_that_rusmpp_names_is_named_here() {
    for code in 0..0x200 {
        let known_to_them = !matches!(TheirStatus::from(code), TheirStatus::Other(_));
        let known_here = CommandStatus(code).name() != "other";
        assert!(known_here || !known_to_them, "0x{code:X} is {:?}", TheirStatus::from(code));
    }
}

#[test]
fn every_command_id_that_rusmpp_names_is_named_here() {
    for number in 0..0x200 {
        for code in [number, number | 0x8000_0000] {
            let known_to_them = !matches!(rusmpp::CommandId::from(code), rusmpp::CommandId::Other(_));
            assert!(CommandId(code).is_known() || !known_to_them, "0x{code:X}");
        }
    }
}

fn their_octets(command: &Command) -> BytesMut {
    let length = 4 + command.length();
    let mut octets = vec![0; length];
    octets[..4].copy_from_slice(&(length as u32).to_be_bytes());
    command.encode(&mut octets[4..]);
    BytesMut::from(&octets[..])
}

/// The same PDU in their types; `None` where they have no such form (responses without a body).
fn their_pdu(pdu: &Pdu) -> Option<TheirPdu> {
    Some(match pdu {
        Pdu::Bind(kind, bind) => their_bind(*kind, bind),
        Pdu::BindResp(kind, resp) => {
            let (system_id, version) = (text(&resp.system_id), resp.sc_interface_version.map(Into::into));
            match kind {
                BindKind::Transmitter => theirs::BindTransmitterResp::new(system_id, version).into(),
                BindKind::Receiver => theirs::BindReceiverResp::new(system_id, version).into(),
                BindKind::Transceiver => theirs::BindTransceiverResp::new(system_id, version).into(),
            }
        }
        Pdu::Outbind(outbind) => theirs::Outbind::new(text(&outbind.system_id), text(&outbind.password)).into(),
        Pdu::Unbind => TheirPdu::Unbind,
        Pdu::UnbindResp => TheirPdu::UnbindResp,
        Pdu::EnquireLink => TheirPdu::EnquireLink,
        Pdu::EnquireLinkResp => TheirPdu::EnquireLinkResp,
        Pdu::GenericNack => TheirPdu::GenericNack,
        Pdu::CancelSmResp => TheirPdu::CancelSmResp,
        Pdu::ReplaceSmResp => TheirPdu::ReplaceSmResp,
        Pdu::SubmitSm(sm) => their_submit_sm(&sm.fields()),
        Pdu::SubmitSmResp(resp) => theirs::SubmitSmResp::new(text(resp.message_id.as_ref()?), vec![]).into(),
        Pdu::DeliverSm(sm) => their_deliver_sm(&sm.fields()),
        Pdu::DeliverSmResp(resp) => theirs::DeliverSmResp::new(text(resp.message_id.as_ref()?), vec![]).into(),
        Pdu::DataSm(sm) => their_data_sm(&sm.fields()),
        Pdu::DataSmResp(resp) => theirs::DataSmResp::new(text(resp.message_id.as_ref()?), vec![]).into(),
        Pdu::SubmitMulti(multi) => their_submit_multi(multi),
        Pdu::SubmitMultiResp(resp) => {
            let failures = resp.unsuccessful.iter().map(|failure| {
                let address = &failure.address;
                let status = failure.status.0.into();
                UnsuccessSme::new(address.ton.into(), address.npi.into(), text(&address.digits), status)
            });
            theirs::SubmitMultiResp::new(text(resp.message_id.as_ref()?), failures.collect(), vec![]).into()
        }
        Pdu::QuerySm(query) => {
            let source = &query.source;
            let id = text(&query.message_id);
            theirs::QuerySm::new(id, source.ton.into(), source.npi.into(), text(&source.digits)).into()
        }
        Pdu::QuerySmResp(resp) => {
            let resp = resp.as_ref()?;
            let (id, date) = (text(&resp.message_id), time(&resp.final_date));
            theirs::QuerySmResp::new(id, date, resp.message_state.into(), resp.error_code).into()
        }
        Pdu::CancelSm(cancel) => theirs::CancelSm::builder()
            .service_type(service_type(&cancel.service_type))
            .message_id(text(&cancel.message_id))
            .source_addr_ton(cancel.source.ton.into())
            .source_addr_npi(cancel.source.npi.into())
            .source_addr(text(&cancel.source.digits))
            .dest_addr_ton(cancel.destination.ton.into())
            .dest_addr_npi(cancel.destination.npi.into())
            .destination_addr(text(&cancel.destination.digits))
            .build()
            .into(),
        Pdu::ReplaceSm(replace) => theirs::ReplaceSm::builder()
            .message_id(text(&replace.message_id))
            .source_addr_ton(replace.source.ton.into())
            .source_addr_npi(replace.source.npi.into())
            .source_addr(text(&replace.source.digits))
            .schedule_delivery_time(time(&replace.schedule_delivery_time))
            .validity_period(time(&replace.validity_period))
            .registered_delivery(replace.registered_delivery.into())
            .sm_default_msg_id(replace.sm_default_msg_id)
            .short_message(OctetString::from_slice(&replace.short_message).unwrap())
            .build()
            .into(),
        Pdu::AlertNotification(alert) => theirs::AlertNotification::new(
            alert.source.ton.into(),
            alert.source.npi.into(),
            text(&alert.source.digits),
            alert.esme.ton.into(),
            alert.esme.npi.into(),
            text(&alert.esme.digits),
            None,
        )
        .into(),
        Pdu::Unsupported(..) => return None,
    })
}

fn their_bind(kind: BindKind, bind: &Bind) -> TheirPdu {
    let (system_id, password, system_type) = (text(&bind.system_id), text(&bind.password), text(&bind.system_type));
    let (version, ton, npi) = (bind.interface_version.into(), bind.addr_ton.into(), bind.addr_npi.into());
    let range = text(&bind.address_range);
    match kind {
        BindKind::Transmitter => {
            theirs::BindTransmitter::new(system_id, password, system_type, version, ton, npi, range).into()
        }
        BindKind::Receiver => {
            theirs::BindReceiver::new(system_id, password, system_type, version, ton, npi, range).into()
        }
        BindKind::Transceiver => {
            theirs::BindTransceiver::new(system_id, password, system_type, version, ton, npi, range).into()
        }
    }
}

fn their_submit_sm(sm: &SmFields<'_>) -> TheirPdu {
    theirs::SubmitSm::new(
        service_type(sm.service_type),
        sm.source.ton.into(),
        sm.source.npi.into(),
        text(sm.source.digits),
        sm.destination.ton.into(),
        sm.destination.npi.into(),
        text(sm.destination.digits),
        sm.esm_class.into(),
        sm.protocol_id,
        sm.priority_flag.into(),
        time(sm.schedule_delivery_time),
        time(sm.validity_period),
        sm.registered_delivery.into(),
        sm.replace_if_present.into(),
        sm.data_coding.into(),
        sm.sm_default_msg_id,
        OctetString::from_slice(sm.short_message).unwrap(),
        submission_tlvs(sm.tlvs),
    )
    .into()
}

fn their_deliver_sm(sm: &SmFields<'_>) -> TheirPdu {
    theirs::DeliverSm::new(
        service_type(sm.service_type),
        sm.source.ton.into(),
        sm.source.npi.into(),
        text(sm.source.digits),
        sm.destination.ton.into(),
        sm.destination.npi.into(),
        text(sm.destination.digits),
        sm.esm_class.into(),
        sm.protocol_id,
        sm.priority_flag.into(),
        time(sm.schedule_delivery_time),
        time(sm.validity_period),
        sm.registered_delivery.into(),
        sm.replace_if_present.into(),
        sm.data_coding.into(),
        sm.sm_default_msg_id,
        OctetString::from_slice(sm.short_message).unwrap(),
        sm.tlvs
            .into_iter()
            .map(|tlv| match tlv.tag {
                tag::MESSAGE_PAYLOAD => MessageDeliveryRequestTlvValue::MessagePayload(payload(tlv)),
                _ => MessageDeliveryRequestTlvValue::UserMessageReference(reference(tlv)),
            })
            .collect(),
    )
    .into()
}

fn their_data_sm(sm: &SmFields<'_>) -> TheirPdu {
    theirs::DataSm::new(
        service_type(sm.service_type),
        sm.source.ton.into(),
        sm.source.npi.into(),
        text(sm.source.digits),
        sm.destination.ton.into(),
        sm.destination.npi.into(),
        text(sm.destination.digits),
        sm.esm_class.into(),
        sm.registered_delivery.into(),
        sm.data_coding.into(),
        submission_tlvs(sm.tlvs),
    )
    .into()
}

fn their_submit_multi(multi: &SubmitMulti) -> TheirPdu {
    let sm = multi.sm.fields();
    let destinations = multi.destinations.iter().map(|destination| match destination {
        Destination::Sme(address) => {
            let digits = text(&address.digits);
            DestAddress::SmeAddress(SmeAddress::new(address.ton.into(), address.npi.into(), digits))
        }
        Destination::List(name) => DestAddress::DistributionListName(DistributionListName::new(text(name))),
    });
    theirs::SubmitMulti::new(
        service_type(sm.service_type),
        sm.source.ton.into(),
        sm.source.npi.into(),
        text(sm.source.digits),
        destinations.collect(),
        sm.esm_class.into(),
        sm.protocol_id,
        sm.priority_flag.into(),
        time(sm.schedule_delivery_time),
        time(sm.validity_period),
        sm.registered_delivery.into(),
        sm.replace_if_present.into(),
        sm.data_coding.into(),
        sm.sm_default_msg_id,
        OctetString::from_slice(sm.short_message).unwrap(),
        submission_tlvs(sm.tlvs),
    )
    .into()
}

fn submission_tlvs(tlvs: Tlvs<'_>) -> Vec<MessageSubmissionRequestTlvValue> {
    tlvs.into_iter()
        .map(|tlv| match tlv.tag {
            tag::MESSAGE_PAYLOAD => MessageSubmissionRequestTlvValue::MessagePayload(payload(tlv)),
            _ => MessageSubmissionRequestTlvValue::UserMessageReference(reference(tlv)),
        })
        .collect()
}

fn payload(tlv: Tlv<'_>) -> MessagePayload {
    MessagePayload::new(AnyOctetString::from_slice(tlv.value))
}

fn reference(tlv: Tlv<'_>) -> UserMessageReference {
    assert_eq!(tlv.tag, tag::USER_MESSAGE_REFERENCE);
    UserMessageReference::new(u16::from_be_bytes(tlv.value.try_into().unwrap()))
}

fn text<const N: usize>(octets: &[u8]) -> COctetString<1, N> {
    COctetString::from_bytes(terminated(octets)).unwrap()
}

fn time(octets: &[u8]) -> EmptyOrFullCOctetString<17> {
    EmptyOrFullCOctetString::from_bytes(terminated(octets)).unwrap()
}

fn service_type(octets: &[u8]) -> ServiceType {
    ServiceType::new(text(octets))
}

fn terminated(octets: &[u8]) -> Bytes {
    [octets, &[0]].concat().into()
}
