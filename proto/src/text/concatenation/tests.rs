use bytes::BytesMut;
use proptest::prelude::*;

use super::*;

fn reassembly() -> Reassembly<u8> {
    Reassembly::new(3, 10_000, Duration::from_secs(60))
}

fn part(reference: u16, total: u8, number: u8) -> Part {
    Part::new(reference, total, number).expect("a test writes possible parts")
}

/// The fields that a segment goes out with, over the wire and back.
fn sent(segment: &Segment, data_coding: u8) -> BytesMut {
    let sm = SmFields {
        esm_class: segment.esm_class,
        data_coding,
        short_message: &segment.short_message,
        ..SmFields::default()
    };
    let mut body = BytesMut::new();
    match &segment.sar {
        Some(sar) => sm.encode(&sar.tlvs(), &mut body),
        None => sm.encode(&[], &mut body),
    }
    body
}

fn lengths(text: &str, marking: Marking) -> Vec<usize> {
    let (_, segments) = encode_text(text, marking, 7).expect("short enough");
    segments.iter().map(|segment| segment.short_message.len()).collect()
}

#[test]
fn a_short_text_stays_whole() {
    assert_eq!(lengths(&"a".repeat(160), Marking::Udh), [160]);
    assert_eq!(lengths(&"ж".repeat(70), Marking::Udh), [140]);
    assert_eq!(lengths("", Marking::Udh), [0]);
}

#[test]
fn a_long_text_is_cut_at_153_and_67() {
    assert_eq!(lengths(&"a".repeat(161), Marking::Udh), [6 + 153, 6 + 8]);
    assert_eq!(lengths(&"ж".repeat(71), Marking::Udh), [6 + 134, 6 + 8]);
    assert_eq!(lengths(&"a".repeat(161), Marking::UdhWide), [7 + 152, 7 + 9]);
    assert_eq!(lengths(&"a".repeat(161), Marking::Sar), [153, 8]);
}

#[test]
fn a_cut_keeps_characters_whole() {
    let text = format!("{}€{}", "a".repeat(152), "b".repeat(20));
    assert_eq!(lengths(&text, Marking::Udh), [6 + 152, 6 + 22]);
    let text = format!("{}🎂{}", "ж".repeat(66), "ж".repeat(20));
    assert_eq!(lengths(&text, Marking::Udh), [6 + 132, 6 + 44]);
}

#[test]
fn a_header_announces_the_parts() {
    let (data_coding, segments) = encode_text(&"a".repeat(200), Marking::Udh, 0x01C8).expect("short enough");
    assert_eq!(data_coding, 0);
    assert_eq!(segments[1].esm_class, 0x40);
    assert_eq!(segments[1].short_message[..6], [5, 0, 3, 0xC8, 2, 2]);
}

#[test]
fn a_text_of_more_than_255_segments_is_refused() {
    assert!(encode_text(&"a".repeat(255 * 153), Marking::Udh, 1).is_ok());
    assert_eq!(encode_text(&"a".repeat(255 * 153 + 1), Marking::Udh, 1), Err(TooLong { segments: 256 }));
}

#[test]
fn a_header_wins_over_sar() {
    let sm = SmFields { esm_class: 0x40, short_message: b"\x05\x00\x03\x09\x02\x01hi", ..SmFields::default() };
    let mut body = BytesMut::new();
    sm.encode(&SarValues::new(part(77, 3, 3)).tlvs(), &mut body);
    let sm = SmFields::decode(&body).expect("as written");
    assert_eq!(part_of(&sm), Some((part(9, 2, 1), &b"hi"[..])));
}

#[test]
fn sar_counts_only_with_all_three() {
    let sar = SarValues::new(part(77, 3, 3));
    let sm = SmFields { short_message: b"hi", ..SmFields::default() };
    for missing in 0..3 {
        let tlvs: Vec<_> =
            sar.tlvs().into_iter().enumerate().filter(|(at, _)| *at != missing).map(|(_, tlv)| tlv).collect();
        let mut body = BytesMut::new();
        sm.encode(&tlvs, &mut body);
        assert_eq!(part_of(&SmFields::decode(&body).expect("as written")), None);
    }
}

