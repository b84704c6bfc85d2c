//! Alphabets there and back, and long messages: whatever is cut is put together again as it was.
//!
//! Input: unit, marking, in which order the parts come, how often the text is repeated; then the text.

use std::time::Duration;

use smsc_proto::smpp::pdu::SmFields;
use smsc_proto::smpp::tlv::Tlv;
use smsc_proto::text::concatenation::{Marking, Reassembly, Segment, Unit, encode_text, part_of, split};
use smsc_proto::text::{gsm7, latin1, ucs2};
use smsc_proto::timestamp::Timestamp;

const UNITS: [(Unit, u8); 3] = [(Unit::Septet, 0x00), (Unit::Octet, 0x04), (Unit::Ucs2, 0x08)];
const MARKINGS: [Marking; 3] = [Marking::Udh, Marking::UdhWide, Marking::Sar];
const UDHI: u8 = 0x40;

/// Reads the octets in every alphabet, and cuts them.
pub fn run(input: &[u8]) {
    let Some(([unit, marking, order, repeat], octets)) = input.split_first_chunk() else { return };
    there_and_back(octets);
    let marking = MARKINGS[usize::from(marking % 3)];
    let octets = octets.repeat(1 + usize::from(repeat % 32));
    if let Ok(text) = std::str::from_utf8(&octets) {
        written_as_text(text, marking, *order);
    }
    let (unit, data_coding) = UNITS[usize::from(unit % 3)];
    cut_and_joined(&octets, unit, data_coding, marking, *order);
}

fn there_and_back(octets: &[u8]) {
    let text = gsm7::decode(octets);
    if let Some(septets) = gsm7::encode(&text) {
        assert_eq!(gsm7::decode(&septets), text);
        assert_eq!(gsm7::septet_length(&text), Some(septets.len()));
        assert!(septets.iter().all(|septet| *septet < 0x80), "septets have seven bits");
    } else {
        assert_eq!(gsm7::septet_length(&text), None);
    }
    assert_eq!(latin1::encode(&latin1::decode(octets)).as_deref(), Some(octets), "every octet is a character");
    let text = ucs2::decode(octets);
    assert_eq!(ucs2::decode(&ucs2::encode(&text)), text);
}

/// A text as a user writes it: in the smallest alphabet that holds it.
fn written_as_text(text: &str, marking: Marking, order: u8) {
    let Ok((data_coding, segments)) = encode_text(text, marking, 0x1234) else { return };
    let joined = joined(&segments, data_coding, order);
    let read = match data_coding {
        0x00 => gsm7::decode(&joined),
        _ => ucs2::decode(&joined),
    };
    assert_eq!(read, text, "the text reads as it was written");
}

fn cut_and_joined(octets: &[u8], unit: Unit, data_coding: u8, marking: Marking, order: u8) {
    let segments = match split(octets, unit, marking, 0x1234) {
        Ok(segments) => segments,
        Err(error) => {
            assert!(error.segments > 255 && octets.len() > 255 * (unit.part_max(marking) - 1));
            return;
        }
    };
    assert_eq!(Unit::of(data_coding), unit);
    if let [whole] = &segments[..] {
        assert!(octets.len() <= unit.whole_max(), "what is whole fits one message");
        assert_eq!((whole.esm_class, &whole.sar, &whole.short_message[..]), (0, &None, octets));
        return;
    }
    for (number, segment) in (1..).zip(&segments) {
        let fields = SmFields { esm_class: segment.esm_class, short_message: &segment.short_message, ..fields() };
        assert_eq!(segment.esm_class, if marking == Marking::Sar { 0 } else { UDHI });
        let tlvs = sar_octets(segment);
        let fields = SmFields { tlvs: smsc_proto::smpp::tlv::Tlvs(&tlvs), ..fields };
        let (part, piece) = part_of(&fields).expect("a part is marked");
        assert_eq!((usize::from(part.total), usize::from(part.number)), (segments.len(), number));
        assert!(!piece.is_empty() && piece.len() <= unit.part_max(marking).max(4));
        assert!(number == segments.len() || ends_between_characters(piece, unit), "a character was cut");
    }
    assert_eq!(joined(&segments, data_coding, order), octets);
}

/// Whether the cut behind this piece parts neither an escape from its septet nor an octet or surrogate from its other.
fn ends_between_characters(piece: &[u8], unit: Unit) -> bool {
    match unit {
        Unit::Octet => true,
        Unit::Septet => {
            let mut at = 0;
            while at < piece.len() {
                at += if piece[at] == gsm7::ESCAPE { 2 } else { 1 };
            }
            at == piece.len()
        }
        Unit::Ucs2 => piece.len().is_multiple_of(2),
    }
}

fn fields() -> SmFields<'static> {
    SmFields::default()
}

fn sar_octets(segment: &Segment) -> Vec<u8> {
    let mut octets = bytes::BytesMut::new();
    if let Some(sar) = &segment.sar {
        sar.tlvs().iter().for_each(|tlv: &Tlv<'_>| tlv.encode(&mut octets));
    }
    octets.to_vec()
}

/// The segments put together, come in an order of the input's choice, some of them twice.
fn joined(segments: &[Segment], data_coding: u8, order: u8) -> Vec<u8> {
    if let [whole] = segments {
        return whole.short_message.clone();
    }
    let mut reassembly = Reassembly::new(1, usize::MAX, Duration::MAX);
    let mut parts: Vec<&Segment> = segments.iter().collect();
    parts.rotate_left(usize::from(order) % segments.len());
    if order & 1 != 0 {
        parts.reverse();
    }
    let mut whole = None;
    for (at, segment) in parts.iter().enumerate() {
        let tlvs = sar_octets(segment);
        let fields = SmFields {
            esm_class: segment.esm_class,
            data_coding,
            short_message: &segment.short_message,
            tlvs: smsc_proto::smpp::tlv::Tlvs(&tlvs),
            ..fields()
        };
        let (part, piece) = part_of(&fields).expect("a part is marked");
        whole = reassembly.add(Timestamp::default(), (), part, piece);
        let last = at + 1 == parts.len();
        assert_eq!(whole.is_some(), last, "a message is whole with its last part, and not before");
        if !last && order & 2 != 0 {
            assert_eq!(reassembly.add(Timestamp::default(), (), part, piece), None, "a part that comes twice");
        }
    }
    assert!(reassembly.is_empty(), "nothing stays behind");
    whole.unwrap_or_default()
}

/// Texts of every alphabet, short and long, with cuts at escapes and surrogates.
pub fn seeds() -> Vec<Vec<u8>> {
    let gsm7 = |text| gsm7::encode(text).expect("a text of the GSM alphabet");
    let mut seeds = Vec::new();
    for marking in 0..3 {
        seeds.extend([
            [&[0, marking, 0, 0], &gsm7("hello {world} [€]")[..]].concat(),
            [&[0, marking, 1, 9], &gsm7("All that glitters is not gold | ~^\\")[..]].concat(),
            [&[1, marking, 2, 31], &b"\x00\x01\x02binary\xFF"[..]].concat(),
            [&[2, marking, 7, 12], &ucs2::encode("smörgåsbord 🎉 汉字")[..]].concat(),
            [&[0, marking, 5, 3], "déjà vu — 🎂 and a long story about it".as_bytes()].concat(),
        ]);
    }
    seeds
}
