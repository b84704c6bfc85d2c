#![allow(clippy::unwrap_used)]

use super::*;

#[test]
fn tlvs_keep_their_order_and_their_unknown_tags() {
    // Q10, S24: unknown, vendor and empty ones are kept, in order.
    let octets = b"\x14\x00\x00\x02hi\x13\x0C\x00\x00\x99\x99\x00\x01!";
    let tlvs = Tlvs::decode(octets).unwrap();
    let expected = [Tlv::new(0x1400, b"hi"), Tlv::new(tag::ALERT_ON_MESSAGE_DELIVERY, b""), Tlv::new(0x9999, b"!")];
    assert_eq!(tlvs.iter().collect::<Vec<_>>(), expected);
    assert_eq!(TlvBytes::from_tlvs(&expected).tlvs(), tlvs);
    assert_eq!(tlvs.get(tag::ALERT_ON_MESSAGE_DELIVERY), Some(&b""[..]));
    assert_eq!(tlvs.get(tag::MESSAGE_PAYLOAD), None);
}

#[test]
fn of_repeated_tlvs_the_first_is_read_and_all_are_kept() {
    // S24.
    let octets = b"\x03\x81\x00\x01a\x03\x81\x00\x01b";
    let tlvs = Tlvs::decode(octets).unwrap();
    assert_eq!(tlvs.get(tag::CALLBACK_NUM), Some(&b"a"[..]));
    assert_eq!(tlvs.iter().count(), 2);
}

#[test]
fn one_to_three_octets_at_the_end_are_left_out() {
    // Q8, Q9, S8.
    for rubbish in [&b"\0"[..], b"\x34", b"\0\0", b"\0\0\0"] {
        let octets = [&b"\x02\x10\x00\x01\x34"[..], rubbish].concat();
        assert_eq!(Tlvs::decode(&octets).unwrap().0, b"\x02\x10\x00\x01\x34");
        assert_eq!(Tlvs::decode(rubbish).unwrap(), Tlvs::default());
        assert_eq!(TlvBytes::decode(octets.into()).unwrap().tlvs().0.len(), 5);
    }
}

#[test]
fn a_tlv_that_runs_over_the_end_is_an_error() {
    // S8, S25: 0xC0.
    for octets in [&b"\x04\x24\x00\x01"[..], b"\x04\x24\xFF\xFFshort", b"\x04\x24\x00\x00\x04\x24\x00\x02x"] {
        assert_eq!(Tlvs::decode(octets).unwrap_err().status, CommandStatus(0xC0));
    }
}

#[test]
fn octets_that_were_never_checked_are_iterated_as_far_as_they_are_whole() {
    let tlvs = Tlvs(b"\x04\x27\x00\x01\x02\x04\x24\x00\x09short");
    assert_eq!(tlvs.iter().collect::<Vec<_>>(), [Tlv::new(tag::MESSAGE_STATE, &[2])]);
}

#[test]
fn an_integer_that_we_act_on_must_have_its_length() {
    let octets =
        b"\x04\x27\x00\x01\x02\x02\x0C\x00\x02\x01\x02\x00\x17\x00\x04\x00\x00\x0E\x10\x02\x0E\x00\x02\x00\x05";
    let tlvs = Tlvs::decode(octets).unwrap();
    assert_eq!(tlvs.get_u8(tag::MESSAGE_STATE), Ok(Some(2)));
    assert_eq!(tlvs.get_u16(tag::SAR_MSG_REF_NUM), Ok(Some(0x0102)));
    assert_eq!(tlvs.get_u32(tag::QOS_TIME_TO_LIVE), Ok(Some(3600)));
    assert_eq!(tlvs.get_u8(tag::SAR_SEGMENT_SEQNUM), Ok(None));
    let wrong = tlvs.get_u8(tag::SAR_TOTAL_SEGMENTS).unwrap_err();
    assert_eq!(wrong.status, CommandStatus::ESME_RINVTLVLEN, "S25");
}

#[test]
fn a_value_longer_than_its_length_can_say_is_cut_off() {
    let value = vec![7; 65_536];
    let mut out = BytesMut::new();
    Tlv::new(tag::MESSAGE_PAYLOAD, &value).encode(&mut out);
    assert_eq!(Tlvs::decode(&out).unwrap().get(tag::MESSAGE_PAYLOAD).map(<[u8]>::len), Some(65_535));
}
