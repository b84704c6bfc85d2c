#![allow(clippy::unwrap_used)]

use super::*;
use crate::address::Address;
use crate::smpp::codec::{HEADER_LENGTH, Header, next_frame};
use crate::smpp::tlv::{Tlv, TlvBytes, tag};

fn decode(command_id: CommandId, body: &[u8]) -> Result<Pdu, FieldError> {
    let header = Header {
        command_length: (HEADER_LENGTH + body.len()) as u32,
        command_id,
        command_status: CommandStatus::ESME_ROK,
        sequence_number: 1,
    };
    Pdu::decode(&Frame { header, body: Bytes::copy_from_slice(body) })
}

fn earns(command_id: CommandId, body: &[u8]) -> CommandStatus {
    decode(command_id, body).unwrap_err().status
}

fn message<'a>() -> SmFields<'a> {
    SmFields {
        source: Address::new(5, 0, b"Shop"),
        destination: Address::new(1, 1, b"46701234567"),
        registered_delivery: 1,
        short_message: b"hello",
        ..SmFields::default()
    }
}

fn octets(fields: &SmFields<'_>) -> Vec<u8> {
    let mut out = BytesMut::new();
    fields.encode(&[], &mut out);
    out.to_vec()
}

#[test]
fn a_submit_sm_has_its_fields_in_the_order_of_the_specification() {
    let body =
        b"CMT\0\x05\x00Shop\0\x01\x01467\0\x40\x11\x02100101000000000+\x00000001000000000R\0\x01\x01\x08\x07\x02hi\
        \x02\x04\x00\x02\x00\x09";
    let fields = SmFields::decode(body).unwrap();
    let expected = SmFields {
        service_type: b"CMT",
        source: Address::new(5, 0, b"Shop"),
        destination: Address::new(1, 1, b"467"),
        esm_class: 0x40,
        protocol_id: 0x11,
        priority_flag: 2,
        schedule_delivery_time: b"100101000000000+",
        validity_period: b"000001000000000R",
        registered_delivery: 1,
        replace_if_present: 1,
        data_coding: 8,
        sm_default_msg_id: 7,
        short_message: b"hi",
        tlvs: fields.tlvs,
    };
    assert_eq!(fields, expected);
    assert_eq!(fields.tlvs.get_u16(tag::USER_MESSAGE_REFERENCE), Ok(Some(9)));
    assert_eq!(octets(&fields), body);
}

#[test]
fn the_payload_is_the_user_data_when_it_is_not_empty() {
    // S26, Q17.
    for (short_message, payload, user_data) in [
        (&b"short"[..], &b"payload"[..], &b"payload"[..]),
        (b"short", b"", b"short"),
        (b"", b"payload", b"payload"),
        (b"", b"", b""),
    ] {
        let fields = SmFields { short_message, ..message() };
        let body = SmBody::from_fields(&fields, &[Tlv::new(tag::MESSAGE_PAYLOAD, payload)]).unwrap();
        assert_eq!(body.fields().user_data(), user_data);

        let tlvs = TlvBytes::from_tlvs(&[Tlv::new(tag::MESSAGE_PAYLOAD, payload)]);
        let short_message = Bytes::copy_from_slice(short_message);
        assert_eq!(ReplaceSm { short_message, tlvs, ..ReplaceSm::default() }.user_data(), user_data);
    }
}

#[test]
fn stray_octets_behind_a_message_are_dropped() {
    // Q9.
    let clean = octets(&message());
    for rubbish in 1..=3 {
        let body = [&clean[..], &vec![0; rubbish]].concat();
        let sm = SmBody::decode(body.into()).unwrap();
        assert_eq!(sm.octets()[..], clean[..]);
        assert_eq!(sm.fields(), message());
    }
    let four = [&clean[..], &[0x04, 0x24, 0, 1]].concat();
    assert_eq!(earns(CommandId::SUBMIT_SM, &four), CommandStatus::ESME_RINVTLVSTREAM, "S8");
}

