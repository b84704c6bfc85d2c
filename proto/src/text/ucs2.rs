//! UCS-2 as data_coding 8 carries it: UTF-16, big-endian, with surrogates (S41).

/// The text in UTF-16BE.
pub fn encode(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

/// The text of UTF-16BE octets. A lone surrogate, or a lone last octet, becomes U+FFFD.
pub fn decode(octets: &[u8]) -> String {
    let (units, rest) = octets.as_chunks::<2>();
    let units = units.iter().map(|unit| u16::from_be_bytes(*unit));
    let mut text: String = char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    if !rest.is_empty() {
        text.push(char::REPLACEMENT_CHARACTER);
    }
    text
}

/// Where to cut so that at most `limit` octets come before the cut, no unit is halved and no pair of surrogates
/// parted. At least one unit comes before it, even when `limit` is less.
pub fn cut(octets: &[u8], limit: usize) -> usize {
    if octets.len() <= limit {
        return octets.len();
    }
    let at = (limit & !1).max(2).min(octets.len());
    let parts_a_pair = at < octets.len() && is_high_surrogate(octets[at - 2]) && is_low_surrogate(octets[at]);
    match (parts_a_pair, at) {
        (false, at) => at,
        // Room for half a pair only: the pair goes whole, so that cutting always comes to an end.
        (true, 2) => octets.len().min(4),
        (true, at) => at - 2,
    }
}

const fn is_high_surrogate(first_octet: u8) -> bool {
    first_octet & 0xFC == 0xD8
}

const fn is_low_surrogate(first_octet: u8) -> bool {
    first_octet & 0xFC == 0xDC
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_high_octet_comes_first() {
        assert_eq!(encode("Ж🎂"), [0x04, 0x16, 0xD8, 0x3C, 0xDF, 0x82]);
    }

    #[test]
    fn half_a_character_is_marked() {
        assert_eq!(decode(&[0x00, b'a', 0xD8, 0x3C]), "a\u{FFFD}");
        assert_eq!(decode(&[0x00, b'a', 0x04]), "a\u{FFFD}");
    }

    #[test]
    fn a_cut_does_not_part_surrogates() {
        let octets = encode("a🎂b");
        assert_eq!(cut(&octets, 4), 2);
        assert_eq!(cut(&octets, 5), 2);
        assert_eq!(cut(&octets, 6), 6);
        assert_eq!(cut(&encode("🎂b"), 2), 4, "it always goes on");
    }

    proptest! {
        #[test]
        fn every_text_reads_back(text in any::<String>()) {
            prop_assert_eq!(decode(&encode(&text)), text);
        }

        #[test]
        fn any_octets_have_a_text_and_a_cut(octets in proptest::collection::vec(any::<u8>(), 0..300), limit in 0_usize..200) {
            let _ = decode(&octets);
            let at = cut(&octets, limit);
            prop_assert!(at <= octets.len());
            prop_assert!(at > 0 || octets.is_empty());
        }
    }
}
