//! A message for a peer to whom data_coding 0 means another alphabet than to its sender (S41, Q29), and a long one cut
//! for a peer that takes parts only.
//!
//! Only text in the sender's default alphabet is ever written anew: data_coding 1, 3 and 8 say themselves what they
//! are, 2 and 4 are octets, and what is addressed to a port is for a program. A message class stays (Q30).

use super::concatenation::{self, Marking, Segment, TooLong, Unit, part_of};
use super::udh::UserDataHeader;
use super::{DefaultAlphabet, ESM_CLASS_UDHI, gsm7, latin1, ucs2};
use crate::smpp::data_coding::{Alphabet, DataCoding};
use crate::smpp::pdu::SmFields;
use crate::smpp::tlv::tag;

/// User data in another alphabet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Converted {
    /// Says what the octets are now.
    pub data_coding: u8,
    /// The text, behind its header if there was one.
    pub user_data: Vec<u8>,
}

/// The text of `sm`, written for a peer whose default alphabet is `to`; `None`: it goes as it is.
///
/// What `to` has no characters for goes as UCS-2. A part of a longer message has no room for that: what cannot be
/// written there becomes `?`.
pub fn convert(sm: &SmFields<'_>, from: DefaultAlphabet, to: DefaultAlphabet) -> Option<Converted> {
    if from == to {
        return None;
    }
    let (header, octets) = text_of(sm)?;
    let text = decode(octets, from)?;
    let is_part = !header.is_empty() || part_of(sm).is_some();
    let (data_coding, octets) = match encode(&text, to) {
        Some(octets) => (sm.data_coding, octets),
        None if is_part => (sm.data_coding, encode_what_can_be(&text, to)),
        None => (in_ucs2(sm.data_coding), ucs2::encode(&text)),
    };
    Some(Converted { data_coding, user_data: [header, &octets].concat() })
}

/// Header and text of a message in the sender's default alphabet; `None` for all others.
fn text_of<'a>(sm: &SmFields<'a>) -> Option<(&'a [u8], &'a [u8])> {
    if DataCoding(sm.data_coding).alphabet() != Alphabet::Default || is_for_a_port(sm) {
        return None;
    }
    let user_data = sm.user_data();
    if sm.esm_class & ESM_CLASS_UDHI == 0 {
        return Some((&[], user_data));
    }
    // A header that overruns the message is none, and its octets are nobody's text (Q31).
    let (_, text) = UserDataHeader::split(user_data)?;
    Some(user_data.split_at(user_data.len() - text.len()))
}

fn is_for_a_port(sm: &SmFields<'_>) -> bool {
    let by_header = || {
        sm.esm_class & ESM_CLASS_UDHI != 0
            && UserDataHeader::split(sm.user_data()).is_some_and(|(header, _)| header.ports().is_some())
    };
    sm.tlvs.get(tag::DESTINATION_PORT).is_some() || by_header()
}

/// `None`: octets that are no text in that alphabet.
fn decode(octets: &[u8], alphabet: DefaultAlphabet) -> Option<String> {
    match alphabet {
        DefaultAlphabet::Gsm7 => Some(gsm7::decode(octets)),
        DefaultAlphabet::Latin1 => Some(latin1::decode(octets)),
        DefaultAlphabet::Ascii => octets.is_ascii().then(|| latin1::decode(octets)),
        DefaultAlphabet::Utf8 => std::str::from_utf8(octets).ok().map(str::to_owned),
    }
}

fn encode(text: &str, alphabet: DefaultAlphabet) -> Option<Vec<u8>> {
    match alphabet {
        DefaultAlphabet::Gsm7 => gsm7::encode(text),
        DefaultAlphabet::Latin1 => latin1::encode(text),
        DefaultAlphabet::Ascii => text.is_ascii().then(|| text.as_bytes().to_vec()),
        DefaultAlphabet::Utf8 => Some(text.as_bytes().to_vec()),
    }
}

fn encode_what_can_be(text: &str, alphabet: DefaultAlphabet) -> Vec<u8> {
    let mut octets = Vec::with_capacity(text.len());
    let mut buffer = [0; 4];
    for character in text.chars() {
        let written = encode(character.encode_utf8(&mut buffer), alphabet);
        octets.extend(written.unwrap_or_else(|| vec![b'?']));
    }
    octets
}