#[test]
fn each_bad_field_of_a_message_earns_its_own_code() {
    // S8, S30, S39, S40.
    let long = [b'1'; 30];
    let spoilt = |service_type: &[u8], source: &[u8], destination: &[u8], schedule: &[u8], validity: &[u8]| {
        let addresses = [&b"\x01\x01"[..], source, b"\0\x01\x01", destination, b"\0"].concat();
        let times = [&b"\0\0\0"[..], schedule, b"\0", validity, b"\0\0\0\0\0\0"].concat();
        [service_type, b"\0", &addresses, &times].concat()
    };
    for (body, status) in [
        (spoilt(&long[..6], b"1", b"2", b"", b""), CommandStatus::ESME_RINVSERTYP),
        (spoilt(b"", &long[..21], b"2", b"", b""), CommandStatus::ESME_RINVSRCADR),
        (spoilt(b"", b"1", &long[..21], b"", b""), CommandStatus::ESME_RINVDSTADR),
        (spoilt(b"", b"1", b"2", &long[..17], b""), CommandStatus::ESME_RINVSCHED),
        (spoilt(b"", b"1", b"2", b"", &long[..17]), CommandStatus::ESME_RINVEXPIRY),
    ] {
        for command_id in [CommandId::SUBMIT_SM, CommandId::DELIVER_SM] {
            assert_eq!(earns(command_id, &body), status);
        }
    }
    let good = spoilt(&long[..5], &long[..20], &long[..20], &long[..16], &long[..16]);
    assert!(decode(CommandId::SUBMIT_SM, &good).is_ok());
}

#[test]
fn a_message_that_ends_early_earns_the_length_code() {
    // S8: the header is good, so the session goes on.
    let body = octets(&SmFields { short_message: b"", ..message() });
    for end in [0, 1, 2, 8, body.len() - 6, body.len() - 1] {
        assert_eq!(earns(CommandId::SUBMIT_SM, &body[..end]), CommandStatus::ESME_RINVCMDLEN, "cut at {end}");
    }
    let body = octets(&message());
    assert_eq!(earns(CommandId::SUBMIT_SM, &body[..body.len() - 1]), CommandStatus::ESME_RINVMSGLEN);
}

#[test]
fn an_empty_source_and_an_empty_destination_are_left_to_policy() {
    // S40.
    let fields = SmFields { source: Address::default(), destination: Address::default(), ..message() };
    assert_eq!(SmBody::decode(octets(&fields).into()).unwrap().fields(), fields);
}

#[test]
fn fields_from_elsewhere_are_refused_before_they_are_written() {
    let too_long = [b'x'; 300];
    for (fields, status) in [
        (SmFields { service_type: &too_long[..6], ..message() }, CommandStatus::ESME_RINVSERTYP),
        (SmFields { source: Address::new(5, 0, b"a\0b"), ..message() }, CommandStatus::ESME_RINVSRCADR),
        (SmFields { destination: Address::new(1, 1, &too_long[..21]), ..message() }, CommandStatus::ESME_RINVDSTADR),
        (SmFields { short_message: &too_long[..256], ..message() }, CommandStatus::ESME_RINVMSGLEN),
    ] {
        assert_eq!(SmBody::from_fields(&fields, &[]).unwrap_err().status, status);
    }
    let payload = vec![0; 65_536];
    let error = SmBody::from_fields(&message(), &[Tlv::new(tag::MESSAGE_PAYLOAD, &payload)]).unwrap_err();
    assert_eq!(error.status, CommandStatus::ESME_RINVTLVLEN);
}

#[test]
fn a_data_sm_takes_long_addresses_and_is_read_like_a_message() {
    // S39: 65 in data_sm; S33: no times.
    let long = [b'1'; 64];
    let fields = SmFields {
        source: Address::new(1, 1, &long),
        registered_delivery: 1,
        data_coding: 8,
        destination: Address::new(1, 1, b"467"),
        ..SmFields::default()
    };
    let mut out = BytesMut::new();
    fields.encode_pdu(
        CommandId::DATA_SM,
        CommandStatus::ESME_ROK,
        1,
        &[Tlv::new(tag::MESSAGE_PAYLOAD, b"text")],
        &mut out,
    );
    let frame = next_frame(&mut out, 1000).unwrap().unwrap();
    let Pdu::DataSm(data_sm) = Pdu::decode(&frame).unwrap() else { panic!("not a data_sm") };
    assert_eq!(SmFields { tlvs: Default::default(), ..data_sm.fields() }, fields);
    assert_eq!(data_sm.fields().user_data(), b"text");
    assert_eq!(data_sm.to_sm_body().unwrap_err().status, CommandStatus::ESME_RINVSRCADR);
}

#[test]
fn a_data_sm_with_short_addresses_becomes_a_submit_sm() {
    let body = b"\0\x05\0Shop\0\x01\x01467\0\x00\x01\x08\x04\x24\x00\x02hi\0";
    let data_sm = DataSmBody::decode(Bytes::from_static(body)).unwrap();
    let sm = data_sm.to_sm_body().unwrap();
    assert_eq!(sm.fields(), data_sm.fields());
    assert_eq!(sm.fields().user_data(), b"hi");
}