#[test]
fn parts_come_in_any_order_and_twice() {
    let mut reassembly = reassembly();
    let now = Timestamp::from_millis(0);
    assert_eq!(reassembly.add(now, 1, part(9, 3, 3), b"c"), None);
    assert_eq!(reassembly.add(now, 1, part(9, 3, 1), b"a"), None);
    assert_eq!(reassembly.add(now, 1, part(9, 3, 1), b"a"), None);
    assert_eq!(reassembly.add(now, 1, part(9, 3, 2), b"b"), Some(b"abc".to_vec()));
    assert!(reassembly.is_empty());
}

#[test]
fn senders_with_the_same_reference_are_kept_apart() {
    let mut reassembly = reassembly();
    let now = Timestamp::from_millis(0);
    assert_eq!(reassembly.add(now, 1, part(9, 2, 1), b"a"), None);
    assert_eq!(reassembly.add(now, 2, part(9, 2, 2), b"y"), None);
    assert_eq!(reassembly.add(now, 2, part(9, 2, 1), b"x"), Some(b"xy".to_vec()));
}

#[test]
fn incomplete_messages_are_bounded_in_number_octets_and_time() {
    let mut reassembly = Reassembly::new(3, 10, Duration::from_secs(60));
    let at = Timestamp::from_millis;
    for reference in 0..5 {
        reassembly.add(at(0), 1, part(reference, 2, 1), b"ab");
    }
    assert_eq!(reassembly.len(), 3);
    reassembly.add(at(0), 1, part(9, 2, 1), b"12345678");
    assert_eq!(reassembly.len(), 2, "eight octets and two");
    assert_eq!(reassembly.add(at(60_001), 1, part(9, 2, 2), b"late"), None);
    assert_eq!(reassembly.len(), 1);
    reassembly.add(at(60_001), 1, part(10, 2, 1), &[0; 100]);
    assert_eq!(reassembly.len(), 0, "one part over the bound is not kept");
}

proptest! {
    #[test]
    fn a_text_cut_and_sent_comes_together_again(
        text in prop_oneof!["[a-z€\\[\\]]{0,700}", "[a-zж🎂]{0,400}"],
        marking in prop_oneof![Just(Marking::Udh), Just(Marking::UdhWide), Just(Marking::Sar)],
        reference: u16,
        order: u64,
    ) {
        let (data_coding, mut segments) = encode_text(&text, marking, reference).expect("short enough");
        let unit = Unit::of(data_coding);
        prop_assert!(segments.iter().all(|segment| segment.short_message.len() <= unit.part_max(marking).max(unit.whole_max()) + 7));
        let whole = segments.len() == 1;
        segments.sort_by_key(|segment| order.wrapping_mul(u64::from(segment.short_message.last().copied().unwrap_or(1)) + 1));
        let mut reassembly = reassembly();
        let mut octets = None;
        for segment in &segments {
            let body = sent(segment, data_coding);
            let sm = SmFields::decode(&body).expect("as written");
            octets = match part_of(&sm) {
                Some((part, text)) => reassembly.add(Timestamp::default(), 1, part, text),
                None => Some(sm.user_data().to_vec()),
            };
            prop_assert_eq!(octets.is_some() && !whole, reassembly.is_empty() && !whole);
        }
        let octets = octets.expect("all parts came");
        prop_assert_eq!(crate::text::decode(&octets, data_coding, DefaultAlphabet::Gsm7), text);
    }

    #[test]
    fn hostile_parts_never_panic(
        parts in proptest::collection::vec((any::<u8>(), 0_u16..3, any::<u8>(), any::<u8>(), 0_usize..300), 0..60)
    ) {
        let mut reassembly = reassembly();
        for (sender, reference, total, number, length) in parts {
            let part = Part { reference, total: total % 4, number: number % 5 };
            reassembly.add(Timestamp::default(), sender % 3, part, &vec![0; length]);
            prop_assert!(reassembly.len() <= 3);
        }
    }
}