/// The data_coding of the same message in UCS-2: class and message-waiting mark stay (Q30).
const fn in_ucs2(data_coding: u8) -> u8 {
    match data_coding {
        0x10..=0x13 | 0xF0..=0xFF => 0x18 | data_coding & 0x03,
        0xC0..=0xDF => 0xE0 | data_coding & 0x0F,
        _ => DataCoding::UCS2.0,
    }
}

/// One message of several, for a peer that takes no longer ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Says what the octets are.
    pub data_coding: u8,
    /// The text and its mark.
    pub segment: Segment,
}

/// Cuts a message into parts when it is longer than one; `None`: it need not or must not be cut, since it is a part, has
/// a header or is for a port.
///
/// The parts are in the sender's alphabet `from`, for [`convert`] still has to write them for `to`; what `to` cannot
/// write is in UCS-2 at once. Neither an escape nor a surrogate is parted from its other half.
pub fn split(
    sm: &SmFields<'_>,
    from: DefaultAlphabet,
    to: DefaultAlphabet,
    marking: Marking,
    reference: u16,
) -> Option<Result<Vec<Piece>, TooLong>> {
    if sm.esm_class & ESM_CLASS_UDHI != 0 || part_of(sm).is_some() || is_for_a_port(sm) {
        return None;
    }
    let user_data = sm.user_data();
    let text = match DataCoding(sm.data_coding).alphabet() {
        // Septets are cut as septets, also those that mean nothing.
        Alphabet::Default if (from, to) == (DefaultAlphabet::Gsm7, DefaultAlphabet::Gsm7) => None,
        Alphabet::Default => decode(user_data, from),
        _ => None,
    };
    let same = |octets: &[u8], unit: Unit, data_coding| {
        (octets.len() > unit.whole_max()).then(|| {
            let segments = concatenation::split(octets, unit, marking, reference)?;
            Ok(segments.into_iter().map(|segment| Piece { data_coding, segment }).collect())
        })
    };
    let Some(text) = text else { return same(user_data, Unit::of(sm.data_coding), sm.data_coding) };
    if encode(&text, to).is_none() {
        return same(&ucs2::encode(&text), Unit::Ucs2, in_ucs2(sm.data_coding));
    }
    if from == DefaultAlphabet::Gsm7 {
        return same(user_data, Unit::Septet, sm.data_coding);
    }
    // The handset gets GSM-7 where that has all characters, else UCS-2: so much room there is, whatever we write.
    let (unit, width) = match gsm7::septet_length(&text) {
        Some(_) => (Unit::Septet, septets as fn(char) -> usize),
        None => (Unit::Ucs2, utf_16_octets as fn(char) -> usize),
    };
    if text.chars().map(width).sum::<usize>() <= unit.whole_max() {
        return None;
    }
    let pieces = cut(&text, unit.part_max(marking), width);
    let octets: Vec<Vec<u8>> = pieces.into_iter().map(|piece| encode(piece, from).unwrap_or_default()).collect();
    let segments = concatenation::mark_all(&octets, marking, reference);
    Some(
        segments.map(|segments| {
            segments.into_iter().map(|segment| Piece { data_coding: sm.data_coding, segment }).collect()
        }),
    )
}

fn septets(character: char) -> usize {
    gsm7::septet_length(character.encode_utf8(&mut [0; 4])).unwrap_or(1)
}

const fn utf_16_octets(character: char) -> usize {
    2 * character.len_utf16()
}

/// Pieces of at most `limit`, measured by `width`.
fn cut(text: &str, limit: usize, width: fn(char) -> usize) -> Vec<&str> {
    let (mut pieces, mut start, mut used) = (Vec::new(), 0, 0);
    for (at, character) in text.char_indices() {
        let takes = width(character);
        if used + takes > limit {
            pieces.push(&text[start..at]);
            (start, used) = (at, 0);
        }
        used += takes;
    }
    pieces.push(&text[start..]);
    pieces
}

#[cfg(test)]
mod tests;