#[test]
fn long_credentials_are_taken_and_overlong_ones_earn_their_code() {
    // Q28.
    let bind = |id: usize, password: usize| {
        [&vec![b'i'; id][..], b"\0", &vec![b'p'; password], b"\0", b"kit\0\x34\0\0\0"].concat()
    };
    let Ok(Pdu::Bind(BindKind::Transceiver, read)) = decode(CommandId::BIND_TRANSCEIVER, &bind(64, 64)) else {
        panic!("not a bind_transceiver")
    };
    assert_eq!((read.system_id.len(), read.password.len(), read.interface_version), (64, 64, 0x34));
    assert_eq!(earns(CommandId::BIND_RECEIVER, &bind(65, 1)), CommandStatus::ESME_RINVSYSID);
    assert_eq!(earns(CommandId::BIND_RECEIVER, &bind(1, 65)), CommandStatus::ESME_RINVPASWD);
    assert_eq!(earns(CommandId::BIND_RECEIVER, b"id\0pw\0"), CommandStatus::ESME_RINVCMDLEN);
}

#[test]
fn a_password_is_never_in_a_log() {
    let (system_id, password) = (Bytes::from_static(b"kit"), Bytes::from_static(b"secret"));
    let outbind = Outbind { system_id: system_id.clone(), password: password.clone() };
    let bind = Bind { system_id, password, ..Bind::default() };
    let shown = format!("{bind:?} {outbind:?}");
    assert!(shown.contains("kit") && !shown.contains("secret"));
}

#[test]
fn a_bind_resp_is_read_with_and_without_version_body_and_stray_octets() {
    // Q8, S14, S21.
    for (body, system_id, version) in [
        (&b"MC\0\x02\x10\x00\x01\x34"[..], &b"MC"[..], Some(0x34)),
        (b"MC\0", b"MC", None),
        (b"MC\0\x34", b"MC", None),
        (b"MC\0\x02\x10\x00\x02\x00\x34", b"MC", None),
        (b"\0", b"", None),
        (b"", b"", None),
    ] {
        let system_id = Bytes::from_static(system_id);
        let expected = BindResp { system_id, sc_interface_version: version };
        let read = decode(CommandId::BIND_TRANSMITTER_RESP, body);
        assert_eq!(read, Ok(Pdu::BindResp(BindKind::Transmitter, expected)));
    }
}

#[test]
fn an_error_bind_resp_still_has_the_nul_of_its_system_id() {
    // S14.
    let mut out = BytesMut::new();
    let resp = Pdu::BindResp(BindKind::Transceiver, BindResp::default());
    resp.encode(CommandStatus::ESME_RBINDFAIL, 5, &mut out);
    assert_eq!(&out[..], b"\0\0\0\x11\x80\0\0\x09\0\0\0\x0D\0\0\0\x05\0");
}

#[test]
fn a_response_is_read_with_and_without_message_id() {
    // Q6, Q7.
    for command_id in [CommandId::SUBMIT_SM_RESP, CommandId::DELIVER_SM_RESP, CommandId::DATA_SM_RESP] {
        for (body, message_id) in [(&b""[..], None), (b"\0", Some(&b""[..])), (b"42-ab\0", Some(b"42-ab"))] {
            let (Ok(Pdu::SubmitSmResp(resp)) | Ok(Pdu::DeliverSmResp(resp)) | Ok(Pdu::DataSmResp(resp))) =
                decode(command_id, body)
            else {
                panic!("not a response")
            };
            assert_eq!(resp.message_id.as_deref(), message_id);
        }
    }
    assert_eq!(earns(CommandId::SUBMIT_SM_RESP, &[b'1'; 66]), CommandStatus::ESME_RINVMSGID);
}

#[test]
fn a_response_written_in_one_go_is_the_response_of_the_pdu() {
    // S14.
    for message_id in [None, Some(Bytes::new()), Some(Bytes::from_static(b"1234567890"))] {
        let (mut quick, mut slow) = (BytesMut::new(), BytesMut::new());
        let status = CommandStatus::ESME_RTHROTTLED;
        encode_message_id_resp(CommandId::SUBMIT_SM_RESP, status, 9, message_id.as_deref(), &mut quick);
        let body = MessageIdBody { message_id, ..MessageIdBody::default() };
        Pdu::SubmitSmResp(body).encode(status, 9, &mut slow);
        assert_eq!(quick, slow);
    }
}

