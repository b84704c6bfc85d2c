//! What is written anew, what never is, and where a long text may be cut.

use proptest::prelude::*;

use super::*;
use crate::smpp::tlv::{Tlv, TlvBytes};
use crate::text::decode as read;

const ALPHABETS: [DefaultAlphabet; 4] =
    [DefaultAlphabet::Gsm7, DefaultAlphabet::Latin1, DefaultAlphabet::Ascii, DefaultAlphabet::Utf8];

fn sm(short_message: &[u8], data_coding: u8) -> SmFields<'_> {
    SmFields { short_message, data_coding, ..SmFields::default() }
}

#[test]
fn the_same_alphabet_needs_no_conversion() {
    for alphabet in ALPHABETS {
        assert_eq!(convert(&sm(b"hello", 0), alphabet, alphabet), None);
    }
}

#[test]
fn a_text_reads_the_same_on_both_sides() {
    // S41, Q29: data_coding 0 in every pair of alphabets that have the characters.
    for text in ["plain text", "user@example.com", "[brackets] and {braces}", "Åäö"] {
        for from in ALPHABETS {
            let Some(octets) = encode(text, from) else { continue };
            for to in ALPHABETS.into_iter().filter(|to| *to != from) {
                let converted = convert(&sm(&octets, 0), from, to).expect("another alphabet");
                assert_eq!(read(&converted.user_data, converted.data_coding, to), text, "{from:?} to {to:?}");
            }
        }
    }
}

#[test]
fn what_the_other_alphabet_lacks_goes_as_ucs2() {
    let converted =
        convert(&sm("жук 🎉".as_bytes(), 0), DefaultAlphabet::Utf8, DefaultAlphabet::Gsm7).expect("converted");
    assert_eq!((converted.data_coding, ucs2::decode(&converted.user_data)), (8, "жук 🎉".to_owned()));
}

#[test]
fn a_class_stays_what_it_was() {
    // Q30: class 0 in GSM 03.38's two forms, and a message-waiting mark.
    for (data_coding, wide) in [(0xF0, 0x18), (0xF1, 0x19), (0x10, 0x18), (0xC8, 0xE8)] {
        let converted = convert(&sm("å".as_bytes(), data_coding), DefaultAlphabet::Utf8, DefaultAlphabet::Gsm7);
        assert_eq!(converted, Some(Converted { data_coding, user_data: vec![0x0F] }));
        let converted = convert(&sm("ж".as_bytes(), data_coding), DefaultAlphabet::Utf8, DefaultAlphabet::Gsm7);
        assert_eq!(converted, Some(Converted { data_coding: wide, user_data: vec![0x04, 0x36] }));
    }
}

#[test]
fn octets_and_codings_that_name_their_alphabet_are_never_touched() {
    // S41: 2 and 4 are octets, 1, 3 and 8 say what they are; 0xF5 is binary with a class.
    for data_coding in [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 14, 0x18, 0xE0, 0xF5, 0x80] {
        assert_eq!(convert(&sm(b"\x00@\xE5", data_coding), DefaultAlphabet::Latin1, DefaultAlphabet::Gsm7), None);
    }
}

#[test]
fn what_is_for_a_port_is_never_touched() {
    // S41.
    let wap = SmFields { esm_class: ESM_CLASS_UDHI, ..sm(b"\x06\x05\x04\x0B\x84\x23\xF0@\xE5", 0) };
    assert_eq!(convert(&wap, DefaultAlphabet::Latin1, DefaultAlphabet::Gsm7), None);
    let ports = TlvBytes::from_tlvs(&[Tlv::new(tag::DESTINATION_PORT, &[0x0B, 0x84])]);
    let by_tlv = SmFields { tlvs: ports.tlvs(), ..sm(b"@\xE5", 0) };
    assert_eq!(convert(&by_tlv, DefaultAlphabet::Latin1, DefaultAlphabet::Gsm7), None);
}

#[test]
fn octets_that_are_no_text_pass_as_they_are() {
    assert_eq!(convert(&sm(b"\xFF\xFE", 0), DefaultAlphabet::Utf8, DefaultAlphabet::Gsm7), None);
    assert_eq!(convert(&sm(b"\xE5", 0), DefaultAlphabet::Ascii, DefaultAlphabet::Gsm7), None);
    let overrun = SmFields { esm_class: ESM_CLASS_UDHI, ..sm(b"\xFFab", 0) };
    assert_eq!(convert(&overrun, DefaultAlphabet::Latin1, DefaultAlphabet::Gsm7), None, "Q31");
}

#[test]
fn a_part_keeps_its_header_and_its_size() {
    let part = SmFields { esm_class: ESM_CLASS_UDHI, ..sm("\x05\x00\x03\x01\x02\x01å ж".as_bytes(), 0) };
    let converted = convert(&part, DefaultAlphabet::Utf8, DefaultAlphabet::Gsm7).expect("converted");
    assert_eq!(converted, Converted { data_coding: 0, user_data: b"\x05\x00\x03\x01\x02\x01\x0F ?".to_vec() });
}

