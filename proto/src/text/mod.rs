//! Alphabets, user data headers and concatenation.
//!
//! | module | holds |
//! |---|---|
//! | [`gsm7`] | the GSM default alphabet and its extension table, unpacked |
//! | [`ucs2`] | UTF-16, big-endian |
//! | [`latin1`] | ISO 8859-1 |
//! | [`udh`] | the user data header: its elements, parts, ports |
//! | [`concatenation`] | long messages: cut into segments, and put together again |
//! | [`conversion`] | messages for a peer with another default alphabet, or that takes parts only |

pub mod concatenation;
pub mod conversion;
pub mod gsm7;
pub mod latin1;
pub mod ucs2;
pub mod udh;

use crate::smpp::data_coding::{Alphabet, DataCoding};
use crate::smpp::pdu::SmFields;

/// Bit of esm_class that announces a user data header (3.4 §5.2.12).
pub(crate) const ESM_CLASS_UDHI: u8 = 0x40;

/// What data_coding 0 means to an account or an operator: SMPP leaves it open (S41, Q29).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DefaultAlphabet {
    /// The GSM default alphabet, one septet per octet.
    #[default]
    Gsm7,
    /// ISO 8859-1.
    Latin1,
    /// US-ASCII.
    Ascii,
    /// UTF-8.
    Utf8,
}

/// How the octets of a message are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    /// Text in octets of that alphabet.
    Text(DefaultAlphabet),
    /// Text in UTF-16BE.
    Ucs2,
    /// No text, or text of an alphabet that we do not read.
    Octets,
}

impl Coding {
    /// What that data_coding says, to a peer for whom 0 means `default`. Values that mean nothing are read as the
    /// default.
    pub(crate) const fn of(data_coding: u8, default: DefaultAlphabet) -> Self {
        match DataCoding(data_coding).alphabet() {
            Alphabet::Default | Alphabet::Other => Self::Text(default),
            Alphabet::Ia5 => Self::Text(DefaultAlphabet::Ascii),
            Alphabet::Latin1 => Self::Text(DefaultAlphabet::Latin1),
            Alphabet::Ucs2 => Self::Ucs2,
            Alphabet::Binary
            | Alphabet::Jis
            | Alphabet::Cyrillic
            | Alphabet::Hebrew
            | Alphabet::Pictogram
            | Alphabet::Iso2022Jp
            | Alphabet::ExtendedKanji
            | Alphabet::Ksc5601 => Self::Octets,
        }
    }
}

/// The text of a message as people read it. Octets that are no text are tried as UTF-8.
pub fn decode(octets: &[u8], data_coding: u8, default: DefaultAlphabet) -> String {
    match Coding::of(data_coding, default) {
        Coding::Text(DefaultAlphabet::Gsm7) => gsm7::decode(octets),
        Coding::Text(DefaultAlphabet::Latin1) => latin1::decode(octets),
        Coding::Ucs2 => ucs2::decode(octets),
        Coding::Text(DefaultAlphabet::Ascii | DefaultAlphabet::Utf8) | Coding::Octets => {
            String::from_utf8_lossy(octets).into_owned()
        }
    }
}

/// The beginning of a message for `text:` of its receipts: at most twenty characters of printable ASCII (S49).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlainText {
    octets: [u8; PlainText::LENGTH_MAX],
    length: usize,
}

impl PlainText {
    /// The width that 3.4 Appendix B gives it.
    pub const LENGTH_MAX: usize = 20;

    /// The characters.
    pub fn as_octets(&self) -> &[u8] {
        &self.octets[..self.length]
    }

    fn collect(characters: impl Iterator<Item = char>) -> Self {
        let mut text = Self::default();
        for (place, character) in text.octets.iter_mut().zip(characters) {
            *place = match character {
                ' '..='~' => character as u8,
                '\n' | '\r' | '\t' => b' ',
                // Clients decode a receipt as GSM-7 and fail on anything else.
                _ => b'?',
            };
            text.length += 1;
        }
        text
    }
}