#[test]
fn a_submit_multi_is_one_message_to_each_of_its_destinations() {
    // S45: addresses and lists, duplicates kept.
    let body = b"\0\x05\0Shop\0\x03\x01\x01\x01467\0\x02friends\0\x01\x01\x01467\0\0\0\0\0\0\x01\0\x08\0\x02hi";
    let Ok(Pdu::SubmitMulti(multi)) = decode(CommandId::SUBMIT_MULTI, body) else { panic!("not a submit_multi") };
    let sme = Destination::Sme(OwnedAddress::copy_of(Address::new(1, 1, b"467")));
    assert_eq!(multi.destinations, [sme.clone(), Destination::List(Bytes::from_static(b"friends")), sme]);
    let fields = multi.fields_for(Address::new(1, 1, b"467"));
    assert_eq!((fields.destination.digits, fields.short_message), (&b"467"[..], &b"hi"[..]));
    assert_eq!((fields.source.digits, fields.data_coding, fields.registered_delivery), (&b"Shop"[..], 8, 1));
}

#[test]
fn the_destinations_of_a_submit_multi_earn_their_codes() {
    // S45.
    for (destinations, status) in [
        (&b"\0"[..], CommandStatus::ESME_RINVNUMDESTS),
        (b"\x01\x03467\0", CommandStatus::ESME_RINVDESTFLAG),
        (b"\x01\x02a-name-of-over-twenty-octets\0", CommandStatus::ESME_RINVDLNAME),
        (b"\x01\x01\x01\x01123456789012345678901\0", CommandStatus::ESME_RINVDSTADR),
        (b"\xFF\x01\x01\x01467\0", CommandStatus::ESME_RINVDESTFLAG),
        (b"\x02\x01\x01\x01467\0", CommandStatus::ESME_RINVCMDLEN),
    ] {
        let rest: &[u8] = if status == CommandStatus::ESME_RINVCMDLEN { b"" } else { &[0; 10] };
        let body = [&b"\0\x01\x01123\0"[..], destinations, rest].concat();
        assert_eq!(earns(CommandId::SUBMIT_MULTI, &body), status, "{destinations:?}");
    }
}

#[test]
fn an_error_response_of_submit_multi_may_be_short() {
    // S14.
    for body in [&b""[..], b"\0", b"42\0"] {
        let Ok(Pdu::SubmitMultiResp(resp)) = decode(CommandId::SUBMIT_MULTI_RESP, body) else {
            panic!("not a submit_multi_resp")
        };
        assert!(resp.unsuccessful.is_empty());
        assert_eq!(resp.message_id.is_some(), !body.is_empty());
    }
}

#[test]
fn a_query_sm_resp_may_have_no_body() {
    assert_eq!(decode(CommandId::QUERY_SM_RESP, b""), Ok(Pdu::QuerySmResp(None)));
    let Ok(Pdu::QuerySmResp(Some(resp))) = decode(CommandId::QUERY_SM_RESP, b"42\0\0\x01\x00") else {
        panic!("not a query_sm_resp")
    };
    assert_eq!((&resp.message_id[..], &resp.final_date[..], resp.message_state), (&b"42"[..], &b""[..], 1));
}

#[test]
fn a_body_where_none_belongs_is_ignored() {
    for (command_id, pdu) in [
        (CommandId::ENQUIRE_LINK, Pdu::EnquireLink),
        (CommandId::UNBIND, Pdu::Unbind),
        (CommandId::GENERIC_NACK, Pdu::GenericNack),
        (CommandId::CANCEL_SM_RESP, Pdu::CancelSmResp),
    ] {
        assert_eq!(decode(command_id, b"something"), Ok(pdu));
    }
}

#[test]
fn every_operation_decodes_to_a_pdu_of_its_own_number() {
    let body = [b"\0\x01\0".repeat(3), vec![0; 30]].concat();
    for command_id in CommandId::ALL.into_iter().chain([CommandId(0x77), CommandId(0x8000_0077)]) {
        match decode(command_id, &body) {
            Ok(pdu) => assert_eq!(pdu.command_id(), command_id),
            Err(error) => assert_ne!(error.status, CommandStatus::ESME_ROK),
        }
    }
}

#[test]
fn an_unknown_operation_is_no_error_of_its_body() {
    // S3, S4.
    let body = Bytes::from_static(b"\xFF\xFF");
    for command_id in [CommandId(0x0000_0999), CommandId::BROADCAST_SM, CommandId::PARAM_RETRIEVE] {
        assert_eq!(decode(command_id, &body), Ok(Pdu::Unsupported(command_id, body.clone())));
    }
}
