#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

#[test]
fn a_text_ends_at_its_nul_and_may_hold_any_octet_before_it() {
    // Q32: Latin-1 and GSM octets are taken as they are.
    let mut reader = Reader::new(b"\xE5\xE4\xF6\x1B\0rest");
    assert_eq!(reader.text(&SOURCE_ADDR), Ok(&b"\xE5\xE4\xF6\x1B"[..]));
    assert_eq!(reader.rest(), b"rest");
}

#[test]
fn a_text_may_be_as_long_as_its_maximum_and_not_longer() {
    // S39: the maximum counts the NUL.
    for (field, size_max) in [
        (SYSTEM_TYPE, 13),
        (ADDRESS_RANGE, 41),
        (SERVICE_TYPE, 6),
        (SOURCE_ADDR, 21),
        (DESTINATION_ADDR, 21),
        (SOURCE_ADDR_LONG, 65),
        (DESTINATION_ADDR_LONG, 65),
        (ESME_ADDR, 65),
        (DL_NAME, 21),
        (MESSAGE_ID, 65),
        (SCHEDULE_DELIVERY_TIME, 17),
        (VALIDITY_PERIOD, 17),
        // Q28: up to 64 octets instead of 15 and 8.
        (SYSTEM_ID, 65),
        (PASSWORD, 65),
    ] {
        let mut octets = vec![b'1'; size_max - 1];
        octets.push(0);
        assert_eq!(Reader::new(&octets).text(&field), Ok(&octets[..size_max - 1]), "{}", field.name);

        octets.insert(0, b'1');
        let error = Reader::new(&octets).text(&field).unwrap_err();
        assert_eq!((error.field, error.problem, error.status), (field.name, "is too long", field.status));
        assert!(field.check(&octets[..size_max]).is_err());
        assert!(field.check(&octets[..size_max - 1]).is_ok());
    }
}

#[test]
fn a_bad_text_earns_its_own_code_and_a_body_that_ends_before_it_the_length_code() {
    // S8.
    let unterminated = Reader::new(b"4670").text(&DESTINATION_ADDR).unwrap_err();
    assert_eq!(unterminated.status, CommandStatus::ESME_RINVDSTADR);
    let missing = Reader::new(b"").text(&DESTINATION_ADDR).unwrap_err();
    assert_eq!(missing.status, CommandStatus::ESME_RINVCMDLEN);
    let half = Reader::new(b"\x01").address(&DESTINATION_ADDR).unwrap_err();
    assert_eq!(half.status, CommandStatus::ESME_RINVCMDLEN);
}

#[test]
fn integers_end_with_the_body() {
    let mut reader = Reader::new(&[1, 0, 0, 1, 2, 9]);
    assert_eq!(reader.u8("a"), Ok(1));
    assert_eq!(reader.u32("b"), Ok(0x0102));
    assert_eq!(reader.u32("c").unwrap_err().status, CommandStatus::ESME_RINVCMDLEN);
    assert_eq!(reader.u8("d"), Ok(9));
    assert_eq!(reader.u8("e").unwrap_err().to_string(), "e: the body ends before it");
}

#[test]
fn sm_length_may_not_count_more_than_there_is() {
    assert_eq!(Reader::new(b"\x02hi!").short_message(), Ok(&b"hi"[..]));
    assert_eq!(Reader::new(b"\0").short_message(), Ok(&b""[..]), "S38: an empty message is legal");
    let error = Reader::new(b"\x04hi!").short_message().unwrap_err();
    assert_eq!(error.status, CommandStatus::ESME_RINVMSGLEN, "S38");
}

#[test]
fn what_is_too_long_to_write_is_cut_off_so_that_the_rest_stays_in_step() {
    let mut out = BytesMut::new();
    put_text(&mut out, &SERVICE_TYPE, b"TOOLONG");
    put_address(&mut out, &SOURCE_ADDR, Address::new(5, 0, b"Shop"));
    assert_eq!(&out[..], b"TOOLO\0\x05\0Shop\0");
}

#[test]
fn a_nul_inside_a_text_is_found_before_it_is_written() {
    let error = SOURCE_ADDR.check(b"a\0b").unwrap_err();
    assert_eq!((error.problem, error.status), ("has a NUL in it", CommandStatus::ESME_RINVSRCADR));
}

proptest! {
    #[test]
    fn the_first_nul_is_found_wherever_it_is(
        octets in proptest::collection::vec(prop_oneof![Just(0u8), Just(1), Just(0x80), Just(0x81), any::<u8>()], 0..40),
    ) {
        prop_assert_eq!(position_of_nul(&octets), octets.iter().position(|octet| *octet == 0));
    }
}