/// The beginning of the text of `sm`; empty for UCS-2, octets that are no text, and messages with a user data header
/// (S49). `default`: what data_coding 0 means to the account. No allocation but for broken UTF-8.
pub fn plain_text(sm: &SmFields<'_>, default: DefaultAlphabet) -> PlainText {
    if sm.esm_class & ESM_CLASS_UDHI != 0 {
        return PlainText::default();
    }
    let Coding::Text(alphabet) = Coding::of(sm.data_coding, default) else { return PlainText::default() };
    let octets = sm.user_data();
    match alphabet {
        DefaultAlphabet::Gsm7 => {
            let mut septets = octets.iter().copied();
            PlainText::collect(std::iter::from_fn(|| {
                let septet = septets.next()?;
                Some(match (septet, gsm7::character(septet)) {
                    (gsm7::ESCAPE, _) => septets.next().map_or('?', gsm7::escaped),
                    (_, character) => character.unwrap_or('?'),
                })
            }))
        }
        DefaultAlphabet::Latin1 | DefaultAlphabet::Ascii => {
            PlainText::collect(octets.iter().map(|octet| char::from(*octet)))
        }
        DefaultAlphabet::Utf8 => {
            // Twenty characters take at most eighty octets.
            let octets = &octets[..octets.len().min(4 * PlainText::LENGTH_MAX)];
            PlainText::collect(String::from_utf8_lossy(octets).chars())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(short_message: &[u8], data_coding: u8, esm_class: u8) -> Vec<u8> {
        let sm = SmFields { short_message, data_coding, esm_class, ..SmFields::default() };
        plain_text(&sm, DefaultAlphabet::Gsm7).as_octets().to_vec()
    }

    #[test]
    fn a_receipt_quotes_twenty_characters() {
        assert_eq!(plain(b"The quick brown fox jumps", 0, 0), b"The quick brown fox ");
        assert_eq!(plain(b"short", 0, 0), b"short");
    }

    #[test]
    fn a_receipt_quotes_plain_ascii_only() {
        let septets = gsm7::encode("a@b_[€]å\nc").expect("in the alphabet");
        assert_eq!(plain(&septets, 0, 0), b"a@b_[?]? c");
        assert_eq!(plain(b"gr\xFCn", 3, 0), b"gr?n");
        assert_eq!(plain(b"a\x80\x1B", 0, 0), b"a??");
    }

    #[test]
    fn a_receipt_does_not_quote_what_is_no_plain_text() {
        assert_eq!(plain(&ucs2::encode("hello"), 8, 0), b"");
        assert_eq!(plain(b"hello", 4, 0), b"");
        assert_eq!(plain(b"hello", 0xF5, 0), b"");
        assert_eq!(plain(b"\x05\x00\x03\x01\x02\x01hello", 0, ESM_CLASS_UDHI), b"");
    }

    #[test]
    fn the_default_alphabet_stands_for_data_coding_0() {
        assert_eq!(decode(b"\xC5", 0, DefaultAlphabet::Latin1), "Å");
        assert_eq!(decode(b"\x0E", 0, DefaultAlphabet::Gsm7), "Å");
        assert_eq!(decode("Å".as_bytes(), 0xF0, DefaultAlphabet::Utf8), "Å");
        assert_eq!(decode(b"\xC5", 3, DefaultAlphabet::Gsm7), "Å");
        assert_eq!(decode(&[0x00, 0xC5], 8, DefaultAlphabet::Gsm7), "Å");
        assert_eq!(decode("Å".as_bytes(), 2, DefaultAlphabet::Gsm7), "Å", "octets are tried as UTF-8");
    }

    proptest! {
        #[test]
        fn any_octets_read_in_any_coding(octets in proptest::collection::vec(any::<u8>(), 0..100), data_coding: u8) {
            for alphabet in [DefaultAlphabet::Gsm7, DefaultAlphabet::Latin1, DefaultAlphabet::Ascii, DefaultAlphabet::Utf8] {
                let _ = decode(&octets, data_coding, alphabet);
                let sm = SmFields { short_message: &octets, data_coding, ..SmFields::default() };
                let plain = plain_text(&sm, alphabet);
                prop_assert!(plain.as_octets().iter().all(|octet| (b' '..=b'~').contains(octet)));
            }
        }
    }
}