/// Splits, converts each piece as a link does, and puts together what the operator reads.
fn through(text: &str, from: DefaultAlphabet, to: DefaultAlphabet, marking: Marking) -> Option<(String, usize)> {
    let octets = encode(text, from)?;
    let payload = [Tlv::new(tag::MESSAGE_PAYLOAD, &octets)];
    let tlvs = TlvBytes::from_tlvs(&payload);
    let whole = SmFields { tlvs: tlvs.tlvs(), ..SmFields::default() };
    let pieces = split(&whole, from, to, marking, 7)?.expect("not that long");
    let mut read_there = String::new();
    for piece in &pieces {
        let tlvs = piece.segment.sar.as_ref().map(|sar| TlvBytes::from_tlvs(&sar.tlvs())).unwrap_or_default();
        let sm = SmFields {
            esm_class: piece.segment.esm_class,
            tlvs: tlvs.tlvs(),
            ..sm(&piece.segment.short_message, piece.data_coding)
        };
        let converted = convert(&sm, from, to).unwrap_or_else(|| Converted {
            data_coding: piece.data_coding,
            user_data: piece.segment.short_message.clone(),
        });
        let header = if piece.segment.esm_class == 0 { 0 } else { 6 };
        read_there += &read(&converted.user_data[header..], converted.data_coding, to);
    }
    Some((read_there, pieces.len()))
}

#[test]
fn a_long_text_arrives_whole_whatever_the_two_alphabets() {
    for text in ["short words, ".repeat(30), "[{€}] ".repeat(60), "Åäö ".repeat(90), "漢字🎉".repeat(50)] {
        for from in ALPHABETS {
            for to in ALPHABETS {
                for marking in [Marking::Udh, Marking::Sar] {
                    let Some((there, count)) = through(&text, from, to, marking) else { continue };
                    assert_eq!(there, text, "{from:?} to {to:?}, {marking:?}");
                    assert!(count > 1);
                }
            }
        }
    }
}

#[test]
fn the_handsets_size_is_what_counts() {
    // S41: 153 septets or 67 characters a part. Brackets take two septets, and one octet in Latin-1.
    let parts =
        |text: &str| through(text, DefaultAlphabet::Utf8, DefaultAlphabet::Latin1, Marking::Udh).map(|(_, n)| n);
    assert_eq!(parts(&"a".repeat(160)), None);
    assert_eq!(parts(&"a".repeat(161)), Some(2));
    assert_eq!(parts(&"[".repeat(80)), None);
    assert_eq!(parts(&"[".repeat(81)), Some(2));
    assert_eq!(parts(&"ÿ".repeat(70)), None, "not in GSM-7");
    assert_eq!(parts(&"ÿ".repeat(71)), Some(2));
}

#[test]
fn a_part_a_header_and_a_port_are_never_cut() {
    let long = [b"\x05\x00\x03\x01\x02\x01", &[b'a'; 240][..]].concat();
    let part = SmFields { esm_class: ESM_CLASS_UDHI, ..sm(&long, 0) };
    assert_eq!(split(&part, DefaultAlphabet::Gsm7, DefaultAlphabet::Gsm7, Marking::Udh, 1), None);
    let tlvs = TlvBytes::from_tlvs(&[Tlv::new(tag::DESTINATION_PORT, &[1, 1])]);
    let for_a_port = SmFields { tlvs: tlvs.tlvs(), ..sm(&long, 4) };
    assert_eq!(split(&for_a_port, DefaultAlphabet::Gsm7, DefaultAlphabet::Gsm7, Marking::Udh, 1), None);
}

#[test]
fn octets_are_cut_as_octets() {
    let octets: Vec<u8> = (0..250).map(|octet| octet as u8).collect();
    let pieces = split(&sm(&octets, 4), DefaultAlphabet::Utf8, DefaultAlphabet::Gsm7, Marking::Udh, 1);
    let pieces = pieces.expect("longer than one").expect("not that long");
    let lengths: Vec<usize> = pieces.iter().map(|piece| piece.segment.short_message.len()).collect();
    assert_eq!(lengths, [6 + 134, 6 + 116]);
}

#[test]
fn more_than_255_parts_are_too_many() {
    let text = "a".repeat(40_000);
    let payload = [Tlv::new(tag::MESSAGE_PAYLOAD, text.as_bytes())];
    let tlvs = TlvBytes::from_tlvs(&payload);
    let whole = SmFields { tlvs: tlvs.tlvs(), ..SmFields::default() };
    for from in [DefaultAlphabet::Gsm7, DefaultAlphabet::Utf8] {
        let refused = split(&whole, from, DefaultAlphabet::Gsm7, Marking::Udh, 1);
        assert_eq!(refused, Some(Err(TooLong { segments: 262 })));
    }
}

proptest! {
    #[test]
    fn any_message_converts_and_splits_without_a_panic(
        octets in proptest::collection::vec(any::<u8>(), 0..400),
        (data_coding, esm_class) in any::<(u8, u8)>(),
        (from, to) in (0_usize..4, 0_usize..4),
    ) {
        let sm = SmFields { esm_class, ..sm(&octets, data_coding) };
        let _ = convert(&sm, ALPHABETS[from], ALPHABETS[to]);
        for marking in [Marking::Udh, Marking::UdhWide, Marking::Sar] {
            if let Some(Ok(pieces)) = split(&sm, ALPHABETS[from], ALPHABETS[to], marking, 9) {
                prop_assert!(pieces.len() > 1);
            }
        }
    }
}
