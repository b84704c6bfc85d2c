#![allow(clippy::unwrap_used)]

use super::*;

const SIZE_MAX: usize = 80 * 1024;

fn header(command_length: u32) -> BytesMut {
    let header = Header {
        command_length,
        command_id: CommandId::ENQUIRE_LINK,
        command_status: CommandStatus::ESME_ROK,
        sequence_number: 0x0102_0304,
    };
    BytesMut::from(&header.encode()[..])
}

#[test]
fn a_header_is_four_big_endian_integers() {
    let header = Header {
        command_length: 0x2F,
        command_id: CommandId::BIND_TRANSMITTER,
        command_status: CommandStatus(0x0A0B_0C0D),
        sequence_number: 0x7FFF_FFFF,
    };
    let octets = [0, 0, 0, 0x2F, 0, 0, 0, 2, 0x0A, 0x0B, 0x0C, 0x0D, 0x7F, 0xFF, 0xFF, 0xFF];
    assert_eq!(header.encode(), octets, "S1");
    assert_eq!(Header::decode(&octets), header);
}

#[test]
fn nothing_is_cut_off_before_the_pdu_is_whole() {
    // Q37: octet by octet.
    let mut whole = header(18);
    whole.extend_from_slice(b"ab");
    let mut buffer = BytesMut::new();
    for octet in &whole[..17] {
        buffer.extend_from_slice(&[*octet]);
        assert_eq!(next_frame(&mut buffer, SIZE_MAX), Ok(None));
    }
    buffer.extend_from_slice(b"b");
    let frame = next_frame(&mut buffer, SIZE_MAX).unwrap().unwrap();
    assert_eq!((&frame.body[..], frame.header.sequence_number), (&b"ab"[..], 0x0102_0304));
    assert!(buffer.is_empty());
}

#[test]
fn several_pdus_in_one_read_come_out_one_by_one() {
    // Q3.
    let mut buffer = header(16);
    buffer.extend_from_slice(&header(19));
    buffer.extend_from_slice(b"xyz");
    buffer.extend_from_slice(&header(16)[..7]);
    assert_eq!(next_frame(&mut buffer, SIZE_MAX).unwrap().unwrap().body, Bytes::new());
    assert_eq!(next_frame(&mut buffer, SIZE_MAX).unwrap().unwrap().body, Bytes::from("xyz"));
    assert_eq!(next_frame(&mut buffer, SIZE_MAX), Ok(None));
    assert_eq!(buffer.len(), 7);
}

#[test]
fn a_length_below_a_header_is_an_error_as_soon_as_it_is_there() {
    // S1: no waiting for a header that the length denies.
    for length in 0..16 {
        let mut buffer = BytesMut::from(&header(length)[..4]);
        assert_eq!(next_frame(&mut buffer, SIZE_MAX), Err(FramingError::TooShort(length)));
    }
}

#[test]
fn a_length_over_the_limit_is_an_error_without_its_body_and_with_its_sequence_number() {
    // S2: at once, and without room for what it claims.
    for command_length in [101, 0x7FFF_FFFF, u32::MAX] {
        let mut buffer = header(command_length);
        let capacity = buffer.capacity();
        let error = FramingError::TooLong { command_length, sequence_number: 0x0102_0304 };
        assert_eq!(next_frame(&mut buffer, 100), Err(error));
        assert_eq!(buffer.capacity(), capacity);
    }
    assert_eq!(next_frame(&mut header(100), 100), Ok(None), "the limit itself is allowed");
}

#[test]
fn a_long_length_waits_for_its_sequence_number() {
    let mut buffer = BytesMut::from(&header(u32::MAX)[..15]);
    assert_eq!(next_frame(&mut buffer, SIZE_MAX), Ok(None));
}

#[test]
fn the_length_is_filled_in_behind_the_body() {
    let mut out = BytesMut::from(&b"before"[..]);
    encode_pdu(CommandId::ENQUIRE_LINK, CommandStatus::ESME_ROK, 0x0102_0304, &mut out, |out| out.put_slice(b"abc"));
    let mut expected = header(19);
    expected.extend_from_slice(b"abc");
    assert_eq!(&out[6..], &expected[..]);
}
